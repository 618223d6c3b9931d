//! `sbrk`: moving the end of the heap, `p->sz`.
//!
//! Eager allocation maps every page at once. Lazy allocation only promises: it moves `p->sz`, and
//! the first touch of each page faults and gets its frame then ([`crate::plan`]).

use core::ops::Range;

use faultline_abi::{PAGE_SIZE, VirtAddr, sv39::PteFlags, trace::AreaOp};

use crate::{
    address_space::{AddressSpace, report},
    arch,
    memlayout::USER_TOP,
};

/// When the pages of a grown heap get their frames; the kernel option `sbrk`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SbrkPolicy {
    /// On first touch.
    Lazy,
    /// In `sbrk` itself.
    Eager,
}

impl SbrkPolicy {
    /// The word on the kernel command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lazy => "lazy",
            Self::Eager => "eager",
        }
    }
}

/// Why `sbrk` failed. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SbrkError {
    /// The heap would end below its start.
    BelowStart,
    /// The heap would reach [`USER_TOP`].
    AboveTop,
    /// There are too few frames (eager only).
    OutOfMemory,
}

/// Where a heap that begins at `start` and ends at `end` ends after `delta` bytes more.
///
/// # Errors
/// Where that is below its start or above [`USER_TOP`].
pub fn moved(start: VirtAddr, end: VirtAddr, delta: i64) -> Result<VirtAddr, SbrkError> {
    let new = end.get().checked_add_signed(delta);
    match new.map(VirtAddr::new) {
        Some(new) if new < start => Err(SbrkError::BelowStart),
        Some(new) if new > USER_TOP => Err(SbrkError::AboveTop),
        Some(new) => Ok(new),
        None if delta < 0 => Err(SbrkError::BelowStart),
        None => Err(SbrkError::AboveTop),
    }
}

impl AddressSpace {
    /// Moves the end of the heap by `delta` bytes; the old end.
    ///
    /// # Errors
    /// See [`SbrkError`].
    pub fn sbrk(&mut self, delta: i64, policy: SbrkPolicy) -> Result<VirtAddr, SbrkError> {
        let heap = *self.areas.heap_mut().ok_or(SbrkError::AboveTop)?;
        let (old, new) = (heap.end, moved(heap.start, heap.end, delta)?);
        if policy == SbrkPolicy::Eager {
            self.map_all(page_up(old)..page_up(new), heap.prot.pte_flags() | PteFlags::U)?;
        }
        self.unmap_pages(page_up(new)..page_up(old));
        self.end_heap_at(new);
        Ok(old)
    }

    /// Maps frames of zeros over all of `pages`, or over none.
    fn map_all(&mut self, pages: Range<VirtAddr>, flags: PteFlags) -> Result<(), SbrkError> {
        let mut page = pages.start;
        while page < pages.end {
            if self.map_zeros(page, flags).is_err() {
                self.unmap_pages(pages.start..page);
                return Err(SbrkError::OutOfMemory);
            }
            page = page.wrapping_add(PAGE_SIZE);
        }
        Ok(())
    }

    fn unmap_pages(&mut self, pages: Range<VirtAddr>) {
        if pages.start < pages.end {
            self.table.unmap(pages);
            arch::flush_all();
        }
    }

    fn end_heap_at(&mut self, end: VirtAddr) {
        let pid = self.pid;
        if let Some(heap) = self.areas.heap_mut().filter(|heap| heap.end != end) {
            heap.end = end;
            report(pid, AreaOp::Resized, heap);
        }
    }
}

/// The page boundary at or above `va`, which is at most [`USER_TOP`].
fn page_up(va: VirtAddr) -> VirtAddr {
    va.page_up().unwrap_or(va)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_moves_within_its_bounds_and_never_wraps() {
        let (start, end) = (VirtAddr::new(0x8000), VirtAddr::new(0x9000));
        let room = i64::try_from(USER_TOP.get() - end.get()).unwrap();
        let table = [
            (0, Ok(0x9000)),
            (1, Ok(0x9001)),
            (-0x1000, Ok(0x8000)),
            (-0x1001, Err(SbrkError::BelowStart)),
            (-0x9001, Err(SbrkError::BelowStart)),
            (i64::MIN, Err(SbrkError::BelowStart)),
            (room, Ok(USER_TOP.get())),
            (room + 1, Err(SbrkError::AboveTop)),
            (i64::MAX, Err(SbrkError::AboveTop)),
        ];
        for (delta, expected) in table {
            assert_eq!(moved(start, end, delta), expected.map(VirtAddr::new), "{delta}");
        }
    }
}
