//! Counts lines, words and bytes of files, or of what comes in.
#![no_std]
#![no_main]

use faultline_user::{Args, abi, close, open, println, read};

faultline_user::program!(main with arguments);

fn main(args: Args) {
    if args.count() == 1 {
        count(0, "");
    }
    for name in args.rest() {
        match open(name, abi::open::READ) {
            Some(fd) => {
                count(fd, name);
                close(fd);
            }
            None => println!("wc: cannot open {name}"),
        }
    }
}

fn count(fd: u64, name: &str) {
    let (mut lines, mut words, mut bytes, mut in_word) = (0, 0, 0, false);
    let mut buffer = [0; 512];
    while let Some(length @ 1..) = read(fd, &mut buffer) {
        for byte in &buffer[..length] {
            bytes += 1;
            lines += u64::from(*byte == b'\n');
            let space = byte.is_ascii_whitespace();
            words += u64::from(!space && !in_word);
            in_word = !space;
        }
    }
    println!("{lines} {words} {bytes} {name}");
}
