//! The same page faults on QEMU and on Faultline, for every built-in scenario.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Result, ensure};

use super::{Outcome, results::Count};
use crate::{
    faults, guest, machine, process,
    qemu::{self, Boot},
    scenario, ui,
};

/// A scenario takes QEMU a second; a busy machine may take many times that.
const LIMIT: Duration = Duration::from_secs(120);

pub(super) fn run() -> Result<Outcome> {
    if let Err(skipped) = super::needed(qemu::ensure())? {
        return Ok(skipped);
    }
    guest::build()?;
    let faultline = machine::build()?;
    let mut count = Count::default();
    for file in scenario::built_in()? {
        let what = format!("{}: the page faults are QEMU's", scenario::name(&file));
        count.check(&what, same_faults(&faultline, &file));
    }
    ensure!(count != Count::default(), "there are no built-in scenarios to compare");
    Ok(Outcome::Ran(count))
}

fn same_faults(faultline: &Path, file: &Path) -> Result<()> {
    let scenario = scenario::read(file)?;
    let boot = Boot { memory_mib: scenario.machine.memory_mib, append: scenario.command_line() };
    let traced = qemu::traced(&boot, LIMIT)?;
    let theirs = faults::of_qemu(&traced.log)?;
    let mut run = Command::new(faultline);
    run.arg("run").arg(file).args(["--events", "-"]);
    let (events, code) = process::stdout_and_code(&mut run)?;
    let ours = faults::of_faultline(&events)?;
    faults::compare(&theirs, &ours)?;
    ensure!(!ours.is_empty(), "neither side saw a page fault, which proves nothing");
    ensure!(traced.code == code, "the exit code is {:?} on QEMU and {code:?} on Faultline", traced.code);
    ui::note(&format!("{} page faults and the exit code agree", ours.len()));
    Ok(())
}
