//! The devices of the board.

use faultline_abi::PhysAddr;

use crate::bus::{BusError, DeviceContext, Devices, Effect, Width};

/// Every device of the board.
#[derive(Clone, Debug, Default)]
pub struct Board {}

impl Devices for Board {
    fn load(&mut self, _: PhysAddr, _: Width, _: &mut DeviceContext<'_>) -> Result<u64, BusError> {
        Err(BusError)
    }

    fn store(
        &mut self,
        _: PhysAddr,
        _: Width,
        _: u64,
        _: &mut DeviceContext<'_>,
    ) -> Result<Effect, BusError> {
        Err(BusError)
    }

    fn lines(&self, _: u32) -> u64 {
        0
    }

    fn mtimecmp(&self, _: u32) -> u64 {
        u64::MAX
    }

    fn time_offset(&self) -> u64 {
        0
    }

    fn console_input(&mut self, _: &[u8]) {}
}
