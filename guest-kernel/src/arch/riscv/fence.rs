//! `satp` and the translations that the hart remembers.

use core::arch::asm;

use faultline_abi::{Ppn, VirtAddr, sv39::satp_sv39};

/// Translates with the table at `root` from now on.
///
/// # Safety
/// The table maps the kernel's code, stack and data where they are.
pub unsafe fn activate(root: Ppn) {
    // SAFETY: passed on to the caller.
    unsafe { asm!("sfence.vma", "csrw satp, {}", "sfence.vma", in(reg) satp_sv39(root)) };
}

/// Forgets what the hart knows about the page of `va`, in every address space.
pub fn flush_page(va: VirtAddr) {
    // SAFETY: forgetting translations is always allowed.
    unsafe { asm!("sfence.vma {}, zero", in(reg) va.get()) };
}

/// Forgets every translation.
pub fn flush_all() {
    // SAFETY: forgetting translations is always allowed.
    unsafe { asm!("sfence.vma") };
}
