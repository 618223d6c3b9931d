//! The images of the scenario that the page opens with, without what its run does not read: with them the page
//! begins before the images are there as a whole.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{guest, machine, process, site, ui, workspace};

/// What the first run reads.
pub(crate) struct Opening {
    /// The folder with both images, under the names that the page knows them by, and the scenario.
    pub(crate) folder: PathBuf,
}

impl Opening {
    /// The scenario, as the page's worker reads it.
    pub(crate) fn scenario(&self) -> PathBuf {
        self.folder.join(SCENARIO)
    }
}

/// The file with the scenario; the last one that is written.
pub(crate) const SCENARIO: &str = "opening";

/// What says how the scenario is written: where any of it changes it is written anew.
const FORM: [&str; 3] = ["machine/src/bin/reads.rs", "machine/src/opening.rs", "abi/src/scenario.rs"];
/// More of it.
const FORMS: &str = "abi/src/scenario";

/// The machine's program that runs the scenario.
const PROGRAM: &str = "reads";

/// Runs the scenario, unless neither it nor the images have changed since.
pub(crate) fn images() -> Result<Opening> {
    let scenario = workspace::root().join("static").join(site::FIRST_SCENARIO);
    let guest = workspace::guest_images();
    let [kernel, disk] = guest::PAGE_IMAGES.map(|(file, _)| guest.join(file));
    let mut inputs = vec![scenario.clone(), kernel.clone(), disk.clone()];
    inputs.extend(FORM.map(|file| workspace::root().join(file)));
    let forms = workspace::root().join(FORMS);
    inputs.extend(site::files(&forms)?.into_iter().map(|name| forms.join(name)));
    let mut digest = Sha256::new();
    for file in &inputs {
        digest.update(fs::read(file).with_context(|| format!("reading {}", file.display()))?);
    }
    let folder = workspace::target().join("opening").join(format!("{:x}", digest.finalize()));
    let opening = Opening { folder };
    if !opening.scenario().exists() {
        let program = machine::build_program(PROGRAM)?;
        ui::step("Looking what the first scenario reads", || {
            process::run(Command::new(program).args([&scenario, &kernel, &disk, &opening.folder]))
        })?;
    }
    Ok(opening)
}
