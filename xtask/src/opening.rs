//! The images of the scenario that the page opens with, without what its run does not read: with them the page
//! begins before the images are there as a whole.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::{guest, machine, process, site, ui, workspace};

/// What the first run reads.
pub(crate) struct Opening {
    /// The folder with both images, under the names that the page knows them by.
    pub(crate) folder: PathBuf,
    /// SHA-256 over every event of the run.
    pub(crate) exact: String,
}

/// The machine's program that runs the scenario.
const PROGRAM: &str = "reads";

/// Runs the scenario, unless neither it nor the images have changed since.
pub(crate) fn images() -> Result<Opening> {
    let scenario = workspace::root().join("static").join(site::FIRST_SCENARIO);
    let guest = workspace::guest_images();
    let [kernel, disk] = guest::PAGE_IMAGES.map(|(file, _)| guest.join(file));
    let inputs = [&scenario, &kernel, &disk, &workspace::root().join("machine/src/bin/reads.rs")];
    let mut digest = Sha256::new();
    for file in inputs {
        digest.update(fs::read(file).with_context(|| format!("reading {}", file.display()))?);
    }
    let folder = workspace::target().join("opening").join(format!("{:x}", digest.finalize()));
    let known = folder.join("exact");
    if let Ok(exact) = fs::read_to_string(&known) {
        return Ok(Opening { folder, exact });
    }
    let program = machine::build_program(PROGRAM)?;
    let exact = ui::step("Looking what the first scenario reads", || {
        process::stdout_of(Command::new(program).args([&scenario, &kernel, &disk, &folder]))
    })?;
    let exact = exact.trim().to_owned();
    ensure!(exact.len() == 64, "{PROGRAM} printed no digest: {exact}");
    fs::write(&known, &exact).with_context(|| format!("writing {}", known.display()))?;
    Ok(Opening { folder, exact })
}
