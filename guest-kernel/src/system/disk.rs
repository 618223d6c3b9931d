//! The disk, and the FAT file system on it.
//!
//! The whole disk is one FAT volume without a partition table. The file-system crate wants a table,
//! so [`Disk`] shows one: its block 0 is a made-up table with one partition, and the volume follows.

use core::{cell::RefCell, fmt};

use embedded_sdmmc::{
    Block, BlockCount, BlockDevice as Blocks, BlockIdx, Mode, RawDirectory, RawFile, TimeSource, Timestamp,
    VolumeIdx, VolumeManager,
};
use faultline_abi::trace::{DiskOp, TraceEvent};

use crate::{
    arch::BlockDevice,
    program_file::{ProgramFile, ReadError},
    trace,
};

/// The blocks of the volume begin here, after the made-up partition table.
const VOLUME_START: u32 = 1;

/// What went wrong with a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// The device reported an error.
    Device(virtio_drivers::Error),
    /// The file system asked for a block that does not exist.
    OutOfRange,
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(error) => write!(f, "the disk failed: {error}"),
            Self::OutOfRange => f.write_str("the file system refers to a block beyond the disk"),
        }
    }
}

impl core::error::Error for DiskError {}

/// The disk as the file system sees it.
struct Disk(RefCell<BlockDevice>);

impl Disk {
    /// Transfers `count` blocks from `start` by `transfer`, which gets the first sector.
    fn transfer(
        &self,
        op: DiskOp,
        start: BlockIdx,
        count: usize,
        transfer: impl FnOnce(&mut BlockDevice, usize) -> virtio_drivers::Result,
    ) -> Result<(), DiskError> {
        let mut device = self.0.borrow_mut();
        let sector = u64::from(start.0.checked_sub(VOLUME_START).ok_or(DiskError::OutOfRange)?);
        let sectors = count as u64;
        if sector + sectors > device.capacity() {
            return Err(DiskError::OutOfRange);
        }
        trace::emit(TraceEvent::Disk { op, sector, sectors });
        let first = usize::try_from(sector).map_err(|_| DiskError::OutOfRange)?;
        transfer(&mut device, first).map_err(DiskError::Device)
    }

    fn sectors(&self) -> u32 {
        u32::try_from(self.0.borrow().capacity()).unwrap_or(u32::MAX - VOLUME_START)
    }
}

impl Blocks for Disk {
    type Error = DiskError;

    fn read(&self, blocks: &mut [Block], start: BlockIdx) -> Result<(), DiskError> {
        if let ([block], BlockIdx(0)) = (&mut *blocks, start) {
            block.contents = partition_table(self.sectors());
            return Ok(());
        }
        self.transfer(DiskOp::Read, start, blocks.len(), |device, first| {
            let mut numbered = blocks.iter_mut().zip(first..);
            numbered.try_for_each(|(block, sector)| device.read_blocks(sector, &mut block.contents))
        })
    }

    fn write(&self, blocks: &[Block], start: BlockIdx) -> Result<(), DiskError> {
        self.transfer(DiskOp::Write, start, blocks.len(), |device, first| {
            let mut numbered = blocks.iter().zip(first..);
            numbered.try_for_each(|(block, sector)| device.write_blocks(sector, &block.contents))
        })
    }

    fn num_blocks(&self) -> Result<BlockCount, DiskError> {
        Ok(BlockCount(self.sectors() + VOLUME_START))
    }
}

/// A partition table with one FAT16 partition of `sectors` sectors after it.
fn partition_table(sectors: u32) -> [u8; Block::LEN] {
    /// Where the first of four entries stands.
    const ENTRY: usize = 446;
    /// Type of a FAT16 partition.
    const FAT16: u8 = 0x0e;
    let mut table = [0; Block::LEN];
    table[ENTRY + 4] = FAT16;
    table[ENTRY + 8..ENTRY + 12].copy_from_slice(&VOLUME_START.to_le_bytes());
    table[ENTRY + 12..ENTRY + 16].copy_from_slice(&sectors.to_le_bytes());
    table[510..].copy_from_slice(&[0x55, 0xaa]);
    table
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

/// Why a file cannot be opened.
pub type FileError = embedded_sdmmc::Error<DiskError>;

/// The file system.
pub struct FileSystem {
    manager: VolumeManager<Disk, NoClock>,
    root: RawDirectory,
}

impl FileSystem {
    /// The file system on `device`.
    ///
    /// # Errors
    /// Where there is no FAT16 or FAT32 volume, or the disk fails.
    pub fn mount(device: BlockDevice) -> Result<Self, FileError> {
        let disk = Disk(RefCell::new(device));
        let mut boot_sector = [Block::new()];
        disk.read(&mut boot_sector, BlockIdx(VOLUME_START)).map_err(FileError::DeviceError)?;
        check_cluster_size(&boot_sector[0].contents)?;
        let manager = VolumeManager::new(disk, NoClock);
        let volume = manager.open_raw_volume(VolumeIdx(0))?;
        let root = manager.open_root_dir(volume)?;
        Ok(Self { manager, root })
    }

    /// Opens the file `name` of the root directory to read. Upper and lower case are the same.
    ///
    /// # Errors
    /// Where there is none, or the disk fails.
    pub fn open(&self, name: &str) -> Result<OpenFile<'_>, FileError> {
        let file = self.manager.open_file_in_dir(self.root, name, Mode::ReadOnly)?;
        Ok(OpenFile { files: self, file })
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

/// An open file; dropping it closes it.
pub struct OpenFile<'a> {
    files: &'a FileSystem,
    file: RawFile,
}

impl ProgramFile for OpenFile<'_> {
    fn size(&self) -> u64 {
        self.files.manager.file_length(self.file).map_or(0, u64::from)
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let manager = &self.files.manager;
        let offset = u32::try_from(offset).map_err(|_| ReadError)?;
        manager.file_seek_from_start(self.file, offset).map_err(|_| ReadError)?;
        let mut rest = buffer;
        while !rest.is_empty() {
            match manager.read(self.file, rest) {
                Ok(0) | Err(_) => return Err(ReadError),
                Ok(length) => rest = &mut rest[length..],
            }
        }
        Ok(())
    }
}

impl Drop for OpenFile<'_> {
    fn drop(&mut self) {
        // A file that was only read has nothing to write back, so closing it cannot fail.
        let _ = self.files.manager.close_file(self.file);
    }
}
