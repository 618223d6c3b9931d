//! `cargo xtask guest`.

use std::{env, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::Args;

use crate::guest;

#[derive(Args)]
pub(crate) struct Options {
    /// Also copy what the page loads to this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Also copy what the page loads to where Trunk collects the page; for Trunk's hook
    #[arg(long, conflicts_with = "out")]
    for_trunk: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    guest::build()?;
    if let Some(folder) = destination(options)? {
        guest::copy_for_page(&folder, None)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn destination(options: &Options) -> Result<Option<PathBuf>> {
    if !options.for_trunk {
        return Ok(options.out.clone());
    }
    let staging =
        env::var_os("TRUNK_STAGING_DIR").context("--for-trunk is for Trunk, which sets TRUNK_STAGING_DIR")?;
    Ok(Some(PathBuf::from(staging).join("images")))
}
