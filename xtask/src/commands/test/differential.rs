//! A quick slice of `cargo xtask differential`: random programs on QEMU and on Faultline.

use anyhow::{Result, ensure};

use super::{Outcome, results::Count};
use crate::{
    differential::{self, Plan},
    machine, qemu, ui, workspace,
};

/// Programs in the slice; they take a few seconds.
const CASES: u64 = 512;

pub(super) fn run() -> Result<Outcome> {
    let qemu = match super::needed(qemu::ensure())? {
        Ok(qemu) => qemu,
        Err(missing) => return Ok(missing.into()),
    };
    let folder = workspace::target().join("differential");
    let plan = Plan { seed: 1, cases: CASES, length: 120, qemu, faultline: machine::build()?, folder };
    let mut count = Count::default();
    count.check("random programs run alike on QEMU and on Faultline", agree(&plan));
    Ok(Outcome::Ran(count))
}

fn agree(plan: &Plan) -> Result<()> {
    let outcome = differential::run(plan)?;
    ui::note(&format!("{} programs, {} traps compared", outcome.cases, outcome.traps));
    ensure!(outcome.traps > plan.cases, "hardly any traps: the programs prove nothing");
    ensure!(outcome.differences.is_empty(), "{}", outcome.differences.join("\n"));
    Ok(())
}
