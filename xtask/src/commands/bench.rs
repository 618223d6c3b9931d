//! `cargo xtask bench`.

use std::{
    ffi::OsString,
    process::{Command, ExitCode},
};

use anyhow::{Result, ensure};
use clap::Args;

use crate::{process, toolchain, workspace};

/// The measurement, a program beside the machine's tests.
const EXAMPLE: &str = "speed";

#[derive(Args)]
pub(crate) struct Options {
    /// Arguments for the measurement
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let source = workspace::root().join(format!("machine/examples/{EXAMPLE}.rs"));
    ensure!(source.exists(), "there is nothing to measure: {} does not exist", workspace::shown(&source));
    let mut cargo = Command::new(toolchain::host_cargo());
    cargo.args(["run", "--release", "--package", "faultline-machine", "--example", EXAMPLE, "--"]);
    process::run(cargo.args(&options.arguments).current_dir(workspace::root()))?;
    Ok(ExitCode::SUCCESS)
}
