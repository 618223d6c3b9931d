//! The contents of a disk: an image that never changes, and the pages that were written since.
//!
//! Copies share everything, so a keyframe of the machine costs nothing for a disk that was only read.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of a sector, the unit of a request (virtio 1.2, "Block Device").
pub const SECTOR_BYTES: u64 = 512;
const PAGE_BYTES: usize = 4096;

type Page = [u8; PAGE_BYTES];

/// Whether a disk can be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiskAccess {
    /// It can.
    #[default]
    ReadWrite,
    /// It says that it is read-only, and every request that would change it fails.
    ReadOnly,
}

/// A disk.
#[derive(Clone)]
pub struct Disk {
    access: DiskAccess,
    image: Arc<[u8]>,
    written: Arc<BTreeMap<usize, Arc<Page>>>,
    sectors: u64,
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Disk({} sectors, {} pages written)", self.sectors, self.written.len())
    }
}

/// A request that reaches beyond the end of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeyondEnd;

impl Disk {
    /// A disk with these contents; the last sector is filled up with zeros.
    #[must_use]
    pub fn new(image: Vec<u8>) -> Self {
        let sectors = (image.len() as u64).div_ceil(SECTOR_BYTES);
        Self { access: DiskAccess::ReadWrite, image: image.into(), written: Arc::default(), sectors }
    }

    /// The same disk, to be used in this way.
    #[must_use]
    pub fn with_access(self, access: DiskAccess) -> Self {
        Self { access, ..self }
    }

    /// Whether it can be written.
    #[must_use]
    pub const fn access(&self) -> DiskAccess {
        self.access
    }

    /// Size in sectors.
    #[must_use]
    pub const fn sectors(&self) -> u64 {
        self.sectors
    }

    /// Reads from the start of `sector`.
    ///
    /// # Errors
    /// Where `into` reaches beyond the end; nothing is read then.
    pub fn read(&self, sector: u64, into: &mut [u8]) -> Result<(), BeyondEnd> {
        let start = self.range(sector, into.len())?;
        for (page, offset, range) in pieces(start, into.len()) {
            let length = range.len();
            self.read_in_page(page, offset, &mut into[range][..length]);
        }
        Ok(())
    }

    /// Writes from the start of `sector`.
    ///
    /// # Errors
    /// Where `from` reaches beyond the end; nothing is written then.
    pub fn write(&mut self, sector: u64, from: &[u8]) -> Result<(), BeyondEnd> {
        let start = self.range(sector, from.len())?;
        for (page, offset, range) in pieces(start, from.len()) {
            let length = range.len();
            self.page_mut(page)[offset..offset + length].copy_from_slice(&from[range]);
        }
        Ok(())
    }

    /// The whole contents, as an image file holds them.
    #[must_use]
    pub fn contents(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.image.len()];
        for (page, offset, range) in pieces(0, bytes.len()) {
            self.read_in_page(page, offset, &mut bytes[range]);
        }
        bytes
    }

    /// The byte offset of `sector`, if `length` bytes from there exist.
    fn range(&self, sector: u64, length: usize) -> Result<usize, BeyondEnd> {
        let start = sector.checked_mul(SECTOR_BYTES).ok_or(BeyondEnd)?;
        let end = start.checked_add(length as u64).ok_or(BeyondEnd)?;
        if end > self.sectors * SECTOR_BYTES {
            return Err(BeyondEnd);
        }
        usize::try_from(start).map_err(|_| BeyondEnd)
    }

    fn read_in_page(&self, page: usize, offset: usize, into: &mut [u8]) {
        if let Some(written) = self.written.get(&page) {
            into.copy_from_slice(&written[offset..offset + into.len()]);
            return;
        }
        let image = self.image.get(page * PAGE_BYTES + offset..).unwrap_or_default();
        let there = image.len().min(into.len());
        into[..there].copy_from_slice(&image[..there]);
        into[there..].fill(0);
    }

    fn page_mut(&mut self, page: usize) -> &mut Page {
        if !self.written.contains_key(&page) {
            let mut bytes = [0; PAGE_BYTES];
            self.read_in_page(page, 0, &mut bytes);
            Arc::make_mut(&mut self.written).insert(page, Arc::new(bytes));
        }
        let written = Arc::make_mut(&mut self.written);
        Arc::make_mut(written.entry(page).or_insert_with(|| Arc::new([0; PAGE_BYTES])))
    }
}

/// Cuts `length` bytes from `start` at page boundaries: page, offset inside it, range of the bytes.
fn pieces(start: usize, length: usize) -> impl Iterator<Item = (usize, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == length {
            return None;
        }
        let offset = (start + done) % PAGE_BYTES;
        let size = (PAGE_BYTES - offset).min(length - done);
        let piece = ((start + done) / PAGE_BYTES, offset, done..done + size);
        done += size;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> Disk {
        Disk::new((0..10_000u32).map(|i| i.to_le_bytes()[0]).collect())
    }

    #[test]
    fn what_was_written_is_read_back_and_the_rest_stays() {
        let mut disk = disk();
        let before = disk.clone();
        disk.write(7, &[0xee; 1024]).unwrap();
        let mut bytes = [0; 2048];
        disk.read(6, &mut bytes).unwrap();
        assert!(bytes[512..1536].iter().all(|&byte| byte == 0xee));
        let mut old = [0; 2048];
        before.read(6, &mut old).unwrap();
        assert_eq!((&bytes[..512], &bytes[1536..]), (&old[..512], &old[1536..]));
        assert_eq!(old[513], 1, "an older copy does not see the write");
    }

    #[test]
    fn the_last_sector_is_padded_with_zeros() {
        let disk = disk();
        assert_eq!(disk.sectors(), 20);
        let mut last = [1; 512];
        disk.read(19, &mut last).unwrap();
        assert_eq!(last[10_000 - 19 * 512..], [0; 240]);
        assert_eq!(disk.contents().len(), 10_000);
    }

    #[test]
    fn nothing_beyond_the_end_is_touched() {
        let mut disk = disk();
        let before = disk.contents();
        for (sector, length) in [(20, 1), (19, 513), (u64::MAX, 512), (u64::MAX / 512, 512)] {
            assert_eq!(disk.write(sector, &vec![0xff; length]), Err(BeyondEnd));
            assert_eq!(disk.read(sector, &mut vec![0; length]), Err(BeyondEnd));
        }
        assert_eq!(disk.contents(), before);
        assert_eq!(Disk::new(Vec::new()).read(0, &mut [0]), Err(BeyondEnd));
    }
}
