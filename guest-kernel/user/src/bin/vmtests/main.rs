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

pub(crate) use faultline_user::testing::code_of;
use faultline_user::{Args, exit, println, testing::Account};

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
