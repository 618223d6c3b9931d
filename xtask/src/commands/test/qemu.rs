//! The same page faults on QEMU and on Faultline: for every built-in scenario, and for boots that
//! take the kernel through everything it can do.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Result, ensure};

use super::{Outcome, results::Count};
use crate::{
    faults, guest, machine, process,
    qemu::{self, Boot},
    scenario, ui,
};

/// A boot takes QEMU a second; a busy machine may take many times that.
const LIMIT: Duration = Duration::from_secs(120);

/// How QEMU's page faults are to be compared with ours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Each process has the same ones in the same order.
    EachProcess,
    /// There are the same ones: the order depends on when the timer fires.
    Any,
}

/// A boot to compare, apart from the scenarios.
struct Case {
    memory_mib: u32,
    options: &'static str,
    order: Order,
}

const fn case(options: &'static str) -> Case {
    Case { memory_mib: 128, options, order: Order::EachProcess }
}

/// The kernel's own tests with all the memory there is, and a program that takes it all. When the timer fires
/// does not matter: no page is ever taken away. Where pages are shared and come on demand, so many processes
/// have the same faults that their order is only found with long slices; with short ones they are compared as
/// multisets.
///
/// Then the tests with few frames, under every policy. There it matters who runs when, because the pages of
/// one are taken for the other. So the time slices are long and the tests that need the timer are left
/// out; those run by themselves with few frames, and are compared as multisets.
const CASES: [Case; 10] = [
    case("init=vmtests sbrk=lazy"),
    case("init=vmtests sbrk=eager"),
    case("init=vmtests:steady fork=cow exec=demand zero=shared quantum=20000000"),
    Case { memory_mib: 128, options: "init=vmtests fork=cow exec=demand zero=shared", order: Order::Any },
    Case { memory_mib: 16, options: "init=hog,hello sbrk=lazy", order: Order::EachProcess },
    case("init=vmtests:steady frames=60 policy=clock quantum=20000000"),
    case("init=vmtests:steady frames=60 policy=fifo fork=cow exec=demand zero=shared quantum=20000000"),
    case("init=vmtests:steady frames=60 policy=aging fork=cow exec=demand quantum=20000000"),
    case("init=vmtests:steady frames=60 policy=random fork=cow quantum=20000000"),
    Case { memory_mib: 128, options: "init=vmtests:timed frames=200 fork=cow", order: Order::Any },
];

/// Attempts on QEMU, whose timer may fire just between two processes that compete for the last frame.
const ATTEMPTS: u32 = 3;

pub(super) fn run() -> Result<Outcome> {
    if let Err(missing) = super::needed(qemu::ensure())? {
        return Ok(missing.into());
    }
    guest::build()?;
    let faultline = machine::build()?;
    let mut count = Count::default();
    for file in scenario::built_in()? {
        let what = format!("{}: the page faults are QEMU's", scenario::name(&file));
        count.check(&what, same_scenario(&faultline, &file));
    }
    ensure!(count != Count::default(), "there are no built-in scenarios to compare");
    for Case { memory_mib, options, order } in CASES {
        let boot = Boot { memory_mib, append: options.to_owned() };
        let what = format!("{options}, {memory_mib} MiB: the page faults are QEMU's");
        let mut run = machine::boot(&faultline, &boot);
        count.check(&what, same_faults(&boot, run.args(["--events", "-"]), order).and_then(well));
    }
    Ok(Outcome::Ran(count))
}

fn same_scenario(faultline: &Path, file: &Path) -> Result<()> {
    let scenario = scenario::read(file)?;
    let boot = Boot { memory_mib: scenario.machine.memory_mib, append: scenario.command_line() };
    let mut run = Command::new(faultline);
    same_faults(&boot, run.arg("run").arg(file).args(["--events", "-"]), Order::EachProcess).map(drop)
}

/// What both sides agree on.
struct Agreed {
    faults: usize,
    code: Option<i32>,
}

/// The guest ended well, and there was something to compare.
fn well(agreed: Agreed) -> Result<()> {
    ensure!(agreed.code == Some(0), "the guest ended with exit code {:?} on both", agreed.code);
    ensure!(agreed.faults > 0, "neither side saw a page fault, which proves nothing");
    Ok(())
}

/// Runs both sides and compares them.
fn same_faults(boot: &Boot, run: &mut Command, order: Order) -> Result<Agreed> {
    let (events, code) = process::stdout_and_code(run.stdin(Stdio::null()))?;
    let ours = faults::of_faultline(&events)?;
    let mut attempts = (0..ATTEMPTS).map(|_| on_qemu(boot, &ours, code, order));
    let outcome = attempts.find(Result::is_ok).unwrap_or_else(|| on_qemu(boot, &ours, code, order));
    outcome?;
    ui::note(&format!("{} page faults and the exit code agree", ours.len()));
    Ok(Agreed { faults: ours.len(), code })
}

fn on_qemu(boot: &Boot, ours: &[faults::Owned], code: Option<i32>, order: Order) -> Result<()> {
    let traced = qemu::traced(boot, LIMIT)?;
    let theirs = faults::of_qemu(&traced.log)?;
    match order {
        Order::EachProcess => faults::compare(&theirs, ours)?,
        Order::Any => faults::compare_as_multisets(&theirs, ours)?,
    }
    ensure!(traced.code == code, "the exit code is {:?} on QEMU and {code:?} on Faultline", traced.code);
    Ok(())
}
