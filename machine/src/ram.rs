//! Physical memory: DRAM and the boot ROM, in frames of 4 KiB.
//!
//! Each frame knows whether it changed since the last keyframe, and whether something depends on
//! its contents (decoded instructions, a page table, a watched word). A frame on which nothing
//! depends may be written through the store TLB; all others are written on the slow path.

use faultline_abi::{PAGE_SIZE, PhysAddr, board};

pub(crate) use self::image::Image;
use self::image::{DirtySet, Scratch};
use crate::bus::Width;

mod image;

/// The range does not lie in memory that can be accessed this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotMemory;

/// The index of a frame: DRAM first, the boot ROM behind it.
pub(crate) type FrameIndex = u32;
/// The contents of a frame.
pub(crate) type FrameBytes = [u8; PAGE_BYTES];
pub(crate) const PAGE_BYTES: usize = 4096;

/// The offset of an address inside its page.
#[inline(always)]
#[allow(clippy::cast_possible_truncation, reason = "masked to twelve bits")]
pub(crate) const fn offset_in_page(address: u64) -> usize {
    address as usize & (PAGE_BYTES - 1)
}

/// What depends on the contents of a frame.
pub(crate) mod flag {
    /// Decoded instructions.
    pub(crate) const CODE: u8 = 1 << 0;
    /// It is known to be a page table.
    pub(crate) const TABLE: u8 = 1 << 1;
    /// It holds the word that ends the run.
    pub(crate) const WATCH: u8 = 1 << 2;
    /// It is read-only.
    pub(crate) const ROM: u8 = 1 << 3;
    /// A device wrote to it and the machine has not been told yet.
    pub(crate) const DISTURBED: u8 = 1 << 7;
}

/// A frame that a device wrote although something depends on it.
#[derive(Debug)]
pub(crate) struct Disturbance {
    pub(crate) frame: FrameIndex,
    pub(crate) before: Box<FrameBytes>,
}

/// DRAM and boot ROM.
#[derive(Debug)]
pub struct Ram {
    bytes: Vec<u8>,
    dram_bytes: usize,
    flags: Vec<u8>,
    dirty: DirtySet,
    /// What the frames that are not dirty hold.
    base: Image,
    scratch: Scratch,
    disturbed: Vec<Disturbance>,
}

impl Ram {
    /// `size` bytes of zeros at [`board::DRAM_BASE`], rounded down to whole frames, and no ROM.
    #[must_use]
    pub fn new(size: usize) -> Self {
        let dram_bytes = size & !(PAGE_BYTES - 1);
        let frames = dram_bytes / PAGE_BYTES;
        Self {
            bytes: vec![0; dram_bytes],
            dram_bytes,
            flags: vec![0; frames],
            dirty: DirtySet::new(frames),
            base: Image::zero(frames),
            scratch: Scratch::default(),
            disturbed: Vec::new(),
        }
    }

    /// Puts `contents` into the boot ROM, at [`board::BOOT_ROM`]; the rest of the last frame is zero.
    ///
    /// # Errors
    /// Where it does not fit; then nothing has changed.
    pub fn set_rom(&mut self, contents: &[u8]) -> Result<(), NotMemory> {
        let len = contents.len().next_multiple_of(PAGE_BYTES);
        if len as u64 > board::BOOT_ROM.size {
            return Err(NotMemory);
        }
        self.bytes.truncate(self.dram_bytes);
        self.bytes.extend_from_slice(contents);
        self.bytes.resize(self.dram_bytes + len, 0);
        self.flags.truncate(self.dram_bytes / PAGE_BYTES);
        self.flags.resize(self.bytes.len() / PAGE_BYTES, flag::ROM);
        Ok(())
    }

    /// Bytes of DRAM.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.dram_bytes as u64
    }

    /// Frames of DRAM.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.size() / PAGE_SIZE
    }

    /// Copies memory at `pa` into `to`. May cross frames.
    ///
    /// # Errors
    /// Where any byte lies outside memory; then `to` is unchanged.
    pub fn read(&self, pa: PhysAddr, to: &mut [u8]) -> Result<(), NotMemory> {
        to.copy_from_slice(self.slice(pa, to.len())?);
        Ok(())
    }

    /// `len` bytes of memory at `pa`.
    ///
    /// # Errors
    /// Where any byte lies outside memory.
    pub fn slice(&self, pa: PhysAddr, len: usize) -> Result<&[u8], NotMemory> {
        let range = self.range(pa, len)?;
        self.bytes.get(range).ok_or(NotMemory)
    }

    /// Copies `from` into DRAM at `pa`, as a device's DMA does. May cross frames.
    ///
    /// # Errors
    /// Where any byte lies outside DRAM; then nothing has changed.
    pub fn write(&mut self, pa: PhysAddr, from: &[u8]) -> Result<(), NotMemory> {
        let range = self.range(pa, from.len())?;
        if range.end > self.dram_bytes {
            return Err(NotMemory);
        }
        for frame in range.start / PAGE_BYTES..range.end.div_ceil(PAGE_BYTES) {
            let frame = FrameIndex::try_from(frame).map_err(|_| NotMemory)?;
            self.about_to_disturb(frame);
            self.mark_dirty(frame);
        }
        self.bytes.get_mut(range).ok_or(NotMemory)?.copy_from_slice(from);
        Ok(())
    }

    /// The little-endian `u64` at `pa`.
    ///
    /// # Errors
    /// Where any byte lies outside memory.
    pub fn read_u64(&self, pa: PhysAddr) -> Result<u64, NotMemory> {
        self.array(pa).map(u64::from_le_bytes)
    }

    /// The little-endian `u32` at `pa`.
    ///
    /// # Errors
    /// Where any byte lies outside memory.
    pub fn read_u32(&self, pa: PhysAddr) -> Result<u32, NotMemory> {
        self.array(pa).map(u32::from_le_bytes)
    }

    /// The little-endian `u16` at `pa`.
    ///
    /// # Errors
    /// Where any byte lies outside memory.
    pub fn read_u16(&self, pa: PhysAddr) -> Result<u16, NotMemory> {
        self.array(pa).map(u16::from_le_bytes)
    }

    fn array<const N: usize>(&self, pa: PhysAddr) -> Result<[u8; N], NotMemory> {
        let range = self.range(pa, N)?;
        self.bytes.get(range).and_then(|bytes| bytes.first_chunk().copied()).ok_or(NotMemory)
    }

    /// Where `len` bytes at `pa` stand in `bytes`.
    fn range(&self, pa: PhysAddr, len: usize) -> Result<core::ops::Range<usize>, NotMemory> {
        let (start, limit) = match pa.get().checked_sub(board::DRAM_BASE) {
            Some(offset) => (usize::try_from(offset).map_err(|_| NotMemory)?, self.dram_bytes),
            None => (self.dram_bytes + rom_offset(pa).ok_or(NotMemory)?, self.bytes.len()),
        };
        let end = start.checked_add(len).ok_or(NotMemory)?;
        if end > limit { Err(NotMemory) } else { Ok(start..end) }
    }

    fn about_to_disturb(&mut self, frame: FrameIndex) {
        let flags = self.flags(frame);
        if flags == 0 || flags & flag::DISTURBED != 0 {
            return;
        }
        if let Some(bytes) = self.frame(frame) {
            let before = Box::new(*bytes);
            self.disturbed.push(Disturbance { frame, before });
            self.set_flag(frame, flag::DISTURBED);
        }
    }
}

/// The offset of a ROM address inside the ROM.
fn rom_offset(pa: PhysAddr) -> Option<usize> {
    let offset = pa.get().checked_sub(board::BOOT_ROM.base)?;
    if offset < board::BOOT_ROM.size { usize::try_from(offset).ok() } else { None }
}

/// What the machine itself uses: frames, flags and accesses inside one frame.
impl Ram {
    /// The frame that holds `pa`, if it is memory.
    pub(crate) fn frame_of(&self, pa: PhysAddr) -> Option<FrameIndex> {
        let range = self.range(pa, 1).ok()?;
        FrameIndex::try_from(range.start / PAGE_BYTES).ok()
    }

    /// The frame of DRAM at this physical page, if it is one.
    pub(crate) fn frame_of_page(&self, page: faultline_abi::Ppn) -> Option<FrameIndex> {
        self.frame_of(page.base())
    }

    /// The physical address of the start of a frame.
    pub(crate) fn address_of(&self, frame: FrameIndex) -> PhysAddr {
        let offset = u64::from(frame) * PAGE_SIZE;
        PhysAddr::new(match offset.checked_sub(self.size()) {
            Some(in_rom) => board::BOOT_ROM.base + in_rom,
            None => board::DRAM_BASE + offset,
        })
    }

    /// Every frame, for the fast path.
    #[inline]
    pub(crate) fn all_frames(&mut self) -> &mut [FrameBytes] {
        self.bytes.as_chunks_mut().0
    }

    pub(crate) fn frame(&self, frame: FrameIndex) -> Option<&FrameBytes> {
        self.bytes.as_chunks().0.get(frame as usize)
    }

    fn frame_mut(&mut self, frame: FrameIndex) -> Option<&mut FrameBytes> {
        self.bytes.as_chunks_mut().0.get_mut(frame as usize)
    }

    /// [`flag`]s of a frame.
    pub(crate) fn flags(&self, frame: FrameIndex) -> u8 {
        self.flags.get(frame as usize).copied().unwrap_or(flag::ROM)
    }

    /// Whether the flag is new.
    pub(crate) fn set_flag(&mut self, frame: FrameIndex, flag: u8) -> bool {
        self.flags.get_mut(frame as usize).is_some_and(|flags| {
            let new = *flags & flag == 0;
            *flags |= flag;
            new
        })
    }

    pub(crate) fn clear_flag(&mut self, frame: FrameIndex, flag: u8) {
        if let Some(flags) = self.flags.get_mut(frame as usize) {
            *flags &= !flag;
        }
    }

    /// Reads inside one frame; bytes behind its end are zero.
    pub(crate) fn load(&self, frame: FrameIndex, offset: usize, width: Width) -> u64 {
        let Some(bytes) = self.frame(frame).and_then(|bytes| bytes.get(offset..)) else { return 0 };
        // Copies of a known size; only at the end of a frame byte by byte.
        match bytes.first_chunk().copied().map(u64::from_le_bytes) {
            Some(value) => value & width.mask(),
            None => {
                bytes.iter().take(width.size()).rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
            }
        }
    }

    /// Writes inside one frame and marks it dirty; bytes behind its end are dropped.
    pub(crate) fn store(&mut self, frame: FrameIndex, offset: usize, width: Width, value: u64) {
        self.mark_dirty(frame);
        let Some(bytes) = self.frame_mut(frame).and_then(|bytes| bytes.get_mut(offset..)) else { return };
        let value = value.to_le_bytes();
        match (width, bytes.first_chunk_mut::<8>()) {
            (Width::Double, Some(slot)) => *slot = value,
            _ => bytes.iter_mut().zip(value).take(width.size()).for_each(|(slot, byte)| *slot = byte),
        }
    }

    /// Must be called before a frame of DRAM changes by any other way than [`Ram::store`].
    pub(crate) fn mark_dirty(&mut self, frame: FrameIndex) {
        self.dirty.insert(frame);
    }

    /// The frames that devices wrote although something depends on them.
    pub(crate) fn take_disturbed(&mut self) -> Vec<Disturbance> {
        let disturbed = core::mem::take(&mut self.disturbed);
        for disturbance in &disturbed {
            self.clear_flag(disturbance.frame, flag::DISTURBED);
        }
        disturbed
    }
}

/// Keyframes.
impl Ram {
    /// DRAM as it is now. Copies the frames that changed since the last call and shares the others.
    pub(crate) fn image(&mut self) -> Image {
        let frames = self.bytes.as_chunks().0;
        self.base.set(&mut self.dirty.take(), |frame| frames.get(frame as usize), &mut self.scratch);
        self.base.clone()
    }

    /// Makes DRAM what `image` holds; returns the frames that changed.
    pub(crate) fn restore(&mut self, image: &Image) -> Vec<FrameIndex> {
        let mut changed = self.dirty.take();
        changed.extend(image.differing_frames(&self.base));
        for &frame in &changed {
            if let Some(bytes) = self.frame_mut(frame) {
                match image.get(frame) {
                    Some(kept) => kept.copy_to(bytes),
                    None => bytes.fill(0),
                }
            }
        }
        self.base = image.clone();
        changed
    }
}
