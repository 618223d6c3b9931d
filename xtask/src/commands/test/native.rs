//! Unit and integration tests on the host.

use std::process::Command;

use anyhow::Result;

use super::{Outcome, results};
use crate::{guest, toolchain, workspace};

pub(super) fn run() -> Result<Outcome> {
    let images = guest::build()?;
    let mut count = results::Count::default();
    let suites: [&[&str]; 3] = [
        &["--workspace", "--exclude", "xtask", "--exclude", "faultline-web"],
        // The page's tests in a browser are a suite of their own.
        &["--package", "faultline-web", "--lib", "--bins"],
        // In its own profile, in which it is built already.
        &["--package", "xtask", "--profile", "xtask"],
    ];
    for arguments in suites {
        let mut cargo = Command::new(toolchain::host_cargo());
        cargo.args(["test", "--no-fail-fast"]).args(arguments).current_dir(workspace::root());
        cargo.env("FAULTLINE_GUEST", &images).env("FAULTLINE_REQUIRE_GUEST", "1");
        count += results::of_cargo_test(&mut cargo)?;
    }
    Ok(Outcome::Ran(count))
}
