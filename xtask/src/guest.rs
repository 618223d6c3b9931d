//! The guest images: the kernel, its programs and the disk that holds them.
//!
//! The folder holds
//! ```text
//! kernel.elf           the kernel with symbols and debug information
//! kernel.stripped.elf  without debug information, for the page
//! disk.img             FAT16, with the programs in its root
//! user/NAME            each program with symbols and debug information
//! lines/NAME.json      from which line of its source each instruction of a program, or of `kernel`, comes
//! source/PATH          the source that the line tables name
//! manifest.json        size and SHA-256 of each of these
//! ```

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use faultline_abi::lines::Source;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    artifacts::{Binary, binaries},
    disk, elf, lines,
    opening::{self, Opening},
    packed, process,
    toolchain::{self, Target},
    ui, workspace,
};

/// Name of the kernel's binary; every other binary of the guest is a program for the disk.
const KERNEL: &str = "kernel";

/// Files by their path inside the folder of images.
type Images = BTreeMap<String, Vec<u8>>;

/// What `manifest.json` says of one file.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Entry {
    bytes: usize,
    sha256: String,
}

/// Builds the guest and brings the folder of images up to date.
pub(crate) fn build() -> Result<PathBuf> {
    let binaries = ui::step("Building the kernel and its programs", compile)?;
    let folder = workspace::guest_images();
    let changed = update(&folder, &images(&binaries)?)?;
    match changed.as_slice() {
        [] => ui::note(&format!("the images in {} are up to date", workspace::shown(&folder))),
        names => ui::note(&format!("wrote {} to {}", shown(names), workspace::shown(&folder))),
    }
    Ok(folder)
}

/// Files in a sentence: by name, while they are few.
fn shown(names: &[String]) -> String {
    if names.len() > 6 { format!("{} files", names.len()) } else { names.join(", ") }
}

/// The images that the page loads, and the names it knows them by.
pub(crate) const PAGE_IMAGES: [(&str, &str); 2] =
    [("kernel.stripped.elf", "kernel.elf"), ("disk.img", "disk.img")];

/// The folders with line tables and source, which the page loads where they are looked at.
const SOURCE_FOLDERS: [&str; 2] = ["lines", "source"];

/// The folder of the images that serve only the scenario that the page opens with.
pub(crate) const FIRST: &str = "first";

/// Writes to `folder` what the page loads: each image packed, and a manifest of what they unpack to.
pub(crate) fn copy_for_page(folder: &Path, opening: Option<&Opening>) -> Result<()> {
    let guest = workspace::guest_images();
    let mut images = Images::new();
    let mut entries = BTreeMap::new();
    for (from, to) in PAGE_IMAGES {
        let whole = (guest.join(from), to.to_owned());
        let first = |opening: &Opening| (opening.folder.join(to), format!("{FIRST}/{to}"));
        for (file, name) in std::iter::once(whole).chain(opening.map(first)) {
            let image = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
            entries.insert(name.clone(), entry(&image));
            images.insert(format!("{name}.{}", packed::SUFFIX), packed::packed(&image)?);
        }
    }
    if let Some(opening) = opening {
        let file = opening.scenario();
        let scenario = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        images
            .insert(format!("{FIRST}/{}.{}", opening::SCENARIO, packed::SUFFIX), packed::packed(&scenario)?);
    }
    images.insert("manifest.json".into(), manifest(&entries)?);
    for subfolder in SOURCE_FOLDERS {
        add_all(&mut images, &guest, subfolder)?;
    }
    update(folder, &images).map(drop)
}

/// Adds every file below a folder of the images.
fn add_all(images: &mut Images, guest: &Path, name: &str) -> Result<()> {
    let path = guest.join(name);
    if path.is_file() {
        let content = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        images.insert(name.into(), content);
        return Ok(());
    }
    for entry in fs::read_dir(&path).with_context(|| format!("reading {}", path.display()))? {
        add_all(images, guest, &format!("{name}/{}", entry?.file_name().to_string_lossy()))?;
    }
    Ok(())
}

fn compile() -> Result<Vec<Binary>> {
    let compiler = toolchain::ensure(Target::Guest)?;
    let mut cargo = compiler.cargo(Target::Guest);
    cargo.args(["build", "--profile", "guest", "--target", Target::Guest.triple()]);
    cargo.args(["--package", "faultline-kernel", "--package", "faultline-user", "--bins"]);
    cargo.arg("--target-dir").arg(workspace::guest_build());
    cargo.args(["--message-format", "json-render-diagnostics"]);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags()).stdin(Stdio::null());
    let binaries = binaries(&process::stdout_of(&mut cargo)?)?;
    ensure!(binaries.iter().any(|binary| binary.name == KERNEL), "the guest has no binary called `{KERNEL}`");
    Ok(binaries)
}

/// The images must not depend on where the checkout and Cargo's registry stand. The user's own
/// flags are for the host and are left out.
fn flags() -> OsString {
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let mut flags = OsString::new();
    for (folder, name) in [(Some(workspace::root()), lines::WORKSPACE), (cargo_home, "/cargo")] {
        let Some(folder) = folder else { continue };
        if !flags.is_empty() {
            flags.push("\x1f");
        }
        flags.push("--remap-path-prefix=");
        flags.push(folder);
        flags.push("=");
        flags.push(name.trim_end_matches('/'));
    }
    flags
}

fn images(binaries: &[Binary]) -> Result<Images> {
    let mut images = Images::new();
    let mut programs = Vec::new();
    for Binary { name, file } in binaries {
        let content = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        add_lines(&mut images, name, &content)?;
        if name == KERNEL {
            images.insert("kernel.stripped.elf".into(), elf::without_debug_info(&content)?);
            images.insert("kernel.elf".into(), content);
        } else {
            programs.push(disk::Program { name: name.clone(), elf: elf::bare(&content)? });
            images.insert(format!("user/{name}"), content);
        }
    }
    images.insert("disk.img".into(), disk::image(&programs)?);
    with_manifest(images)
}

/// Adds a program's line table, and the source that it names.
fn add_lines(images: &mut Images, name: &str, elf: &[u8]) -> Result<()> {
    let own =
        if name == KERNEL { "guest-kernel/src/".into() } else { format!("guest-kernel/user/src/bin/{name}") };
    let table = lines::table(&lines::Program { name, own: &own, elf })?;
    for file in table.files.iter().filter(|file| file.source != Source::Absent) {
        let path = workspace::root().join(&file.path);
        let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        images.insert(format!("source/{}", file.path), text);
    }
    images.insert(format!("lines/{name}.json"), serde_json::to_vec(&table)?);
    Ok(())
}

fn with_manifest(mut images: Images) -> Result<Images> {
    let entries = images.iter().map(|(name, content)| (name.clone(), entry(content))).collect();
    images.insert("manifest.json".into(), manifest(&entries)?);
    Ok(images)
}

fn manifest(entries: &BTreeMap<String, Entry>) -> Result<Vec<u8>> {
    Ok((serde_json::to_string_pretty(entries)? + "\n").into_bytes())
}

fn entry(content: &[u8]) -> Entry {
    let sha256 = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    Entry { bytes: content.len(), sha256 }
}

/// Writes the files whose content changed and removes programs that are no more; the names of what
/// was written or removed. The manifest goes last, so that it never names what is not there yet.
fn update(folder: &Path, images: &Images) -> Result<Vec<String>> {
    let mut changed = Vec::new();
    for subfolder in ["user", "lines", "source"] {
        remove_others(folder, subfolder, images, &mut changed)?;
    }
    let (manifest, files): (Vec<_>, Vec<_>) = images.iter().partition(|(name, _)| *name == "manifest.json");
    for (name, content) in files.into_iter().chain(manifest) {
        if write_if_changed(&folder.join(name), content)? {
            changed.push(name.clone());
        }
    }
    Ok(changed)
}

/// Removes what lies below `name` and is no image any more.
fn remove_others(folder: &Path, name: &str, images: &Images, removed: &mut Vec<String>) -> Result<()> {
    let path = folder.join(name);
    for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
        remove_others(folder, &format!("{name}/{}", entry.file_name().to_string_lossy()), images, removed)?;
    }
    if path.is_file() && !images.contains_key(name) {
        fs::remove_file(&path).with_context(|| format!("removing {name}"))?;
        removed.push(name.into());
    }
    Ok(())
}

/// A file is replaced whole or not at all: readers never see half of it.
fn write_if_changed(file: &Path, content: &[u8]) -> Result<bool> {
    if fs::read(file).is_ok_and(|old| old == content) {
        return Ok(false);
    }
    let folder = file.parent().context("an image stands in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let new = file.with_extension(format!("new-{}", std::process::id()));
    fs::write(&new, content).with_context(|| format!("writing {}", new.display()))?;
    fs::rename(&new, file).with_context(|| format!("replacing {}", file.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        env::temp_dir().join(format!("faultline-{name}-{}", std::process::id()))
    }

    #[test]
    fn only_what_changed_is_written_and_old_programs_go() {
        let folder = folder("update");
        let images = |names: &[&str]| {
            with_manifest(names.iter().map(|name| ((*name).to_owned(), name.as_bytes().to_vec())).collect())
                .unwrap()
        };
        let both = images(&["disk.img", "user/lazy"]);
        assert_eq!(update(&folder, &both).unwrap(), ["disk.img", "user/lazy", "manifest.json"]);
        assert_eq!(update(&folder, &both).unwrap(), [""; 0]);
        assert_eq!(update(&folder, &images(&["disk.img"])).unwrap(), ["user/lazy", "manifest.json"]);
        assert!(!folder.join("user/lazy").exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_manifest_gives_size_and_digest() {
        // SHA-256 of the empty input, as the standard's test vectors give it.
        let expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(entry(b""), Entry { bytes: 0, sha256: expected.into() });
    }
}
