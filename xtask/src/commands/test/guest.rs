//! The guest images.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

use super::{Outcome, results::Count};
use crate::{
    fsck::{self, Past},
    guest, ui, workspace,
};

pub(super) fn run() -> Result<Outcome> {
    let folder = guest::build()?;
    let mut count = Count::PASSED;
    count.check("no image names a folder of this machine", names_no_folder(&folder));
    match super::needed(fsck::ensure_installed())? {
        Ok(fsck) => count.check(
            "fsck.fat finds the disk sound",
            fsck::check(&fsck, &folder.join("disk.img"), Past::Quiet),
        ),
        Err(missing) => ui::warn(&format!("the check of the disk is SKIPPED: {}", missing.0)),
    }
    Ok(Outcome::Ran(count))
}

/// Images that hold the place of the checkout would differ from one machine to the next.
fn names_no_folder(folder: &Path) -> Result<()> {
    let root = workspace::root().display().to_string();
    let lines = folder.join("lines");
    let entries = fs::read_dir(&lines).with_context(|| format!("reading {}", lines.display()))?;
    let images = ["kernel.elf", "kernel.stripped.elf", "disk.img"].map(|name| folder.join(name));
    for file in entries.flatten().map(|entry| entry.path()).chain(images) {
        let image = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        let found = image.windows(root.len()).any(|window| window == root.as_bytes());
        ensure!(!found, "{} holds the path {root}", file.display());
    }
    Ok(())
}
