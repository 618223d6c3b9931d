//! The disk image: a FAT16 volume without a partition table, with the programs in its root, and behind
//! the volume room for the pages that the kernel swaps out.
//!
//! The same programs give the same bytes: names go in sorted, the volume number is fixed, and
//! every time stamp is FAT's first day.

use std::io::{Cursor, Write};

use anyhow::{Context, Result, bail, ensure};
use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};

/// FAT16 needs at least 4,085 clusters; with clusters of one sector 4 MiB have about 8,100.
const BYTES: usize = 4 << 20;
/// Room for swap: 128 pages.
const SWAP_BYTES: usize = 128 << 12;
/// One sector to a cluster: the kernel's reads then show as the sectors that they are.
const CLUSTER: u32 = 512;
const VOLUME_ID: u32 = 0x4641_554c;
const LABEL: [u8; 11] = *b"FAULTLINE  ";

/// A program by the name of its binary, and its ELF file.
pub(crate) struct Program {
    /// The binary's name, in lower case.
    pub(crate) name: String,
    /// The ELF file that goes onto the disk.
    pub(crate) elf: Vec<u8>,
}

/// The image with all programs in its root, in alphabetical order.
pub(crate) fn image(programs: &[Program]) -> Result<Vec<u8>> {
    let mut sorted: Vec<&Program> = programs.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut volume = empty_volume()?;
    let files = FileSystem::new(&mut volume, FsOptions::new()).context("reading the empty volume")?;
    for program in sorted {
        let name = short_name(&program.name)?;
        let mut file =
            files.root_dir().create_file(&name).with_context(|| format!("creating {name} on the disk"))?;
        file.write_all(&program.elf)
            .with_context(|| format!("writing {name}; the disk has {BYTES} bytes"))?;
    }
    files.unmount().context("closing the volume")?;
    let mut image = volume.into_inner();
    image.resize(BYTES + SWAP_BYTES, 0);
    Ok(image)
}

fn empty_volume() -> Result<Cursor<Vec<u8>>> {
    let mut volume = Cursor::new(vec![0; BYTES]);
    let options = FormatVolumeOptions::new()
        .fat_type(FatType::Fat16)
        .bytes_per_cluster(CLUSTER)
        .volume_id(VOLUME_ID)
        .volume_label(LABEL);
    fatfs::format_volume(&mut volume, options).context("formatting the disk")?;
    Ok(volume)
}

/// The kernel knows short names only: at most eight characters, in upper case.
fn short_name(program: &str) -> Result<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    ensure!(!program.is_empty(), "a program needs a name");
    if program.len() > 8 || !program.chars().all(plain) {
        bail!(
            "program `{program}`: a name on the disk has at most 8 letters, digits, `_` or `-`; rename the binary"
        );
    }
    Ok(program.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use std::{io::Read, process::Command};

    use super::*;

    fn programs() -> Vec<Program> {
        [("lazy", 5000), ("guard", 12), ("hello", 513)]
            .map(|(name, size)| Program {
                name: name.into(),
                elf: vec![u8::try_from(name.len()).unwrap(); size],
            })
            .into()
    }

    fn on_disk(entry: &fatfs::DirEntry<'_, &mut Cursor<Vec<u8>>>) -> String {
        String::from_utf8(entry.short_file_name_as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn what_goes_in_comes_out_under_its_upper_case_name() {
        let mut volume = Cursor::new(image(&programs()).unwrap());
        let files = FileSystem::new(&mut volume, FsOptions::new()).unwrap();
        assert_eq!(files.fat_type(), FatType::Fat16);
        let names: Vec<String> = files.root_dir().iter().map(|entry| on_disk(&entry.unwrap())).collect();
        assert_eq!(names, ["GUARD", "HELLO", "LAZY"]);
        let mut lazy = Vec::new();
        files.root_dir().open_file("LAZY").unwrap().read_to_end(&mut lazy).unwrap();
        assert_eq!(lazy, vec![4; 5000]);
    }

    #[test]
    fn room_for_swap_stands_behind_the_volume() {
        let image = image(&programs()).unwrap();
        let sectors = u16::from_le_bytes([image[19], image[20]]);
        assert_eq!(usize::from(sectors) * 512, BYTES);
        assert!(image[BYTES..].iter().all(|&byte| byte == 0));
        assert_eq!(image.len(), BYTES + SWAP_BYTES);
    }

    #[test]
    fn the_order_of_the_programs_does_not_matter() {
        let mut reversed = programs();
        reversed.reverse();
        assert!(image(&programs()).unwrap() == image(&reversed).unwrap());
    }

    #[test]
    fn a_name_the_kernel_could_not_find_is_refused() {
        for name in ["longer-than-8", "a.b", "", "ümlaut"] {
            let program = Program { name: name.into(), elf: vec![] };
            assert!(image(&[program]).is_err(), "{name}");
        }
    }

    #[test]
    fn programs_that_do_not_fit_are_an_error() {
        let program = Program { name: "big".into(), elf: vec![1; BYTES] };
        let error = image(&[program]).unwrap_err();
        assert!(error.to_string().starts_with("writing BIG"), "{error}");
    }

    #[test]
    fn another_implementation_finds_no_fault() {
        let Some(fsck) = crate::process::find("fsck.fat") else {
            eprintln!("SKIPPED: fsck.fat is not installed (Debian: dosfstools)");
            return;
        };
        let file = std::env::temp_dir().join(format!("faultline-disk-{}.img", std::process::id()));
        std::fs::write(&file, image(&programs()).unwrap()).unwrap();
        let output = Command::new(fsck).arg("-n").arg(&file).output().unwrap();
        std::fs::remove_file(&file).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
