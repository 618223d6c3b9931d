//! Memory that several processes map and that is no file: what one writes, all see.
//!
//! It holds its pages itself, because a process that unmaps one must not take it away from the others.

use alloc::collections::BTreeMap;
use core::cell::RefCell;

use faultline_abi::Ppn;

use crate::{frame::Frame, swap::Slot};

/// Where a page of shared memory is.
pub enum Kept {
    /// In memory.
    Frame(Frame),
    /// In swap.
    Slot(Slot),
}

/// The pages of shared memory that anybody has touched; the others are zero.
#[derive(Default)]
pub struct SharedMemory(RefCell<BTreeMap<u64, Kept>>);

impl SharedMemory {
    /// Looks at page `number`.
    pub fn look<T>(&self, number: u64, look: impl FnOnce(Option<&Kept>) -> T) -> T {
        look(self.0.borrow().get(&number))
    }

    /// The number of the page that frame `ppn` holds.
    #[must_use]
    pub fn number_of(&self, ppn: Ppn) -> Option<u64> {
        let holds = |kept: &Kept| matches!(kept, Kept::Frame(frame) if frame.ppn() == ppn);
        self.0.borrow().iter().find(|(_, kept)| holds(kept)).map(|(&number, _)| number)
    }

    /// Page `number` is there from now on.
    pub fn keep(&self, number: u64, kept: Kept) {
        let before = self.0.borrow_mut().insert(number, kept);
        drop(before);
    }

    /// Looks at every page.
    #[cfg(test)]
    pub(crate) fn each(&self, look: impl FnMut(&Kept)) {
        self.0.borrow().values().for_each(look);
    }
}
