//! The serial port, a 16550A: transmitting only, by polling.

use core::ptr::NonNull;

use faultline_abi::PhysAddr;

/// Transmit holding register.
const THR: usize = 0;
/// Line status register.
const LSR: usize = 5;
/// LSR: the transmit holding register is empty.
const LSR_THRE: u8 = 1 << 5;

/// A 16550A.
pub struct Uart {
    registers: NonNull<u8>,
}

impl Uart {
    /// The serial port at `base`.
    ///
    /// # Safety
    /// There is a 16550A, mapped, with its registers one byte apart.
    #[must_use]
    pub const unsafe fn new(base: PhysAddr) -> Self {
        Self { registers: NonNull::new(base.get() as *mut u8).expect("no device at address 0") }
    }

    /// Sends `byte`, waiting until the port can take it.
    pub fn put(&mut self, byte: u8) {
        // SAFETY: `new` was promised a device; both registers are within it.
        unsafe {
            while self.registers.add(LSR).read_volatile() & LSR_THRE == 0 {}
            self.registers.add(THR).write_volatile(byte);
        }
    }
}
