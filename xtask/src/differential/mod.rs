//! `cargo xtask differential`: random programs on our machine and on QEMU, compared trap by trap.
//!
//! A *case* is some hundred random instructions with the state they start in; its seed names it for
//! good. Cases are packed into images. Each machine boots the image, and the harness inside reports
//! every trap, the final registers and CSRs, and hashes of memory and page tables; it writes the hash
//! of each case's report to the UART. The two outputs must be the same bytes. Where they are not, the
//! reports themselves are written and compared, and the case is cut down to the steps that it takes.
//! `docs/decisions/machine-oracles.md` lists what is not compared, and why.

#![allow(
    clippy::cast_possible_truncation,
    reason = "random bits and fields are cut to the width they have in an instruction"
)]

mod assembler;
mod case;
mod encode;
mod harness;
mod image;
mod layout;
mod random;
mod report;
mod run;
mod shrink;

use std::path::PathBuf;

use anyhow::Result;

use self::{case::Recipe, image::Detail, run::Machines};

/// What to run.
pub(crate) struct Plan {
    /// First seed; the cases have the seeds that follow.
    pub(crate) seed: u64,
    /// How many cases.
    pub(crate) cases: u64,
    /// Steps of a case.
    pub(crate) length: u32,
    /// QEMU for RISC-V.
    pub(crate) qemu: PathBuf,
    /// The command `faultline`.
    pub(crate) faultline: PathBuf,
    /// Where images and outputs go; what differs is left there.
    pub(crate) folder: PathBuf,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Cases that ran on both machines.
    pub(crate) cases: u64,
    /// Instructions that the cases executed, without the harness's.
    pub(crate) instructions: u64,
    /// One report for each image that differed.
    pub(crate) differences: Vec<String>,
}

/// Cases in one image: enough to make a boot worth its while. The page tables are those of the first.
const CASES_PER_IMAGE: usize = 160;

/// Images that differ after which a run is given up.
const DIFFERENCES_MAX: usize = 10;

/// Runs the plan. Fails only where a machine cannot be started or the folder cannot be written.
pub(crate) fn run(plan: &Plan) -> Result<Outcome> {
    let machines = Machines::new(plan)?;
    let mut outcome = Outcome::default();
    let seeds: Vec<u64> = (plan.seed..plan.seed + plan.cases).collect();
    for batch in seeds.chunks(CASES_PER_IMAGE) {
        let cases = batch.iter().map(|&seed| Recipe::whole(seed, plan.length)).collect();
        let image = image::Plan { tables_seed: batch[0], cases, detail: Detail::Hashes };
        let outputs = machines.both(&image)?;
        outcome.cases += batch.len() as u64;
        outcome.instructions += report::instructions(&outputs.ours);
        if let Some(case) = report::first_case(&outputs, batch.len()) {
            outcome.differences.push(shrink::explain(&machines, &image, case)?);
            if outcome.differences.len() == DIFFERENCES_MAX {
                break;
            }
        }
    }
    Ok(outcome)
}
