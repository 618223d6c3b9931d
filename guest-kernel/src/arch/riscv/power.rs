//! The end: power off, and panic.

use core::{fmt::Write, panic::PanicInfo};

use faultline_abi::{
    PhysAddr,
    board::{FINISHER, FINISHER_FAIL, FINISHER_PASS, UART},
};

use super::Uart;
use crate::system::console::Console;

/// Exit code of a run whose kernel panicked.
const PANIC_CODE: u8 = 101;

/// Ends the run with this exit code.
pub fn power_off(code: u8) -> ! {
    let command = if code == 0 { FINISHER_PASS } else { u32::from(code) << 16 | FINISHER_FAIL };
    loop {
        // SAFETY: the test finisher is a word at this address, mapped in the kernel's space.
        unsafe { (FINISHER.base as *mut u32).write_volatile(command) };
    }
}

/// Says what happened and ends the run.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // SAFETY: the board has its console there; whoever else writes to it is interrupted for good.
    let mut console = Console::new(unsafe { Uart::new(PhysAddr::new(UART.base)) });
    // Nothing is left to do about a failure to print.
    let _ = writeln!(console, "\nkernel {info}");
    power_off(PANIC_CODE)
}
