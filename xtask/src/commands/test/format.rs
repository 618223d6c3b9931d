//! The layout of the source.

use std::process::Command;

use anyhow::Result;

use super::{Outcome, results::Count};
use crate::{process, toolchain, workspace};

pub(super) fn run() -> Result<Outcome> {
    let mut count = Count::default();
    let mut cargo = Command::new(toolchain::host_cargo());
    cargo.args(["fmt", "--all", "--", "--check"]).current_dir(workspace::root());
    count.check("the source is formatted (`cargo fmt` mends it)", process::run(&mut cargo));
    Ok(Outcome::Ran(count))
}
