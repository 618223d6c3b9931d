//! `copyin`: the kernel reads a program's memory for a system call.
//!
//! It may touch what the program may touch and no more, and a page that is not there yet comes by
//! the same fault code as for the program itself.

use faultline_abi::{
    PAGE_SIZE, VirtAddr,
    sv39::{Access, PteFlags},
};

use crate::{address_space::AddressSpace, fault::Toucher, frame::PAGE_BYTES, plan::Reason};

impl AddressSpace {
    /// Copies `buffer.len()` bytes at `va` of the program into `buffer`.
    ///
    /// # Errors
    /// Why an address may not be read. Part of `buffer` may be filled then.
    pub fn copyin(&mut self, va: VirtAddr, buffer: &mut [u8]) -> Result<(), Reason> {
        let mut va = va;
        let mut rest = buffer;
        while !rest.is_empty() {
            let page = self.readable_page(va)?;
            let bytes = &page[offset_in_page(va)..];
            let (now, later) = rest.split_at_mut(bytes.len().min(rest.len()));
            now.copy_from_slice(&bytes[..now.len()]);
            rest = later;
            va = va.page_down().checked_add(PAGE_SIZE).ok_or(Reason::KernelAddress)?;
        }
        Ok(())
    }

    /// The page of `va`, brought in if need be, if the program may read it.
    fn readable_page(&mut self, va: VirtAddr) -> Result<&[u8; PAGE_BYTES], Reason> {
        if !self.may_read(va) {
            self.fault(va, Access::Load, Toucher::Kernel)?;
        }
        self.table.page(va).ok_or(Reason::Unmapped)
    }

    /// Whether the entry for `va` lets U-mode read.
    fn may_read(&self, va: VirtAddr) -> bool {
        self.table.walk(va).flags().contains(PteFlags::V | PteFlags::R | PteFlags::U)
    }
}

fn offset_in_page(va: VirtAddr) -> usize {
    usize::try_from(va.page_offset()).expect("an offset is below 4096")
}

#[cfg(test)]
mod tests {
    use std::vec;

    use faultline_abi::trace::{AreaKind, Resolution, TraceEvent};

    use super::*;
    use crate::{
        arch::take_events,
        memlayout::{MAXVA, TRAMPOLINE, TRAPFRAME},
        sbrk::SbrkPolicy,
        testing::{area, pool, space},
    };

    #[test]
    fn bytes_come_across_pages_and_from_untouched_heap() {
        let pool = pool(64);
        let mut space = space(&pool);
        let heap = space.sbrk(3 * 4096, SbrkPolicy::Lazy).unwrap();
        let mut bytes = vec![1; 5000];
        space.copyin(heap.wrapping_add(4000), &mut bytes).unwrap();
        assert_eq!(bytes, vec![0; 5000]);
        let resident = |page| space.table.walk(heap.wrapping_add(page * PAGE_SIZE)).is_valid();
        assert!(resident(0) && resident(1) && resident(2));
    }

    #[test]
    fn text_is_readable_as_it_is_in_the_file() {
        let pool = pool(64);
        let mut space = space(&pool);
        let mut bytes = [0; 4];
        space.copyin(VirtAddr::new(0x1000), &mut bytes).unwrap();
        assert_eq!(bytes, [80, 81, 82, 83], "byte n of the test file is n % 251");
    }

    #[test]
    fn what_the_program_may_not_read_the_kernel_does_not_read_for_it() {
        let pool = pool(64);
        let mut space = space(&pool);
        let heap = space.sbrk(4096, SbrkPolicy::Eager).unwrap();
        let bad = [
            (VirtAddr::new(0), Reason::NullPointer),
            (VirtAddr::new(8), Reason::NullPointer),
            (area(&space, AreaKind::Guard).start, Reason::StackOverflow),
            (heap.wrapping_add(4096), Reason::BeyondHeap),
            // The first bytes are the program's, the next page is not.
            (heap.wrapping_add(4090), Reason::BeyondHeap),
            (VirtAddr::new(0x8000_0000), Reason::KernelAddress),
            (TRAPFRAME, Reason::KernelPage(AreaKind::Trapframe)),
            (TRAMPOLINE, Reason::KernelPage(AreaKind::Trampoline)),
            (VirtAddr::new(MAXVA), Reason::KernelAddress),
            (VirtAddr::new(u64::MAX - 3), Reason::KernelAddress),
        ];
        let free = pool.free_count();
        for (va, reason) in bad {
            assert_eq!(space.copyin(va, &mut [0; 16]), Err(reason), "{va}");
        }
        assert_eq!(pool.free_count(), free);
    }

    #[test]
    fn a_refused_copy_is_reported_as_refused_and_kills_nobody() {
        let pool = pool(64);
        let mut space = space(&pool);
        drop(take_events());
        space.copyin(VirtAddr::new(0), &mut [0]).unwrap_err();
        let how = take_events().iter().find_map(|event| match event {
            TraceEvent::Resolved { how, .. } => Some(*how),
            _ => None,
        });
        assert_eq!(how, Some(Resolution::Refused));
    }

    #[test]
    fn nothing_is_read_for_an_empty_buffer() {
        let pool = pool(64);
        assert_eq!(space(&pool).copyin(VirtAddr::new(0), &mut []), Ok(()));
    }
}
