//! The heap of a worker, which grows in large pieces.
//!
//! A recording takes new memory all along. The allocator of WebAssembly asks for it by 64 KiB, and each time the
//! browser makes the memory's buffer anew and tells its collector of it, which takes far longer than to use those
//! 64 KiB. So where the memory had to grow, it grows by an eighth more at once. What is not touched costs nothing.

use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator, looking ahead.
#[derive(Debug)]
pub struct Heap;

impl Heap {
    /// Lets the memory grow by an eighth more where it has just grown.
    #[cfg(target_arch = "wasm32")]
    fn look_ahead() {
        use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
        static KNOWN: AtomicUsize = AtomicUsize::new(0);
        const PAGE: usize = 1 << 16;
        let pages = core::arch::wasm32::memory_size::<0>();
        if pages <= KNOWN.load(Relaxed) {
            return;
        }
        if let Ok(piece) = Layout::from_size_align(pages * (PAGE / 8), 16) {
            // SAFETY: the piece is not empty, for a memory has pages; what was given is given back as it came.
            unsafe {
                let given = System.alloc(piece);
                if !given.is_null() {
                    System.dealloc(given, piece);
                }
            }
        }
        KNOWN.store(core::arch::wasm32::memory_size::<0>(), Relaxed);
    }

    #[cfg(not(target_arch = "wasm32"))]
    const fn look_ahead() {}
}

// SAFETY: every call goes to the system's allocator as it came; looking ahead calls that one alone.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`.
        let given = unsafe { System.alloc(layout) };
        Self::look_ahead();
        given
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and the pointer came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        let given = unsafe { System.alloc_zeroed(layout) };
        Self::look_ahead();
        given
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `realloc`, and the pointer came from `System`.
        let given = unsafe { System.realloc(pointer, layout, size) };
        Self::look_ahead();
        given
    }
}
