//! A mapped file is read like memory: each page comes from the disk when it is touched.
#![no_std]
#![no_main]

use faultline_user::{
    abi::{mmap::PRIVATE, open::READ, prot},
    close, fstat, load, mmap, munmap, open, println,
};

faultline_user::program!(main);

fn main() {
    let file = open("mmapread", READ).expect("this program is a file too");
    let [_, _, size] = fstat(file).expect("an open file has a size");
    let length = usize::try_from(size).expect("a small file");
    let map = mmap(0, length, prot::READ, PRIVATE, Some((file, 0))).expect("room for the file");
    // The mapping holds the file; the descriptor is not needed any more.
    close(file);
    println!("mmapread: {length} bytes are mapped, and none was read");
    println!("mmapread: the first is {:#x}", load(map));
    println!("mmapread: the last is {:#x}", load(map.wrapping_add(length - 1)));
    munmap(map, length);
}
