//! The guard page: a recursion that never ends runs down the stack until it hits the page that is
//! mapped but not for programs, and the kernel ends the program before it can hurt its own data.
#![no_std]
#![no_main]

use core::hint::black_box;

use faultline_user::println;

faultline_user::program!(main);

fn main() {
    println!("guard: going down");
    println!("guard: came back from {}", down(1));
}

/// Takes half a kilobyte of stack, and goes on.
#[expect(unconditional_recursion, reason = "the stack is to overflow")]
fn down(depth: u64) -> u64 {
    let mut frame = [depth; 64];
    black_box(&mut frame);
    if depth.is_multiple_of(8) {
        println!("guard: depth {depth}, stack at {:p}", &frame);
    }
    down(depth + 1) + frame[0]
}
