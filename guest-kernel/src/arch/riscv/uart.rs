//! The serial port, a 16550A: sending by polling, receiving when it interrupts.

use core::ptr::NonNull;

use faultline_abi::PhysAddr;

/// Transmit holding register, to write.
const THR: usize = 0;
/// Receive buffer register, to read.
const RBR: usize = 0;
/// Interrupt enable register.
const IER: usize = 1;
/// FIFO control register.
const FCR: usize = 2;
/// Line status register.
const LSR: usize = 5;
/// LSR: a byte has arrived.
const LSR_DR: u8 = 1;
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
    #[expect(clippy::expect_used, reason = "who promises a device does not say that it is at address 0")]
    pub const unsafe fn new(base: PhysAddr) -> Self {
        Self { registers: NonNull::new(base.get() as *mut u8).expect("no device at address 0") }
    }

    /// Lets the port interrupt when bytes arrive.
    pub fn listen(&mut self) {
        // SAFETY: `new` was promised a device; both registers are within it.
        unsafe {
            self.registers.add(FCR).write_volatile(1);
            self.registers.add(IER).write_volatile(1);
        }
    }

    /// The next byte that has arrived.
    pub fn get(&mut self) -> Option<u8> {
        // SAFETY: as in `listen`.
        unsafe {
            let arrived = self.registers.add(LSR).read_volatile() & LSR_DR != 0;
            arrived.then(|| self.registers.add(RBR).read_volatile())
        }
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
