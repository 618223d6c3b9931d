//! Says what has happened to memory since boot.
#![no_std]
#![no_main]

use faultline_user::{
    abi::meminfo::{EVICTED, FAULTS, SWAP_READS, SWAP_WRITES},
    memory_info, println,
};

faultline_user::program!(main);

fn main() {
    let info = memory_info();
    println!("{:7} page faults", info[FAULTS]);
    println!("{:7} pages evicted", info[EVICTED]);
    println!("{:7} pages written to swap", info[SWAP_WRITES]);
    println!("{:7} pages read from swap", info[SWAP_READS]);
}
