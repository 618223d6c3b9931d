//! An address space from its top to its bottom: areas page by page, the stretches between as one.

use std::collections::BTreeMap;

use faultline_abi::sv39::{Pte, PteFlags};
use faultline_abi::trace::AreaKind;
use faultline_abi::{PAGE_SIZE, VirtAddr};

use crate::state::{Area, Process};

/// Pages of one area that are drawn one by one; the rest is counted.
const CELLS_PER_AREA: usize = 160;

/// How a page stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellState {
    /// Promised to the program, with no frame yet.
    Lazy,
    /// Mapped for the program.
    Resident,
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

impl Cell {
    fn new(va: VirtAddr, kind: Option<AreaKind>, pte: Option<Pte>) -> Self {
        let user = pte.is_some_and(|pte| pte.flags().contains(PteFlags::U));
        let state = match (kind, pte) {
            (Some(AreaKind::Guard), _) => CellState::Guard,
            (_, None) => CellState::Lazy,
            (_, Some(_)) if user => CellState::Resident,
            (_, Some(_)) => CellState::KernelOnly,
        };
        Self { va, state, pte }
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
pub fn rows(process: &Process, leaves: &Leaves) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut low = VirtAddr::new(0);
    for area in process.areas.values() {
        push_gap(&mut rows, low, area.start, leaves);
        rows.push(area_row(*area, leaves));
        low = low.max(area.end);
    }
    push_gap(&mut rows, low, USER_TOP, leaves);
    rows.reverse();
    rows
}

/// The end of the lower half of an Sv39 address space.
const USER_TOP: VirtAddr = VirtAddr::new(1 << 38);

fn area_row(area: Area, leaves: &Leaves) -> Row {
    let first = area.start.page_down().get();
    let pages = if area.is_empty() { 0 } else { (area.end.get() - first).div_ceil(PAGE_SIZE) };
    let shown = usize::try_from(pages).unwrap_or(usize::MAX).min(CELLS_PER_AREA);
    let cells: Vec<Cell> = (first..area.end.get())
        .step_by(4096)
        .take(shown)
        .map(VirtAddr::new)
        .map(|va| Cell::new(va, Some(area.kind), leaves.get(&va).copied()))
        .collect();
    let more = pages - cells.len() as u64;
    Row::Area { area, cells, more }
}

/// Adds the whole pages between two areas, if there are any: the last page of the area below may
/// reach into the stretch, and so may the first page of the area above.
fn push_gap(rows: &mut Vec<Row>, start: VirtAddr, end: VirtAddr, leaves: &Leaves) {
    let end = end.page_down();
    let Some(start) = start.page_up().filter(|&start| start < end) else { return };
    let strays = leaves
        .range(start..end)
        .take(CELLS_PER_AREA)
        .map(|(&va, &pte)| Cell::new(va, None, Some(pte)))
        .collect();
    rows.push(Row::Gap { start, end, strays });
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
        let rows = rows(&process, &Leaves::new());
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
        let rows = rows(&process, &leaves);
        let Row::Area { cells, more: 0, .. } = &rows[1] else { panic!("{rows:?}") };
        let states: Vec<CellState> = cells.iter().map(|cell| cell.state).collect();
        assert_eq!(states, [CellState::Resident, CellState::Lazy]);
    }

    #[test]
    fn a_guard_page_and_a_page_without_u_are_told_apart() {
        let process =
            process([area(0x4000, 0x5000, AreaKind::Guard), area(0x8000, 0x9000, AreaKind::Trampoline)]);
        let leaves: Leaves = [leaf(0x4000, PteFlags::R), leaf(0x8000, PteFlags::X)].into();
        let states: Vec<CellState> = rows(&process, &leaves)
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
        let rows = rows(&process, &leaves);
        let Row::Gap { strays, .. } = &rows[0] else { panic!("{rows:?}") };
        assert_eq!(strays[0].va, VirtAddr::new(0x7000));
    }

    #[test]
    fn a_huge_area_is_counted_and_not_drawn() {
        let process = process([area(0, 1 << 30, AreaKind::Heap)]);
        let rows = rows(&process, &Leaves::new());
        let Row::Area { cells, more, .. } = &rows[1] else { panic!("{rows:?}") };
        assert_eq!(cells.len(), CELLS_PER_AREA);
        assert_eq!(*more, (1 << 18) - CELLS_PER_AREA as u64);
    }
}
