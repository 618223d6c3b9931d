//! The smallest program: it says who it is.
#![no_std]
#![no_main]

use faultline_user::{free_frames, getpid, println};

faultline_user::program!(main);

fn main() {
    println!("hello: I am process {}, and {} frames are free", getpid(), free_frames());
}
