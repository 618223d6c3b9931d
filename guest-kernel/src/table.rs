//! One page of a page table, and the references that its entries own.
//!
//! An entry that maps a frame of the pool owns one reference to it, from `Table::map` to
//! `Table::take`; an entry that points at a table of the next level owns that table; the entry of a
//! page in swap owns its slot. So an entry can neither leak a frame nor outlive it.
//!
//! The hardware looks at an entry whose V bit is clear no further, so the kernel keeps the number of a
//! swap slot there: the first RSW bit says so, and the number stands where a frame's would.

use faultline_abi::{
    Ppn, VirtAddr,
    addr::VPN_BITS,
    sv39::{LEVELS, Pte, PteFlags},
    trace::FrameKind,
};

use crate::{
    frame::{Frame, FramePool},
    pid::Pid,
    swap::Slot,
};

/// Marks an entry whose page is in swap.
const IN_SWAP: PteFlags = PteFlags::RSW0;

/// The entry of a page in swap slot `number`.
#[must_use]
pub const fn swapped_entry(number: u32) -> Pte {
    Pte::new(Ppn::new(number as u64), IN_SWAP)
}

/// The swap slot that an entry names, if its page is in swap.
#[must_use]
pub fn slot_of(pte: Pte) -> Option<u32> {
    let swapped = !pte.is_valid() && pte.flags().contains(IN_SWAP);
    if swapped { u32::try_from(pte.ppn().get()).ok() } else { None }
}

/// What an entry owned. It goes back when this is dropped.
#[expect(dead_code, reason = "the fields are kept until they are dropped, not read")]
pub(crate) enum Owned {
    /// Nothing, or memory that is not counted.
    Nothing,
    /// A frame.
    Frame(Frame),
    /// A page in swap.
    Slot(Slot),
}

/// Why an entry could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// Memory is used up.
    OutOfFrames,
    /// Something is mapped there already.
    Occupied,
}

/// 512 entries.
#[repr(C, align(4096))]
pub(crate) struct Table([u64; 1 << VPN_BITS]);

/// The frame of one table: the root, or on its way into an entry.
pub(crate) struct TableFrame(Frame);

impl TableFrame {
    /// An empty table, held for `owner`.
    pub(crate) fn allocate(pool: &FramePool, owner: Pid) -> Option<Self> {
        pool.allocate(owner, FrameKind::PageTable).map(Self)
    }

    pub(crate) const fn ppn(&self) -> Ppn {
        self.0.ppn()
    }

    pub(crate) fn table(&self) -> &Table {
        // SAFETY: the frame began as zeros, which are 512 invalid entries, and is written as a
        // table only; a page has a table's size and alignment.
        unsafe { &*self.0.bytes().as_ptr().cast() }
    }

    #[expect(clippy::expect_used, reason = "only `into_ppn` gives the frame away, with its handle")]
    pub(crate) fn table_mut(&mut self) -> &mut Table {
        let bytes = self.0.bytes_mut().expect("nobody else holds a table");
        // SAFETY: as in `table`, and borrowed exclusively.
        unsafe { &mut *bytes.as_mut_ptr().cast() }
    }
}

#[expect(clippy::indexing_slicing, reason = "an index is nine bits of an address, or counts to `ENTRIES`")]
impl Table {
    pub(crate) fn entry(&self, index: usize) -> Pte {
        Pte::from_raw(self.0[index])
    }

    /// Changes the flags of a valid entry; what it maps stays.
    pub(crate) fn set_flags(&mut self, index: usize, flags: PteFlags) {
        self.0[index] = self.entry(index).with_flags(flags).raw();
    }

    /// Maps `frame`. The entry owns its reference from now on.
    pub(crate) fn map(&mut self, index: usize, frame: Frame, flags: PteFlags) -> Result<Pte, MapError> {
        self.check_free(index)?;
        Ok(self.write(index, frame.into_ppn(), flags))
    }

    /// Maps memory that is not counted: the kernel's image, devices, the kernel's view of all DRAM.
    pub(crate) fn map_uncounted(&mut self, index: usize, ppn: Ppn, flags: PteFlags) -> Result<(), MapError> {
        self.check_free(index)?;
        self.write(index, ppn, flags);
        Ok(())
    }

    /// Notes that the page is in `slot`. The entry owns that reference from now on.
    pub(crate) fn put_slot(&mut self, index: usize, slot: Slot) -> Result<(), MapError> {
        self.check_free(index)?;
        self.0[index] = swapped_entry(slot.into_number()).raw();
        Ok(())
    }

    /// Clears the entry; what it owned.
    ///
    /// # Safety
    /// The entry was made by [`Table::map`], points at a table, or maps memory outside the pool: not
    /// by [`Table::map_uncounted`] for a frame of the pool.
    pub(crate) unsafe fn take(&mut self, index: usize, pool: &FramePool, owner: Pid) -> Owned {
        let pte = self.entry(index);
        self.0[index] = Pte::INVALID.raw();
        if let Some(number) = slot_of(pte) {
            return Owned::Slot(pool.swap().adopt(number));
        }
        if !pte.is_valid() {
            return Owned::Nothing;
        }
        // SAFETY: the entry held the reference that was given up for it, and is gone now.
        unsafe { pool.adopt(pte.ppn(), owner) }.map_or(Owned::Nothing, Owned::Frame)
    }

    /// The table that a pointer entry owns.
    pub(crate) fn child(&self, index: usize, pool: &FramePool) -> Option<&Self> {
        let page = self.pointed_at(index, pool)?;
        // SAFETY: `child_or_new` alone writes pointers, and to tables; borrowing this table borrows it.
        Some(unsafe { page.cast().as_ref() })
    }

    /// The table that a pointer entry owns, to write.
    pub(crate) fn child_mut(&mut self, index: usize, pool: &FramePool) -> Option<&mut Self> {
        let page = self.pointed_at(index, pool)?;
        // SAFETY: as in `child`; this table is borrowed exclusively and owns the other alone.
        Some(unsafe { page.cast().as_mut() })
    }

    /// How many tables hang below this one, of `level`.
    pub(crate) fn tables_below(&self, level: u32, pool: &FramePool) -> usize {
        if level == 0 {
            return 0;
        }
        let children = (0..self.0.len()).filter_map(|index| self.child(index, pool));
        children.map(|child| child.tables_below(level.saturating_sub(1), pool).saturating_add(1)).sum()
    }

    /// The table under this entry, made where there is none.
    fn child_or_new(&mut self, index: usize, pool: &FramePool, owner: Pid) -> Result<&mut Self, MapError> {
        if !self.entry(index).is_valid() {
            let child = TableFrame::allocate(pool, owner).ok_or(MapError::OutOfFrames)?;
            self.write(index, child.0.into_ppn(), PteFlags::empty());
        }
        self.child_mut(index, pool).ok_or(MapError::Occupied)
    }

    /// The table of `level` on the way to `va`, from this root; missing tables are made.
    pub(crate) fn descend(
        &mut self,
        va: VirtAddr,
        level: u32,
        pool: &FramePool,
        owner: Pid,
    ) -> Result<&mut Self, MapError> {
        let mut table = self;
        for above in (level.saturating_add(1)..LEVELS).rev() {
            table = table.child_or_new(va.vpn(above), pool, owner)?;
        }
        Ok(table)
    }

    fn pointed_at(&self, index: usize, pool: &FramePool) -> Option<core::ptr::NonNull<crate::frame::Page>> {
        let pte = self.entry(index);
        if pte.is_pointer() { pool.page(pte.ppn()) } else { None }
    }

    fn check_free(&self, index: usize) -> Result<(), MapError> {
        if self.entry(index) == Pte::INVALID { Ok(()) } else { Err(MapError::Occupied) }
    }

    fn write(&mut self, index: usize, ppn: Ppn, flags: PteFlags) -> Pte {
        let pte = Pte::new(ppn, flags | PteFlags::V);
        self.0[index] = pte.raw();
        pte
    }
}
