//! Says how much memory and swap is free.
#![no_std]
#![no_main]

use faultline_user::{
    abi::meminfo::{FRAMES, FREE_FRAMES, FREE_SLOTS, SLOTS},
    memory_info, println,
};

faultline_user::program!(main);

fn main() {
    let info = memory_info();
    println!("frames {:7} free of {:7}", info[FREE_FRAMES], info[FRAMES]);
    println!("swap   {:7} free of {:7}", info[FREE_SLOTS], info[SLOTS]);
}
