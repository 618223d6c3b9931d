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
