//! The core-local interruptor: software interrupts between harts, and the timer (SiFive CLINT;
//! QEMU's `virt` offers the same registers).
//!
//! It keeps no clock. Every access is told `mtime`, which the machine counts, so that time stays a
//! function of what was executed; the hart compares `mtimecmp` with it by itself.

use crate::bus::{BusError, Width};

const MTIMECMP: u64 = 0x4000;
const MTIME: u64 = 0xbff8;

/// The core-local interruptor.
#[derive(Clone, Debug)]
pub struct Clint {
    software: Vec<bool>,
    compare: Vec<u64>,
    /// What a guest that wrote `mtime` added to the machine's clock.
    offset: u64,
}

/// Where an offset points: a register and, for 64-bit ones, the byte inside it.
enum Register {
    Software(usize),
    Compare(usize, u64),
    Time(u64),
    Unused,
}

impl Clint {
    /// An interruptor for this many harts: nothing pending, and timers that never fire.
    #[must_use]
    pub fn new(harts: u32) -> Self {
        let harts = harts as usize;
        Self { software: vec![false; harts], compare: vec![u64::MAX; harts], offset: 0 }
    }

    /// What the guest added to the clock by writing `mtime`.
    #[must_use]
    pub const fn time_offset(&self) -> u64 {
        self.offset
    }

    /// Whether the software interrupt of a hart is pending (`mip.MSIP`).
    #[must_use]
    pub fn software_interrupt(&self, hart: usize) -> bool {
        self.software.get(hart).is_some_and(|&pending| pending)
    }

    /// `mtimecmp` of a hart; absent harts never have a timer interrupt.
    #[must_use]
    pub fn compare(&self, hart: usize) -> u64 {
        self.compare.get(hart).copied().unwrap_or(u64::MAX)
    }

    /// Reads a register.
    ///
    /// # Errors
    /// Where the width does not suit the register.
    pub fn load(&mut self, offset: u64, width: Width, mtime: u64) -> Result<u64, BusError> {
        Ok(match self.decode(offset, width)? {
            Register::Software(hart) => self.software[hart].into(),
            Register::Compare(hart, byte) => part(self.compare[hart], byte, width),
            Register::Time(byte) => part(mtime, byte, width),
            Register::Unused => 0,
        })
    }

    /// Writes a register.
    ///
    /// # Errors
    /// Where the width does not suit the register.
    pub fn store(&mut self, offset: u64, width: Width, value: u64, mtime: u64) -> Result<(), BusError> {
        match self.decode(offset, width)? {
            Register::Software(hart) => self.software[hart] = value & 1 == 1,
            Register::Compare(hart, byte) => {
                self.compare[hart] = with_part(self.compare[hart], byte, width, value);
            }
            Register::Time(byte) => {
                let time = with_part(mtime, byte, width, value);
                self.offset = self.offset.wrapping_add(time).wrapping_sub(mtime);
            }
            Register::Unused => {}
        }
        Ok(())
    }

    /// `msip` is accessed by words; the 64-bit registers whole or by halves.
    fn decode(&self, offset: u64, width: Width) -> Result<Register, BusError> {
        let fits = width == Width::Word || (width == Width::Double && offset >= MTIMECMP);
        if !fits || !offset.is_multiple_of(width.bytes()) {
            return Err(BusError);
        }
        let hart = |base: u64, size: u64| usize::try_from((offset - base) / size).unwrap_or(usize::MAX);
        let harts = self.software.len();
        Ok(match offset {
            MTIME.. if offset < MTIME + 8 => Register::Time(offset % 8),
            0..MTIMECMP if hart(0, 4) < harts => Register::Software(hart(0, 4)),
            MTIMECMP..MTIME if hart(MTIMECMP, 8) < harts => Register::Compare(hart(MTIMECMP, 8), offset % 8),
            _ => Register::Unused,
        })
    }
}

/// The part of a 64-bit register that an aligned access at `byte` reads.
fn part(register: u64, byte: u64, width: Width) -> u64 {
    register >> (byte * 8) & width.mask()
}

/// The register with the part at `byte` replaced.
fn with_part(register: u64, byte: u64, width: Width, value: u64) -> u64 {
    let mask = width.mask() << (byte * 8);
    register & !mask | (value & width.mask()) << (byte * 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compare_register_is_what_was_written_and_never_fires_before() {
        let mut clint = Clint::new(1);
        assert_eq!(clint.compare(0), u64::MAX);
        clint.store(MTIMECMP, Width::Double, 100, 40).unwrap();
        assert_eq!((clint.compare(0), clint.compare(1)), (100, u64::MAX));
    }

    #[test]
    fn sixty_four_bit_registers_are_accessible_by_halves() {
        let mut clint = Clint::new(2);
        clint.store(MTIMECMP + 8, Width::Word, 0x1111_1111, 0).unwrap();
        clint.store(MTIMECMP + 12, Width::Word, 0x2222_2222, 0).unwrap();
        assert_eq!(clint.load(MTIMECMP + 8, Width::Double, 0), Ok(0x2222_2222_1111_1111));
        assert_eq!(clint.load(MTIMECMP + 12, Width::Word, 0), Ok(0x2222_2222));
        assert_eq!(clint.load(MTIME + 4, Width::Word, 7 << 32), Ok(7));
    }

    #[test]
    fn a_guest_may_set_the_time() {
        let mut clint = Clint::new(1);
        clint.store(MTIME, Width::Double, 5, 1000).unwrap();
        assert_eq!(clint.time_offset().wrapping_add(1010), 15);
        clint.store(MTIME + 4, Width::Word, 1, 15).unwrap();
        assert_eq!(clint.time_offset().wrapping_add(1010), 15 + (1 << 32), "offsets add up");
    }

    #[test]
    fn a_software_interrupt_is_one_bit_per_hart() {
        let mut clint = Clint::new(2);
        clint.store(4, Width::Word, u64::MAX, 0).unwrap();
        assert!(clint.software_interrupt(1) && !clint.software_interrupt(0));
        assert_eq!(clint.load(4, Width::Word, 0), Ok(1));
    }

    #[test]
    fn registers_of_absent_harts_are_zero_and_odd_widths_fault() {
        let mut clint = Clint::new(1);
        clint.store(8, Width::Word, 1, 0).unwrap();
        assert_eq!(clint.load(8, Width::Word, 0), Ok(0));
        assert_eq!(clint.load(MTIME + 8, Width::Word, 0), Ok(0));
        assert!(!clint.software_interrupt(9));
        for (offset, width) in
            [(0, Width::Double), (0, Width::Byte), (MTIME, Width::Half), (MTIME + 2, Width::Word)]
        {
            assert_eq!(clint.load(offset, width, 0), Err(BusError), "{offset:#x} {width:?}");
        }
    }
}
