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
