//! What reading a file may cost.
//!
//! Time is that of the processor, of this thread alone, and so is the memory that is counted: whatever else the host
//! does meanwhile makes no input dear. Memory is counted where the allocator is [`Counting`]; a fuzz target and the
//! tests that measure declare it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

/// Most that one file or link of a MiB may cost.
const TIME_MAX: Duration = Duration::from_secs(1);
const BYTES_MAX: isize = 64 << 20;

thread_local! {
    static CURRENT: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, counting for each thread.
pub(crate) struct Counting;

fn count(change: isize) {
    let now = CURRENT.get() + change;
    CURRENT.set(now);
    PEAK.set(PEAK.get().max(now));
}

// SAFETY: every call goes to the system's allocator as it came, and counting neither allocates nor touches memory
// that it hands out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `dealloc`, and the pointer came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Does what is done with a file, and panics where that takes too much.
pub(crate) fn bounded<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (before, start) = (CURRENT.get(), now());
    PEAK.set(before);
    let done = work();
    let (time, used) = (now().saturating_sub(start), PEAK.get() - before);
    assert!(time <= TIME_MAX, "{what} took {time:?} of processor time, more than {TIME_MAX:?}");
    assert!(used <= BYTES_MAX, "{what} took {used} bytes, more than {BYTES_MAX}");
    done
}

/// Processor time of this thread; elsewhere than on Unix the clock on the wall.
#[cfg(unix)]
fn now() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

#[cfg(not(unix))]
fn now() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}
