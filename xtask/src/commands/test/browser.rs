//! The page in a real browser.

use std::process::Command;

use anyhow::Result;

use super::{Outcome, native, results};
use crate::{axe, browser, machine, server, sizes, toolchain, ui, web, workspace};

pub(super) fn run() -> Result<Outcome> {
    let browser = match super::needed(browser::ensure())? {
        Ok(browser) => browser,
        Err(missing) => return Ok(missing.into()),
    };
    let dist = web::build(web::Profile::Published)?;
    let faultline = machine::build()?;
    // Port 0: whichever is free, so that a page that is being served meanwhile is left alone.
    let server = server::start(&dist, [0])?;
    let mut cargo = Command::new(toolchain::host_cargo());
    cargo.args(["test", "--no-fail-fast", "--package", "faultline-web"]).current_dir(workspace::root());
    cargo.args(native::test_files(|name| name.starts_with(native::BROWSER))?);
    cargo.env("FAULTLINE_URL", server.url()).env("FAULTLINE_BIN", faultline);
    cargo.env("FAULTLINE_GUEST", workspace::guest_images());
    cargo.env("CHROMIUM", browser.chromium).env("CHROMEDRIVER", browser.chromedriver);
    cargo.env("FAULTLINE_DIST", &dist);
    match super::needed(axe::ensure())? {
        Ok(axe) => {
            cargo.env("FAULTLINE_AXE", axe);
        }
        Err(missing) => ui::warn(&missing.0),
    }
    let mut count = results::of_cargo_test(&mut cargo)?;
    count.check("a first visit stays within the budget", sizes::of(&dist)?.check());
    Ok(Outcome::Ran(count))
}
