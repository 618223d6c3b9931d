//! The copy of the source with every mistake in it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use super::{
    SWITCH,
    table::{MUTANTS, Mutant},
};
use crate::workspace;

/// Contents by path below the root.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Folders that the machine's tests are compiled from.
const FOLDERS: [&str; 5] = ["abi", "machine", "fuzz/harness", "static", "docs"];

/// Writes the copy. A file that is already as it should be is left alone, so that Cargo need not
/// compile it again.
pub(super) fn write(copy: &Path) -> Result<()> {
    let root = workspace::root();
    let mut files = Files::new();
    for folder in FOLDERS {
        collect(&root, &root.join(folder), &mut files)?;
    }
    for (number, mutant) in MUTANTS.iter().enumerate() {
        mutate(&mut files, number, mutant)?;
    }
    edit(&mut files, "machine/src/lib.rs", |text| Ok(format!("{text}\npub mod mutant;\n")))?;
    files.insert("machine/src/mutant.rs".into(), switch().into_bytes());
    files.insert("Cargo.toml".into(), manifest(&root)?.into_bytes());
    files.insert("Cargo.lock".into(), fs::read(root.join("Cargo.lock")).context("reading Cargo.lock")?);
    files.iter().try_for_each(|(file, bytes)| put(&copy.join(file), bytes))
}

fn collect(root: &Path, folder: &Path, files: &mut Files) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else {
            let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            files.insert(path.strip_prefix(root)?.to_path_buf(), bytes);
        }
    }
    Ok(())
}

/// Changes a file that is text.
fn edit(files: &mut Files, file: &str, change: impl FnOnce(&str) -> Result<String>) -> Result<()> {
    let bytes = files.get_mut(Path::new(file)).with_context(|| format!("there is no {file}"))?;
    *bytes = change(std::str::from_utf8(bytes)?)?.into_bytes();
    Ok(())
}

/// Puts one mistake in, behind its switch.
fn mutate(files: &mut Files, number: usize, mutant: &Mutant) -> Result<()> {
    let Mutant { name, edits, .. } = mutant;
    for (file, from, to) in *edits {
        let to = to.replace("MUTANT", &format!("crate::mutant::is_on({number})"));
        edit(files, &format!("machine/src/{file}"), |text| {
            let count = text.matches(from).count();
            // Other mistakes may have left their own copy of it behind.
            ensure!(count > 0, "`{name}`: {file} does not hold\n{from}");
            Ok(text.replacen(from, &to, 1))
        })?;
    }
    Ok(())
}

/// The module that says which mistake is on.
fn switch() -> String {
    format!(
        "use std::sync::OnceLock;
static ON: OnceLock<Option<usize>> = OnceLock::new();
pub fn is_on(number: usize) -> bool {{
    *ON.get_or_init(|| std::env::var({SWITCH:?}).ok()?.parse().ok()) == Some(number)
}}
"
    )
}

/// The workspace's manifest with the copied members only.
fn manifest(root: &Path) -> Result<String> {
    let manifest = fs::read_to_string(root.join("Cargo.toml")).context("reading Cargo.toml")?;
    let lines = manifest.lines().map(|line| match line.split_once(" = ") {
        Some((key @ ("members" | "default-members"), _)) => format!("{key} = [\"abi\", \"machine\"]\n"),
        _ => format!("{line}\n"),
    });
    Ok(lines.collect())
}

fn put(file: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(file).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    fs::write(file, bytes).with_context(|| format!("writing {}", file.display()))
}
