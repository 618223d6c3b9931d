//! A deterministic RV64 board that shows what its page tables do.
//!
//! [`machine::Machine`] runs; an [`observer::Observer`] listens. Time is the count of retired
//! instructions, so the same image and the same inputs give the same run on every host.

pub mod bench;
pub mod boot;
pub mod bus;
mod clock;
mod code;
pub mod compare;
mod compressed;
mod counter;
pub mod csr;
pub mod decode;
pub mod detect;
pub mod device;
pub mod device_tree;
pub mod diff;
pub mod digest;
pub mod disasm;
pub mod disk_files;
pub mod drive;
pub mod encode;
pub mod event;
mod exec;
pub mod float;
pub mod hart;
mod htif;
pub mod insn;
pub mod inspect;
pub mod lines;
pub mod link;
pub mod loader;
pub mod log;
pub mod machine;
pub mod mmu;
pub mod narrate;
pub mod observer;
pub mod opening;
pub mod quiz;
pub mod ram;
pub mod recorded;
pub mod recorder;
mod registers;
pub mod scenario;
mod schedule;
pub mod session;
pub mod spaces;
mod spread;
pub mod statistics;
pub mod translations;
pub mod trap;

#[cfg(test)]
mod tests;
