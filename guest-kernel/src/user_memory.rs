//! `copyin` and `copyout`: the kernel reads and writes a program's memory for a system call.
//!
//! It may touch what the program may touch and no more, and a page that is not there yet, or that
//! must be copied first, comes by the same fault code as for the program itself.

use alloc::vec::Vec;

use faultline_abi::{
    PAGE_SIZE, Ppn, VirtAddr,
    sv39::{Access, PteFlags},
};

use crate::{
    fault::Toucher,
    memory::{Memory, SpaceId},
    plan::{Reason, right, touched},
};

impl Memory {
    /// Copies `buffer.len()` bytes at `va` of the program into `buffer`.
    ///
    /// # Errors
    /// Why an address may not be read. Part of `buffer` may be filled then.
    #[expect(clippy::disallowed_methods, reason = "split at most at the end")]
    pub fn copyin(&mut self, id: SpaceId, va: VirtAddr, buffer: &mut [u8]) -> Result<(), Reason> {
        let mut va = va;
        let mut rest = buffer;
        while !rest.is_empty() {
            let ppn = self.page_for(id, va, Access::Load)?;
            let (now, later) = rest.split_at_mut(to_page_end(va).min(rest.len()));
            self.frames.read(ppn, offset_in_page(va), now);
            rest = later;
            va = next_page(va)?;
        }
        Ok(())
    }

    /// Copies `bytes` to `va` of the program.
    ///
    /// # Errors
    /// Why an address may not be written. Some bytes may be there then.
    #[expect(clippy::disallowed_methods, reason = "split at most at the end")]
    pub fn copyout(&mut self, id: SpaceId, va: VirtAddr, bytes: &[u8]) -> Result<(), Reason> {
        let mut va = va;
        let mut rest = bytes;
        while !rest.is_empty() {
            let ppn = self.page_for(id, va, Access::Store)?;
            let (now, later) = rest.split_at(to_page_end(va).min(rest.len()));
            self.frames.write(ppn, offset_in_page(va), now);
            rest = later;
            va = next_page(va)?;
        }
        Ok(())
    }

    /// The string at `va` of the program, without the zero that ends it; at most `max` bytes.
    ///
    /// # Errors
    /// Why an address may not be read, or [`Reason::Unmapped`] for a string without an end.
    pub fn copyin_string(&mut self, id: SpaceId, va: VirtAddr, max: usize) -> Result<Vec<u8>, Reason> {
        let mut string = Vec::new();
        for distance in 0..=max as u64 {
            let mut byte = [0];
            self.copyin(id, va.checked_add(distance).ok_or(Reason::KernelAddress)?, &mut byte)?;
            match byte {
                [0] => return Ok(string),
                [byte] => string.push(byte),
            }
        }
        Err(Reason::Unmapped)
    }

    /// The frame of the page of `va`, brought in if need be, if the program may do `access` there.
    ///
    /// The hart does not see what the kernel does through its own view of memory, so the accessed and
    /// dirty bits are set here.
    fn page_for(&mut self, id: SpaceId, va: VirtAddr, access: Access) -> Result<Ppn, Reason> {
        let needed = PteFlags::V | PteFlags::U | right(access);
        if !self.space(id).table.walk(va).flags().contains(needed) {
            self.fault(id, va, access, Toucher::Kernel)?;
        }
        let table = &mut self.space_mut(id).table;
        let pte = table.walk(va);
        let flags = touched(pte.flags(), access);
        if flags != pte.flags() {
            table.set_flags(va, flags);
        }
        Ok(pte.ppn())
    }
}

fn next_page(va: VirtAddr) -> Result<VirtAddr, Reason> {
    va.page_down().checked_add(PAGE_SIZE).ok_or(Reason::KernelAddress)
}

fn to_page_end(va: VirtAddr) -> usize {
    crate::frame::PAGE_BYTES.saturating_sub(offset_in_page(va))
}

#[expect(clippy::cast_possible_truncation, reason = "an offset is below 4096")]
const fn offset_in_page(va: VirtAddr) -> usize {
    va.page_offset() as usize
}

#[cfg(test)]
mod tests {
    use std::vec;

    use faultline_abi::trace::{AreaKind, Resolution, TraceEvent};

    use super::*;
    use crate::{
        arch::take_events,
        memlayout::{MAXVA, TRAMPOLINE, TRAPFRAME},
        testing::{area, memory, space},
    };

    #[test]
    fn bytes_come_across_pages_and_from_untouched_heap() {
        let mut memory = memory(64);
        let id = space(&mut memory);
        let heap = memory.sbrk(id, 3 * 4096).unwrap();
        let mut bytes = vec![1; 5000];
        memory.copyin(id, heap.wrapping_add(4000), &mut bytes).unwrap();
        assert_eq!(bytes, vec![0; 5000]);
        let resident = |page| memory.space(id).table.walk(heap.wrapping_add(page * PAGE_SIZE)).is_valid();
        assert!(resident(0) && resident(1) && resident(2));
    }

    #[test]
    fn what_goes_out_comes_in_and_makes_pages_dirty() {
        let mut memory = memory(64);
        let id = space(&mut memory);
        let at = memory.sbrk(id, 3 * 4096).unwrap().wrapping_add(4000);
        let bytes: vec::Vec<u8> = (0..5000u16).map(|n| n.to_le_bytes()[0]).collect();
        memory.copyout(id, at, &bytes).unwrap();
        let mut back = vec![0; 5000];
        memory.copyin(id, at, &mut back).unwrap();
        assert_eq!(back, bytes);
        assert!(memory.space(id).table.walk(at).flags().contains(PteFlags::A | PteFlags::D));
    }

    #[test]
    fn text_is_readable_as_it_is_in_the_file_and_not_writable() {
        let mut memory = memory(64);
        let id = space(&mut memory);
        let mut bytes = [0; 4];
        memory.copyin(id, VirtAddr::new(0x1000), &mut bytes).unwrap();
        assert_eq!(bytes, [80, 81, 82, 83], "byte n of the test file is n % 251");
        let refused = memory.copyout(id, VirtAddr::new(0x1000), &bytes);
        assert_eq!(refused, Err(Reason::Forbidden(AreaKind::Text, Access::Store)));
    }

    #[test]
    fn what_the_program_may_not_touch_the_kernel_does_not_touch_for_it() {
        let mut memory = memory(64);
        let id = space(&mut memory);
        let heap = memory.sbrk(id, 4096).unwrap();
        memory.copyin(id, heap, &mut [0]).unwrap();
        let bad = [
            (VirtAddr::new(0), Reason::NullPointer),
            (VirtAddr::new(8), Reason::NullPointer),
            (area(&memory, id, AreaKind::Guard).start, Reason::StackOverflow),
            (heap.wrapping_add(4096), Reason::BeyondHeap),
            // The first bytes are the program's, the next page is not.
            (heap.wrapping_add(4090), Reason::BeyondHeap),
            (VirtAddr::new(0x8000_0000), Reason::KernelAddress),
            (TRAPFRAME, Reason::KernelPage(AreaKind::Trapframe)),
            (TRAMPOLINE, Reason::KernelPage(AreaKind::Trampoline)),
            (VirtAddr::new(MAXVA), Reason::KernelAddress),
            (VirtAddr::new(u64::MAX - 3), Reason::KernelAddress),
        ];
        let free = memory.frames().free_count();
        for (va, reason) in bad {
            assert_eq!(memory.copyin(id, va, &mut [0; 16]), Err(reason), "{va}");
            assert_eq!(memory.copyout(id, va, &[0; 16]), Err(reason), "{va}");
        }
        assert_eq!(memory.frames().free_count(), free);
    }

    #[test]
    fn a_string_ends_at_its_zero_and_must_have_one() {
        let mut memory = memory(64);
        let id = space(&mut memory);
        let heap = memory.sbrk(id, 8192).unwrap();
        let across = heap.wrapping_add(4093);
        memory.copyout(id, across, b"name\0rest").unwrap();
        assert_eq!(memory.copyin_string(id, across, 16).unwrap(), b"name");
        assert_eq!(memory.copyin_string(id, across, 3), Err(Reason::Unmapped));
        memory.copyout(id, heap.wrapping_add(8188), b"tail").unwrap();
        assert_eq!(memory.copyin_string(id, heap.wrapping_add(8188), 16), Err(Reason::BeyondHeap));
    }

    #[test]
    fn a_refused_copy_is_reported_as_refused_and_kills_nobody() {
        let mut memory = memory(64);
        let id = space(&mut memory);
        drop(take_events());
        memory.copyin(id, VirtAddr::new(0), &mut [0]).unwrap_err();
        let how = take_events().iter().find_map(|event| match event {
            TraceEvent::Resolved { how, .. } => Some(*how),
            _ => None,
        });
        assert_eq!(how, Some(Resolution::Refused));
    }

    #[test]
    fn nothing_is_touched_for_an_empty_buffer() {
        let mut memory = memory(64);
        let id = space(&mut memory);
        assert_eq!(memory.copyin(id, VirtAddr::new(0), &mut []), Ok(()));
        assert_eq!(memory.copyout(id, VirtAddr::new(0), &[]), Ok(()));
    }
}
