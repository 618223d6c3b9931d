//! The null pointer: page 0 is never mapped, so using it ends the program at once.
#![no_std]
#![no_main]

use core::{hint::black_box, ptr::null};

use faultline_user::println;

faultline_user::program!(main);

fn main() {
    let pointer: *const u8 = black_box(null());
    println!("null: reading address {pointer:p}");
    // SAFETY: none; that is the point. The load faults and the kernel ends the program.
    let value = unsafe { pointer.read_volatile() };
    println!("null: read {value}, which must not happen");
}
