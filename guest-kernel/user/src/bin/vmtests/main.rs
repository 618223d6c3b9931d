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

/// The cases that need the timer: in what order their processes run depends on when it fires.
const TIMED: [&str; 5] = [
    "registers survive system calls and preemption",
    "kill ends a process that runs",
    "an orphan ends by itself",
    "sleep takes its time",
    "too many processes are refused and all come back",
];

/// Whether the case `name` is wanted: by a part of its name, `timed` for those that need the timer,
/// `steady` for the others.
fn is_wanted(name: &str, wanted: &str) -> bool {
    match wanted {
        "timed" => TIMED.contains(&name),
        "steady" => !TIMED.contains(&name),
        part => name.contains(part),
    }
}

/// Runs the cases that the argument names, or all.
fn main(args: Args) {
    let wanted = args.get(1).unwrap_or("");
    let mut failed = 0;
    // The first process that is waited for makes the test's own pages what they stay.
    run(|| true);
    for (name, case) in GROUPS.into_iter().flatten().filter(|(name, _)| is_wanted(name, wanted)) {
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
