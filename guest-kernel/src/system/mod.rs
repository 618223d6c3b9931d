//! The kernel itself: boot, run programs, take their traps, serve their system calls.

pub mod boot;
pub mod console;
pub mod disk;
pub mod kernel;
pub mod kernel_space;
pub mod process;
pub mod syscall;
pub mod trap;
