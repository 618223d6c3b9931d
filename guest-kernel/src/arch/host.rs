//! The host has no page tables to keep in step and nobody who watches: unit tests read the events
//! back instead.

use alloc::vec::Vec;
use core::cell::RefCell;

use faultline_abi::{VirtAddr, trace::TraceEvent};

std::thread_local! {
    static EVENTS: RefCell<Vec<TraceEvent>> = const { RefCell::new(Vec::new()) };
}

/// Remembers `event` for [`take_events`].
pub fn tracepoint(event: TraceEvent) {
    EVENTS.with_borrow_mut(|events| events.push(event));
}

/// The events of this thread since the last call.
#[must_use]
pub fn take_events() -> Vec<TraceEvent> {
    EVENTS.take()
}

/// The host keeps no translations of ours.
pub const fn flush_page(_va: VirtAddr) {}

/// The host keeps no translations of ours.
pub const fn flush_all() {}

/// A host has memory enough.
#[must_use]
pub fn heap_is_low() -> bool {
    false
}
