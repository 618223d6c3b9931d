//! Putting a scenario's extra files on the disk, before the machine is built.
//!
//! The disk must be a FAT volume, as `cargo xtask guest` makes it; whatever lies behind the volume stays.

use std::fmt;
use std::io::{Cursor, Read, Write};

use fatfs::{FileSystem, FsOptions};
use faultline_abi::scenario::ExtraFile;

/// Why files could not be put on a disk.
#[derive(Debug)]
pub enum DiskFilesError {
    /// The disk is no FAT volume that can be read.
    NoVolume(std::io::Error),
    /// A file does not fit, or the volume is damaged.
    File(String, std::io::Error),
    /// The file has no contents that can be read.
    Contents(String, &'static str),
}

impl fmt::Display for DiskFilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVolume(error) => {
                write!(f, "field `files`: the disk holds no FAT volume to put files on ({error})")
            }
            Self::File(name, error) => {
                write!(f, "field `files`: {name} cannot be put on the disk ({error})")
            }
            Self::Contents(name, reason) => write!(f, "field `files`: {name}: {reason}"),
        }
    }
}

impl std::error::Error for DiskFilesError {}

/// The disk with these files in its root folder, in place of those with the same names.
///
/// # Errors
/// Which file could not be put there, and why.
pub fn put(mut disk: Vec<u8>, files: &[ExtraFile]) -> Result<Vec<u8>, DiskFilesError> {
    if files.is_empty() {
        return Ok(disk);
    }
    let options = FsOptions::new().update_accessed_date(false);
    let volume = FileSystem::new(Cursor::new(&mut disk), options).map_err(DiskFilesError::NoVolume)?;
    for file in files {
        let bytes = file.bytes().map_err(|reason| DiskFilesError::Contents(file.name.clone(), reason))?;
        let failed = |error| DiskFilesError::File(file.name.clone(), error);
        let root = volume.root_dir();
        let mut target = root.create_file(&file.name).map_err(failed)?;
        target
            .truncate()
            .and_then(|()| target.write_all(&bytes))
            .and_then(|()| target.flush())
            .map_err(failed)?;
    }
    volume.unmount().map_err(DiskFilesError::NoVolume)?;
    Ok(disk)
}

/// A file in the root folder of a disk; `None` where there is none, or no FAT volume.
#[must_use]
pub fn get(disk: Vec<u8>, name: &str) -> Option<Vec<u8>> {
    let options = FsOptions::new().update_accessed_date(false);
    let volume = FileSystem::new(Cursor::new(disk), options).ok()?;
    let mut contents = Vec::new();
    volume.root_dir().open_file(name).ok()?.read_to_end(&mut contents).ok()?;
    Some(contents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fatfs::FormatVolumeOptions;

    fn volume() -> Vec<u8> {
        let mut disk = vec![0; 1 << 20];
        fatfs::format_volume(Cursor::new(&mut disk), FormatVolumeOptions::new()).unwrap();
        disk.extend([0xa5; 4096]);
        disk
    }

    fn file(name: &str, text: &str) -> ExtraFile {
        ExtraFile { name: name.into(), text: Some(text.into()), ..ExtraFile::default() }
    }

    fn read(disk: &mut Vec<u8>, name: &str) -> String {
        let volume = FileSystem::new(Cursor::new(disk), FsOptions::new()).unwrap();
        let mut text = String::new();
        volume.root_dir().open_file(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn files_are_put_on_the_volume_and_replace_others_and_nothing_else_changes() {
        let disk = put(volume(), &[file("a.txt", "a long first text"), file("B", "b")]).unwrap();
        let mut disk = put(disk, &[file("A.TXT", "second")]).unwrap();
        assert_eq!((read(&mut disk, "a.txt").as_str(), read(&mut disk, "b").as_str()), ("second", "b"));
        assert_eq!(disk.len(), (1 << 20) + 4096);
        assert_eq!(disk[1 << 20..], [0xa5; 4096]);
        assert_eq!(put(volume(), &[file("x", "y")]).unwrap(), put(volume(), &[file("x", "y")]).unwrap());
    }

    #[test]
    fn a_disk_that_cannot_take_them_is_refused_with_the_file() {
        let error = put(vec![0; 4096], &[file("a", "")]).unwrap_err().to_string();
        assert!(error.starts_with("field `files`: the disk holds no FAT volume"), "{error}");
        let error = put(volume(), &[file("big", &"x".repeat(2 << 20))]).unwrap_err().to_string();
        assert!(error.starts_with("field `files`: big cannot be put on the disk"), "{error}");
        assert!(put(Vec::new(), &[]).unwrap().is_empty());
    }
}
