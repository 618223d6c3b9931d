//! Jumping to data: a page that can be written cannot be executed.
#![no_std]
#![no_main]

use core::hint::black_box;

use faultline_user::{PAGE, println, sbrk, store};

faultline_user::program!(main);

/// `ret`, compressed.
const RET: [u8; 2] = [0x82, 0x80];

fn main() {
    let heap = sbrk(PAGE).expect("room for a page");
    RET.iter().enumerate().for_each(|(n, &byte)| store(heap.wrapping_add(n), byte));
    println!("jumpdata: jumping to {heap:p}");
    // SAFETY: none; that is the point. The fetch faults and the kernel ends the program.
    let code: extern "C" fn() = unsafe { core::mem::transmute(black_box(heap)) };
    code();
    println!("jumpdata: came back, which must not happen");
}
