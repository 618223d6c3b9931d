//! Tests of the kernel from inside: each case prints a line, the last line is the verdict, and the
//! exit status is 0 only if every case passed. Each runs in a process of its own; frames and swap
//! slots are counted before and after it, so nothing else may run.
#![no_std]
#![no_main]

mod files;
mod forks;
mod heap;
mod mappings;
mod pressure;
mod processes;

use faultline_user::{
    Args,
    abi::{
        meminfo::{FREE_FRAMES, FREE_SLOTS},
        ps,
    },
    exit, fork, getpid, memory_info, println, processes as list_processes, wait,
};

faultline_user::program!(main with arguments);

/// A name, and what must hold.
pub(crate) type Case = (&'static str, fn() -> bool);

const GROUPS: [&[Case]; 6] =
    [heap::CASES, processes::CASES, forks::CASES, files::CASES, mappings::CASES, pressure::CASES];

/// Runs the cases whose names contain the argument, or all.
fn main(args: Args) {
    let wanted = args.get(1).unwrap_or("");
    let mut failed = 0;
    // The first process that is waited for makes the test's own pages what they stay.
    run(|| true);
    for (name, case) in GROUPS.into_iter().flatten().filter(|(name, _)| name.contains(wanted)) {
        let before = Account::now();
        let passed = run(case);
        let after = Account::now();
        if passed && before == after {
            println!("test {name}: OK");
        } else {
            println!("test {name}: FAILED, passed: {passed}, {before:?}, then {after:?}");
            failed += 1;
        }
    }
    if failed > 0 {
        println!("{failed} TESTS FAILED");
        exit(1);
    }
    println!("ALL TESTS PASSED");
}

/// Runs `case` in a process of its own; whether it passed.
fn run(case: impl FnOnce() -> bool) -> bool {
    code_of(|| u64::from(!case())) == Some(0)
}

/// Runs `work` in a child, which exits with what it says; the child's exit code.
pub(crate) fn code_of(work: impl FnOnce() -> u64) -> Option<u64> {
    let child = fork()?;
    if child == 0 {
        exit(work());
    }
    loop {
        let (pid, code) = wait()?;
        if pid == child {
            return Some(code);
        }
    }
}

/// Frames and slots that are free or this process's own: constant, wherever its pages are just now.
#[derive(Debug, PartialEq, Eq)]
struct Account {
    frames: u64,
    slots: u64,
    processes: u64,
}

impl Account {
    fn now() -> Self {
        let mut buffer = [0; 8 * ps::ENTRY];
        let processes = list_processes(&mut buffer).unwrap_or(0);
        let mine = |entry: &&[u8]| word(entry, ps::PID) == getpid();
        let entry = buffer.chunks_exact(ps::ENTRY).find(mine).unwrap_or(&[0; ps::ENTRY]);
        let info = memory_info();
        let frames = info[FREE_FRAMES] + word(entry, ps::PAGES);
        Self { frames, slots: info[FREE_SLOTS] + word(entry, ps::SWAPPED), processes }
    }
}

fn word(entry: &[u8], number: usize) -> u64 {
    entry[8 * number..8 * number + 8].iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}
