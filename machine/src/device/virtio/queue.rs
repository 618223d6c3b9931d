//! A split virtqueue (virtio 1.2, "Split Virtqueues"), seen from the device.
//!
//! Everything in it is the guest's to write, so nothing is believed: indices, lengths, addresses
//! and the shape of a chain are checked before a byte moves.

use crate::device::Memory;
use crate::ram::NotMemory;

const DESCRIPTOR_BYTES: u64 = 16;
const USED_ELEMENT_BYTES: u64 = 8;
const FLAG_NEXT: u16 = 1;
const FLAG_WRITE: u16 = 2;
const FLAG_INDIRECT: u16 = 4;
const AVAILABLE_NO_INTERRUPT: u16 = 1;

/// The driver broke a rule of the queue; the device needs a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

impl From<NotMemory> for Broken {
    fn from(_: NotMemory) -> Self {
        Self
    }
}

/// A queue's place in memory and how far the device has come in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    /// Physical address of the descriptor table.
    pub(super) descriptors: u64,
    /// Physical address of the ring that the driver fills.
    pub(super) available: u64,
    /// Physical address of the ring that the device fills.
    pub(super) used: u64,
    /// Whether the driver has finished setting it up.
    pub(super) ready: bool,
    size: u16,
    next_available: u16,
    next_used: u16,
}

/// A stretch of guest memory, inside DRAM.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    /// Physical address.
    pub(super) address: u64,
    /// Bytes.
    pub(super) length: u32,
}

/// One request: what the device may read, then what it may write.
#[derive(Debug, Default)]
pub(super) struct Chain {
    head: u16,
    /// Segments from the driver.
    pub(super) readable: Vec<Segment>,
    /// Segments for the device's answer.
    pub(super) writable: Vec<Segment>,
}

struct Descriptor {
    segment: Segment,
    flags: u16,
    next: u16,
}

impl Queue {
    /// Sets the ring's size; a size that is no power of two up to `max` leaves it without one.
    pub(super) fn set_size(&mut self, size: u32, max: u32) {
        let valid = size.is_power_of_two() && size <= max;
        self.size = if valid { u16::try_from(size).unwrap_or(0) } else { 0 };
    }

    /// Starts or stops the queue; it starts from the beginning of its rings.
    pub(super) fn set_ready(&mut self, ready: bool) {
        self.ready = ready && self.size > 0;
        self.next_available = 0;
        self.next_used = 0;
    }

    /// Starts a queue whose parts follow each other from `address`, the used ring on a multiple of
    /// `align` (virtio 1.2, "Legacy Interfaces: A Note on Virtqueue Layout").
    pub(super) fn place_in_one_piece(&mut self, address: u64, align: u64) {
        let size = u64::from(self.size);
        self.descriptors = address;
        self.available = address.saturating_add(DESCRIPTOR_BYTES * size);
        // Flags, index, the ring, and the event index behind it.
        let end = self.available.saturating_add(2 * (3 + size));
        self.used = end.checked_next_multiple_of(align).unwrap_or(end);
        self.set_ready(align.is_power_of_two());
    }

    /// How many requests wait.
    pub(super) fn waiting(&self, memory: &impl Memory) -> Result<u16, Broken> {
        let index = half(memory, at(self.available, 2)?)?;
        let waiting = index.wrapping_sub(self.next_available);
        if waiting > self.size { Err(Broken) } else { Ok(waiting) }
    }

    /// Whether the driver wants to be interrupted for used buffers.
    pub(super) fn wants_interrupt(&self, memory: &impl Memory) -> Result<bool, Broken> {
        Ok(half(memory, self.available)? & AVAILABLE_NO_INTERRUPT == 0)
    }

    /// Takes the next request.
    pub(super) fn next(&mut self, memory: &impl Memory) -> Result<Chain, Broken> {
        let slot = u64::from(self.next_available % self.size);
        let head = half(memory, at(self.available, 4 + 2 * slot)?)?;
        self.next_available = self.next_available.wrapping_add(1);
        self.chain(head, memory)
    }

    /// Gives a request back with the number of bytes that were written into it.
    pub(super) fn give_back(
        &mut self,
        chain: &Chain,
        written: u32,
        memory: &mut impl Memory,
    ) -> Result<(), Broken> {
        let slot = u64::from(self.next_used % self.size);
        let element = at(self.used, 4 + USED_ELEMENT_BYTES * slot)?;
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&u32::from(chain.head).to_le_bytes());
        bytes[4..].copy_from_slice(&written.to_le_bytes());
        memory.write(element, &bytes)?;
        self.next_used = self.next_used.wrapping_add(1);
        memory.write(at(self.used, 2)?, &self.next_used.to_le_bytes())?;
        Ok(())
    }

    /// Follows a chain. One longer than the table has descriptors goes round in circles.
    fn chain(&self, head: u16, memory: &impl Memory) -> Result<Chain, Broken> {
        let mut chain = Chain { head, ..Chain::default() };
        let mut index = head;
        for _ in 0..self.size {
            let descriptor = self.descriptor(index, memory)?;
            if descriptor.flags & FLAG_WRITE != 0 {
                chain.writable.push(descriptor.segment);
            } else if chain.writable.is_empty() {
                chain.readable.push(descriptor.segment);
            } else {
                return Err(Broken);
            }
            if descriptor.flags & FLAG_NEXT == 0 {
                return Ok(chain);
            }
            index = descriptor.next;
        }
        Err(Broken)
    }

    /// Reads a descriptor. Indirect ones were not offered, and a segment must lie in DRAM.
    fn descriptor(&self, index: u16, memory: &impl Memory) -> Result<Descriptor, Broken> {
        if index >= self.size {
            return Err(Broken);
        }
        let mut bytes = [0; 16];
        memory.read(at(self.descriptors, DESCRIPTOR_BYTES * u64::from(index))?, &mut bytes)?;
        let (address, rest) = bytes.split_first_chunk().ok_or(Broken)?;
        let (length, rest) = rest.split_first_chunk().ok_or(Broken)?;
        let (flags, next) = rest.split_first_chunk().ok_or(Broken)?;
        let segment = Segment { address: u64::from_le_bytes(*address), length: u32::from_le_bytes(*length) };
        let flags = u16::from_le_bytes(*flags);
        if flags & FLAG_INDIRECT != 0 || !memory.covers(segment.address, segment.length.into()) {
            return Err(Broken);
        }
        Ok(Descriptor { segment, flags, next: u16::from_le_bytes(next.try_into().map_err(|_| Broken)?) })
    }
}

fn at(base: u64, offset: u64) -> Result<u64, Broken> {
    base.checked_add(offset).ok_or(Broken)
}

fn half(memory: &impl Memory, address: u64) -> Result<u16, Broken> {
    let mut bytes = [0; 2];
    memory.read(address, &mut bytes)?;
    Ok(u16::from_le_bytes(bytes))
}
