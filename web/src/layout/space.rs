//! An address space from its top to its bottom: areas page by page, the stretches between as one.

use std::collections::BTreeMap;

use faultline_abi::satp::Scheme;
use faultline_abi::sv39::{Pte, PteFlags};
use faultline_abi::trace::AreaKind;
use faultline_abi::{PAGE_SIZE, VirtAddr};

use crate::state::{Area, Process, View};

/// Pages of one area that are drawn one by one; the rest is counted.
const CELLS_PER_AREA: usize = 160;

/// How a page stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellState {
    /// Promised to the program, with no frame yet.
    Lazy,
    /// On disk in a file, not read yet.
    OnDisk,
    /// In swap, in this slot.
    Swapped(u64),
    /// Mapped for the program.
    Resident,
    /// Mapped, and so many entries share the frame.
    Shared(u32),
    /// The area may be written and the entry forbids it, so that a write faults: the frame is shared by so many, or was
    /// until the others were gone.
    Cow(u32),
    /// Mapped, but not for user mode.
    KernelOnly,
    /// There to catch a stack that grows too far.
    Guard,
}

/// A page to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its first address.
    pub va: VirtAddr,
    /// How it stands.
    pub state: CellState,
    /// The entry that maps it.
    pub pte: Option<Pte>,
}

/// The bit of [`Area::prot`] that lets a program write.
const WRITE: u32 = 2;

impl Cell {
    fn new(va: VirtAddr, area: Option<&Area>, pte: Option<Pte>, view: &View, pid: u32) -> Self {
        let kind = area.map(|area| area.kind);
        let state = match (kind, pte) {
            (Some(AreaKind::Guard), _) => CellState::Guard,
            (_, Some(pte)) if pte.flags().contains(PteFlags::U) => mapped(pte, area, view),
            (_, Some(_)) => CellState::KernelOnly,
            (_, None) => missing(va, kind, view, pid),
        };
        Self { va, state, pte }
    }
}

fn mapped(pte: Pte, area: Option<&Area>, view: &View) -> CellState {
    let refs = view.frames.get(pte.ppn().base()).map_or(1, |frame| frame.refs);
    let may_write = area.is_some_and(|area| area.prot & WRITE != 0);
    let forbidden = !pte.flags().contains(PteFlags::W);
    match refs {
        refs if may_write && forbidden => CellState::Cow(refs.max(1)),
        0 | 1 => CellState::Resident,
        refs => CellState::Shared(refs),
    }
}

fn missing(va: VirtAddr, kind: Option<AreaKind>, view: &View, pid: u32) -> CellState {
    match (view.reclaim.slot_of(pid, va), kind) {
        (Some(slot), _) => CellState::Swapped(slot),
        (None, Some(AreaKind::Text | AreaKind::Data | AreaKind::Mmap)) => CellState::OnDisk,
        (None, _) => CellState::Lazy,
    }
}

/// A row of the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// An area with its pages, lowest first.
    Area {
        /// The area.
        area: Area,
        /// Its pages, at most [`CELLS_PER_AREA`].
        cells: Vec<Cell>,
        /// Pages beyond those.
        more: u64,
    },
    /// A stretch that belongs to no area.
    Gap {
        /// First address.
        start: VirtAddr,
        /// First address above it.
        end: VirtAddr,
        /// Pages that are mapped there all the same.
        strays: Vec<Cell>,
    },
}

impl Row {
    /// Whether the address lies in this row.
    #[must_use]
    pub fn contains(&self, va: VirtAddr) -> bool {
        let (start, end) = match self {
            Self::Area { area, .. } => (area.start, area.end),
            Self::Gap { start, end, .. } => (*start, *end),
        };
        (start..end).contains(&va)
    }
}

/// Leaf mappings by page, each entry repeated for every 4 KiB page it maps where that is one page.
pub type Leaves = BTreeMap<VirtAddr, Pte>;

/// The rows of a process's address space, highest address first.
#[must_use]
pub fn rows(process: &Process, leaves: &Leaves, view: &View, scheme: Scheme) -> Vec<Row> {
    let source = Pages { leaves, view, pid: process.pid };
    let mut rows = Vec::new();
    let mut low = VirtAddr::new(0);
    for area in process.areas.values() {
        source.push_gap(&mut rows, low, area.start);
        rows.push(source.area_row(*area));
        low = low.max(area.end);
    }
    source.push_gap(&mut rows, low, lower_half_end(scheme));
    rows.reverse();
    rows
}

/// The end of the lower half of an address space, above which addresses begin with ones.
const fn lower_half_end(scheme: Scheme) -> VirtAddr {
    VirtAddr::new(1 << (scheme.bits() - 1))
}

/// What is known of the pages of one process.
struct Pages<'a> {
    leaves: &'a Leaves,
    view: &'a View,
    pid: u32,
}

impl Pages<'_> {
    fn cell(&self, va: VirtAddr, area: Option<&Area>) -> Cell {
        Cell::new(va, area, self.leaves.get(&va).copied(), self.view, self.pid)
    }

    fn area_row(&self, area: Area) -> Row {
        let first = area.start.page_down().get();
        let pages = if area.is_empty() { 0 } else { (area.end.get() - first).div_ceil(PAGE_SIZE) };
        let shown = usize::try_from(pages).unwrap_or(usize::MAX).min(CELLS_PER_AREA);
        let cells: Vec<Cell> = (first..area.end.get())
            .step_by(4096)
            .take(shown)
            .map(|va| self.cell(VirtAddr::new(va), Some(&area)))
            .collect();
        let more = pages - cells.len() as u64;
        Row::Area { area, cells, more }
    }

    /// Adds the whole pages between two areas, if there are any: the last page of the area below may
    /// reach into the stretch, and so may the first page of the area above.
    fn push_gap(&self, rows: &mut Vec<Row>, start: VirtAddr, end: VirtAddr) {
        let end = end.page_down();
        let Some(start) = start.page_up().filter(|&start| start < end) else { return };
        let mapped = self.leaves.range(start..end).take(CELLS_PER_AREA);
        let strays = mapped.map(|(&va, _)| self.cell(va, None)).collect();
        rows.push(Row::Gap { start, end, strays });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Life;
    use faultline_abi::{PhysAddr, Ppn};

    fn area(start: u64, end: u64, kind: AreaKind) -> (u64, Area) {
        (start, Area { start: VirtAddr::new(start), end: VirtAddr::new(end), kind, prot: 3 })
    }

    fn process(areas: impl IntoIterator<Item = (u64, Area)>) -> Process {
        Process {
            pid: 1,
            parent: 0,
            name: "p".into(),
            root: PhysAddr::new(0x8000_0000),
            life: Life::Running,
            areas: areas.into_iter().collect(),
        }
    }

    fn leaf(va: u64, flags: PteFlags) -> (VirtAddr, Pte) {
        (VirtAddr::new(va), Pte::new(Ppn::new(0x80100), flags | PteFlags::V))
    }

    #[test]
    fn rows_run_from_the_top_down_and_leave_nothing_out() {
        let process = process([area(0x1000, 0x3000, AreaKind::Text), area(0x5000, 0x6800, AreaKind::Heap)]);
        let rows = rows(&process, &Leaves::new(), &View::default(), Scheme::Sv39);
        let bounds: Vec<(u64, u64)> = rows
            .iter()
            .map(|row| match row {
                Row::Area { area, .. } => (area.start.get(), area.end.get()),
                Row::Gap { start, end, .. } => (start.get(), end.get()),
            })
            .collect();
        assert_eq!(
            bounds,
            [(0x7000, 1 << 38), (0x5000, 0x6800), (0x3000, 0x5000), (0x1000, 0x3000), (0, 0x1000)]
        );
    }

    #[test]
    fn a_page_is_lazy_until_an_entry_maps_it() {
        let process = process([area(0x5000, 0x6800, AreaKind::Heap)]);
        let leaves: Leaves = [leaf(0x5000, PteFlags::R | PteFlags::W | PteFlags::U)].into();
        let rows = rows(&process, &leaves, &View::default(), Scheme::Sv39);
        let Row::Area { cells, more: 0, .. } = &rows[1] else { panic!("{rows:?}") };
        let states: Vec<CellState> = cells.iter().map(|cell| cell.state).collect();
        assert_eq!(states, [CellState::Resident, CellState::Lazy]);
    }

    #[test]
    fn shared_pages_pages_in_swap_and_pages_on_disk_are_told_apart() {
        use crate::testing::{evicted, frame, numbered};
        use faultline_abi::trace::{FrameKind, FrameOp};
        let mut view = View::default();
        let story = [
            frame(FrameOp::Shared, 0x8010_0000, 2, 2, FrameKind::User),
            evicted(1, 0x6000, 0x8020_0000, Some(9)),
        ];
        numbered(story).iter().for_each(|event| view.apply(event));
        let (start, text) = area(0x1000, 0x3000, AreaKind::Text);
        let process = process([(start, Area { prot: 5, ..text }), area(0x5000, 0x8000, AreaKind::Heap)]);
        let read = PteFlags::R | PteFlags::U;
        let leaves: Leaves = [leaf(0x1000, read), leaf(0x5000, read)].into();
        let states: Vec<CellState> = rows(&process, &leaves, &view, Scheme::Sv39)
            .into_iter()
            .filter_map(|row| match row {
                Row::Area { cells, .. } => Some(cells),
                Row::Gap { .. } => None,
            })
            .flatten()
            .map(|cell| cell.state)
            .collect();
        assert_eq!(
            states,
            [
                CellState::Cow(2),
                CellState::Swapped(9),
                CellState::Lazy,
                CellState::Shared(2),
                CellState::OnDisk
            ]
        );
    }

    #[test]
    fn a_guard_page_and_a_page_without_u_are_told_apart() {
        let process =
            process([area(0x4000, 0x5000, AreaKind::Guard), area(0x8000, 0x9000, AreaKind::Trampoline)]);
        let leaves: Leaves = [leaf(0x4000, PteFlags::R), leaf(0x8000, PteFlags::X)].into();
        let states: Vec<CellState> = rows(&process, &leaves, &View::default(), Scheme::Sv39)
            .into_iter()
            .filter_map(|row| match row {
                Row::Area { cells, .. } => Some(cells[0].state),
                Row::Gap { .. } => None,
            })
            .collect();
        assert_eq!(states, [CellState::KernelOnly, CellState::Guard]);
    }

    #[test]
    fn a_mapping_outside_every_area_shows() {
        let process = process([area(0x1000, 0x2000, AreaKind::Text)]);
        let leaves: Leaves = [leaf(0x7000, PteFlags::R | PteFlags::U)].into();
        let rows = rows(&process, &leaves, &View::default(), Scheme::Sv39);
        let Row::Gap { strays, .. } = &rows[0] else { panic!("{rows:?}") };
        assert_eq!(strays[0].va, VirtAddr::new(0x7000));
    }

    #[test]
    fn a_huge_area_is_counted_and_not_drawn() {
        let process = process([area(0, 1 << 30, AreaKind::Heap)]);
        let rows = rows(&process, &Leaves::new(), &View::default(), Scheme::Sv39);
        let Row::Area { cells, more, .. } = &rows[1] else { panic!("{rows:?}") };
        assert_eq!(cells.len(), CELLS_PER_AREA);
        assert_eq!(*more, (1 << 18) - CELLS_PER_AREA as u64);
    }
}
