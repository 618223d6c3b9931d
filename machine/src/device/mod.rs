//! The devices of the board, and the map that leads to them.
//!
//! Devices know no hart and no clock: an access is told the time and given the memory, and what a
//! store sets off beyond the device itself comes back as an [`Effect`].

pub mod clint;
pub mod disk;
pub mod disk_faults;
pub mod finisher;
pub mod plic;
pub mod rtc;
pub mod uart;
pub mod virtio;

use faultline_abi::board::{self, Region};
use faultline_abi::{PhysAddr, board::VIRTIO_SLOTS};

use self::clint::Clint;
pub use self::disk::{Disk, DiskAccess};
use self::disk_faults::{DiskCounts, DiskFaults};
use self::plic::{Line, Plic};
use self::rtc::Rtc;
use self::uart::Uart;
use self::virtio::{Transport, VirtioSlot};
use crate::bus::{BusError, DeviceContext, Devices, Effect, ExitCode, Width, line};
use crate::ram::{NotMemory, Ram};

/// The exit code of a board that has lost its power.
pub const POWER_LOST: ExitCode = ExitCode(255);

/// Guest memory, as a device reaches it: DRAM only, by physical address.
pub trait Memory {
    /// Whether all of `length` bytes from `address` are DRAM.
    fn covers(&self, address: u64, length: u64) -> bool;

    /// Reads.
    ///
    /// # Errors
    /// Where a byte is outside DRAM; nothing is read then.
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), NotMemory>;

    /// Writes, with all the consequences that a store has.
    ///
    /// # Errors
    /// Where a byte is outside DRAM; nothing is written then.
    fn write(&mut self, address: u64, from: &[u8]) -> Result<(), NotMemory>;
}

impl Memory for Ram {
    fn covers(&self, address: u64, length: u64) -> bool {
        let offset = address.checked_sub(board::DRAM_BASE);
        offset.and_then(|offset| offset.checked_add(length)).is_some_and(|end| end <= self.size())
    }

    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), NotMemory> {
        if !self.covers(address, into.len() as u64) {
            return Err(NotMemory);
        }
        Self::read(self, PhysAddr::new(address), into)
    }

    fn write(&mut self, address: u64, from: &[u8]) -> Result<(), NotMemory> {
        Self::write(self, PhysAddr::new(address), from)
    }
}

/// Every device of the board.
#[derive(Clone, Debug)]
pub struct Board {
    clint: Clint,
    plic: Plic,
    uart: Uart,
    rtc: Rtc,
    virtio: Vec<VirtioSlot>,
}

/// A device and the offset inside it.
enum Place {
    Clint(u64),
    Plic(u64),
    Uart(u64),
    Finisher(u64),
    Rtc(u64),
    Virtio(usize, u64),
}

impl Default for Board {
    fn default() -> Self {
        Self::new(1, None)
    }
}

impl Board {
    /// The devices of a board with this many harts and, in the first virtio slot, this disk.
    #[must_use]
    pub fn new(harts: u32, disk: Option<Disk>) -> Self {
        Self::with_faults(harts, disk, DiskFaults::default())
    }

    /// As [`Board::new`], with a disk with which these things go wrong.
    #[must_use]
    pub fn with_faults(harts: u32, disk: Option<Disk>, faults: DiskFaults) -> Self {
        let mut virtio = vec![VirtioSlot::default(); VIRTIO_SLOTS as usize];
        if let Some(disk) = disk {
            virtio[0] = VirtioSlot::with_disk(disk, faults);
        }
        let (clint, plic) = (Clint::new(harts), Plic::new(harts));
        Self { clint, plic, uart: Uart::default(), rtc: Rtc::default(), virtio }
    }

    /// The same board with this register layout in every virtio slot.
    #[must_use]
    pub fn with_transport(mut self, transport: Transport) -> Self {
        for slot in &mut self.virtio {
            slot.set_transport(transport);
        }
        self
    }

    /// The disk in the first virtio slot.
    #[must_use]
    pub fn disk(&self) -> Option<&Disk> {
        self.virtio.first().and_then(VirtioSlot::disk)
    }

    /// What the disk in the first virtio slot has been asked for so far.
    #[must_use]
    pub fn disk_counts(&self) -> DiskCounts {
        self.virtio.first().map(VirtioSlot::disk_counts).unwrap_or_default()
    }

    /// Whether the board was to lose its power at a write to the disk, and has: see
    /// [`DiskFaults::cut_at`]. The run ends there, with [`POWER_LOST`].
    #[must_use]
    pub fn has_lost_power(&self) -> bool {
        self.virtio.iter().any(VirtioSlot::has_lost_power)
    }

    /// How many more bytes may be typed before some are lost.
    #[must_use]
    pub fn input_room(&self) -> usize {
        self.uart.room()
    }

    fn update_uart_line(&mut self) {
        self.plic.set_line(board::UART_IRQ, Line::from(self.uart.interrupt()));
    }

    fn update_rtc_line(&mut self) {
        self.plic.set_line(board::RTC_IRQ, Line::from(self.rtc.interrupt()));
    }

    /// The machine's clock, whatever the guest has made of `mtime`.
    fn ticks(&self, mtime: u64) -> u64 {
        mtime.wrapping_sub(self.clint.time_offset())
    }

    fn update_virtio_line(&mut self, slot: usize) {
        if let Ok(number) = u32::try_from(slot) {
            let line = Line::from(self.virtio[slot].interrupt());
            self.plic.set_line(board::VIRTIO_IRQ + number, line);
        }
    }
}

impl Devices for Board {
    fn load(&mut self, pa: PhysAddr, width: Width, cx: &mut DeviceContext<'_>) -> Result<u64, BusError> {
        match place(pa)? {
            Place::Clint(offset) => self.clint.load(offset, width, cx.mtime),
            Place::Plic(offset) => self.plic.load(offset, width),
            Place::Uart(offset) => {
                let value = self.uart.load(offset, width);
                self.update_uart_line();
                value
            }
            Place::Finisher(_) => finisher::load(width),
            Place::Rtc(offset) => {
                let ticks = self.ticks(cx.mtime);
                self.rtc.load(offset, width, ticks)
            }
            Place::Virtio(slot, offset) => Ok(self.virtio[slot].load(offset, width)),
        }
    }

    fn store(
        &mut self,
        pa: PhysAddr,
        width: Width,
        value: u64,
        cx: &mut DeviceContext<'_>,
    ) -> Result<Effect, BusError> {
        match place(pa)? {
            Place::Clint(offset) => self.clint.store(offset, width, value, cx.mtime).map(|()| Effect::None),
            Place::Plic(offset) => self.plic.store(offset, width, value).map(|()| Effect::None),
            Place::Uart(offset) => {
                let sent = self.uart.store(offset, width, value)?;
                self.update_uart_line();
                Ok(sent.map_or(Effect::None, Effect::Console))
            }
            Place::Finisher(offset) => finisher::store(offset, width, value),
            Place::Rtc(offset) => {
                let ticks = self.ticks(cx.mtime);
                self.rtc.store(offset, width, value, ticks)?;
                self.update_rtc_line();
                Ok(Effect::None)
            }
            Place::Virtio(slot, offset) => {
                self.virtio[slot].store(offset, width, value, cx.ram);
                self.update_virtio_line(slot);
                let off = self.virtio[slot].has_lost_power();
                Ok(if off { Effect::PowerOff(POWER_LOST) } else { Effect::None })
            }
        }
    }

    fn lines(&self, hart: u32) -> u64 {
        let hart = hart as usize;
        let bit = |raised: bool, bit: u64| if raised { bit } else { 0 };
        bit(self.clint.software_interrupt(hart), line::MSIP)
            | bit(self.plic.interrupt(hart * 2), line::MEIP)
            | bit(self.plic.interrupt(hart * 2 + 1), line::SEIP)
    }

    fn mtimecmp(&self, hart: u32) -> u64 {
        self.clint.compare(hart as usize)
    }

    fn time_offset(&self) -> u64 {
        self.clint.time_offset()
    }

    fn due(&self) -> Option<u64> {
        self.rtc.due()
    }

    fn time_passed(&mut self, ticks: u64) {
        self.rtc.time_passed(ticks);
        self.update_rtc_line();
    }

    fn console_input(&mut self, bytes: &[u8]) {
        self.uart.receive(bytes);
        self.update_uart_line();
    }
}

/// The offset of an address inside a region.
fn inside(region: Region, address: u64) -> Option<u64> {
    address.checked_sub(region.base).filter(|&offset| offset < region.size)
}

fn place(address: PhysAddr) -> Result<Place, BusError> {
    let address = address.get();
    inside(board::UART, address)
        .map(Place::Uart)
        .or_else(|| inside(board::CLINT, address).map(Place::Clint))
        .or_else(|| inside(board::PLIC, address).map(Place::Plic))
        .or_else(|| inside(board::FINISHER, address).map(Place::Finisher))
        .or_else(|| inside(board::RTC, address).map(Place::Rtc))
        .or_else(|| virtio_place(address))
        .ok_or(BusError)
}

fn virtio_place(address: u64) -> Option<Place> {
    let stride = board::VIRTIO.size;
    let slots = Region { base: board::VIRTIO.base, size: stride * u64::from(VIRTIO_SLOTS) };
    let offset = inside(slots, address)?;
    Some(Place::Virtio(usize::try_from(offset / stride).ok()?, offset % stride))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(devices: &mut Board, address: u64, width: Width, value: u64) -> Result<Effect, BusError> {
        let mut ram = Ram::new(0);
        devices.store(PhysAddr::new(address), width, value, &mut DeviceContext { ram: &mut ram, mtime: 0 })
    }

    fn load(devices: &mut Board, address: u64, width: Width) -> Result<u64, BusError> {
        let mut ram = Ram::new(0);
        devices.load(PhysAddr::new(address), width, &mut DeviceContext { ram: &mut ram, mtime: 77 })
    }

    #[test]
    fn each_region_leads_to_its_device_and_the_gaps_to_nobody() {
        let mut devices = Board::new(1, None);
        assert_eq!(store(&mut devices, 0x1000_0000, Width::Byte, 0x41), Ok(Effect::Console(0x41)));
        let finish = store(&mut devices, 0x10_0000, Width::Word, 0x5555);
        assert_eq!(finish, Ok(Effect::PowerOff(ExitCode(0))));
        for slot in 0..8 {
            assert_eq!(load(&mut devices, 0x1000_1000 + slot * 0x1000, Width::Word), Ok(0x7472_6976));
        }
        assert_eq!(load(&mut devices, 0x200_bff8, Width::Double), Ok(77));
        assert_eq!(
            load(&mut devices, 0x10_1000, Width::Word),
            Ok((rtc::EPOCH_NANOSECONDS + 7700) & 0xffff_ffff)
        );
        for hole in [0, 0x10_2000, 0x1000_0100, 0x1000_9000, 0x3000_0000, u64::MAX] {
            assert_eq!(load(&mut devices, hole, Width::Word), Err(BusError), "{hole:#x}");
            assert_eq!(store(&mut devices, hole, Width::Word, 0), Err(BusError), "{hole:#x}");
        }
    }

    #[test]
    fn a_key_stroke_reaches_the_supervisor_through_the_interrupt_controller() {
        let mut devices = Board::new(1, None);
        store(&mut devices, 0x1000_0001, Width::Byte, 1).unwrap();
        store(&mut devices, 0x0c00_0028, Width::Word, 1).unwrap();
        store(&mut devices, 0x0c00_2080, Width::Word, 1 << 10).unwrap();
        assert_eq!(devices.lines(0), 0);
        devices.console_input(b"k");
        assert_eq!(devices.lines(0), line::SEIP);
        assert_eq!(load(&mut devices, 0x0c20_1004, Width::Word), Ok(10));
        assert_eq!(load(&mut devices, 0x1000_0000, Width::Byte), Ok(u64::from(b'k')));
        store(&mut devices, 0x0c20_1004, Width::Word, 10).unwrap();
        assert_eq!(devices.lines(0), 0);
    }

    #[test]
    fn every_hart_has_a_context_for_each_of_its_two_modes() {
        for (context, hart, mode) in
            [(0, 0, line::MEIP), (1, 0, line::SEIP), (2, 1, line::MEIP), (3, 1, line::SEIP)]
        {
            let mut devices = Board::new(2, None);
            store(&mut devices, 0x1000_0001, Width::Byte, 1).unwrap();
            store(&mut devices, 0x0c00_0028, Width::Word, 1).unwrap();
            store(&mut devices, 0x0c00_2000 + 0x80 * context, Width::Word, 1 << 10).unwrap();
            devices.console_input(b"k");
            assert_eq!(devices.lines(hart), mode, "context {context}");
            assert_eq!(devices.lines(1 - hart), 0);
            assert_eq!(load(&mut devices, 0x0c20_0004 + 0x1000 * context, Width::Word), Ok(10));
            assert_eq!(devices.lines(hart), 0, "claimed");
        }
    }

    #[test]
    fn the_alarm_reaches_the_supervisor_through_the_interrupt_controller() {
        let mut devices = Board::new(1, None);
        let at = rtc::EPOCH_NANOSECONDS + 1_000;
        for (address, value) in [
            (0x0c00_002c, 1),
            (0x0c00_2080, 1 << 11),
            (0x10_1010, 1),
            (0x10_100c, at >> 32),
            (0x10_1008, at & 0xffff_ffff),
        ] {
            store(&mut devices, address, Width::Word, value).unwrap();
        }
        assert_eq!((devices.due(), devices.lines(0)), (Some(10), 0));
        devices.time_passed(10);
        assert_eq!((devices.due(), devices.lines(0)), (None, line::SEIP));
        store(&mut devices, 0x10_101c, Width::Word, 1).unwrap();
        assert_eq!(devices.lines(0), 0);
    }

    #[test]
    fn devices_reach_dram_and_nothing_else() {
        let ram = Ram::new(0x2000);
        for (address, length, dram) in [
            (board::DRAM_BASE, 0x2000, true),
            (board::DRAM_BASE, 0x2001, false),
            (board::DRAM_BASE + 0x2000, 0, true),
            (board::DRAM_BASE - 1, 1, false),
            (0x1000, 8, false),
            (u64::MAX, 2, false),
            (board::DRAM_BASE, u64::MAX, false),
        ] {
            assert_eq!(Memory::covers(&ram, address, length), dram, "{address:#x}+{length:#x}");
        }
    }
}
