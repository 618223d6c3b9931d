//! The board's timer: compare register and clock in the CLINT (hart 0).

use faultline_abi::board::CLINT;

/// The deadline of hart 0: a machine timer interrupt is pending while `mtime >= mtimecmp`.
pub(super) const MTIMECMP: u64 = CLINT.base + 0x4000;
/// The clock.
pub(super) const MTIME: u64 = CLINT.base + 0xbff8;

unsafe extern "C" {
    /// What the machine-mode handler in `entry` reads: two saved registers, then the interval.
    static mut __timer_scratch: [u64; 3];
}

/// From now on a tick comes every `interval` ticks of the clock.
pub fn start_timer(interval: u64) {
    // SAFETY: the interval is a word that only the machine-mode handler reads, and no tick comes
    // before the deadline is written; both device registers are mapped and 64 bits wide.
    unsafe {
        (&raw mut __timer_scratch).cast::<u64>().add(2).write_volatile(interval);
        let now = (MTIME as *const u64).read_volatile();
        (MTIMECMP as *mut u64).write_volatile(now.saturating_add(interval));
    }
}

/// From now on no tick comes.
pub fn stop_timer() {
    // SAFETY: the device register is mapped and 64 bits wide; its largest value is never reached.
    unsafe { (MTIMECMP as *mut u64).write_volatile(u64::MAX) };
}

/// Takes note of a tick: clears the software interrupt that the machine-mode handler raised.
pub fn clear_tick() {
    // SAFETY: clearing SSIP changes nothing but the pending interrupt.
    unsafe { riscv::register::sip::clear_ssoft() };
}
