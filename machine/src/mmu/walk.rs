//! The page-table walk: pure, and it returns its steps.

use core::ops::Deref;

use faultline_abi::{
    PhysAddr, VirtAddr,
    sv39::{Access, Check, Pte, WalkStep},
};
use serde::{Serialize, Serializer};

/// Most levels of any translation scheme: Sv48 has four, and this leaves room for Sv57.
const LEVELS_MAX: usize = 5;

/// A finished walk: what was asked, the entries read, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Walk {
    /// The address that was to be translated.
    pub va: VirtAddr,
    /// What the instruction wanted to do with it.
    pub access: Access,
    /// The entries read, root first; a slice of [`WalkStep`].
    pub steps: Steps,
    /// The translated address, or the check that failed.
    pub result: Result<PhysAddr, Check>,
}

/// The steps of a walk, without allocation; use it as a slice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    len: usize,
    steps: [WalkStep; LEVELS_MAX],
}

impl Steps {
    const NONE: WalkStep = WalkStep { level: 0, pte_addr: PhysAddr::new(0), pte: Pte::INVALID };

    /// No step yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { len: 0, steps: [Self::NONE; LEVELS_MAX] }
    }

    /// Appends a step; one beyond the deepest table is dropped.
    pub fn push(&mut self, step: WalkStep) {
        if let Some(slot) = self.steps.get_mut(self.len) {
            *slot = step;
            self.len += 1;
        }
    }
}

impl Default for Steps {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Steps {
    type Target = [WalkStep];

    fn deref(&self) -> &[WalkStep] {
        self.steps.get(..self.len).unwrap_or(&[])
    }
}

impl core::fmt::Debug for Steps {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Steps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
