//! The trampoline: the highest page is mapped in every space, but not for programs. The walk finds it and
//! stops at the U bit.
#![no_std]
#![no_main]

use faultline_user::{address, load, println};

faultline_user::program!(main);

/// The page of the trampoline: the top of the lower half of Sv39.
const TRAMPOLINE: usize = (1 << 38) - (1 << 12);

fn main() {
    println!("trampol: reading the trampoline at {TRAMPOLINE:#x}");
    println!("trampol: read {}, which must not happen", load(address(TRAMPOLINE)));
}
