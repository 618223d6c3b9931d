//! `cargo xtask dist`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Args;

use crate::{sizes, ui, web, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// A site that was published before: keep its images, so that its links replay exactly
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let dist = web::build_keeping(web::Profile::Published, options.keep.as_deref())?;
    let sizes = ui::step("Weighing the page", || sizes::of(&dist))?;
    print!("{}", sizes.table());
    ui::note(&format!(
        "the page stands in {}; docs/publishing.md says how to publish it",
        workspace::shown(&dist)
    ));
    sizes.check()?;
    Ok(ExitCode::SUCCESS)
}
