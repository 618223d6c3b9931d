//! What the program `keep` said must be on the disk, and whether it is: read by another FAT
//! implementation than the kernel's.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
};

use anyhow::{Context, Result, ensure};
use fatfs::{FileSystem, FsOptions};

/// Bytes of a sector: each must be old or new.
const SECTOR: usize = 512;

/// What a file must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Contents {
    version: usize,
    length: usize,
}

/// What is known about one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    /// What was acknowledged last; `None` where there is no such file.
    held: Option<Contents>,
    /// Whether a change of it had begun when the run ended.
    changing: bool,
}

/// Byte `n` of a file, as `keep` writes it.
fn byte(version: usize, n: usize) -> u8 {
    (version * 37 + n * 7 + n / 256).to_le_bytes()[0]
}

/// Reads what `keep` said on the console.
fn said(console: &str) -> Result<BTreeMap<String, Known>> {
    let mut files: BTreeMap<String, Known> = BTreeMap::new();
    for line in console.lines().filter_map(|line| line.trim_end().strip_prefix("keep: ")) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["changing", name] => files.entry(name.to_owned()).or_default().changing = true,
            ["gone", name] => drop(files.insert(name.to_owned(), Known::default())),
            ["kept", name, version, length] => {
                let number = |text: &str| text.parse().with_context(|| format!("in `{line}`"));
                let held = Some(Contents { version: number(version)?, length: number(length)? });
                files.insert(name.to_owned(), Known { held, changing: false });
            }
            _ => {}
        }
    }
    Ok(files)
}

/// Checks the disk `image` after a run: it mounts, what `keep` was told is kept is there, and every other
/// file is as it was `before`. How many files were looked at.
pub(crate) fn check(console: &str, before: &[u8], image: &[u8]) -> Result<usize> {
    let said = said(console)?;
    let (before, after) =
        (files(before).context("before")?, files(image).context("the disk does not mount")?);
    for (name, bytes) in before.iter().filter(|(name, _)| !said.contains_key(*name)) {
        ensure!(after.get(name) == Some(bytes), "{name} is not what it was");
    }
    for (name, known) in &said {
        check_file(known, after.get(name)).with_context(|| format!("{name}: {known:?}"))?;
    }
    Ok(said.len())
}

fn check_file(known: &Known, found: Option<&Vec<u8>>) -> Result<()> {
    match (known, found) {
        (Known { held: Some(held), changing: false }, Some(bytes)) => {
            let all = (0..held.length).map(|n| byte(held.version, n));
            ensure!(bytes.iter().copied().eq(all), "{} bytes that are not those acknowledged", bytes.len());
        }
        (Known { held: Some(_), changing: false }, None) => anyhow::bail!("lost"),
        (Known { held: None, changing: false }, Some(_)) => anyhow::bail!("there again"),
        (Known { changing: true, .. }, Some(bytes)) => check_sectors(bytes)?,
        (_, None) => {}
    }
    Ok(())
}

/// A file that was being changed: each sector is as it was or as it was to be, whichever of the changes
/// that were begun it belongs to.
fn check_sectors(bytes: &[u8]) -> Result<()> {
    /// More versions than `keep` makes.
    const VERSIONS: usize = 64;
    for (number, sector) in bytes.chunks(SECTOR).enumerate() {
        let is = |version: usize| {
            sector.iter().zip(number * SECTOR..).all(|(&found, n)| found == byte(version, n))
        };
        ensure!((1..VERSIONS).any(is), "sector {number} is neither old nor new");
    }
    Ok(())
}

/// All files in the root of a volume.
fn files(image: &[u8]) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut volume = Cursor::new(image.to_vec());
    let system = FileSystem::new(&mut volume, FsOptions::new())?;
    let mut files = BTreeMap::new();
    for entry in system.root_dir().iter() {
        let entry = entry?;
        let name = String::from_utf8_lossy(entry.short_file_name_as_bytes()).into_owned();
        let mut bytes = Vec::new();
        entry.to_file().read_to_end(&mut bytes).with_context(|| format!("reading {name}"))?;
        files.insert(name, bytes);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Program, image};

    fn with(name: &str, elf: Vec<u8>) -> Vec<u8> {
        image(&[Program { name: name.into(), elf }]).unwrap()
    }

    fn bytes(version: usize, length: usize) -> Vec<u8> {
        (0..length).map(|n| byte(version, n)).collect()
    }

    #[test]
    fn what_was_acknowledged_must_be_there_and_nothing_else_may_change() {
        let before = with("other", vec![1; 10]);
        let kept = "keep: changing KEEPA\nkeep: kept KEEPA 3 1000\r\n";
        assert!(check(kept, &before, &before).is_err(), "lost");
        let there = with("keepa", bytes(3, 1000));
        assert!(check(kept, &there, &there).is_ok());
        assert!(check(kept, &before, &there).is_err(), "OTHER is gone");
        assert!(check(kept, &there, &with("keepa", bytes(2, 1000))).is_err(), "an old version");
        assert!(check("keep: gone KEEPA\n", &there, &there).is_err(), "there again");
        assert!(check("", &there, &[0; 4096]).is_err(), "no volume");
    }

    #[test]
    fn a_file_that_was_being_changed_has_old_and_new_sectors() {
        let changing = "keep: kept KEEPA 3 1024\nkeep: changing KEEPA\n";
        let mixed: Vec<u8> = bytes(3, 512).into_iter().chain(bytes(4, 1024).into_iter().skip(512)).collect();
        let image = with("keepa", mixed);
        assert!(check(changing, &image, &image).is_ok());
        let torn: Vec<u8> = bytes(3, 700).into_iter().chain(bytes(4, 1024).into_iter().skip(700)).collect();
        let image = with("keepa", torn);
        assert!(check(changing, &image, &image).is_err());
    }
}
