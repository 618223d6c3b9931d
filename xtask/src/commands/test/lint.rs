//! No warning, from compiler or clippy, in any crate for any target that it is built for.

use std::process::Command;

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
    let guest = ["--package", "faultline-kernel", "--package", "faultline-user", "--lib", "--bins"];
    count.check("no warnings in the guest", target(Target::Guest, &guest));
    count.check(
        "no warnings in the page",
        target(Target::Web, &["--package", "faultline-web", "--lib", "--bins"]),
    );
    Ok(Outcome::Ran(count))
}

fn host() -> Command {
    let mut cargo = Command::new(toolchain::host_cargo());
    cargo
        .args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])
        .current_dir(workspace::root());
    cargo
}

fn target(target: Target, packages: &[&str]) -> Result<()> {
    let compiler = toolchain::ensure(target)?;
    let mut clippy = compiler.clippy(target)?;
    clippy.args(packages).args(["--target", target.triple()]);
    // Apart from the builds, whose compiler flags are others.
    clippy.arg("--target-dir").arg(workspace::target().join("lint"));
    process::run(clippy.args(["--", "--deny", "warnings"]))
}
