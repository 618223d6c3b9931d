//! The guest images.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::{Outcome, results::Count};
use crate::{guest, packages, process, ui, workspace};

pub(super) fn run() -> Result<Outcome> {
    let folder = guest::build()?;
    let mut count = Count::PASSED;
    count.check("no image names a folder of this machine", names_no_folder(&folder));
    match super::needed(fsck())? {
        Ok(fsck) => count.check("fsck.fat finds the disk sound", sound(&fsck, &folder)),
        Err(missing) => ui::warn(&format!("the check of the disk is SKIPPED: {}", missing.0)),
    }
    Ok(Outcome::Ran(count))
}

fn fsck() -> Result<std::path::PathBuf> {
    if process::find("fsck.fat").is_none() {
        packages::install(&["dosfstools"], "checking the disk image")?;
    }
    process::find("fsck.fat").context("fsck.fat is still missing after its package was installed")
}

fn sound(fsck: &Path, folder: &Path) -> Result<()> {
    process::run(Command::new(fsck).arg("-n").arg(folder.join("disk.img")).stdout(Stdio::null()))
}

/// Images that hold the place of the checkout would differ from one machine to the next.
fn names_no_folder(folder: &Path) -> Result<()> {
    let root = workspace::root().display().to_string();
    for name in ["kernel.elf", "kernel.stripped.elf", "disk.img"] {
        let image = fs::read(folder.join(name)).with_context(|| format!("reading {name}"))?;
        let found = image.windows(root.len()).any(|window| window == root.as_bytes());
        ensure!(!found, "{name} holds the path {root}");
    }
    Ok(())
}
