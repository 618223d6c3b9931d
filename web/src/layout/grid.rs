//! The physical memory as a grid of cells, for a canvas: where each frame stands and how it looks.

use std::collections::{BTreeMap, BTreeSet};

use faultline_abi::sv39::PteFlags;
use faultline_abi::trace::FrameKind;
use faultline_abi::{PAGE_SIZE, PhysAddr};

use crate::snapshot::Mapped;
use crate::state::{Frame, Frames, View};

/// What stands in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A frame.
    Frame(PhysAddr),
    /// So many frames that were never in use.
    Gap(u64),
}

/// So many frames from `first` on.
#[must_use]
pub fn every_frame(first: PhysAddr, count: usize) -> Vec<Place> {
    (0..count as u64).map(|n| Place::Frame(first.wrapping_add(n * PAGE_SIZE))).collect()
}

/// The frames that are or were in use in order of address, with what lies between them as one cell.
#[must_use]
pub fn used_frames(frames: &Frames) -> Vec<Place> {
    let mut places = Vec::new();
    let mut next: Option<PhysAddr> = None;
    for &address in frames.by_address.keys() {
        let gap = next.map_or(0, |next| address.get().saturating_sub(next.get()) / PAGE_SIZE);
        if gap > 0 {
            places.push(Place::Gap(gap));
        }
        places.push(Place::Frame(address));
        next = Some(address.wrapping_add(PAGE_SIZE));
    }
    places
}

/// What an element has to lay out in, in CSS pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Its width; 0 before it is known.
    pub width: u32,
    /// The size of the root's letters.
    pub rem: u32,
}

/// A grid of square cells, row by row. Lengths are in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Cells of a row.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
    /// From one cell to the next.
    pub pitch: u32,
}

/// Sizes that a cell may have, largest first. Those above the first that everybody gets are for letters as large as
/// on a screen with four times as many pixels.
const PITCHES: [u32; 11] = [49, 42, 35, 28, 24, 20, 16, 12, 9, 7, 5];
/// The largest cell where a letter's size, the root's `rem`, is 16 pixels.
const LARGEST: u32 = 28;

impl Grid {
    /// The grid with the largest cells that keeps `count` of them within `width` and a height of `height` at the
    /// usual size of letters; the smallest cells where none does.
    #[must_use]
    pub fn fitting(count: usize, Room { width, rem }: Room, height: u32) -> Self {
        let scaled = |length: u32| length * rem.max(1) / 16;
        let (height, largest) = (scaled(height), scaled(LARGEST));
        let of = |pitch: u32| {
            let columns = (width / pitch).max(1) as usize;
            Self { columns, rows: count.div_ceil(columns), pitch }
        };
        let fits = |grid: &Self| grid.rows as u64 * u64::from(grid.pitch) <= u64::from(height);
        let sizes = PITCHES.into_iter().filter(|pitch| *pitch <= largest);
        sizes.map(of).find(fits).unwrap_or_else(|| of(PITCHES[PITCHES.len() - 1]))
    }

    /// How high it is.
    #[must_use]
    pub fn height(&self) -> u32 {
        u32::try_from(self.rows).unwrap_or(u32::MAX).saturating_mul(self.pitch)
    }

    /// The upper left corner of cell `index`.
    #[must_use]
    pub fn corner(&self, index: usize) -> (u32, u32) {
        let at = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).saturating_mul(self.pitch);
        (at(index % self.columns), at(index / self.columns))
    }

    /// The cell at a point, whether there is one or not.
    #[must_use]
    pub fn at(&self, x: u32, y: u32) -> Option<usize> {
        let column = (x / self.pitch) as usize;
        (column < self.columns).then(|| (y / self.pitch) as usize * self.columns + column)
    }
}

/// How a cell looks, in one word, so that cells which have changed are found by comparing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look(u32);

/// What a look can show besides the kind of the frame and its references.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Some entry that maps it has A set.
    Accessed = 8,
    /// Some entry that maps it has D set.
    Dirty = 9,
    /// The clock hand looked at it last.
    Hand = 10,
    /// It belongs to the selection.
    Selected = 11,
    /// The last events were about it.
    Fresh = 12,
    /// A stretch of frames that were never in use.
    Gap = 13,
}

impl Look {
    /// The kind of a frame in use; `None` for one that is free, or never was in use.
    #[must_use]
    pub fn kind(self) -> Option<FrameKind> {
        (self.0 & 0xff).checked_sub(1).and_then(|code| FrameKind::from_code(code.into()))
    }

    /// References, up to 255.
    #[must_use]
    pub const fn refs(self) -> u32 {
        self.0 >> 16 & 0xff
    }

    /// Whether it shows this.
    #[must_use]
    pub const fn shows(self, mark: Mark) -> bool {
        self.0 >> mark as u32 & 1 == 1
    }

    const fn with(self, mark: Mark, shown: bool) -> Self {
        if shown { Self(self.0 | 1 << mark as u32) } else { self }
    }
}

/// What decides how frames look.
#[derive(Clone, Copy, Debug)]
pub struct Looks<'a> {
    /// What the kernel has told.
    pub view: &'a View,
    /// What the page tables map.
    pub mapped: &'a [Mapped],
    /// Frames that belong to the selection.
    pub selected: &'a BTreeSet<PhysAddr>,
    /// Events from this one on are fresh.
    pub fresh_from: usize,
}

impl Looks<'_> {
    /// How each place looks. They stand in order of address, and so do the known frames, of which there are few beside
    /// all that there is: the others are only told from gaps.
    #[must_use]
    pub fn of(&self, places: &[Place]) -> Vec<Look> {
        let mut flags: BTreeMap<PhysAddr, PteFlags> = BTreeMap::new();
        for page in self.mapped {
            *flags.entry(page.frame()).or_insert(PteFlags::empty()) |= page.pte.flags();
        }
        let plain = |place: &Place| Look::default().with(Mark::Gap, matches!(place, Place::Gap(_)));
        let mut looks: Vec<Look> = places.iter().map(plain).collect();
        let known = self.view.frames.by_address.iter().map(|(&address, frame)| (address, frame));
        for (at, address, frame) in standing(places, known) {
            looks[at] = self.look(address, frame, &flags);
        }
        for (at, ..) in standing(places, self.selected.iter().map(|&address| (address, ()))) {
            looks[at] = looks[at].with(Mark::Selected, true);
        }
        looks
    }

    fn look(&self, address: PhysAddr, frame: &Frame, flags: &BTreeMap<PhysAddr, PteFlags>) -> Look {
        let fresh = Look::default().with(Mark::Fresh, frame.last >= self.fresh_from);
        if frame.refs == 0 {
            return fresh;
        }
        let has = |flag| flags.get(&address).is_some_and(|flags| flags.contains(flag));
        let kind = u32::try_from(frame.kind.code()).unwrap_or(0) + 1;
        Look(fresh.0 | kind | frame.refs.min(0xff) << 16)
            .with(Mark::Accessed, has(PteFlags::A))
            .with(Mark::Dirty, has(PteFlags::D))
            .with(Mark::Hand, self.view.reclaim.hand == Some(address))
    }
}

/// Where frames stand among the places, both in order of address; those that stand nowhere are left out. Where every
/// frame is a place, one is as far from the last as its address is.
fn standing<'a, T>(
    places: &'a [Place],
    frames: impl Iterator<Item = (PhysAddr, T)> + 'a,
) -> impl Iterator<Item = (usize, PhysAddr, T)> + 'a
where
    T: 'a,
{
    let mut at = 0_usize;
    let is_before = |place: &Place, address| !matches!(place, Place::Frame(here) if *here >= address);
    frames.filter_map(move |(address, what)| {
        let jump = at.saturating_add(jump(places.get(at), address));
        if places.get(jump) == Some(&Place::Frame(address)) {
            at = jump;
        }
        while places.get(at).is_some_and(|place| is_before(place, address)) {
            at += 1;
        }
        (places.get(at) == Some(&Place::Frame(address))).then_some((at, address, what))
    })
}

/// Frames from a place to an address.
fn jump(from: Option<&Place>, to: PhysAddr) -> usize {
    let Some(Place::Frame(from)) = from else { return 0 };
    usize::try_from(to.get().saturating_sub(from.get()) / PAGE_SIZE).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{frame, hand, numbered, root};
    use faultline_abi::sv39::Pte;
    use faultline_abi::trace::{FrameOp, Verdict};
    use faultline_abi::{Ppn, VirtAddr};

    fn view() -> View {
        let mut view = View::default();
        let story = [
            frame(FrameOp::Allocated, 0x8010_0000, 1, 1, FrameKind::User),
            frame(FrameOp::Allocated, 0x8010_1000, 0, 1, FrameKind::PageTable),
            frame(FrameOp::Shared, 0x8010_0000, 2, 2, FrameKind::User),
            frame(FrameOp::Allocated, 0x8010_5000, 2, 1, FrameKind::User),
            hand(0x8010_0000, true, Verdict::SecondChance),
            frame(FrameOp::Freed, 0x8010_5000, 2, 0, FrameKind::User),
        ];
        numbered(story).iter().for_each(|event| view.apply(event));
        view
    }

    #[test]
    fn neighbours_stand_together_and_what_lies_between_is_one_cell() {
        let at = |address| Place::Frame(PhysAddr::new(address));
        let expected = [at(0x8010_0000), at(0x8010_1000), Place::Gap(3), at(0x8010_5000)];
        assert_eq!(used_frames(&view().frames), expected);
        let all = every_frame(PhysAddr::new(0x8000_0000), 32_768);
        assert_eq!((all.len(), all[1]), (32_768, at(0x8000_1000)));
    }

    #[test]
    fn cells_are_as_large_as_fits_and_are_found_again() {
        let room = |width| Room { width, rem: 16 };
        let small = Grid::fitting(30, room(600), 400);
        assert_eq!((small.pitch, small.columns), (28, 21));
        let whole = Grid::fitting(32_768, room(1000), 900);
        assert_eq!((whole.pitch, whole.columns, whole.rows), (5, 200, 164));
        for index in [0, 1, 199, 200, 32_767] {
            let (x, y) = whole.corner(index);
            assert_eq!(whole.at(x + 4, y + 4), Some(index));
        }
        assert_eq!(whole.at(1001, 0), None);
        assert_eq!(Grid::fitting(0, room(0), 0).rows, 0);
        let large = Grid::fitting(30, Room { width: 600, rem: 28 }, 400);
        assert_eq!(large.pitch, 49, "with larger letters");
    }

    #[test]
    fn a_look_tells_kind_references_and_marks() {
        let view = view();
        let flags = PteFlags::V | PteFlags::R | PteFlags::A;
        let pte = Pte::new(Ppn::new(0x80100), flags);
        let mapped = [Mapped { root: root(1), va: VirtAddr::new(0x1000), pte }];
        let selected = [PhysAddr::new(0x8010_1000)].into();
        let looks = Looks { view: &view, mapped: &mapped, selected: &selected, fresh_from: 5 };
        let places = used_frames(&view.frames);
        let [shared, table, gap, free] = looks.of(&places)[..] else { panic!("four places") };
        assert_eq!((shared.kind(), shared.refs()), (Some(FrameKind::User), 2));
        assert!(shared.shows(Mark::Accessed) && shared.shows(Mark::Hand) && !shared.shows(Mark::Dirty));
        assert!(table.shows(Mark::Selected) && !table.shows(Mark::Fresh));
        assert!(gap.shows(Mark::Gap) && gap.kind().is_none());
        assert!(free.kind().is_none() && free.shows(Mark::Fresh));
        // Among all frames that there are the same ones look the same, and all others like nothing.
        let all = every_frame(PhysAddr::new(0x8000_0000), 300);
        let among_all = Looks { view: &view, mapped: &mapped, selected: &selected, fresh_from: 5 }.of(&all);
        assert_eq!([among_all[0x100], among_all[0x101], among_all[0x105]], [shared, table, free]);
        assert_eq!(among_all.iter().filter(|look| **look != Look::default()).count(), 3);
        // Frames beside the memory stand nowhere.
        let less = every_frame(PhysAddr::new(0x8010_1000), 2);
        assert_eq!(
            Looks { view: &view, mapped: &mapped, selected: &selected, fresh_from: 5 }.of(&less),
            [table, Look::default()]
        );
    }
}
