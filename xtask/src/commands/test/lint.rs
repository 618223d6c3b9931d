//! No warning, from compiler or clippy, in any crate for any target that it is built for.

use std::{path::Path, process::Command};

use anyhow::Result;

use super::{Outcome, results::Count};
use crate::{
    process,
    toolchain::{self, Target},
    workspace,
};

pub(super) fn run() -> Result<Outcome> {
    let mut count = Count::default();
    count.check("no warnings on the host", process::run(&mut host()));
    count.check("no warnings in the guest", guest());
    count.check("no warnings in the page", page());
    Ok(Outcome::Ran(count))
}

fn host() -> Command {
    let mut cargo = Command::new(toolchain::host_cargo());
    cargo
        .args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])
        .current_dir(workspace::root());
    cargo
}

fn guest() -> Result<()> {
    let packages = ["faultline-kernel", "faultline-user"];
    target(Target::Guest, "guest", &workspace::guest_build(), &packages)
}

fn page() -> Result<()> {
    target(Target::Web, "web", &workspace::web_build(), &["faultline-web"])
}

/// Where the same is built, in the profile that it is built in: build scripts and procedural macros are compiled once.
fn target(target: Target, profile: &str, folder: &Path, packages: &[&str]) -> Result<()> {
    let compiler = toolchain::ensure(target)?;
    let mut clippy = compiler.clippy(target)?;
    clippy.args(packages.iter().flat_map(|package| ["--package", package])).args(["--lib", "--bins"]);
    clippy.args(["--target", target.triple(), "--profile", profile, "--target-dir"]).arg(folder);
    process::run(clippy.args(["--", "--deny", "warnings"]))
}
