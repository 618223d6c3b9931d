//! `fsck.fat`, a third FAT implementation, and what it may say about a disk after a failure.
//!
//! The kernel writes in an order in which a failure, or the end of power, costs room and never bytes: a name
//! goes before the clusters behind it, and clusters come before the size that reaches into them. So in between
//! there are clusters that belong to nobody, chains that are longer than their file, and copies of the FAT of
//! which the first is ahead of the others. All else is damage: a chain that is too short, has a free cluster in it
//! or shares one, a directory entry that is none.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{packages, process};

/// `fsck.fat`, installed if that is allowed.
pub(crate) fn ensure_installed() -> Result<PathBuf> {
    if process::find("fsck.fat").is_none() {
        packages::install(&["dosfstools"], "checking the disk image")?;
    }
    process::find("fsck.fat").context("fsck.fat is still missing after its package was installed")
}

/// What a disk has been through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Past {
    /// Nothing that it could not bear: it is as sound as it was made.
    Quiet,
    /// A transfer failed, or the power went.
    Failure,
}

/// Checks the volume in the file `image`, and changes nothing.
pub(crate) fn check(fsck: &Path, image: &Path, past: Past) -> Result<()> {
    let run = process::captured(Command::new(fsck).arg("-n").arg(image))?;
    judge(&run.stdout, past).with_context(|| format!("fsck.fat says{}{}", run.stderr, run.stdout))?;
    let (clean, code) = (past == Past::Quiet, run.code);
    ensure!(code == Some(0) || (!clean && code == Some(1)), "fsck.fat ended with exit code {code:?}");
    Ok(())
}

/// Reads what `fsck.fat -n` prints.
fn judge(report: &str, past: Past) -> Result<()> {
    ensure!(report.lines().any(is_summary), "it has not come to its end");
    let told = |line: &&str| !line.trim().is_empty() && !is_frame(line);
    for line in report.lines().filter(told) {
        if past == Past::Quiet || !is_bearable(line) {
            bail!("damage: {}", line.trim());
        }
    }
    Ok(())
}

/// How every report begins and ends.
fn is_frame(line: &str) -> bool {
    line.starts_with("fsck.fat ") || line.starts_with("Leaving filesystem unchanged") || is_summary(line)
}

/// `disk.img: 48 files, 5010/8094 clusters`.
fn is_summary(line: &str) -> bool {
    line.contains(" files, ") && line.ends_with(" clusters")
}

/// Whether a line tells of no more than lost room.
fn is_bearable(line: &str) -> bool {
    /// What stands before and after the numbers. The first three lines belong together: a file, how much longer
    /// its chain is than the file, and what would be done about that.
    const BEARABLE: [[&str; 2]; 6] = [
        ["/", ""],
        ["File size is ", ""],
        ["Truncating file to ", " bytes."],
        ["Reclaimed ", " bytes)."],
        ["FATs differ but appear to be intact", ""],
        ["Using first FAT", ""],
    ];
    let line = line.trim();
    let fits = |[start, end]: &[&str; 2]| line.starts_with(start) && line.ends_with(end);
    let short_chain = line.starts_with("File size is ") && !line.contains("cluster chain length is > ");
    BEARABLE.iter().any(fits) && !short_chain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(middle: &str) -> String {
        format!(
            "fsck.fat 4.2 (2021-01-31)\n{middle}\nLeaving filesystem unchanged.\nx.img: 48 files, 5010/8094 clusters\n"
        )
    }

    #[test]
    fn a_disk_without_a_past_has_nothing_to_tell() {
        assert!(judge(&report(""), Past::Quiet).is_ok());
        let lost = report("Reclaimed 3 unused clusters (1536 bytes).");
        assert!(judge(&lost, Past::Quiet).is_err());
        assert!(judge(&lost, Past::Failure).is_ok());
        assert!(judge("fsck.fat 4.2 (2021-01-31)\n", Past::Quiet).is_err(), "cut off");
    }

    #[test]
    fn lost_room_is_bearable_and_lost_bytes_are_not() {
        for bearable in [
            "FATs differ but appear to be intact.\n  Using first FAT.",
            "/KEEPD.TMP\n  File size is 512 bytes, cluster chain length is > 512 bytes.\n  Truncating file to 512 bytes.",
        ] {
            assert!(judge(&report(bearable), Past::Failure).is_ok(), "{bearable}");
        }
        for damage in [
            "/KEEPD.TMP\n  File size is 2048 bytes, cluster chain length is 512 bytes.\n  Truncating file to 512 bytes.",
            "/KEEPD.TMP\n  Contains a free cluster (77). Assuming EOF.",
            "/A.TMP and\n/B.TMP\n  share clusters.\n  Truncating second to 0 bytes.",
            "/KEEPD.TMP\n  Bad file name.\n  Auto-renaming it.",
            "Both FATs appear to be corrupt. Giving up.",
        ] {
            assert!(judge(&report(damage), Past::Failure).is_err(), "{damage}");
        }
    }
}
