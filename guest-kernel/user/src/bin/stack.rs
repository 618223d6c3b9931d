//! Stack growth: each call goes deeper, and with `exec=demand` each new page of the stack comes when it is
//! first touched. The guard page below the stack is never reached.
#![no_std]
#![no_main]

use core::hint::black_box;

use faultline_user::{frames_used, free_frames, println};

faultline_user::program!(main);

/// Calls inside calls.
const CALLS: u64 = 11;

fn main() {
    let before = free_frames();
    down(CALLS);
    println!("stack: {CALLS} calls deep, frames used: {}", frames_used(before));
}

/// Takes a kilobyte of stack, and goes on.
fn down(calls: u64) {
    let mut frame = [calls; 128];
    if calls > 1 {
        down(calls - 1);
    }
    // Still in use: the compiler must not reuse its stack for the call.
    black_box(&mut frame);
}
