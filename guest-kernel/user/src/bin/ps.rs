//! Lists the processes and what memory they use.
#![no_std]
#![no_main]

use faultline_user::{abi::ps, println, processes};

faultline_user::program!(main);

/// Processes that are shown, at most.
const MAX: usize = 24;

fn main() {
    let mut buffer = [0; MAX * ps::ENTRY];
    let Some(count) = processes(&mut buffer) else { return };
    println!("  PID PARENT STATE   PAGES SWAPPED NAME");
    for (entry, _) in buffer.chunks_exact(ps::ENTRY).zip(0..count) {
        let word = |n: usize| entry[8 * n..8 * n + 8].iter().rev().fold(0, |w, &b| w << 8 | u64::from(b));
        let state = ["runs", "waits", "ended"][usize::try_from(word(ps::STATE)).unwrap_or(0).min(2)];
        let name = &entry[ps::WORDS * 8..];
        let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
        let name = core::str::from_utf8(&name[..end]).unwrap_or("?");
        let (pid, parent) = (word(ps::PID), word(ps::PARENT));
        println!("{pid:5} {parent:6} {state:5} {:7} {:7} {name}", word(ps::PAGES), word(ps::SWAPPED));
    }
}
