//! `cargo xtask dist`.

use std::process::ExitCode;

use anyhow::Result;

use crate::{ui, web, workspace};

pub(crate) fn run() -> Result<ExitCode> {
    let dist = web::build()?;
    ui::note(&format!("the page stands in {}; any static web host can serve it", workspace::shown(&dist)));
    Ok(ExitCode::SUCCESS)
}
