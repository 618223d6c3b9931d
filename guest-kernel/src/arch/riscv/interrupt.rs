//! Interrupts of S-mode: what is pending, and waiting for one.

use core::arch::asm;

use faultline_abi::board::{PLIC, UART_IRQ};
use riscv::register::sip;

/// Priority of source `n`: word `n` of the PLIC.
const UART_PRIORITY: u64 = PLIC.base + 4 * UART_IRQ as u64;
/// Which sources interrupt hart 0's S-mode, context 1: one bit each.
const ENABLE: u64 = PLIC.base + 0x2080;
/// Sources of at most this priority do not interrupt context 1.
const THRESHOLD: u64 = PLIC.base + 0x20_1000;
/// Read: the source that interrupts now; written: it was dealt with. Context 1.
const CLAIM: u64 = PLIC.base + 0x20_1004;

/// What interrupts wait to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The timer ticked.
    pub tick: bool,
    /// A device wants something.
    pub device: bool,
}

/// What is pending now.
#[must_use]
pub fn pending() -> Pending {
    let sip = sip::read();
    Pending { tick: sip.ssoft(), device: sip.sext() }
}

/// Sleeps until an interrupt is pending. The kernel takes none: it looks at [`pending`].
pub fn wait_for_interrupt() {
    // SAFETY: waiting changes nothing.
    unsafe { asm!("wfi") };
}

/// Lets the console interrupt when somebody types.
pub fn enable_console_interrupt() {
    // SAFETY: registers of the board's PLIC, mapped in the kernel's space, 32 bits wide.
    unsafe {
        (UART_PRIORITY as *mut u32).write_volatile(1);
        (ENABLE as *mut u32).write_volatile(1 << UART_IRQ);
        (THRESHOLD as *mut u32).write_volatile(0);
    }
}

/// Takes note of a device's interrupt. What it wants is to be asked of the device before.
pub fn complete_device_interrupt() {
    // SAFETY: as above. Claiming and completing tell the PLIC that the source was looked at.
    unsafe {
        let source = (CLAIM as *const u32).read_volatile();
        if source != 0 {
            (CLAIM as *mut u32).write_volatile(source);
        }
    }
}
