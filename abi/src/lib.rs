//! What the two sides of Faultline must agree on, and nothing else.
//!
//! The guest kernel and the machine never name each other; both name this crate. It holds the
//! vocabulary of the RISC-V privileged specification ([`addr`], [`sv39`]), the board's memory map
//! ([`board`]), the system-call numbers ([`syscall`]), the tracepoints by which a kernel reports
//! what it intends ([`trace`]), the scenario file format ([`scenario`]) and the
//! list of those that come with the project ([`catalogue`]), and the line tables of the
//! guest's programs ([`lines`]).
#![cfg_attr(not(any(test, feature = "schema")), no_std)]

#[cfg(feature = "serde")]
extern crate alloc;

pub mod addr;
#[cfg(feature = "serde")]
pub mod base64;
pub mod board;
#[cfg(feature = "serde")]
pub mod catalogue;
#[cfg(feature = "serde")]
pub mod hex;
#[cfg(feature = "serde")]
pub mod lines;
pub mod satp;
#[cfg(feature = "serde")]
pub mod scenario;
pub mod sv39;
pub mod syscall;
pub mod trace;

pub use addr::{PAGE_SIZE, PhysAddr, Ppn, VirtAddr, Vpn};
