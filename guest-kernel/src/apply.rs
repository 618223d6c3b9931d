//! Apply: carry out the plan for a page fault. The only place where a fault changes a page table.

use faultline_abi::{
    VirtAddr,
    sv39::{Pte, PteFlags},
    trace::{FrameKind, Resolution},
};

use crate::{
    address_space::AddressSpace,
    arch,
    plan::{FaultPlan, Reason},
    table::MapError,
};

/// How a fault was dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// What was done.
    pub how: Resolution,
    /// The entry that the page has now.
    pub pte: Pte,
}

impl AddressSpace {
    /// Does what `plan` says for the page of `va`.
    ///
    /// # Errors
    /// The reason of a plan that refuses, or [`Reason::OutOfMemory`]; then nothing has changed.
    pub(crate) fn apply(&mut self, va: VirtAddr, plan: FaultPlan) -> Result<Resolved, Reason> {
        let resolved = match plan {
            FaultPlan::Zero(flags) => Resolved { how: Resolution::Zeroed, pte: self.map_zeros(va, flags)? },
            FaultPlan::Retry(flags) => {
                Resolved { how: Resolution::Spurious, pte: self.table.set_flags(va, flags) }
            }
            FaultPlan::Refuse(reason) => return Err(reason),
        };
        // A hart may remember that an entry was invalid, or lacked a bit.
        arch::flush_page(va);
        Ok(resolved)
    }

    /// Maps a frame of zeros at the page of `va`.
    pub(crate) fn map_zeros(&mut self, va: VirtAddr, flags: PteFlags) -> Result<Pte, Reason> {
        let frame = self.table.pool().allocate(self.pid, FrameKind::User).ok_or(Reason::OutOfMemory)?;
        self.table.map(va, frame, flags).map_err(|error| match error {
            MapError::OutOfFrames => Reason::OutOfMemory,
            MapError::Occupied => unreachable!("a plan maps what is not mapped"),
        })
    }
}
