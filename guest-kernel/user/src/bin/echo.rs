//! Writes its arguments to the output.
#![no_std]
#![no_main]

use faultline_user::{Args, write_all};

faultline_user::program!(main with arguments);

fn main(args: Args) {
    for (n, word) in args.rest().enumerate() {
        if n > 0 {
            write_all(1, b" ");
        }
        write_all(1, word.as_bytes());
    }
    write_all(1, b"\n");
}
