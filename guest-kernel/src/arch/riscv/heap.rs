//! The kernel's heap, for its lists and names. Programs' memory comes from the frame pool.

use linked_list_allocator::LockedHeap;

use super::image_layout;

#[global_allocator]
static HEAP: LockedHeap = LockedHeap::empty();

/// Gives the heap its memory: the first `bytes` bytes after the kernel's image.
///
/// # Safety
/// Called once, before anything is allocated; the memory exists and nobody else uses it.
pub unsafe fn give_heap(bytes: usize) {
    let start = image_layout().heap.get() as *mut u8;
    // SAFETY: passed on to the caller.
    unsafe { HEAP.lock().init(start, bytes) };
}
