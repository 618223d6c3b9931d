//! The page in a real browser.

use std::process::Command;

use anyhow::Result;

use super::{Outcome, results};
use crate::{browser, machine, server, toolchain, web, workspace};

pub(super) fn run() -> Result<Outcome> {
    let browser = match super::needed(browser::ensure())? {
        Ok(browser) => browser,
        Err(missing) => return Ok(missing.into()),
    };
    let dist = web::build()?;
    let faultline = machine::build()?;
    // Port 0: whichever is free, so that a page that is being served meanwhile is left alone.
    let server = server::start(&dist, [0])?;
    let mut cargo = Command::new(toolchain::host_cargo());
    cargo.args(["test", "--package", "faultline-web", "--test", "browser"]).current_dir(workspace::root());
    cargo.env("FAULTLINE_URL", server.url()).env("FAULTLINE_BIN", faultline);
    cargo.env("FAULTLINE_GUEST", workspace::guest_images());
    cargo.env("CHROMIUM", browser.chromium).env("CHROMEDRIVER", browser.chromedriver);
    results::of_cargo_test(&mut cargo).map(Outcome::Ran)
}
