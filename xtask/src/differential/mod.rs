//! `cargo xtask differential`: random programs on our machine and on QEMU, compared trap by trap.
//!
//! A *case* is a few hundred random instructions with the state they start in; its seed names it
//! for good. Cases are packed into images. Each machine boots the image, and the harness inside
//! writes every trap, the final registers and CSRs, and hashes of memory and page tables to the
//! UART. The two outputs must be the same bytes.

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

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{process, workspace};

/// What to run.
pub(crate) struct Plan {
    /// First seed; the cases have the seeds that follow.
    pub(crate) seed: u64,
    /// How many cases.
    pub(crate) cases: u64,
    /// Instruction groups in a case.
    pub(crate) length: u32,
    /// QEMU for RISC-V.
    pub(crate) qemu: PathBuf,
    /// The command `faultline`.
    pub(crate) faultline: PathBuf,
    /// Where images and outputs go; what differs is left there.
    pub(crate) folder: PathBuf,
}

/// What came of it.
pub(crate) struct Outcome {
    /// Cases that ran on both machines.
    pub(crate) cases: u64,
    /// Traps compared.
    pub(crate) traps: u64,
    /// One report for each case that differed.
    pub(crate) differences: Vec<String>,
}

/// QEMU's processor with the extensions that our machine has, and no others.
const QEMU_CPU: &str = "rv64,h=off,Zfh=off,Zfhmin=off,zba=off,zbb=off,zbc=off,zbs=off";

/// Cases in one image: enough to make a boot worth its while.
const CASES_PER_IMAGE: usize = 64;

/// Instructions after which our machine gives an image up.
const INSTRUCTIONS_MAX: &str = "200000000";

/// Runs the plan. Fails only where a machine cannot be started or the folder cannot be written.
pub(crate) fn run(plan: &Plan) -> Result<Outcome> {
    fs::create_dir_all(&plan.folder).with_context(|| workspace::shown(&plan.folder))?;
    let mut outcome = Outcome { cases: 0, traps: 0, differences: Vec::new() };
    let seeds: Vec<u64> = (plan.seed..plan.seed + plan.cases).collect();
    for batch in seeds.chunks(CASES_PER_IMAGE) {
        let (ours, theirs) = both(plan, batch)?;
        outcome.cases += batch.len() as u64;
        outcome.traps += report::count_traps(&theirs);
        outcome.differences.extend(report::first_difference(&ours, &theirs, batch));
    }
    Ok(outcome)
}

/// The outputs of our machine and of QEMU. An image on which they differ stays in the folder.
fn both(plan: &Plan, seeds: &[u64]) -> Result<(Vec<u8>, Vec<u8>)> {
    let tables_seed = seeds[0];
    let elf = plan.folder.join(format!("cases-{tables_seed}.elf"));
    fs::write(&elf, image::build(tables_seed, seeds, plan.length)).with_context(|| workspace::shown(&elf))?;
    let theirs = output(qemu(&plan.qemu).arg(&elf))?;
    let mut faultline = Command::new(&plan.faultline);
    let ours = output(faultline.arg("boot").arg(&elf).args(["--max-instructions", INSTRUCTIONS_MAX]))?;
    if ours == theirs {
        fs::remove_file(&elf).with_context(|| workspace::shown(&elf))?;
    }
    Ok((ours, theirs))
}

/// QEMU with its serial line on stdout; what to boot comes last.
fn qemu(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["-machine", "virt", "-bios", "none", "-m", "128M", "-display", "none"]);
    command.args(["-monitor", "none", "-serial", "stdio", "-cpu", QEMU_CPU, "-kernel"]);
    command
}

fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output().with_context(|| process::shown(command))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.stdout.is_empty(), "`{}` wrote nothing: {errors}", process::shown(command));
    Ok(output.stdout)
}
