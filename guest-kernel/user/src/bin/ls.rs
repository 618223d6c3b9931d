//! Lists the files of the disk and their sizes.
#![no_std]
#![no_main]

use faultline_user::{abi, open, println, read};

faultline_user::program!(main);

/// Bytes of a name and of a size in the directory.
const ENTRY: usize = 24;

fn main() {
    let Some(directory) = open("/", abi::open::READ) else { return println!("ls: cannot open /") };
    let mut entry = [0; ENTRY];
    while read(directory, &mut entry) == Some(ENTRY) {
        let (name, size) = entry.split_at(16);
        let size = size.iter().rev().fold(0, |size, &byte| size << 8 | u64::from(byte));
        println!("{:12} {size:7}", name_of(name));
    }
}

fn name_of(bytes: &[u8]) -> &str {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    core::str::from_utf8(&bytes[..end]).unwrap_or("?")
}
