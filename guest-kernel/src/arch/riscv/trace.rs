//! Tracepoints: `slti x0, x0, N` with the arguments in a0 to a5 (see `faultline_abi::trace`).

use core::arch::asm;

use faultline_abi::trace::{ARGUMENTS, TraceEvent};

/// Executes the tracepoint of `event`.
pub fn tracepoint(event: TraceEvent) {
    let arguments = event.arguments();
    match event {
        TraceEvent::Fault { .. } => hint::<1>(arguments),
        TraceEvent::Resolved { .. } => hint::<2>(arguments),
        TraceEvent::Frame { .. } => hint::<3>(arguments),
        TraceEvent::Hand { .. } => hint::<4>(arguments),
        TraceEvent::Evicted { .. } => hint::<5>(arguments),
        TraceEvent::Disk { .. } => hint::<6>(arguments),
        TraceEvent::Area { .. } => hint::<7>(arguments),
        TraceEvent::Process { .. } => hint::<8>(arguments),
        TraceEvent::Syscall { .. } => hint::<9>(arguments),
        TraceEvent::Plan { .. } => hint::<10>(arguments),
    }
}

/// The number is part of the instruction, so there is one function for each.
fn hint<const NUMBER: u16>([a0, a1, a2, a3, a4, a5]: [u64; ARGUMENTS]) {
    // SAFETY: a HINT changes nothing. Memory counts as touched, so that no store is moved across:
    // the watcher sees memory as it is at this moment.
    unsafe {
        asm!(
            "slti x0, x0, {number}",
            number = const NUMBER,
            in("a0") a0, in("a1") a1, in("a2") a2, in("a3") a3, in("a4") a4, in("a5") a5,
            options(nostack, preserves_flags),
        );
    }
}
