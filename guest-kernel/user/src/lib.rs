//! What every user program needs: a start, system calls, and printing.
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//! faultline_user::program!(main);
//!
//! fn main() {
//!     faultline_user::println!("hello");
//! }
//! ```
//!
//! A program that wants its arguments has a `main` that takes [`Args`] and says
//! `program!(main with arguments)`.
#![no_std]

#[cfg(not(target_os = "none"))]
extern crate std;

mod arch;
mod args;
pub mod hostile;
mod memory;
mod print;
mod random;
mod syscall;
pub mod testing;

pub use arch::{FORBIDDEN, system_call};
pub use args::Args;
pub use faultline_abi::syscall as abi;
pub use memory::{PAGE, address, load, page, store};
pub use print::Line;
pub use random::Random;
pub use syscall::{
    close, dup, exec, exit, fork, frames_used, free_frames, fstat, getpid, kill, lock_memory, lseek,
    memory_info, mmap, msync, munmap, open, pipe, processes, read, read_raw, sbrk, shutdown, sleep, unlink,
    uptime, wait, write, write_all, write_raw, yield_now,
};

/// Makes `$main` the function that the program runs; it exits with status 0 when `$main` returns.
#[macro_export]
macro_rules! program {
    ($main:ident) => {
        const _: () = {
            // SAFETY: a program has one `main`, and this is what calls it.
            #[unsafe(export_name = "main")]
            extern "C" fn enter() -> i32 {
                $main();
                0
            }
        };
    };
    ($main:ident with arguments) => {
        const _: () = {
            // SAFETY: a program has one `main`, and this is what calls it.
            #[unsafe(export_name = "main")]
            extern "C" fn enter(argc: usize, argv: *const *const ::core::ffi::c_char) -> i32 {
                // SAFETY: these are what the kernel put on the stack for this program.
                $main(unsafe { $crate::Args::new(argc, argv) });
                0
            }
        };
    };
}
