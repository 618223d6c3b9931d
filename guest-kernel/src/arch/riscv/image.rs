//! The kernel's image in memory, as the linker laid it out, and the memory after it.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::disallowed_macros,
    clippy::expect_used,
    reason = "at boot, before there is a program"
)]

use core::ptr::NonNull;

use faultline_abi::{PhysAddr, board};

use crate::frame::FramePool;

/// Boundaries of the image. Physical and virtual addresses are the same.
#[derive(Clone, Copy, Debug)]
pub struct ImageLayout {
    /// The page of the trampoline.
    pub trampoline: PhysAddr,
    /// End of the code, which begins where DRAM does.
    pub text_end: PhysAddr,
    /// End of the constants.
    pub rodata_end: PhysAddr,
    /// The page under the kernel stack, to be left unmapped.
    pub stack_guard: PhysAddr,
    /// End of the image.
    pub heap: PhysAddr,
}

/// Where the linker put everything.
#[must_use]
pub(super) fn image_layout() -> ImageLayout {
    unsafe extern "C" {
        static __trampoline: u8;
        static __text_end: u8;
        static __rodata_end: u8;
        static __stack_guard: u8;
        static __heap: u8;
    }
    let address = |symbol: *const u8| PhysAddr::new(symbol as u64);
    ImageLayout {
        trampoline: address(&raw const __trampoline),
        text_end: address(&raw const __text_end),
        rodata_end: address(&raw const __rodata_end),
        stack_guard: address(&raw const __stack_guard),
        heap: address(&raw const __heap),
    }
}

/// All memory from `start` to `end` as a pool of frames.
///
/// # Safety
/// Called once; the memory is DRAM that nobody uses, and stays mapped to itself.
///
/// # Panics
/// Where there is none: `start` is not below `end`.
#[must_use]
pub(super) unsafe fn frame_pool(start: PhysAddr, end: PhysAddr) -> FramePool {
    assert!(board::DRAM_BASE < start.get() && start < end, "the board has too little memory");
    let (first, last) = (start.page(), end.page());
    let count = u32::try_from(last.get() - first.get()).expect("the board has less than 16 TiB");
    let window = NonNull::new(start.get() as *mut _).expect("DRAM is not at address 0");
    // SAFETY: passed on to the caller.
    unsafe { FramePool::new(window, first, count) }
}
