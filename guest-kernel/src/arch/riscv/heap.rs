//! The kernel's heap, for its lists and names. Programs' memory comes from the frame pool.

use faultline_abi::PhysAddr;
use linked_list_allocator::LockedHeap;

#[global_allocator]
static HEAP: LockedHeap = LockedHeap::empty();

/// Gives the heap the memory from `start` to `end`.
///
/// # Safety
/// Called once, before anything is allocated; the memory exists and nobody else uses it.
pub(super) unsafe fn give_heap(start: PhysAddr, end: PhysAddr) {
    let bytes = usize::try_from(end.get() - start.get()).expect("usize has 64 bits");
    // SAFETY: passed on to the caller.
    unsafe { HEAP.lock().init(start.get() as *mut u8, bytes) };
}

/// Bytes of the heap that are never given out to what programs ask for: more than the kernel needs to
/// carry out any one call or fault.
const RESERVE: usize = 160 << 10;

/// Whether so little of the heap is left that nothing new may be made.
#[must_use]
pub fn heap_is_low() -> bool {
    HEAP.lock().free() < RESERVE
}
