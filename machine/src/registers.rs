//! The integer registers.

use core::ops::{Index, IndexMut};

use crate::insn::Insn;

/// Where writes to `x0` go: no instruction can name this register as a source.
pub(crate) const SINK: u8 = 32;

/// `x0`…`x31`, indexed by the fields of an [`Insn`].
///
/// There is one slot for each value of a `u8`, so that an index needs no check. Instructions that
/// are about to be executed name [`SINK`] as destination instead of `x0`, which therefore stays zero.
#[derive(Clone)]
pub(crate) struct Registers([u64; 256]);

impl Registers {
    pub(crate) const fn new() -> Self {
        Self([0; 256])
    }

    /// `x0`…`x31`.
    pub(crate) fn architectural(&self) -> [u64; 32] {
        let mut all = [0; 32];
        all.copy_from_slice(self.0.split_at(32).0);
        all
    }
}

impl Index<u8> for Registers {
    type Output = u64;

    #[inline(always)]
    fn index(&self, register: u8) -> &u64 {
        &self.0[usize::from(register)]
    }
}

impl IndexMut<u8> for Registers {
    #[inline(always)]
    fn index_mut(&mut self, register: u8) -> &mut u64 {
        &mut self.0[usize::from(register)]
    }
}

impl core::fmt::Debug for Registers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.architectural()).finish()
    }
}

impl PartialEq for Registers {
    fn eq(&self, other: &Self) -> bool {
        self.architectural() == other.architectural()
    }
}

impl Eq for Registers {}

impl Insn {
    /// The destination as [`Registers`] takes it: [`SINK`] for `x0`.
    pub(crate) const fn with_sink(self) -> Self {
        Self { rd: if self.rd == 0 { SINK } else { self.rd }, ..self }
    }
}
