//! Where everything lies in a virtual address space.
//!
//! ```text
//! a process                                        the kernel
//!
//! 0x3f_ffff_f000  TRAMPOLINE  R-X, not for users   TRAMPOLINE, the same page
//! 0x3f_ffff_e000  TRAPFRAME   RW-, not for users
//!                 (nothing)
//!       p->sz ->  heap        RW-, moved by sbrk   DRAM, mapped to itself:
//!                 stack       RW-, 4 pages           text R-X, the rest RW-,
//!                 guard       valid, not for users   no page under the stack
//!                 data, bss   RW-
//!        0x1000   text        R-X                  devices, mapped to themselves
//!             0   (nothing: a null pointer faults)
//! ```
//!
//! The trampoline lies at one address in every space, because it runs while `satp` changes.

use faultline_abi::{PAGE_SIZE, VirtAddr};

/// One beyond the highest address that the kernel maps: the lower half of Sv39, so that no address
/// needs its sign extended.
pub const MAXVA: u64 = 1 << 38;
/// The page that crosses between user and kernel space.
pub const TRAMPOLINE: VirtAddr = VirtAddr::new(MAXVA - PAGE_SIZE);
/// The page that holds a process's registers while the kernel runs.
pub const TRAPFRAME: VirtAddr = VirtAddr::new(TRAMPOLINE.get() - PAGE_SIZE);
/// One beyond the highest address that a program may have.
pub const USER_TOP: VirtAddr = TRAPFRAME;
/// Lowest address that a program may have; below it null pointers fault.
pub const USER_BOTTOM: VirtAddr = VirtAddr::new(PAGE_SIZE);
/// Bytes of the user stack.
pub const STACK_SIZE: u64 = 4 * PAGE_SIZE;
