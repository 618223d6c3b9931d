//! The files of the FAT volume: one directory, short names.
//!
//! A file is opened once on the volume, however often programs open, map or run it; the last to let go
//! closes it. A file that is unlinked while somebody holds it disappears from the disk then.

use alloc::{
    collections::BTreeMap,
    rc::{Rc, Weak},
    string::String,
    vec::Vec,
};
use core::{
    cell::{Cell, RefCell},
    ops::ControlFlow,
};

use embedded_sdmmc::{
    Block, BlockDevice as Blocks, BlockIdx, DirEntry, Mode, RawDirectory, RawFile, TimeSource, Timestamp,
    VolumeIdx, VolumeManager,
};

use super::disk::{Disk, DiskError};
use crate::file::{File, FileId, FileRef, IoError};

/// Files that may be open at once.
const FILES_MAX: usize = 64;
/// Bytes of a name in a directory listing, padded with zeros.
const LISTED_NAME: usize = 16;

/// Why a file cannot be opened.
pub type FileError = embedded_sdmmc::Error<DiskError>;

type Volume = VolumeManager<Disk, NoClock, 4, FILES_MAX, 1>;

/// What to do about a file that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is an error.
    Fail,
    /// Make an empty one.
    Create,
}

/// The board has no calendar clock that a run could depend on: every file dates from 1980.
struct NoClock;

impl TimeSource for NoClock {
    fn get_timestamp(&self) -> Timestamp {
        Timestamp {
            year_since_1970: 10,
            zero_indexed_month: 0,
            zero_indexed_day: 0,
            hours: 0,
            minutes: 0,
            seconds: 0,
        }
    }
}

/// The file system.
pub struct FileSystem {
    volume: Volume,
    root: RawDirectory,
    disk: Disk,
    boot_sector: [u8; Block::LEN],
    /// The files that are open, by name.
    open: RefCell<BTreeMap<String, Weak<Inode>>>,
    last_id: Cell<u32>,
}

impl FileSystem {
    /// The file system on `disk`, whose first sector is `boot_sector`.
    ///
    /// # Errors
    /// Where there is no FAT16 or FAT32 volume, or the disk fails.
    pub fn mount(disk: Disk, boot_sector: [u8; Block::LEN]) -> Result<Rc<Self>, FileError> {
        check_cluster_size(&boot_sector)?;
        let volume = Volume::new_with_limits(disk.clone(), NoClock, 1);
        let raw = volume.open_raw_volume(VolumeIdx(0))?;
        let root = volume.open_root_dir(raw)?;
        let (open, last_id) = (RefCell::default(), Cell::new(0));
        Ok(Rc::new(Self { volume, root, disk, boot_sector, open, last_id }))
    }

    /// Opens the file `name`. Upper and lower case are the same.
    ///
    /// # Errors
    /// Where there is none and `missing` makes none, or the disk fails.
    pub fn open(self: &Rc<Self>, name: &str, missing: Missing) -> Result<Rc<Inode>, FileError> {
        let name = name.to_ascii_uppercase();
        if let Some(inode) = self.open.borrow().get(&name).and_then(Weak::upgrade) {
            return Ok(inode);
        }
        let mode = if missing == Missing::Create { Mode::ReadWriteCreateOrAppend } else { Mode::ReadOnly };
        let raw = Cell::new(self.volume.open_file_in_dir(self.root, name.as_str(), mode)?);
        self.last_id.set(self.last_id.get() + 1);
        let (id, mode, fate) = (FileId(self.last_id.get()), Cell::new(mode), Cell::new(Fate::Keep));
        let inode = Rc::new(Inode { files: Rc::clone(self), id, name: name.clone(), raw, mode, fate });
        self.open.borrow_mut().insert(name, Rc::downgrade(&inode));
        Ok(inode)
    }

    /// Removes the file `name`; if somebody holds it, when nobody does any more.
    ///
    /// # Errors
    /// Where there is none, or the disk fails.
    pub fn unlink(&self, name: &str) -> Result<(), FileError> {
        let name = name.to_ascii_uppercase();
        let open = self.open.borrow_mut().remove(&name);
        match open.and_then(|inode| inode.upgrade()) {
            Some(inode) => {
                inode.fate.set(Fate::Remove);
                Ok(())
            }
            None => self.remove(&name),
        }
    }

    /// The directory: for each file a name padded with zeros and a size, 8 bytes, lowest first.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn list(&self) -> Result<Vec<u8>, FileError> {
        let mut listing = Vec::new();
        self.volume.iterate_dir(self.root, |entry| {
            if !entry.attributes.is_volume() && !entry.attributes.is_directory() {
                let name = alloc::format!("{}", entry.name);
                let name = name.bytes().chain(core::iter::repeat(0)).take(LISTED_NAME);
                listing.extend(name.chain(u64::from(entry.size).to_le_bytes()));
            }
            ControlFlow::Continue(())
        })?;
        Ok(listing)
    }

    /// Removes the file `name`, which is not open. The volume's own code leaves the first cluster of a
    /// file that it removes in use for ever, so it is freed here.
    fn remove(&self, name: &str) -> Result<(), FileError> {
        let entry = self.volume.find_directory_entry(self.root, name)?;
        if entry.attributes.is_directory() {
            return Err(FileError::OpenedDirAsFile);
        }
        let cluster = self.first_cluster(&entry)?;
        let file = self.volume.open_file_in_dir(self.root, name, Mode::ReadWriteTruncate)?;
        self.volume.close_file(file)?;
        self.volume.delete_entry_in_dir(self.root, name)?;
        // The volume remembers the sector it used last. That is one of the directory now, so it does
        // not miss that the FAT changes.
        if cluster >= 2 { self.free_cluster(cluster) } else { Ok(()) }
    }

    /// The first cluster of a file, 0 for an empty one, from its directory entry (offset 26).
    fn first_cluster(&self, entry: &DirEntry) -> Result<u16, FileError> {
        let mut block = [Block::new()];
        self.disk.read(&mut block, entry.entry_block).map_err(FileError::DeviceError)?;
        let at = usize::try_from(entry.entry_offset).unwrap_or(0) % Block::LEN + 26;
        Ok(u16::from_le_bytes([block[0].contents[at], block[0].contents[at + 1]]))
    }

    /// Marks a cluster as free in every copy of the FAT (FAT16: two bytes each).
    fn free_cluster(&self, cluster: u16) -> Result<(), FileError> {
        let word =
            |at: usize| u32::from(u16::from_le_bytes([self.boot_sector[at], self.boot_sector[at + 1]]));
        let (reserved, copies, size) = (word(14), u32::from(self.boot_sector[16]), word(22));
        let at = usize::from(cluster) * 2;
        for copy in 0..copies {
            let sector = reserved + copy * size + u32::try_from(at / Block::LEN).unwrap_or(0);
            // The disk shows the volume behind a made-up partition table of one block.
            let block = BlockIdx(sector + 1);
            let mut contents = [Block::new()];
            self.disk.read(&mut contents, block).map_err(FileError::DeviceError)?;
            contents[0].contents[at % Block::LEN..][..2].fill(0);
            self.disk.write(&contents, block).map_err(FileError::DeviceError)?;
        }
        Ok(())
    }
}

/// Checks what the file-system crate would divide by (Microsoft's FAT specification, "Boot Sector").
fn check_cluster_size(boot_sector: &[u8; Block::LEN]) -> Result<(), FileError> {
    let bytes_per_sector = u16::from_le_bytes([boot_sector[11], boot_sector[12]]);
    let sectors_per_cluster = boot_sector[13];
    if usize::from(bytes_per_sector) == Block::LEN && sectors_per_cluster.is_power_of_two() {
        Ok(())
    } else {
        Err(FileError::FormatError("the first sector is no FAT boot sector"))
    }
}

/// What becomes of a file when nobody holds it any more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Keep,
    Remove,
}

/// A file that somebody holds.
pub struct Inode {
    files: Rc<FileSystem>,
    id: FileId,
    name: String,
    raw: Cell<RawFile>,
    /// How it is open on the volume: to read, until somebody writes.
    mode: Cell<Mode>,
    fate: Cell<Fate>,
}

impl Inode {
    /// The file as who maps or runs it sees it.
    #[must_use]
    pub fn as_file(self: &Rc<Self>) -> FileRef {
        Rc::clone(self) as FileRef
    }

    /// Makes the file empty.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn truncate(&self) -> Result<(), IoError> {
        if self.size() == 0 {
            return Ok(());
        }
        self.files.volume.close_file(self.raw.get()).map_err(|_| IoError)?;
        // An empty file must have no cluster, which the volume's own truncation would leave it.
        self.files.remove(&self.name).map_err(|_| IoError)?;
        self.open_again(Mode::ReadWriteCreate)
    }

    /// Closes the file on the volume and opens it again to write.
    fn make_writable(&self) -> Result<(), IoError> {
        self.files.volume.close_file(self.raw.get()).map_err(|_| IoError)?;
        self.open_again(Mode::ReadWriteAppend)
    }

    fn open_again(&self, mode: Mode) -> Result<(), IoError> {
        let root = self.files.root;
        let raw = self.files.volume.open_file_in_dir(root, self.name.as_str(), mode);
        self.raw.set(raw.map_err(|_| IoError)?);
        self.mode.set(mode);
        Ok(())
    }

    fn seek(&self, offset: u64) -> Result<(), IoError> {
        let offset = u32::try_from(offset).map_err(|_| IoError)?;
        self.files.volume.file_seek_from_start(self.raw.get(), offset).map_err(|_| IoError)
    }
}

impl File for Inode {
    fn id(&self) -> FileId {
        self.id
    }

    fn size(&self) -> u64 {
        self.files.volume.file_length(self.raw.get()).map_or(0, u64::from)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), IoError> {
        if buffer.is_empty() {
            return Ok(());
        }
        self.seek(offset)?;
        let mut rest = buffer;
        while !rest.is_empty() {
            match self.files.volume.read(self.raw.get(), rest) {
                Ok(0) | Err(_) => return Err(IoError),
                Ok(length) => rest = &mut rest[length..],
            }
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        if self.mode.get() == Mode::ReadOnly {
            self.make_writable()?;
        }
        self.seek(offset)?;
        self.files.volume.write(self.raw.get(), bytes).map_err(|_| IoError)
    }

    fn flush(&self) -> Result<(), IoError> {
        if self.mode.get() == Mode::ReadOnly {
            return Ok(());
        }
        self.files.volume.flush_file(self.raw.get()).map_err(|_| IoError)
    }
}

impl Drop for Inode {
    fn drop(&mut self) {
        // Nobody is left whom a failing disk could be reported to; who must know flushes before.
        let _ = self.files.volume.close_file(self.raw.get());
        if self.fate.get() == Fate::Remove {
            let _ = self.files.remove(&self.name);
        } else {
            self.files.open.borrow_mut().remove(&self.name);
        }
    }
}
