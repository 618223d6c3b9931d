//! The files of the FAT volume: one directory, short names.
//!
//! A file is opened once on the volume, however often programs open, map or run it; the last to let go
//! closes it. A file that is unlinked while somebody holds it gets another name (`00000007.DEL`), and
//! disappears from the disk when nobody does any more.

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
    Block, BlockDevice as Blocks, BlockIdx, Mode, RawDirectory, RawFile, TimeSource, Timestamp, VolumeIdx,
    VolumeManager,
};

use super::disk::{Disk, DiskError};
use crate::file::{File, FileId, FileRef, IoError};

/// Files that may be open at once.
const FILES_MAX: usize = 64;
/// Bytes of a name in a directory listing, padded with zeros.
const LISTED_NAME: usize = 16;
/// Bytes of an entry in a directory listing.
const LISTED: usize = LISTED_NAME + size_of::<u64>();

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
    last_id: Cell<u64>,
}

impl FileSystem {
    /// The file system on `disk`, whose first sector is `boot_sector`.
    ///
    /// # Errors
    /// Where there is no FAT16 volume, or the disk fails.
    pub fn mount(disk: Disk, boot_sector: [u8; Block::LEN]) -> Result<Rc<Self>, FileError> {
        check_volume(&boot_sector)?;
        let volume = Volume::new_with_limits(disk.clone(), NoClock, 1);
        let raw = volume.open_raw_volume(VolumeIdx(0))?;
        let root = volume.open_root_dir(raw)?;
        let (open, last_id) = (RefCell::default(), Cell::new(0));
        let files = Self { volume, root, disk, boot_sector, open, last_id };
        files.remove_hidden()?;
        Ok(Rc::new(files))
    }

    /// Removes what was unlinked and still held when the power went.
    fn remove_hidden(&self) -> Result<(), FileError> {
        let mut hidden = Vec::new();
        self.each_file(|name, _| {
            if is_hidden(name) {
                hidden.push(String::from(name));
            }
        })?;
        hidden.iter().try_for_each(|name| self.remove(name))
    }

    /// Opens the file `name`. Upper and lower case are the same.
    ///
    /// # Errors
    /// Where there is none and `missing` makes none, or the disk fails.
    pub fn open(self: &Rc<Self>, name: &str, missing: Missing) -> Result<Rc<Inode>, FileError> {
        let name = visible(name)?;
        if let Some(inode) = self.open.borrow().get(&name).and_then(Weak::upgrade) {
            return Ok(inode);
        }
        let (raw, mode, size) = self.find_or_create(&name, missing)?;
        self.last_id.set(self.last_id.get().saturating_add(1));
        let inode = Rc::new(Inode {
            files: Rc::clone(self),
            id: FileId(self.last_id.get()),
            name: RefCell::new(name.clone()),
            raw: Cell::new(Some(raw)),
            mode: Cell::new(mode),
            size: Cell::new(size),
            fate: Cell::new(Fate::Keep),
        });
        self.open.borrow_mut().insert(name, Rc::downgrade(&inode));
        Ok(inode)
    }

    /// The file on the volume, how it is open there, and its size. Asked to create a file, the volume's
    /// own code would do so as well where it only could not read the directory.
    fn find_or_create(&self, name: &str, missing: Missing) -> Result<(RawFile, Mode, u64), FileError> {
        match self.done(self.volume.find_directory_entry(self.root, name)) {
            Ok(entry) => Ok((self.open_raw(name, Mode::ReadOnly)?, Mode::ReadOnly, entry.size.into())),
            Err(FileError::NotFound) if missing == Missing::Create => {
                Ok((self.open_raw(name, Mode::ReadWriteCreate)?, Mode::ReadWriteAppend, 0))
            }
            Err(error) => Err(error),
        }
    }

    fn open_raw(&self, name: &str, mode: Mode) -> Result<RawFile, FileError> {
        self.done(self.volume.open_file_in_dir(self.root, name, mode))
    }

    /// Passes on the result of something that the volume did. Where it failed, the volume may remember a
    /// sector as it should have become, and would build on that: it has to forget it.
    fn done<T>(&self, result: Result<T, FileError>) -> Result<T, FileError> {
        if result.is_err() {
            self.forget_sector();
        }
        result
    }

    /// Makes the volume forget the sector that it used last.
    fn forget_sector(&self) {
        self.volume.device(|_| ());
    }

    /// Removes the file `name`; if somebody holds it, its clusters stay until nobody does any more.
    ///
    /// # Errors
    /// Where there is none, or the disk fails.
    pub fn unlink(&self, name: &str) -> Result<(), FileError> {
        let name = visible(name)?;
        let open = self.open.borrow().get(&name).and_then(Weak::upgrade);
        let Some(inode) = open else { return self.remove(&name) };
        self.hide(&inode)?;
        self.open.borrow_mut().remove(&name);
        inode.fate.set(Fate::Remove);
        Ok(())
    }

    /// Gives a file that somebody holds a name that nobody looks for, so that its own is free.
    fn hide(&self, inode: &Inode) -> Result<(), FileError> {
        inode.close_raw()?;
        let number = alloc::format!("{:08}", inode.id.0 % 100_000_000);
        self.edit_entry(&inode.name.borrow(), |entry| {
            let name = number.bytes().chain(HIDDEN.bytes());
            entry.iter_mut().take(SHORT_NAME).zip(name).for_each(|(to, from)| *to = from);
        })?;
        *inode.name.borrow_mut() = alloc::format!("{number}.{HIDDEN}");
        Ok(())
    }

    /// The directory: for each file a name padded with zeros and a size, 8 bytes, lowest first.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn list(&self) -> Result<Vec<u8>, FileError> {
        let mut listing = Vec::new();
        // How many entries a directory has is up to who made the disk.
        let mut room = Ok(());
        self.each_file(|name, size| {
            room = room.clone().and_then(|()| listing.try_reserve(LISTED));
            if room.is_ok() && !is_hidden(name) {
                let name = name.bytes().chain(core::iter::repeat(0)).take(LISTED_NAME);
                listing.extend(name.chain(size.to_le_bytes()));
            }
        })?;
        room.map(|()| listing).map_err(|_| FileError::NotEnoughSpace)
    }

    /// Shows each file of the directory, its name and its size.
    fn each_file(&self, mut show: impl FnMut(&str, u64)) -> Result<(), FileError> {
        self.done(self.volume.iterate_dir(self.root, |entry| {
            if !entry.attributes.is_volume() && !entry.attributes.is_directory() {
                show(&alloc::format!("{}", entry.name), entry.size.into());
            }
            ControlFlow::Continue(())
        }))
    }

    /// Removes the file `name`, which is not open on the volume. First its name goes, then its clusters:
    /// should the power go in between, some clusters are lost, but no name leads to what is free.
    ///
    /// The volume's own code would leave the first cluster in use for ever.
    fn remove(&self, name: &str) -> Result<(), FileError> {
        /// The first byte of a directory entry that is free (Microsoft's FAT specification, "Directory
        /// Structure").
        const FREE: u8 = 0xe5;
        let cluster = self.edit_entry(name, |entry| entry[0] = FREE)?;
        self.free_chain(cluster)
    }

    /// Makes the file `name`, which is not open on the volume, empty: as above, in this order.
    fn make_empty(&self, name: &str) -> Result<(), FileError> {
        let cluster = self.edit_entry(name, |entry| {
            entry[FIRST_CLUSTER..FIRST_CLUSTER + 2].fill(0);
            entry[FILE_SIZE..FILE_SIZE + 4].fill(0);
        })?;
        self.free_chain(cluster)
    }

    /// Changes the directory entry of the file `name`; the first cluster that it named, 0 for none.
    fn edit_entry(&self, name: &str, edit: impl FnOnce(&mut [u8; ENTRY_BYTES])) -> Result<u16, FileError> {
        let entry = self.done(self.volume.find_directory_entry(self.root, name))?;
        if entry.attributes.is_directory() {
            return Err(FileError::OpenedDirAsFile);
        }
        let mut block = [Block::new()];
        self.disk.read(&mut block, entry.entry_block).map_err(FileError::DeviceError)?;
        let at = usize::try_from(entry.entry_offset).unwrap_or(0) % Block::LEN;
        let bytes = block[0].contents.get_mut(at..).and_then(<[u8]>::first_chunk_mut);
        let bytes = bytes.ok_or(FileError::FormatError("a directory entry lies across two sectors"))?;
        let cluster = u16::from_le_bytes([bytes[FIRST_CLUSTER], bytes[FIRST_CLUSTER + 1]]);
        edit(bytes);
        self.forget_sector();
        self.disk.write(&block, entry.entry_block).map_err(FileError::DeviceError)?;
        Ok(cluster)
    }

    /// Frees the clusters of a chain (FAT16: two bytes each).
    fn free_chain(&self, first: u16) -> Result<(), FileError> {
        const PER_SECTOR: u16 = 256;
        let mut cluster = first;
        self.forget_sector();
        while (CLUSTER_MIN..=CLUSTER_MAX).contains(&cluster) {
            let number = cluster / PER_SECTOR;
            let mut sector = [Block::new()];
            self.disk.read(&mut sector, self.fat_sector(0, number)).map_err(FileError::DeviceError)?;
            while cluster / PER_SECTOR == number && (CLUSTER_MIN..=CLUSTER_MAX).contains(&cluster) {
                let (entries, _) = sector[0].contents.as_chunks_mut();
                let Some(entry) = entries.get_mut(usize::from(cluster % PER_SECTOR)) else { break };
                cluster = u16::from_le_bytes(core::mem::take(entry));
            }
            for copy in 0..u32::from(self.boot_sector[16]) {
                self.disk.write(&sector, self.fat_sector(copy, number)).map_err(FileError::DeviceError)?;
            }
        }
        Ok(())
    }

    /// Sector `number` of a copy of the FAT, of which there are at most 255. The disk shows the volume behind a made-up partition table of
    /// one block.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "the sum of a product of 8 and 16 bits and two numbers of 16"
    )]
    fn fat_sector(&self, copy: u32, number: u16) -> BlockIdx {
        let (reserved, size) = (word(&self.boot_sector, 14), word(&self.boot_sector, FAT_SIZE));
        BlockIdx(u32::from(reserved) + copy * u32::from(size) + u32::from(number) + 1)
    }
}

/// The extension of a file that was unlinked while somebody held it. Its name is its number.
const HIDDEN: &str = "DEL";

/// Whether a file has no name any more.
fn is_hidden(name: &str) -> bool {
    let number = name.strip_suffix(HIDDEN).and_then(|name| name.strip_suffix('.'));
    number.is_some_and(|number| number.len() == 8 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A name as it stands on the volume, in upper case.
fn visible(name: &str) -> Result<String, FileError> {
    let name = name.to_ascii_uppercase();
    if is_hidden(&name) { Err(FileError::NotFound) } else { Ok(name) }
}

/// Bytes of a directory entry, and where in it things stand (Microsoft's FAT specification, "Directory
/// Structure").
const ENTRY_BYTES: usize = 32;
/// A name without its dot, at the start.
const SHORT_NAME: usize = 11;
const FIRST_CLUSTER: usize = 26;
const FILE_SIZE: usize = 28;

/// Numbers of clusters that hold data, in FAT16.
const CLUSTER_MIN: u16 = 2;
const CLUSTER_MAX: u16 = 0xffef;

/// Where the boot sector has the size of a FAT in sectors; zero on FAT32.
const FAT_SIZE: usize = 22;

#[expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "the places are constants of this file"
)]
fn word(boot_sector: &[u8; Block::LEN], at: usize) -> u16 {
    u16::from_le_bytes([boot_sector[at], boot_sector[at + 1]])
}

/// Checks what the file-system crate would divide by (Microsoft's FAT specification, "Boot Sector"),
/// and that the FAT is one whose clusters this file can free.
fn check_volume(boot_sector: &[u8; Block::LEN]) -> Result<(), FileError> {
    let sectors_per_cluster = boot_sector[13];
    if usize::from(word(boot_sector, 11)) != Block::LEN || !sectors_per_cluster.is_power_of_two() {
        return Err(FileError::FormatError("the first sector is no FAT boot sector"));
    }
    if word(boot_sector, FAT_SIZE) == 0 {
        return Err(FileError::FormatError("the volume is FAT32; make it FAT16"));
    }
    Ok(())
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
    name: RefCell<String>,
    /// The file as it is open on the volume; where it is not, it is opened when it is needed.
    raw: Cell<Option<RawFile>>,
    /// How: to read, until somebody writes.
    mode: Cell<Mode>,
    size: Cell<u64>,
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
        if self.size.get() == 0 {
            return Ok(());
        }
        self.close_raw()?;
        self.size.set(0);
        self.files.make_empty(&self.name.borrow())?;
        Ok(())
    }

    /// Closes the file on the volume; what it is asked for next opens it again.
    fn close_raw(&self) -> Result<(), FileError> {
        let Some(raw) = self.raw.get() else { return Ok(()) };
        // Closing flushes as well, but closes even if that fails; then the size would be lost.
        self.files.done(self.files.volume.flush_file(raw))?;
        self.raw.set(None);
        self.files.done(self.files.volume.close_file(raw))
    }

    /// The file as it is open on the volume.
    fn raw(&self) -> Result<RawFile, IoError> {
        if let Some(raw) = self.raw.get() {
            return Ok(raw);
        }
        let raw = self.files.open_raw(&self.name.borrow(), self.mode.get())?;
        self.raw.set(Some(raw));
        Ok(raw)
    }

    /// The file as it is open on the volume, at this offset.
    fn raw_at(&self, offset: u64) -> Result<RawFile, IoError> {
        let raw = self.raw()?;
        let offset = u32::try_from(offset).map_err(|_| IoError)?;
        self.files.done(self.files.volume.file_seek_from_start(raw, offset))?;
        Ok(raw)
    }

    fn make_writable(&self) -> Result<(), IoError> {
        if self.mode.get() == Mode::ReadOnly {
            self.close_raw()?;
            self.mode.set(Mode::ReadWriteAppend);
        }
        Ok(())
    }
}

impl From<FileError> for IoError {
    fn from(_: FileError) -> Self {
        Self
    }
}

impl File for Inode {
    fn id(&self) -> FileId {
        self.id
    }

    fn size(&self) -> u64 {
        self.size.get()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), IoError> {
        if buffer.is_empty() {
            return Ok(());
        }
        let raw = self.raw_at(offset)?;
        let mut rest = buffer;
        while !rest.is_empty() {
            match self.files.done(self.files.volume.read(raw, rest))? {
                0 => return Err(IoError),
                length => rest = rest.get_mut(length..).ok_or(IoError)?,
            }
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.make_writable()?;
        let raw = self.raw_at(offset)?;
        let written = self.files.done(self.files.volume.write(raw, bytes));
        // Where it failed, a part may have been written.
        self.size.set(self.files.volume.file_length(raw).map_or(self.size.get(), u64::from));
        Ok(written?)
    }

    fn flush(&self) -> Result<(), IoError> {
        match self.raw.get() {
            Some(raw) if self.mode.get() != Mode::ReadOnly => {
                Ok(self.files.done(self.files.volume.flush_file(raw))?)
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Inode {
    fn drop(&mut self) {
        // Nobody is left whom a failing disk could be reported to; who must know flushes before.
        if let Some(raw) = self.raw.get() {
            let _ = self.files.done(self.files.volume.close_file(raw));
        }
        if self.fate.get() == Fate::Remove {
            let _ = self.files.remove(&self.name.borrow());
        } else {
            self.files.open.borrow_mut().remove(&*self.name.borrow());
        }
    }
}
