//! A sparse array: a gigabyte of addresses, eight elements, eight frames and the tables to find them.
#![no_std]
#![no_main]

use faultline_user::{frames_used, free_frames, load, println, sbrk, store};

faultline_user::program!(main);

/// Bytes of the array: more than the board has memory.
const SIZE: isize = 1 << 30;
/// Elements that are used.
const USED: isize = 8;

fn main() {
    let before = free_frames();
    let array = sbrk(SIZE).expect("lazy sbrk promises what it need not have");
    for element in 0..USED {
        store(array.wrapping_offset(element * (SIZE / USED)), 1);
    }
    let sum: u64 = (0..USED).map(|n| u64::from(load(array.wrapping_offset(n * (SIZE / USED))))).sum();
    println!("sparse: {SIZE} bytes, {sum} of them used, frames used: {}", frames_used(before));
}
