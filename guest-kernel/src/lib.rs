//! A small Unix-like kernel that turns page faults into features.
//!
//! Read it in this order:
//!
//! | file | what it holds |
//! |---|---|
//! | [`memlayout`] | where everything lies in a virtual address space |
//! | [`frame`], [`table`], [`page_table`] | physical frames, and the tables that own them |
//! | [`area`], [`address_space`] | what each stretch of addresses is for |
//! | [`memory`] | all address spaces, and the frames they share |
//! | [`fault`], [`plan`], [`apply`] | a page fault: look, decide, do |
//! | [`exec`], [`sbrk`], [`fork`], [`mmap`], [`user_memory`] | the operations on an address space |
//! | [`reclaim`], [`victim`], [`swap`] | when frames run out: make room, choose, write out |
//! | [`shared_memory`], [`file`], [`elf_file`] | what several processes map; files; programs, checked |
//! | [`options`] | what the user may switch at boot |
//! | `system::{kernel, process, trap, syscall}` | the kernel itself: run a program, take its trap, serve it |
//! | `system::{boot, console, disk, kernel_space}` | from reset to the first program; devices |
//! | [`arch`] | all assembly, and every `unsafe` outside the frame code |
//!
//! Everything up to `options` is plain logic and runs in unit tests on the host; the rest needs the
//! board. The kernel is not preemptible: interrupts reach it only while a program runs.
#![cfg_attr(target_os = "none", no_std)]
// No program can make the kernel panic: what could is refused, or its `expect` says why no program reaches
// it. What these lints do not know of stands in clippy.toml; docs/decisions/kernel-proofs.md has the rest.
#![cfg_attr(test, allow(clippy::disallowed_macros, clippy::disallowed_methods))]
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::get_unwrap,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

extern crate alloc;

pub mod address_space;
pub mod apply;
pub mod arch;
pub mod area;
pub mod elf_file;
pub mod exec;
pub mod fault;
pub mod file;
pub mod fork;
pub mod frame;
pub mod line;
pub mod memlayout;
pub mod memory;
pub mod mmap;
#[cfg(test)]
mod model;
pub mod options;
pub mod page_table;
pub mod pid;
pub mod pipe;
pub mod plan;
pub mod reclaim;
pub mod sbrk;
pub mod shared_memory;
pub mod swap;
#[cfg(target_os = "none")]
pub mod system;
pub mod table;
#[cfg(test)]
mod testing;
pub mod trace;
pub mod user_memory;
pub mod victim;
