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
#![no_std]

#[cfg(not(target_os = "none"))]
extern crate std;

mod arch;
mod print;
mod syscall;

pub use arch::system_call;
pub use print::Line;
pub use syscall::{exit, free_frames, getpid, sbrk, uptime, write, write_raw, yield_now};

/// Bytes in a page, as a distance between pointers.
pub const PAGE: isize = 1 << faultline_abi::addr::PAGE_SHIFT;

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
}
