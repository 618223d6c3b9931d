//! `cargo xtask replay`: every built-in scenario with a guest from another level of optimisation. It has
//! other addresses and other counts of instructions, and must mean the same.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;

use crate::{machine, process, scenario, ui, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// Level of optimisation of the kernel and its programs
    #[arg(long, value_name = "LEVEL", default_value = "1", value_parser = ["1", "2", "3", "s", "z"])]
    opt: String,
}

/// What `faultline digest` prints.
#[derive(Deserialize)]
struct Digests {
    semantic: String,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let guest = build(&options.opt)?;
    let faultline = machine::build()?;
    let mut different = Vec::new();
    for file in scenario::built_in()? {
        let name = scenario::name(&file);
        let promised = scenario::read(&file)?.digest.semantic;
        let same = promised.is_some() && promised == Some(digest(&faultline, &file, &guest)?);
        ui::note(&format!("{name}: {}", if same { "the same" } else { "DIFFERENT" }));
        if !same {
            different.push(name);
        }
    }
    if !different.is_empty() {
        bail!("at opt-level {} these mean something else: {}", options.opt, different.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the guest beside the usual one; the folder of its images.
fn build(level: &str) -> Result<PathBuf> {
    let folder = workspace::target().join(format!("guest-opt-{level}"));
    let itself = env::current_exe().context("finding the program that runs")?;
    let mut command = Command::new(itself);
    command.arg("guest").env("CARGO_PROFILE_GUEST_OPT_LEVEL", level);
    command.env("FAULTLINE_GUEST", &folder).env("CARGO_TARGET_DIR", folder.join("build"));
    process::run(&mut command)?;
    Ok(folder)
}

fn digest(faultline: &Path, file: &Path, guest: &Path) -> Result<String> {
    let mut command = Command::new(faultline);
    command.arg("digest").arg(file).arg("--guest").arg(guest);
    let digests: Digests = serde_json::from_str(&process::stdout_of(&mut command)?)?;
    Ok(digests.semantic)
}
