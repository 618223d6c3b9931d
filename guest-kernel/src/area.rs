//! The areas of an address space: what each stretch of addresses is for.
//!
//! The page table says what *is* mapped; the areas say what *may* be. A page fault is the moment
//! when the two are compared.

use alloc::vec::Vec;

use bitflags::bitflags;
use faultline_abi::{
    VirtAddr, board,
    sv39::{Access, PteFlags},
    trace::AreaKind,
};

use crate::memlayout::{MAXVA, USER_BOTTOM};

bitflags! {
    /// What a program may do with an area; the bits are those of the area event.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Prot: u64 {
        /// Load.
        const R = 1;
        /// Store.
        const W = 2;
        /// Fetch.
        const X = 4;
    }
}

impl Prot {
    /// Whether `access` is among what is allowed.
    #[must_use]
    pub const fn allows(self, access: Access) -> bool {
        self.contains(match access {
            Access::Load => Self::R,
            Access::Store => Self::W,
            Access::Fetch => Self::X,
        })
    }

    /// The R, W and X bits of an entry.
    #[must_use]
    pub fn pte_flags(self) -> PteFlags {
        let pairs = [(Self::R, PteFlags::R), (Self::W, PteFlags::W), (Self::X, PteFlags::X)];
        pairs.into_iter().filter(|(prot, _)| self.contains(*prot)).map(|(_, flag)| flag).collect()
    }
}

/// One stretch of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// What it is for.
    pub kind: AreaKind,
    /// First address, the start of a page.
    pub start: VirtAddr,
    /// One beyond the last address. The area reaches to the end of that page.
    pub end: VirtAddr,
    /// What the program may do with it.
    pub prot: Prot,
}

impl Area {
    /// One beyond the last page.
    #[must_use]
    pub fn page_end(&self) -> VirtAddr {
        self.end.page_up().unwrap_or(self.end)
    }

    /// Whether `va` lies in one of the area's pages.
    #[must_use]
    pub fn contains(&self, va: VirtAddr) -> bool {
        self.start <= va && va < self.page_end()
    }

    /// Whether programs may touch it at all. The guard page, the trapframe and the trampoline are
    /// mapped, but not for them.
    #[must_use]
    pub const fn is_for_users(&self) -> bool {
        !matches!(self.kind, AreaKind::Guard | AreaKind::Trapframe | AreaKind::Trampoline)
    }
}

/// Where an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In an area.
    Area(Area),
    /// In page 0.
    Null,
    /// Above the heap, where nothing is yet.
    BeyondHeap,
    /// Where the kernel and the devices are in the kernel's own space, or where no user address can be.
    Kernel,
    /// Between two areas.
    Gap,
}

/// The areas of one address space, in order of address, none overlapping another.
#[derive(Clone, Debug, Default)]
pub struct Areas(Vec<Area>);

impl Areas {
    /// Adds `area`, which overlaps no other.
    pub fn insert(&mut self, area: Area) {
        let at = self.0.partition_point(|other| other.start <= area.start);
        debug_assert!(at == 0 || self.0[at - 1].page_end() <= area.start, "{area:?} overlaps");
        self.0.insert(at, area);
    }

    /// All areas, lowest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Area> {
        self.0.iter()
    }

    /// The area of this kind, if there is one.
    #[must_use]
    pub fn of_kind(&self, kind: AreaKind) -> Option<&Area> {
        self.0.iter().find(|area| area.kind == kind)
    }

    /// The heap, to move its end.
    pub(crate) fn heap_mut(&mut self) -> Option<&mut Area> {
        self.0.iter_mut().find(|area| area.kind == AreaKind::Heap)
    }

    /// Where `va` lies, or why it is in no area.
    #[must_use]
    pub fn place(&self, va: VirtAddr) -> Place {
        if let Some(area) = self.0.iter().find(|area| area.contains(va)) {
            return Place::Area(*area);
        }
        match va {
            va if va < USER_BOTTOM => Place::Null,
            va if va.get() >= MAXVA || is_kernel_memory(va) => Place::Kernel,
            va if self.of_kind(AreaKind::Heap).is_none_or(|heap| va >= heap.end) => Place::BeyondHeap,
            _ => Place::Gap,
        }
    }
}

/// Whether the kernel's own space has DRAM at `va`.
fn is_kernel_memory(va: VirtAddr) -> bool {
    /// Bytes of DRAM that a board may have.
    const DRAM_MAX: u64 = 1 << 30;
    (board::DRAM_BASE..board::DRAM_BASE + DRAM_MAX).contains(&va.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(kind: AreaKind, start: u64, end: u64) -> Area {
        Area { kind, start: VirtAddr::new(start), end: VirtAddr::new(end), prot: Prot::R }
    }

    fn areas() -> Areas {
        let mut areas = Areas::default();
        areas.insert(area(AreaKind::Heap, 0x8000, 0x9010));
        areas.insert(area(AreaKind::Text, 0x1000, 0x2000));
        areas.insert(area(AreaKind::Stack, 0x6000, 0x8000));
        areas
    }

    #[test]
    fn areas_stay_in_order() {
        let areas = areas();
        let kinds: Vec<_> = areas.iter().map(|area| area.kind).collect();
        assert_eq!(kinds, [AreaKind::Text, AreaKind::Stack, AreaKind::Heap]);
    }

    #[test]
    fn every_address_has_a_place() {
        let areas = areas();
        let kind = |va| match areas.place(VirtAddr::new(va)) {
            Place::Area(area) => Ok(area.kind),
            other => Err(other),
        };
        let table = [
            (0, Err(Place::Null)),
            (0xfff, Err(Place::Null)),
            (0x1000, Ok(AreaKind::Text)),
            (0x1fff, Ok(AreaKind::Text)),
            (0x2000, Err(Place::Gap)),
            (0x7fff, Ok(AreaKind::Stack)),
            (0x8000, Ok(AreaKind::Heap)),
            // The last page of the heap counts whole, so that lazy and eager heaps behave alike.
            (0x9fff, Ok(AreaKind::Heap)),
            (0xa000, Err(Place::BeyondHeap)),
            (0x8000_0000, Err(Place::Kernel)),
            (MAXVA, Err(Place::Kernel)),
            (u64::MAX, Err(Place::Kernel)),
        ];
        for (va, place) in table {
            assert_eq!(kind(va), place, "{va:#x}");
        }
    }

    #[test]
    fn an_empty_heap_contains_nothing() {
        let heap = area(AreaKind::Heap, 0x8000, 0x8000);
        assert!(!heap.contains(VirtAddr::new(0x8000)));
    }

    #[test]
    fn protection_becomes_entry_bits() {
        assert_eq!((Prot::R | Prot::X).pte_flags(), PteFlags::R | PteFlags::X);
        assert!(Prot::W.allows(Access::Store) && !Prot::W.allows(Access::Load));
    }
}
