//! A quick slice of `cargo xtask differential`: random programs on QEMU and on Faultline.

use anyhow::{Result, ensure};

use super::{Outcome, results::Count};
use crate::{
    commands::differential::LENGTH,
    differential::{self, Plan},
    machine, qemu, ui, workspace,
};

/// Programs in the slice; they take a few seconds.
const CASES: u64 = 1_280;

pub(super) fn run() -> Result<Outcome> {
    let qemu = match super::needed(qemu::ensure())? {
        Ok(qemu) => qemu,
        Err(missing) => return Ok(missing.into()),
    };
    let folder = workspace::target().join("differential");
    let plan = Plan { seed: 1, cases: CASES, length: LENGTH, qemu, faultline: machine::build()?, folder };
    let mut count = Count::default();
    count.check("random programs run alike on QEMU and on Faultline", agree(&plan));
    Ok(Outcome::Ran(count))
}

fn agree(plan: &Plan) -> Result<()> {
    let outcome = differential::run(plan)?;
    ui::note(&format!("{} programs, {} instructions compared", outcome.cases, outcome.instructions));
    ensure!(outcome.instructions > 100 * plan.cases, "programs of nothing prove nothing");
    ensure!(outcome.differences.is_empty(), "{}", outcome.differences.join("\n"));
    Ok(())
}
