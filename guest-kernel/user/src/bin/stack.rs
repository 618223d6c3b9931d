//! Stack growth: each call goes deeper, and with `exec=demand` each new page of the stack comes when it is
//! touched first. The guard page below is never reached.
#![no_std]
#![no_main]

use core::hint::black_box;

use faultline_user::{free_frames, println};

faultline_user::program!(main);

fn main() {
    let before = free_frames();
    let depth = down(11);
    println!("stack: {depth} calls deep, frames used: {}", before - free_frames());
}

/// Takes a kilobyte of stack for each call.
fn down(calls: u64) -> u64 {
    let mut frame = [calls; 128];
    black_box(&mut frame);
    if calls == 0 { 0 } else { 1 + down(calls - 1) + black_box(frame[0]) - calls }
}
