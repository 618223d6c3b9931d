//! The disk: a FAT volume from its first sector, and behind it an area for swap.
//!
//! There is no partition table. The file-system crate wants one, so [`Disk`] shows one: its block 0 is
//! a made-up table with one partition, and the volume follows.

use alloc::rc::Rc;
use core::{cell::RefCell, fmt};

use embedded_sdmmc::{Block, BlockCount, BlockDevice as Blocks, BlockIdx};
use faultline_abi::trace::{DiskOp, TraceEvent};

use crate::{arch::BlockDevice, file::IoError, frame::PAGE_BYTES, swap::SwapDevice, trace};

/// Sectors of a page.
const PAGE_SECTORS: u64 = PAGE_BYTES as u64 / Block::LEN as u64;

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

/// The disk. Cloning gives another handle to it.
#[derive(Clone)]
pub struct Disk(Rc<RefCell<BlockDevice>>);

impl Disk {
    /// The disk behind this device.
    #[must_use]
    pub fn new(device: BlockDevice) -> Self {
        Self(Rc::new(RefCell::new(device)))
    }

    /// The first sector, with which the volume begins.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn boot_sector(&self) -> Result<[u8; Block::LEN], DiskError> {
        let mut block = [Block::new()];
        self.read(&mut block, BlockIdx(VOLUME_START))?;
        Ok(block[0].contents)
    }

    /// The area behind the volume that begins with `boot_sector`, and how many pages fit there.
    #[must_use]
    pub fn swap_area(&self, boot_sector: &[u8; Block::LEN]) -> (SwapArea, u32) {
        let first = volume_sectors(boot_sector);
        let pages = self.0.borrow().capacity().saturating_sub(first) / PAGE_SECTORS;
        (SwapArea { disk: self.clone(), first }, u32::try_from(pages).unwrap_or(u32::MAX))
    }

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
        if sector.checked_add(sectors).is_none_or(|end| end > device.capacity()) {
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
        Ok(BlockCount(self.sectors().saturating_add(VOLUME_START)))
    }
}

/// A partition table with one FAT16 partition of `sectors` sectors after it.
#[expect(clippy::disallowed_methods, reason = "all lengths are constants")]
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

/// Sectors of the volume (Microsoft's FAT specification, "Boot Sector": 16 bits wide, or 32 where
/// those are zero).
fn volume_sectors(boot_sector: &[u8; Block::LEN]) -> u64 {
    let small = u16::from_le_bytes([boot_sector[19], boot_sector[20]]);
    let large = [boot_sector[32], boot_sector[33], boot_sector[34], boot_sector[35]];
    if small == 0 { u32::from_le_bytes(large).into() } else { small.into() }
}

/// The part of the disk that pages are swapped to.
pub struct SwapArea {
    disk: Disk,
    first: u64,
}

impl SwapArea {
    fn transfer(
        &self,
        op: DiskOp,
        slot: u32,
        transfer: impl FnOnce(&mut BlockDevice, usize) -> virtio_drivers::Result,
    ) -> Result<(), IoError> {
        let sector = self.first.saturating_add(u64::from(slot).saturating_mul(PAGE_SECTORS));
        trace::emit(TraceEvent::Disk { op, sector, sectors: PAGE_SECTORS });
        let sector = usize::try_from(sector).map_err(|_| IoError)?;
        transfer(&mut self.disk.0.borrow_mut(), sector).map_err(|_| IoError)
    }
}

impl SwapDevice for SwapArea {
    fn read(&mut self, slot: u32, page: &mut [u8; PAGE_BYTES]) -> Result<(), IoError> {
        self.transfer(DiskOp::Read, slot, |device, sector| device.read_blocks(sector, page))
    }

    fn write(&mut self, slot: u32, page: &[u8; PAGE_BYTES]) -> Result<(), IoError> {
        self.transfer(DiskOp::Write, slot, |device, sector| device.write_blocks(sector, page))
    }
}
