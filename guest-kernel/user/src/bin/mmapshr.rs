//! A shared mapping of a file: one frame for both processes. What the child writes, the parent sees, and
//! the file has it afterwards.
#![no_std]
#![no_main]

use faultline_user::{
    PAGE,
    abi::{
        mmap::SHARED,
        open::{CREATE, READ, READ_WRITE, TRUNCATE},
        prot,
    },
    close, exit, fork, load, mmap, munmap, open, println, read, store, unlink, wait, write_all,
};

faultline_user::program!(main);

fn main() {
    let file = open("shared.tmp", READ_WRITE | CREATE | TRUNCATE).expect("a new file");
    write_all(file, b"before").expect("room on the disk");
    let map = mmap(0, PAGE.unsigned_abs(), prot::READ | prot::WRITE, SHARED, Some((file, 0)))
        .expect("room for a page");
    println!("mmapshr: the parent reads {}", char::from(load(map)));
    if fork() == Some(0) {
        store(map, b'B');
        exit(0);
    }
    wait();
    println!("mmapshr: the child wrote, and the parent reads {}", char::from(load(map)));
    munmap(map, PAGE.unsigned_abs());
    close(file);
    let mut text = [0; 6];
    let file = open("shared.tmp", READ).expect("the file is there");
    read(file, &mut text);
    println!("mmapshr: the file says {}", core::str::from_utf8(&text).unwrap_or("?"));
    close(file);
    unlink("shared.tmp");
}
