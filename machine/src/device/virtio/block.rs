//! The block device (virtio 1.2, "Block Device"): read, write, flush, identify, discard and write
//! zeros.

use super::queue::{Broken, Chain, Segment};
use crate::bus::Width;
use crate::device::disk::{DiskAccess, SECTOR_BYTES};
use crate::device::disk_faults::{DiskFaults, Record, Verdict};
use crate::device::{Disk, Memory};
use crate::ram::NotMemory;

const REQUEST_IN: u32 = 0;
const REQUEST_OUT: u32 = 1;
const REQUEST_FLUSH: u32 = 4;
const REQUEST_GET_ID: u32 = 8;
const REQUEST_DISCARD: u32 = 11;
const REQUEST_WRITE_ZEROES: u32 = 13;

const STATUS_OK: u8 = 0;
const STATUS_IO_ERROR: u8 = 1;
const STATUS_UNSUPPORTED: u8 = 2;

/// Type, a reserved word, and the first sector.
const HEADER_BYTES: u64 = 16;
/// What `GET_ID` answers, padded with zeros.
const IDENTITY: [u8; 20] = *b"faultline disk\0\0\0\0\0\0";
/// A request larger than this fails: the time that one store can cost the host has a limit.
const REQUEST_BYTES_MAX: u64 = 4 << 20;
/// Most segments that a request should have; what a ring of the offered size can hold.
const SEGMENTS_MAX: u32 = 254;
/// Most sectors that one request may discard or fill with zeros; the same limit as for data.
const ZEROED_SECTORS_MAX: u32 = 8192;
const _: () = assert!(ZEROED_SECTORS_MAX as u64 * SECTOR_BYTES == REQUEST_BYTES_MAX);
/// First sector, number of sectors, flags: the one range of a request to discard or to write zeros.
const RANGE_BYTES: usize = 16;
/// The only flag of a range: the device may forget the sectors.
const RANGE_UNMAP: u32 = 1;

mod feature {
    pub(super) const SEG_MAX: u64 = 1 << 2;
    pub(super) const READ_ONLY: u64 = 1 << 5;
    pub(super) const BLK_SIZE: u64 = 1 << 6;
    pub(super) const FLUSH: u64 = 1 << 9;
    pub(super) const DISCARD: u64 = 1 << 13;
    pub(super) const WRITE_ZEROES: u64 = 1 << 14;
}

/// A disk and the requests it understands.
#[derive(Clone, Debug)]
pub(super) struct Block {
    disk: Disk,
    record: Record,
}

/// How a request ended.
struct Outcome {
    status: u8,
    /// Data bytes written into guest memory.
    written: u32,
}

impl Outcome {
    const fn status(status: u8) -> Self {
        Self { status, written: 0 }
    }
}

impl Block {
    pub(super) const fn new(disk: Disk, faults: DiskFaults) -> Self {
        Self { disk, record: Record::new(faults) }
    }

    pub(super) const fn record(&self) -> &Record {
        &self.record
    }

    pub(super) const fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The features that are offered, `VERSION_1` apart.
    pub(super) const fn features(&self) -> u64 {
        let zeros = feature::DISCARD | feature::WRITE_ZEROES;
        let more = if self.is_read_only() { feature::READ_ONLY } else { zeros };
        feature::SEG_MAX | feature::BLK_SIZE | feature::FLUSH | more
    }

    const fn is_read_only(&self) -> bool {
        matches!(self.disk.access(), DiskAccess::ReadOnly)
    }

    /// Reads a piece of the configuration: capacity at 0, `seg_max` at 12, `blk_size` at 20, the limits
    /// of discarding from 36 and of writing zeros from 48.
    pub(super) fn configuration(&self, offset: u64, width: Width) -> u64 {
        let mut bytes = [0u8; 64];
        bytes[..8].copy_from_slice(&self.disk.sectors().to_le_bytes());
        bytes[12..16].copy_from_slice(&SEGMENTS_MAX.to_le_bytes());
        bytes[20..28].copy_from_slice(&SECTOR_BYTES.to_le_bytes());
        for (at, limit) in [(36, ZEROED_SECTORS_MAX), (40, 1), (44, 1), (48, ZEROED_SECTORS_MAX), (52, 1)] {
            bytes[at..at + 4].copy_from_slice(&u32::to_le_bytes(limit));
        }
        // Sectors written with zeros may be forgotten.
        bytes[56] = 1;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let wanted = bytes.iter().skip(start).take(1 << width as usize).rev();
        wanted.fold(0, |value, &byte| value << 8 | u64::from(byte))
    }

    /// Does a request; the number of bytes written into its chain, status byte included.
    ///
    /// # Errors
    /// Where the chain has no room for a header or a status: nothing can be answered then.
    pub(super) fn request(&mut self, chain: &Chain, memory: &mut impl Memory) -> Result<u32, Broken> {
        let (answer, status_address) = split_status(&chain.writable)?;
        let (header, data) = split_header(&chain.readable, memory)?;
        let kind = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        let sector = header[8..].iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte));
        let outcome = match kind {
            REQUEST_IN => self.read(sector, &answer, memory)?,
            REQUEST_OUT => self.write(sector, &data, memory)?,
            REQUEST_FLUSH => Outcome::status(STATUS_OK),
            REQUEST_GET_ID => identify(&answer, memory)?,
            REQUEST_DISCARD => self.zero(&data, 0, memory)?,
            REQUEST_WRITE_ZEROES => self.zero(&data, RANGE_UNMAP, memory)?,
            _ => Outcome::status(STATUS_UNSUPPORTED),
        };
        memory.write(status_address, &[outcome.status])?;
        Ok(outcome.written + 1)
    }

    fn read(
        &mut self,
        sector: u64,
        into: &[Segment],
        memory: &mut impl Memory,
    ) -> Result<Outcome, NotMemory> {
        let Some(mut bytes) = buffer(into) else { return Ok(Outcome::status(STATUS_IO_ERROR)) };
        if self.record.read() != Verdict::Done || self.disk.read(sector, &mut bytes).is_err() {
            return Ok(Outcome::status(STATUS_IO_ERROR));
        }
        scatter(&bytes, into, memory)?;
        Ok(Outcome { status: STATUS_OK, written: u32::try_from(bytes.len()).unwrap_or(u32::MAX) })
    }

    fn write(&mut self, sector: u64, from: &[Segment], memory: &impl Memory) -> Result<Outcome, NotMemory> {
        let Some(mut bytes) = buffer(from) else { return Ok(Outcome::status(STATUS_IO_ERROR)) };
        gather(&mut bytes, from, memory)?;
        Ok(Outcome::status(self.store(sector, &bytes)))
    }

    /// Writes `bytes`, whole sectors, as far as the disk's faults let it; the status.
    fn store(&mut self, sector: u64, bytes: &[u8]) -> u8 {
        if self.is_read_only() {
            return STATUS_IO_ERROR;
        }
        let (length, answer) = match self.record.write(bytes.len() as u64 / SECTOR_BYTES) {
            Verdict::Done => (bytes.len(), STATUS_OK),
            Verdict::Fails => return STATUS_IO_ERROR,
            Verdict::CutAfter(sectors) => {
                (usize::try_from(sectors * SECTOR_BYTES).unwrap_or(bytes.len()), STATUS_IO_ERROR)
            }
        };
        if self.disk.write(sector, &bytes[..length]).is_ok() { answer } else { STATUS_IO_ERROR }
    }
}

impl Block {
    /// Fills a range of sectors with zeros; discarded sectors read as zeros, too, in every run.
    fn zero(&mut self, from: &[Segment], flags: u32, memory: &impl Memory) -> Result<Outcome, NotMemory> {
        if length(from) != RANGE_BYTES as u64 {
            return Ok(Outcome::status(STATUS_IO_ERROR));
        }
        let mut range = [0; RANGE_BYTES];
        gather(&mut range, from, memory)?;
        let [word0, word1, sectors, given] = [0, 4, 8, 12]
            .map(|at| u32::from_le_bytes([range[at], range[at + 1], range[at + 2], range[at + 3]]));
        let sector = u64::from(word0) | u64::from(word1) << 32;
        Ok(Outcome::status(if given & !flags != 0 {
            STATUS_UNSUPPORTED
        } else {
            self.write_zeros(sector, sectors)
        }))
    }

    fn write_zeros(&mut self, sector: u64, sectors: u32) -> u8 {
        let bytes = usize::try_from(u64::from(sectors) * SECTOR_BYTES).unwrap_or(usize::MAX);
        if sectors > ZEROED_SECTORS_MAX { STATUS_IO_ERROR } else { self.store(sector, &vec![0; bytes]) }
    }
}

fn identify(into: &[Segment], memory: &mut impl Memory) -> Result<Outcome, NotMemory> {
    let room = usize::try_from(length(into)).unwrap_or(usize::MAX).min(IDENTITY.len());
    scatter(&IDENTITY[..room], into, memory)?;
    Ok(Outcome { status: STATUS_OK, written: u32::try_from(room).unwrap_or(0) })
}

fn length(segments: &[Segment]) -> u64 {
    segments.iter().map(|segment| u64::from(segment.length)).sum()
}

/// Room for the data of a request; `None` where it is no whole number of sectors or too much.
fn buffer(segments: &[Segment]) -> Option<Vec<u8>> {
    let bytes = length(segments);
    let valid = bytes.is_multiple_of(SECTOR_BYTES) && bytes <= REQUEST_BYTES_MAX;
    valid.then(|| vec![0; usize::try_from(bytes).unwrap_or(0)])
}

fn scatter(mut bytes: &[u8], into: &[Segment], memory: &mut impl Memory) -> Result<(), NotMemory> {
    for segment in into {
        let (piece, rest) = bytes.split_at((segment.length as usize).min(bytes.len()));
        memory.write(segment.address, piece)?;
        bytes = rest;
    }
    Ok(())
}

fn gather(mut bytes: &mut [u8], from: &[Segment], memory: &impl Memory) -> Result<(), NotMemory> {
    for segment in from {
        let (piece, rest) = bytes.split_at_mut((segment.length as usize).min(bytes.len()));
        memory.read(segment.address, piece)?;
        bytes = rest;
    }
    Ok(())
}

/// The status is the last byte that the device may write; what stands before it is for data.
fn split_status(writable: &[Segment]) -> Result<(Vec<Segment>, u64), Broken> {
    let mut data: Vec<Segment> = writable.iter().copied().filter(|segment| segment.length > 0).collect();
    let last = data.last_mut().ok_or(Broken)?;
    last.length -= 1;
    let address = last.address + u64::from(last.length);
    Ok((data, address))
}

/// The header is the first 16 bytes that the device may read, however they are cut (virtio 1.2,
/// "Message Framing").
fn split_header(readable: &[Segment], memory: &impl Memory) -> Result<([u8; 16], Vec<Segment>), Broken> {
    if length(readable) < HEADER_BYTES {
        return Err(Broken);
    }
    let mut header = [0; 16];
    gather(&mut header, readable, memory)?;
    let mut skip = 16u32;
    let data = readable.iter().map(|segment| {
        let skipped = skip.min(segment.length);
        skip -= skipped;
        Segment { address: segment.address + u64::from(skipped), length: segment.length - skipped }
    });
    Ok((header, data.collect()))
}
