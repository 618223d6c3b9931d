//! What the page tables map, as the kernel's word is compared with it.

use borsh::{BorshDeserialize, BorshSerialize};
use faultline_abi::sv39::Pte;
use faultline_abi::{PhysAddr, VirtAddr};
use serde::{Deserialize, Serialize};

/// A page that a living process maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Mapped {
    /// The process's root table.
    pub root: PhysAddr,
    /// The page.
    pub va: VirtAddr,
    /// The entry that maps it.
    pub pte: Pte,
}

impl Mapped {
    /// The frame behind the page.
    #[must_use]
    pub fn frame(&self) -> PhysAddr {
        self.pte.ppn().base()
    }
}
