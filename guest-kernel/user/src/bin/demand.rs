//! Demand paging: a large program of which little is used. Its table of 64 pages lies in the file, and
//! only the pages that are looked at are read. Boot with `exec=demand`.
#![no_std]
#![no_main]

use core::hint::black_box;

use faultline_user::{frames_used, free_frames, println};

faultline_user::program!(main);

/// Bytes of the table: 64 pages.
const SIZE: usize = 64 << 12;

/// Begins at the start of a page.
#[repr(align(4096))]
struct Table([u8; SIZE]);

/// Every page begins with its number. Lies in the data area, which it fills.
#[unsafe(link_section = ".data.table")]
static TABLE: Table = {
    let mut table = [0; SIZE];
    let mut page: u8 = 0;
    while page < 64 {
        table[(page as usize) << 12] = page;
        page += 1;
    }
    Table(table)
};

fn main() {
    let before = free_frames();
    for page in [3, 40, 3, 63] {
        let value = black_box(&TABLE.0)[page << 12];
        println!("demand: page {page} of the table says {value}, frames used: {}", frames_used(before));
    }
}
