//! The page in a real browser.

use std::{path::Path, process::Command};

use anyhow::Result;

use super::{Outcome, results};
use crate::{
    axe,
    browser::{self, Browser},
    machine, process, server, sizes, toolchain, ui, web, workspace,
};

pub(super) fn run() -> Result<Outcome> {
    let browser = match super::needed(browser::ensure())? {
        Ok(browser) => browser,
        Err(missing) => return Ok(missing.into()),
    };
    let dist = web::build(web::Profile::Published)?;
    // Port 0: whichever is free, so that a page that is being served meanwhile is left alone.
    let server = server::start(&dist, [0])?;
    let axe = match super::needed(axe::ensure())? {
        Ok(axe) => Some(axe),
        Err(missing) => {
            ui::warn(&missing.0);
            None
        }
    };
    let cargo = || -> Result<Command> {
        let mut cargo = tests(&browser, &dist, &server.url())?;
        cargo.envs(axe.as_ref().map(|axe| ("FAULTLINE_AXE", axe)));
        Ok(cargo)
    };
    let mut count = results::of_cargo_test(&mut cargo()?)?;
    if worth_a_second_look(&count) {
        ui::warn("failed tests of the page are run again, alone");
        let mut again = cargo()?;
        again.args(["--exact", "--test-threads", "1"]).args(&count.failures);
        count.correct(results::of_cargo_test(&mut again)?);
    }
    count.check("a first visit stays within the budget", sizes::of(&dist)?.check());
    Ok(Outcome::Ran(count))
}

/// Tests that may fail without being wrong; more of them than this, and the page is broken.
const SECOND_LOOKS: usize = 3;

/// Whether what failed is run again. A browser is a dozen processes that drop a click now and then where the machine
/// has more to do than it can; a page that is wrong fails again. What passes only then is named in the report.
fn worth_a_second_look(count: &results::Count) -> bool {
    (1..=SECOND_LOOKS).contains(&count.failures.len())
        && usize::try_from(count.failed) == Ok(count.failures.len())
}

/// Takes the reference pictures of the page anew.
///
/// # Errors
/// Where there is no browser, or the page does not get where a picture is to be taken.
pub(crate) fn bless_screens() -> Result<()> {
    let dist = web::build(web::Profile::Published)?;
    let server = server::start(&dist, [0])?;
    let mut cargo = tests(&browser::ensure()?, &dist, &server.url())?;
    process::run(cargo.arg(SCREENS).env("FAULTLINE_BLESS_SCREENS", "1"))
}

/// The tests that compare pictures.
const SCREENS: &str = "screens::";

/// Cargo with the tests in a browser, ready for arguments of theirs, and an environment that says where everything is.
fn tests(browser: &Browser, dist: &Path, url: &str) -> Result<Command> {
    let faultline = machine::build()?;
    let mut cargo = Command::new(toolchain::host_cargo());
    cargo.args(["test", "--package", "faultline-web", "--test", "browser", "--"]);
    cargo.current_dir(workspace::root());
    cargo.env("FAULTLINE_URL", url).env("FAULTLINE_BIN", faultline);
    cargo.env("FAULTLINE_GUEST", workspace::guest_images());
    cargo.env("CHROMIUM", &browser.chromium).env("CHROMEDRIVER", &browser.chromedriver);
    cargo.env("FAULTLINE_DIST", dist);
    Ok(cargo)
}
