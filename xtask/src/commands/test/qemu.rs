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

/// Memory and kernel options of further boots: the kernel's own tests, and a program that takes all memory.
const BOOTS: [(u32, &str); 3] =
    [(128, "init=vmtests sbrk=lazy"), (128, "init=vmtests sbrk=eager"), (16, "init=hog,hello sbrk=lazy")];

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
    for (memory_mib, options) in BOOTS {
        let boot = Boot { memory_mib, append: options.to_owned() };
        let what = format!("{options}, {memory_mib} MiB: the page faults are QEMU's");
        count.check(
            &what,
            same_faults(&boot, machine::boot(&faultline, &boot).args(["--events", "-"])).map(drop),
        );
    }
    Ok(Outcome::Ran(count))
}

fn same_scenario(faultline: &Path, file: &Path) -> Result<()> {
    let scenario = scenario::read(file)?;
    let boot = Boot { memory_mib: scenario.machine.memory_mib, append: scenario.command_line() };
    let mut run = Command::new(faultline);
    let faults = same_faults(&boot, run.arg("run").arg(file).args(["--events", "-"]))?;
    ensure!(faults > 0, "neither side saw a page fault, which proves nothing");
    Ok(())
}

/// Runs both sides, and returns how many page faults they agree on.
fn same_faults(boot: &Boot, run: &mut Command) -> Result<usize> {
    let traced = qemu::traced(boot, LIMIT)?;
    let theirs = faults::of_qemu(&traced.log)?;
    let (events, code) = process::stdout_and_code(run.stdin(Stdio::null()))?;
    let ours = faults::of_faultline(&events)?;
    faults::compare(&theirs, &ours)?;
    ensure!(traced.code == code, "the exit code is {:?} on QEMU and {code:?} on Faultline", traced.code);
    ensure!(code == Some(0), "the guest ended with exit code {code:?}:\n{}", traced.console);
    ui::note(&format!("{} page faults and the exit code agree", ours.len()));
    Ok(ours.len())
}
