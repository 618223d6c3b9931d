//! Physical memory: DRAM and the boot ROM, in frames of 4 KiB.
//!
//! Each frame knows whether it changed since the last keyframe, and whether something depends on
//! its contents (decoded instructions, a page table, a watched word). A frame on which nothing
//! depends may be written through the store TLB; all others are written on the slow path.

use faultline_abi::{PAGE_SIZE, PhysAddr, board};

/// The range does not lie in memory that can be accessed this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotMemory;

/// DRAM and boot ROM.
#[derive(Debug)]
pub struct Ram {
    bytes: Vec<u8>,
}

impl Ram {
    /// `size` bytes of zeros at [`board::DRAM_BASE`], rounded down to whole frames, and no ROM.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self { bytes: vec![0; size & !0xfff] }
    }

    /// Bytes of DRAM.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
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
        to.copy_from_slice(self.bytes.get(self.range(pa, to.len())?).ok_or(NotMemory)?);
        Ok(())
    }

    /// Copies `from` into DRAM at `pa`. May cross frames.
    ///
    /// # Errors
    /// Where any byte lies outside DRAM; then nothing has changed.
    pub fn write(&mut self, pa: PhysAddr, from: &[u8]) -> Result<(), NotMemory> {
        let range = self.range(pa, from.len())?;
        self.bytes.get_mut(range).ok_or(NotMemory)?.copy_from_slice(from);
        Ok(())
    }

    /// The little-endian `u64` at `pa`.
    ///
    /// # Errors
    /// Where any byte lies outside memory.
    pub fn read_u64(&self, pa: PhysAddr) -> Result<u64, NotMemory> {
        let mut bytes = [0; 8];
        self.read(pa, &mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn range(&self, pa: PhysAddr, len: usize) -> Result<core::ops::Range<usize>, NotMemory> {
        let offset = pa.get().checked_sub(board::DRAM_BASE).ok_or(NotMemory)?;
        let start = usize::try_from(offset).map_err(|_| NotMemory)?;
        Ok(start..start.checked_add(len).ok_or(NotMemory)?)
    }
}
