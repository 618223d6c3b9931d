//! Images as the page fetches them: compressed in the `.lzma` format, which the page's worker unpacks.
//!
//! Web hosts do not compress files whose type they do not know, and the disk is nearly all zeros.

use std::{fs, io::Write, path::Path};

use anyhow::{Context, Result};
use lzma_rust2::{LzmaOptions, LzmaWriter};
use sha2::{Digest, Sha256};

use crate::workspace;

/// What is appended to the name of a packed image.
pub(crate) const SUFFIX: &str = "lzma";

/// The settings. RISC-V code with compressed instructions is aligned to two bytes.
fn options() -> LzmaOptions {
    let mut options = LzmaOptions::with_preset(9);
    options.dict_size = 8 << 20;
    (options.lc, options.lp, options.pb) = (2, 1, 1);
    options
}

/// The image, packed; what was packed before is kept, because packing takes seconds.
pub(crate) fn packed(image: &[u8]) -> Result<Vec<u8>> {
    let folder = workspace::target().join("packed");
    let known = folder.join(format!("{:x}.{SUFFIX}", Sha256::digest(image)));
    if let Ok(packed) = fs::read(&known) {
        return Ok(packed);
    }
    let packed = pack(image)?;
    keep(&folder, &known, &packed).with_context(|| format!("keeping {}", known.display()))?;
    Ok(packed)
}

/// Written beside and renamed: another command may be reading.
fn keep(folder: &Path, file: &Path, packed: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let new = file.with_extension(format!("new-{}", std::process::id()));
    fs::write(&new, packed)?;
    fs::rename(new, file)
}

fn pack(image: &[u8]) -> Result<Vec<u8>> {
    let mut writer = LzmaWriter::new_use_header(Vec::new(), &options(), Some(image.len() as u64))?;
    writer.write_all(image)?;
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use lzma_rust2::LzmaReader;

    use super::*;

    #[test]
    fn what_is_packed_comes_out_again_and_zeros_cost_nothing() {
        let mut image = vec![0; 1 << 20];
        image[70_000..70_005].copy_from_slice(b"fault");
        let packed = pack(&image).unwrap();
        assert!(packed.len() < 1000, "{} bytes", packed.len());
        let mut unpacked = Vec::new();
        LzmaReader::new_mem_limit(&*packed, 1 << 16, None).unwrap().read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, image);
    }
}
