//! The guard page: a recursion that never ends runs down the stack until it hits a page that is mapped,
//! but not for programs. The kernel ends the program before it can hurt its own data.
#![no_std]
#![no_main]

use core::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use faultline_user::println;

faultline_user::program!(main);

/// How deep the recursion is. Lies in the data area, right below the guard page: without that page
/// the stack would grow into it.
static DEPTH: AtomicU64 = AtomicU64::new(0);

fn main() {
    println!("guard: going down");
    println!("guard: came back with {}", down());
}

/// Takes half a kilobyte of stack, and goes on.
#[expect(unconditional_recursion, reason = "the stack is to overflow")]
fn down() -> u64 {
    let depth = DEPTH.load(Relaxed);
    DEPTH.store(depth + 1, Relaxed);
    let mut frame = [depth; 64];
    black_box(&mut frame);
    if depth.is_multiple_of(8) {
        println!("guard: depth {depth}, stack at {:p}", &frame);
    }
    down() + frame[0]
}
