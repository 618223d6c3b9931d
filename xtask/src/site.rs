//! The shape of the published folder.
//!
//! ```text
//! index.html       the only file that changes under its name, with sw.js
//! sw.js            keeps everything else for use without a network
//! v-DIGEST/        the page: names never change their content, so they may be cached for ever
//! kept/SHA256.lzma images of earlier releases, for scenarios that name them
//! ```

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::{guest, packed};

/// Folder of images of earlier releases.
const KEPT: &str = "kept";
/// How `index.html` names the script that starts the page.
const START: &str = "src=\"start.js\"";

/// Makes the site of `page`, a folder with the page's files, and the text of `index.html` in which
/// links are relative to that folder: renames it to its version and adds what stands beside it.
pub(crate) fn publish(site: &Path, page: &Path, index: &str, worker: &str) -> Result<()> {
    let version = version(page, &[index, worker])?;
    let index = with_version(index, &version)?;
    fs::rename(page, site.join(&version)).with_context(|| format!("renaming {}", page.display()))?;
    fs::write(site.join("index.html"), index)?;
    fs::write(site.join("sw.js"), service_worker(worker, site, &version)?)?;
    Ok(())
}

/// A name that changes with the content of any file.
fn version(page: &Path, texts: &[&str]) -> Result<String> {
    let mut digest = Sha256::new();
    for name in files(page)? {
        let content = fs::read(page.join(&name)).with_context(|| format!("reading {name}"))?;
        digest.update(format!("{name}\n{}\n", content.len()));
        digest.update(content);
    }
    texts.iter().for_each(|text| digest.update(text));
    Ok(format!("v-{}", &format!("{:x}", digest.finalize())[..12]))
}

fn with_version(index: &str, version: &str) -> Result<String> {
    ensure!(index.contains(START), "index.html does not start the page with {START}");
    let local = |attribute: &str| format!("{attribute}=\"./");
    let there = |attribute: &str| format!("{attribute}=\"{version}/");
    let start = START.replace("start.js", &format!("{version}/start.js"));
    Ok(index.replace(START, &start).replace(&local("href"), &there("href")))
}

/// The service worker with the version and the files it keeps.
fn service_worker(template: &str, site: &Path, version: &str) -> Result<String> {
    let names = files(site)?.into_iter().filter(|name| name.starts_with(version)).collect();
    let (first, later) = first_and_later(names);
    let mut text = template.to_owned();
    for (placeholder, value) in [
        ("\"@VERSION@\"", serde_json::to_string(version)?),
        ("[\"@FIRST@\"]", serde_json::to_string(&first)?),
        ("[\"@LATER@\"]", serde_json::to_string(&later)?),
    ] {
        ensure!(text.contains(placeholder), "sw.js has no place for {placeholder}");
        text = text.replace(placeholder, &value);
    }
    Ok(text)
}

/// The files of the site without which the page cannot show its first page fault, and all others.
pub(crate) fn first_and_later(names: Vec<String>) -> (Vec<String>, Vec<String>) {
    let first_images = format!("/images/{}/", guest::FIRST);
    let has_first = names.iter().any(|name| name.contains(&first_images));
    let has_rest = names.iter().any(|name| name.ends_with(REST));
    names
        .into_iter()
        .partition(|name| is_needed_at_first(name, has_rest) && !(has_first && is_about_whole_images(name)))
}

/// Whether it is about the whole images; an opening needs none of it.
fn is_about_whole_images(name: &str) -> bool {
    let path = name.split_once('/').map_or(name, |(_, path)| path);
    is_whole_image(name) || path == FIRST_SCENARIO || path == "images/manifest.json"
}

fn is_whole_image(name: &str) -> bool {
    name.ends_with(&format!(".{}", packed::SUFFIX)) && !name.contains(&format!("/{}/", guest::FIRST))
}

fn is_needed_at_first(name: &str, has_rest: bool) -> bool {
    let path = name.split_once('/').map_or(name, |(_, path)| path);
    let is_of_page = name.starts_with("v-") || !name.contains('/');
    let later =
        ["scenarios/", "images/lines/", "images/source/"].iter().any(|folder| path.starts_with(folder));
    let is_rest = path.ends_with(REST) || (has_rest && LATER_STYLES.contains(&path));
    is_of_page && (!later || path == FIRST_SCENARIO) && !is_rest && name != "sw.js"
}

/// How the name of a program's second part ends.
pub(crate) const REST: &str = "_rest.wasm";

/// The style of what is drawn at first; it comes from [`STYLE`], which comes later as a whole, and in its order.
pub(crate) const FIRST_STYLE: &str = "first.css";

/// The style of the page.
pub(crate) const STYLE: &str = "style.css";

/// Styles that are not needed at first.
pub(crate) const LATER_STYLES: [&str; 2] = [STYLE, "modes.css"];

/// The scenario that the page opens with.
pub(crate) const FIRST_SCENARIO: &str = "scenarios/lazy-sbrk.json";

/// The files below a folder by their path in it, in alphabetical order.
pub(crate) fn files(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    collect(folder, "", &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, prefix: &str, found: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), found)?;
        } else {
            found.push(name);
        }
    }
    Ok(())
}

/// Takes the images of an earlier site over, under their digest, and names them in the manifest of
/// the page that is about to be published; how many there are.
pub(crate) fn keep_images(site: &Path, page: &Path, earlier: &Path) -> Result<usize> {
    let (kept, suffix) = (site.join(KEPT), format!(".{}", packed::SUFFIX));
    fs::create_dir_all(&kept)?;
    let manifest = page.join("images/manifest.json");
    let mut entries = read_manifest(&manifest)?;
    let mut count = 0;
    let serves_others = |name: &String| name.ends_with(&suffix) && is_whole_image(name);
    for name in files(earlier)?.into_iter().filter(serves_others) {
        let (file, entry) = (earlier.join(&name), entry_of(&earlier.join(&name))?);
        let digest = entry["sha256"].as_str().filter(|digest| digest.len() == 64);
        let digest = digest.with_context(|| format!("{} has no digest in its manifest", file.display()))?;
        fs::copy(&file, kept.join(format!("{digest}{suffix}")))
            .with_context(|| format!("keeping {}", file.display()))?;
        entries.insert(format!("{KEPT}/{digest}"), entry.clone());
        count += 1;
    }
    fs::write(&manifest, serde_json::to_string_pretty(&entries)? + "\n")?;
    Ok(count)
}

type Manifest = serde_json::Map<String, serde_json::Value>;

fn read_manifest(file: &Path) -> Result<Manifest> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", file.display()))
}

/// What an earlier site's manifest says of an image.
fn entry_of(file: &Path) -> Result<serde_json::Value> {
    let stem = file.file_stem().context("an image has a name")?.to_string_lossy().into_owned();
    let folder = file.parent().context("an image stands in a folder")?;
    if !folder.ends_with(KEPT) {
        return Ok(read_manifest(&folder.join("manifest.json"))?.remove(&stem).unwrap_or_default());
    }
    let site = folder.parent().context("the folder stands in a site")?;
    let named = |name: &String| name.ends_with("images/manifest.json");
    let manifest = files(site)?.into_iter().find(named).context("the earlier site has no manifest")?;
    Ok(read_manifest(&site.join(manifest))?.remove(&format!("{KEPT}/{stem}")).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("faultline-site-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn write(&self, name: &str, content: &str) {
            let file = self.0.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const INDEX: &str = r#"<link href="./style.css" /><script type="module" src="start.js"></script>"#;
    const WORKER: &str = r#"const VERSION = "@VERSION@"; const FIRST = ["@FIRST@"], LATER = ["@LATER@"];"#;

    fn page(name: &str, style: &str) -> Folder {
        let folder = Folder::new(name);
        folder.write("page/style.css", style);
        folder.write("page/start.js", "");
        folder.write("page/images/kernel.elf.lzma", "K");
        folder.write(
            "page/images/manifest.json",
            &format!(r#"{{"kernel.elf": {{"sha256": "{}"}}}}"#, "ab".repeat(32)),
        );
        folder.write("page/images/source/a.rs", "");
        folder
    }

    fn published(name: &str, style: &str) -> Folder {
        let folder = page(name, style);
        publish(&folder.0, &folder.0.join("page"), INDEX, WORKER).unwrap();
        folder
    }

    #[test]
    fn the_page_stands_in_a_folder_that_is_named_by_its_content() {
        let (a, b) = (published("a", "red"), published("b", "blue"));
        let (names_a, names_b) = (files(&a.0).unwrap(), files(&b.0).unwrap());
        assert_eq!(names_a.len(), 7);
        assert_ne!(names_a, names_b);
        let index = fs::read_to_string(a.0.join("index.html")).unwrap();
        for file in ["style.css", "start.js"] {
            let path = names_a.iter().find(|name| name.ends_with(file)).unwrap();
            assert!(index.contains(path), "{index}");
        }
    }

    #[test]
    fn the_service_worker_knows_what_is_needed_at_first() {
        let site = published("worker", "red");
        let worker = fs::read_to_string(site.0.join("sw.js")).unwrap();
        let (first, later) = worker.split_once("LATER").unwrap();
        assert!(first.contains("kernel.elf.lzma") && !first.contains("a.rs"), "{worker}");
        assert!(later.contains("a.rs") && !worker.contains('@'), "{worker}");
    }

    #[test]
    fn earlier_images_are_kept_under_their_digest() {
        let mut earlier = published("old", "red");
        // And once more from there.
        for name in ["new", "newer"] {
            let site = page(name, name);
            let folder = site.0.join("page");
            assert!(keep_images(&site.0, &folder, &earlier.0).unwrap() >= 1);
            let digest = "ab".repeat(32);
            let kept = fs::read_to_string(site.0.join(format!("kept/{digest}.lzma"))).unwrap();
            let manifest = fs::read_to_string(folder.join("images/manifest.json")).unwrap();
            assert!(kept == "K" && manifest.contains(&format!("kept/{digest}")), "{manifest}");
            publish(&site.0, &folder, INDEX, WORKER).unwrap();
            earlier = site;
        }
    }
}
