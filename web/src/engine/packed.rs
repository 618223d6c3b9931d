//! Images as they are fetched: packed in the `.lzma` format, with a manifest of what they unpack to.

use std::collections::BTreeMap;
use std::io::Read;

use faultline_abi::scenario::Image;
use lzma_rust2::LzmaReader;
use serde::Deserialize;

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
}

impl Manifest {
    /// Reads the manifest.
    ///
    /// # Errors
    /// One sentence that says what is wrong with it.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(text).map_err(|error| format!("images/manifest.json: {error}"))
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
}
