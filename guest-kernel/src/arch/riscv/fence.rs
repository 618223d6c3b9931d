//! `satp` and the translations that the hart remembers.

use core::arch::asm;

use faultline_abi::{VirtAddr, sv39::satp_sv39};

use crate::system::kernel_space::KernelSpace;

/// Translates with the kernel's table from now on.
pub fn activate(space: &KernelSpace) {
    let satp = satp_sv39(space.root());
    // SAFETY: a kernel space maps the kernel's code, stack, data and devices where they are.
    unsafe { asm!("sfence.vma", "csrw satp, {}", "sfence.vma", in(reg) satp) };
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
