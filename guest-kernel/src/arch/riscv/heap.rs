//! The kernel's heap, for its lists and names. Programs' memory comes from the frame pool.
#![expect(clippy::expect_used, reason = "at boot, before there is a program")]

use core::alloc::Layout;

use faultline_abi::PhysAddr;
use linked_list_allocator::LockedHeap;

#[global_allocator]
static HEAP: LockedHeap = LockedHeap::empty();

/// Gives the heap the memory from `start` to `end`.
///
/// # Safety
/// Called once, before anything is allocated; the memory exists and nobody else uses it.
pub(super) unsafe fn give_heap(start: PhysAddr, end: PhysAddr) {
    let bytes = usize::try_from(end.get().saturating_sub(start.get())).expect("usize has 64 bits");
    // SAFETY: passed on to the caller.
    unsafe { HEAP.lock().init(start.get() as *mut u8, bytes) };
}

/// Bytes of the heap, in one piece, that are never given out to what programs ask for: many times what the
/// kernel needs to carry out any one call or fault.
const RESERVE: usize = 160 << 10;

/// Whether so little of the heap is left that nothing new may be made. It may be in many small pieces, so a
/// piece of that size is asked for.
#[must_use]
pub fn heap_is_low() -> bool {
    let Ok(reserve) = Layout::from_size_align(RESERVE, align_of::<u64>()) else { return true };
    let mut heap = HEAP.lock();
    let Ok(piece) = heap.allocate_first_fit(reserve) else { return true };
    // SAFETY: what was taken for this layout one line above.
    unsafe { heap.deallocate(piece, reserve) };
    false
}
