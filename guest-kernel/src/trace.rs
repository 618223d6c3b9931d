//! The kernel says what it intends: every event leaves here, as a tracepoint.

use faultline_abi::trace::TraceEvent;

use crate::arch;

/// Reports `event` to whoever watches the machine. A no-op on hardware that nobody watches.
pub fn emit(event: TraceEvent) {
    arch::tracepoint(event);
}
