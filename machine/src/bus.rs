//! How a hart sees everything that is not memory: one trait, [`Devices`].
//!
//! Devices have no clock and no thread of their own. Whatever they do, they do inside a load or a
//! store of the guest (or when input arrives), so that a run is a function of image and inputs.

use faultline_abi::PhysAddr;

use crate::ram::Ram;

/// The size of one access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Width {
    /// One byte.
    Byte,
    /// Two bytes.
    Half,
    /// Four bytes.
    Word,
    /// Eight bytes.
    Double,
}

impl Width {
    /// The size in bytes: 1, 2, 4 or 8.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        1 << self as u32
    }

    /// The size in bytes, as an index.
    #[must_use]
    pub const fn size(self) -> usize {
        1 << self as usize
    }

    /// The bits of a value of this width: `0xff` for a byte.
    #[must_use]
    pub const fn mask(self) -> u64 {
        u64::MAX >> (64 - 8 * self.bytes())
    }
}

/// Nothing answers at this address, or not to this kind of access: the hart takes an access fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusError;

/// The code with which a guest ended its run; 0 means well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitCode(pub u64);

/// What a store to a device did beyond the device itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// A byte left the board on the console.
    Console(u8),
    /// The guest switched the board off.
    PowerOff(ExitCode),
}

/// What a device may use during an access.
#[derive(Debug)]
pub struct DeviceContext<'a> {
    /// Memory, for DMA. [`Ram::write`] keeps every cache of the machine coherent.
    pub ram: &'a mut Ram,
    /// `mtime` at this access, [`Devices::time_offset`] included.
    pub mtime: u64,
}

/// Bits of `mip` that devices drive.
pub mod line {
    /// Machine software interrupt (CLINT `msip`).
    pub const MSIP: u64 = 1 << 3;
    /// Supervisor external interrupt (PLIC, context S).
    pub const SEIP: u64 = 1 << 9;
    /// Machine external interrupt (PLIC, context M).
    pub const MEIP: u64 = 1 << 11;
}

/// All devices of a board, behind physical addresses.
///
/// Addresses are absolute. The caller has checked alignment: `pa` is a multiple of the width.
/// Values are zero-extended; bits above the width are to be ignored on stores and zero on loads.
pub trait Devices: Clone {
    /// The guest reads `width` bytes at `pa`.
    ///
    /// # Errors
    /// Where nothing answers to this access.
    fn load(&mut self, pa: PhysAddr, width: Width, cx: &mut DeviceContext<'_>) -> Result<u64, BusError>;

    /// The guest writes the low `width` bytes of `value` at `pa`.
    ///
    /// # Errors
    /// Where nothing answers to this access; then nothing has changed.
    fn store(
        &mut self,
        pa: PhysAddr,
        width: Width,
        value: u64,
        cx: &mut DeviceContext<'_>,
    ) -> Result<Effect, BusError>;

    /// The lines of [`line`] that are high for `hart`. Asked again after every access, every input and
    /// [`Devices::due`], never in between: they may change only there.
    fn lines(&self, hart: u32) -> u64;

    /// `mtimecmp` of `hart`. The hart compares it with `mtime` by itself, so that a timer interrupt
    /// arrives at its exact instruction.
    fn mtimecmp(&self, hart: u32) -> u64;

    /// What the guest added to the clock by writing `mtime`: `mtime = ticks + offset`, wrapping.
    fn time_offset(&self) -> u64;

    /// The tick of the machine's clock, without [`Devices::time_offset`], at which a device wants to be
    /// told the time: besides an access, only then may a line change.
    fn due(&self) -> Option<u64> {
        None
    }

    /// The machine's clock stands at `ticks`. Told whenever lines are about to be looked at.
    fn time_passed(&mut self, ticks: u64) {
        let _ = ticks;
    }

    /// Bytes typed on the console.
    fn console_input(&mut self, bytes: &[u8]);
}
