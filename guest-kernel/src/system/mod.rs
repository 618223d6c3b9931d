//! The kernel itself: boot, run programs, take their traps, serve their system calls.

pub mod boot;
pub mod console;
pub mod disk;
pub mod file_calls;
pub mod files;
pub mod kernel;
pub mod kernel_space;
pub mod memory_calls;
pub mod open_file;
pub mod process;
pub mod process_calls;
pub mod syscall;
pub mod trap;
