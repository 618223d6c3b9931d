//! A private mapping of a file: the first store copies the page, and the file never learns of it.
#![no_std]
#![no_main]

use faultline_user::{
    PAGE,
    abi::{mmap::PRIVATE, open::READ, prot},
    load, mmap, open, println, read, store,
};

faultline_user::program!(main);

fn main() {
    let file = open("mmappriv", READ).expect("this program is a file too");
    let map = mmap(0, PAGE.unsigned_abs(), prot::READ | prot::WRITE, PRIVATE, Some((file, 0)))
        .expect("room for a page");
    println!("mmappriv: the page begins with {:#x}", load(map));
    store(map, 0xee);
    let mut byte = [0];
    read(file, &mut byte);
    println!("mmappriv: now with {:#x}, the file still with {:#x}", load(map), byte[0]);
}
