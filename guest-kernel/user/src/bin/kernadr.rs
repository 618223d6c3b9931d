//! An address of the kernel: in the space of a program nothing is mapped there, so the walk ends at an
//! entry that is not valid. The kernel has a page table of its own.
#![no_std]
#![no_main]

use faultline_user::{address, load, println};

faultline_user::program!(main);

/// Where the kernel's code lies, in the kernel's own space.
const KERNEL: usize = 0x8000_0000;

fn main() {
    println!("kernadr: reading the kernel at {KERNEL:#x}");
    println!("kernadr: read {}, which must not happen", load(address(KERNEL)));
}
