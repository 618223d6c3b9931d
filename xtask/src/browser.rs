//! The browser that the page is tested in, and its driver.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{packages, process};

/// Debian's packages of the two.
const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

/// A browser and the program that drives it.
pub(crate) struct Browser {
    pub(crate) chromium: PathBuf,
    pub(crate) chromedriver: PathBuf,
}

/// What is there, without installing anything.
pub(crate) fn find() -> Option<Browser> {
    let chromium =
        ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| process::find(name))?;
    Some(Browser { chromium, chromedriver: process::find("chromedriver")? })
}

/// The browser, installed if that is allowed.
pub(crate) fn ensure() -> Result<Browser> {
    if let Some(browser) = find() {
        return Ok(browser);
    }
    packages::install(&PACKAGES, "testing the page")?;
    find().context("Chromium is still missing after its packages were installed")
}
