//! Touching memory one access at a time, so that each shows as the fault that it is: on the line of the
//! program that asks for it, because these are always inlined.

use core::ptr::without_provenance_mut;

/// Bytes in a page, as a distance between pointers.
pub const PAGE: isize = 1 << faultline_abi::addr::PAGE_SHIFT;

/// Stores one byte. The address need not be the program's: the kernel ends it if it is not.
#[inline(always)]
#[expect(clippy::not_unsafe_ptr_arg_deref, reason = "the kernel checks every access of a demonstration")]
pub fn store(at: *mut u8, value: u8) {
    // SAFETY: a demonstration uses only memory that it was given, or none at all, and then the store
    // faults and never happens.
    unsafe { at.write_volatile(value) };
}

/// Loads one byte, as [`store`] stores one.
#[inline(always)]
#[expect(clippy::not_unsafe_ptr_arg_deref, reason = "the kernel checks every access of a demonstration")]
pub fn load(at: *mut u8) -> u8 {
    // SAFETY: as in `store`.
    unsafe { at.read_volatile() }
}

/// Page `page` of the memory at `start`.
pub fn page(start: *mut u8, page: isize) -> *mut u8 {
    start.wrapping_offset(page * PAGE)
}

/// The address `bits`, which need not be the program's.
pub fn address(bits: usize) -> *mut u8 {
    without_provenance_mut(bits)
}
