//! A mapped file is read like memory: each page comes from the disk when it is touched.
#![no_std]
#![no_main]

use faultline_user::{
    PAGE,
    abi::{
        mmap::PRIVATE,
        open::{CREATE, READ, READ_WRITE, TRUNCATE},
        prot,
    },
    close, load, mmap, munmap, open, page, println, unlink, write_all,
};

faultline_user::program!(main);

const NAME: &str = "mapped.tmp";
const LENGTH: usize = 2 * PAGE.unsigned_abs() + 100;

fn main() {
    make_file();
    let file = open(NAME, READ).expect("the file is there");
    let map = mmap(0, LENGTH, prot::READ, PRIVATE, Some((file, 0))).expect("room for the file");
    // The mapping holds the file; the descriptor is not needed any more.
    close(file);
    println!("mmapread: {LENGTH} bytes are mapped, and none was read");
    println!("mmapread: the first is {}", char::from(load(map)));
    println!("mmapread: the first of the third page is {}", char::from(load(page(map, 2))));
    munmap(map, LENGTH);
    unlink(NAME);
}

/// A file of two pages and a bit, each page full of a letter.
fn make_file() {
    let file = open(NAME, READ_WRITE | CREATE | TRUNCATE).expect("a new file");
    for (letter, length) in [(b'a', 4096), (b'b', 4096), (b'c', 100)] {
        write_all(file, &[letter; 4096][..length]).expect("room on the disk");
    }
    close(file);
}
