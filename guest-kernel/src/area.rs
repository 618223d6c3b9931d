//! The areas of an address space: what each stretch of addresses is for.
//!
//! The page table says what *is* mapped; the areas say what *may* be. A page fault is the moment
//! when the two are compared.

use alloc::{rc::Rc, vec::Vec};
use core::{fmt, ops::Range};

use bitflags::bitflags;
use faultline_abi::{
    PAGE_SIZE, VirtAddr, board,
    sv39::{Access, PteFlags},
    trace::AreaKind,
};

use crate::{
    file::FileRef,
    frame::PageName,
    memlayout::{MAXVA, USER_BOTTOM, USER_TOP},
    shared_memory::SharedMemory,
};

/// Areas that one address space may have: a program cannot fill the kernel's heap with them.
pub const AREAS_MAX: usize = 64;

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

/// Who sees what is written to a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Only the writer: it gets a copy of its own first.
    Private,
    /// Everybody who maps it.
    Shared,
}

/// Where the bytes of a page come from that nobody has written to yet.
#[derive(Clone)]
pub enum Backing {
    /// From nowhere: they are zero.
    Zeros,
    /// From a file.
    File(FilePart),
    /// From memory that several processes map.
    Memory {
        /// The memory.
        memory: Rc<SharedMemory>,
        /// The number of its page at the start of the area.
        first: u64,
    },
}

/// A stretch of a file.
#[derive(Clone)]
pub struct FilePart {
    /// The file.
    pub file: FileRef,
    /// Where in the file the area begins.
    pub offset: u64,
    /// Bytes that come from the file, zeros after that; `None`: as many as the file has.
    pub length: Option<u64>,
}

impl FilePart {
    /// The page of the file `distance` bytes into the area; `None` beyond what comes from the file.
    #[must_use]
    pub fn page(&self, distance: u64) -> Option<PageName> {
        let offset = self.offset.checked_add(distance)?;
        let length = match self.length {
            Some(length) => length.saturating_sub(distance).min(PAGE_SIZE),
            None if offset < self.file.size() => PAGE_SIZE,
            None => 0,
        };
        (length > 0).then(|| PageName { file: self.file.id(), offset, length })
    }
}

impl fmt::Debug for Backing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zeros => f.write_str("Zeros"),
            Self::File(part) => {
                write!(f, "File({:?}, {:#x}, {:?})", part.file.id(), part.offset, part.length)
            }
            Self::Memory { first, .. } => write!(f, "Memory({first})"),
        }
    }
}

/// One stretch of addresses.
#[derive(Clone, Debug)]
pub struct Area {
    /// What it is for.
    pub kind: AreaKind,
    /// First address, the start of a page.
    pub start: VirtAddr,
    /// One beyond the last address. The area reaches to the end of that page.
    pub end: VirtAddr,
    /// What the program may do with it.
    pub prot: Prot,
    /// Who sees what is written.
    pub sharing: Sharing,
    /// Where untouched pages come from.
    pub backing: Backing,
}

impl Area {
    /// A private area that begins as zeros.
    #[must_use]
    pub const fn zeros(kind: AreaKind, start: VirtAddr, end: VirtAddr, prot: Prot) -> Self {
        Self { kind, start, end, prot, sharing: Sharing::Private, backing: Backing::Zeros }
    }

    /// All its pages.
    #[must_use]
    pub fn pages(&self) -> Range<VirtAddr> {
        self.start..self.page_end()
    }

    /// The page of a file that belongs at the page of `va`; `None` where zeros do.
    #[must_use]
    pub fn file_page(&self, va: VirtAddr) -> Option<PageName> {
        match &self.backing {
            Backing::File(part) => part.page(self.distance(va)),
            Backing::Zeros | Backing::Memory { .. } => None,
        }
    }

    /// Where the page of `va` begins, counted from the start of the area.
    fn distance(&self, va: VirtAddr) -> u64 {
        va.page_down().get().saturating_sub(self.start.get())
    }

    /// The number of the page of `va` in the shared memory behind the area.
    #[must_use]
    pub fn memory_page(&self, va: VirtAddr) -> Option<(&Rc<SharedMemory>, u64)> {
        match &self.backing {
            Backing::Memory { memory, first } => {
                Some((memory, first.saturating_add(self.distance(va) / PAGE_SIZE)))
            }
            Backing::Zeros | Backing::File(_) => None,
        }
    }

    /// Cuts the area in two at `at`, a page of it but the first; the upper part.
    fn split_off(&mut self, at: VirtAddr) -> Self {
        let mut upper = self.clone();
        let distance = self.distance(at);
        match &mut upper.backing {
            Backing::Zeros => {}
            Backing::File(part) => part.offset = part.offset.saturating_add(distance),
            Backing::Memory { first, .. } => *first = first.saturating_add(distance / PAGE_SIZE),
        }
        upper.start = at;
        self.end = at;
        upper
    }

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
#[derive(Clone, Debug)]
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
    #[expect(
        clippy::disallowed_macros,
        clippy::disallowed_methods,
        reason = "a partition point is at most the length; debug assertions are for unit tests"
    )]
    pub fn insert(&mut self, area: Area) {
        let at = self.0.partition_point(|other| other.start <= area.start);
        let below = self.0.get(..at).and_then(<[Area]>::last);
        debug_assert!(below.is_none_or(|below| below.page_end() <= area.start), "{area:?} overlaps");
        self.0.insert(at, area);
    }

    /// All areas, lowest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Area> + Clone {
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

    /// How many areas there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The area that `va` lies in.
    #[must_use]
    pub fn at(&self, va: VirtAddr) -> Option<&Area> {
        self.0.iter().find(|area| area.contains(va))
    }

    /// Whether no area has a page in `pages`.
    #[must_use]
    pub fn are_free(&self, pages: &Range<VirtAddr>) -> bool {
        self.0.iter().all(|area| area.page_end() <= pages.start || pages.end <= area.start)
    }

    /// Where `length` bytes (whole pages) may be mapped: as high as possible.
    #[must_use]
    pub fn highest_gap(&self, length: u64) -> Option<VirtAddr> {
        let mut top = USER_TOP;
        for area in self.0.iter().rev().filter(|area| area.start < USER_TOP) {
            if top.get().saturating_sub(area.page_end().get()) >= length {
                break;
            }
            top = area.start;
        }
        let start = top.get().checked_sub(length).map(VirtAddr::new)?;
        self.are_free(&(start..top)).then_some(start).filter(|&start| start >= USER_BOTTOM)
    }

    /// Where the area above `va` begins, or user memory ends.
    #[must_use]
    pub fn limit_above(&self, va: VirtAddr) -> VirtAddr {
        let above = self.0.iter().map(|area| area.start).find(|&start| start > va);
        above.map_or(USER_TOP, |start| start.min(USER_TOP))
    }

    /// Cuts areas so that none reaches across `at`; the parts where one did, lower and upper.
    #[expect(clippy::disallowed_methods, reason = "the place after one that was found is at most the length")]
    pub(crate) fn cut(&mut self, at: VirtAddr) -> Option<(&Area, &Area)> {
        let index = self.0.iter().position(|area| area.start < at && at < area.page_end())?;
        let upper = self.0.get_mut(index)?.split_off(at);
        let next = index.saturating_add(1);
        self.0.insert(next, upper);
        Some((self.0.get(index)?, self.0.get(next)?))
    }

    /// Takes out the areas that lie in `pages`, which cut no area.
    pub(crate) fn remove(&mut self, pages: &Range<VirtAddr>) -> Vec<Area> {
        let inside = |area: &Area| pages.start <= area.start && area.page_end() <= pages.end;
        self.0.extract_if(.., |area| inside(area)).collect()
    }

    /// Where `va` lies, or why it is in no area.
    #[must_use]
    pub fn place(&self, va: VirtAddr) -> Place {
        if let Some(area) = self.at(va) {
            return Place::Area(area.clone());
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
        Area::zeros(kind, VirtAddr::new(start), VirtAddr::new(end), Prot::R)
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
            other => Err(std::format!("{other:?}")),
        };
        let table = [
            (0, Err("Null")),
            (0xfff, Err("Null")),
            (0x1000, Ok(AreaKind::Text)),
            (0x1fff, Ok(AreaKind::Text)),
            (0x2000, Err("Gap")),
            (0x7fff, Ok(AreaKind::Stack)),
            (0x8000, Ok(AreaKind::Heap)),
            // The last page of the heap counts whole, so that lazy and eager heaps behave alike.
            (0x9fff, Ok(AreaKind::Heap)),
            (0xa000, Err("BeyondHeap")),
            (0x8000_0000, Err("Kernel")),
            (MAXVA, Err("Kernel")),
            (u64::MAX, Err("Kernel")),
        ];
        for (va, place) in table {
            assert_eq!(kind(va), place.map_err(Into::into), "{va:#x}");
        }
    }

    #[test]
    fn gaps_are_found_from_the_top() {
        let mut areas = areas();
        let top = areas.highest_gap(0x3000).unwrap();
        assert_eq!(top.get(), USER_TOP.get() - 0x3000);
        areas.insert(area(AreaKind::Mmap, USER_TOP.get() - 0x1000, USER_TOP.get()));
        assert_eq!(areas.highest_gap(0x3000).unwrap().get(), USER_TOP.get() - 0x4000);
        assert!(areas.highest_gap(USER_TOP.get()).is_none());
        assert_eq!(areas.limit_above(VirtAddr::new(0x8000)).get(), USER_TOP.get() - 0x1000);
    }

    #[test]
    fn a_cut_area_is_two_areas_with_the_same_pages() {
        let mut areas = areas();
        assert!(areas.cut(VirtAddr::new(0x6000)).is_none(), "an area begins there");
        let (lower, upper) = areas.cut(VirtAddr::new(0x7000)).unwrap();
        assert_eq!((lower.end.get(), upper.start.get(), upper.end.get()), (0x7000, 0x7000, 0x8000));
        let taken = areas.remove(&(VirtAddr::new(0x7000)..VirtAddr::new(0x8000)));
        assert_eq!((taken.len(), areas.count()), (1, 3));
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
