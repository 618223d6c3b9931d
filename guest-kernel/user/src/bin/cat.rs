//! Writes files, or what comes in, to the output.
#![no_std]
#![no_main]

use faultline_user::{Args, abi, close, open, println, read, write_all};

faultline_user::program!(main with arguments);

fn main(args: Args) {
    if args.count() == 1 {
        copy(0);
    }
    for name in args.rest() {
        match open(name, abi::open::READ) {
            Some(fd) => {
                copy(fd);
                close(fd);
            }
            None => println!("cat: cannot open {name}"),
        }
    }
}

fn copy(from: u64) {
    let mut buffer = [0; 512];
    while let Some(length @ 1..) = read(from, &mut buffer) {
        if write_all(1, &buffer[..length]).is_none() {
            return;
        }
    }
}
