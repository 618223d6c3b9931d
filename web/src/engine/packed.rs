//! Images as they are fetched: packed in the `.lzma` format, with a manifest of what they unpack to.

use std::collections::BTreeMap;
use std::io::Read;

use faultline_abi::scenario::{Image, Scenario};
use lzma_rust2::LzmaReader;
use serde::Deserialize;

use super::fetched::Images;
use crate::catalogue;
use crate::protocol::Load;

/// Bytes of an unpacked image, at most.
const IMAGE_BYTES: u64 = 256 << 20;
/// KiB that unpacking may take beside the image itself.
const MEMORY_KIB: u32 = 64 << 10;

/// What `images/manifest.json` says: the images that come with this page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Manifest(BTreeMap<String, Entry>);

#[derive(Clone, Debug, Deserialize)]
struct Entry {
    sha256: String,
    /// Of an image that serves one run only: SHA-256 over every event of it.
    exact: Option<String>,
}

/// Images that serve only the run of the scenario that the page opens with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct First {
    /// What the whole images are.
    pub images: Images,
    /// SHA-256 over every event of the run.
    pub exact: String,
}

impl Manifest {
    /// Reads the manifest.
    ///
    /// # Errors
    /// One sentence that says what is wrong with it.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(text).map_err(|error| format!("images/manifest.json: {error}"))
    }

    /// What serves the first run alone, if that is what is asked for and the page comes with it.
    #[must_use]
    pub fn first(&self, load: &Load, scenario: &Scenario) -> Option<First> {
        let is_first = load.scenario == catalogue::FIRST && load.text.is_none() && load.options.is_empty();
        let (kernel, disk) = (&scenario.images.kernel, scenario.images.disk.as_ref()?);
        let of = |name: &str| self.0.get(name);
        let exact = of(&first(&kernel.name))?.exact.clone().filter(|_| is_first)?;
        of(&first(&disk.name))?;
        let images = Images {
            kernel_sha256: of(&kernel.name)?.sha256.clone(),
            disk_sha256: Some(of(&disk.name)?.sha256.clone()),
        };
        Some(First { images, exact })
    }

    /// Where an image is found that serves the first run alone.
    #[must_use]
    pub fn first_place(image: &Image) -> String {
        format!("images/{}.lzma", first(&image.name))
    }

    /// Where an image is found: the one that the scenario was recorded with, where the site has kept
    /// it, otherwise the one that comes with this page.
    #[must_use]
    pub fn place(&self, image: &Image) -> String {
        let sha256 = |name: &str| self.0.get(name).map(|entry| &entry.sha256);
        match &image.sha256 {
            Some(pinned) if sha256(&image.name) != Some(pinned) && sha256(&kept(pinned)) == Some(pinned) => {
                format!("../{}.lzma", kept(pinned))
            }
            _ => format!("images/{}.lzma", image.name),
        }
    }
}

/// The name of an image that serves the first run alone.
fn first(name: &str) -> String {
    format!("first/{name}")
}

/// The name of an image of an earlier release.
fn kept(sha256: &str) -> String {
    format!("kept/{sha256}")
}

/// The image inside a packed one.
///
/// # Errors
/// One sentence that names the file.
pub fn unpack(file: &str, packed: &[u8]) -> Result<Vec<u8>, String> {
    let damaged =
        |what: &dyn std::fmt::Display| format!("{file} is damaged: {what}. Reload the page to try again.");
    let reader = LzmaReader::new_mem_limit(packed, MEMORY_KIB, None).map_err(|error| damaged(&error))?;
    let mut image = Vec::new();
    reader.take(IMAGE_BYTES + 1).read_to_end(&mut image).map_err(|error| damaged(&error))?;
    if image.len() as u64 > IMAGE_BYTES {
        return Err(damaged(&format_args!("it unpacks to more than {} MiB", IMAGE_BYTES >> 20)));
    }
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf fault | xz --format=lzma`
    const FAULT: &[u8] = &[
        0x5d, 0x00, 0x00, 0x80, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x33, 0x18, 0x4b,
        0x11, 0x79, 0x54, 0x58, 0xc4, 0x3f, 0xff, 0xfc, 0xb6, 0xb0, 0x00,
    ];

    #[test]
    fn an_image_unpacks_and_a_damaged_one_is_named() {
        assert_eq!(unpack("images/disk.img.lzma", FAULT).as_deref(), Ok(&b"fault"[..]));
        for damaged in [&FAULT[..10], &[0xff; 40], b""] {
            let error = unpack("images/disk.img.lzma", damaged).unwrap_err();
            assert!(error.starts_with("images/disk.img.lzma is damaged"), "{error}");
        }
    }

    #[test]
    fn an_image_of_an_earlier_release_is_taken_where_it_is_kept() {
        let text =
            br#"{"kernel.elf": {"bytes": 1, "sha256": "aa"}, "kept/bb": {"bytes": 1, "sha256": "bb"}}"#;
        let manifest = Manifest::read(text).expect("it is valid");
        let place = |sha256: Option<&str>| {
            manifest.place(&Image { sha256: sha256.map(Into::into), ..Image::named("kernel.elf") })
        };
        assert_eq!(place(Some("bb")), "../kept/bb.lzma");
        for current in [None, Some("aa"), Some("cc")] {
            assert_eq!(place(current), "images/kernel.elf.lzma");
        }
        assert!(Manifest::read(b"[]").unwrap_err().starts_with("images/manifest.json: "));
    }

    #[test]
    fn only_the_first_scenario_as_it_is_begins_with_images_of_its_own() {
        let text = br#"{"kernel.elf": {"sha256": "aa"}, "disk.img": {"sha256": "bb"},
            "first/kernel.elf": {"sha256": "cc", "exact": "dd"}, "first/disk.img": {"sha256": "ee", "exact": "dd"}}"#;
        let manifest = Manifest::read(text).expect("it is valid");
        let text = include_bytes!("../../../static/scenarios/lazy-sbrk.json");
        let scenario = crate::engine::Fetched::scenario(catalogue::FIRST, text).expect("it is valid");
        let load = Load { scenario: catalogue::FIRST.into(), ..Load::default() };
        let first = manifest.first(&load, &scenario).expect("there is one");
        assert_eq!((&*first.exact, &*first.images.kernel_sha256), ("dd", "aa"));
        for other in [
            Load { scenario: "other.json".into(), ..Load::default() },
            Load { text: Some("{}".into()), ..load.clone() },
            Load { options: [("sbrk".into(), "eager".into())].into(), ..load.clone() },
        ] {
            assert_eq!(manifest.first(&other, &scenario), None);
        }
        let without = Manifest::read(br#"{"kernel.elf": {"sha256": "aa"}}"#).expect("it is valid");
        assert_eq!(without.first(&load, &scenario), None);
    }
}
