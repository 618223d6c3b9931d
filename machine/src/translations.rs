//! Which translations a TLB may hold: a model for observers, beside the machine's own cache.
//!
//! The machine's cache is always coherent with the page tables. Hardware's need not be: until
//! `sfence.vma` it may use what it has read before. [`Translations`] remembers everything that may
//! still be held, so that a use of something outdated can be named; [`TlbModel`] has a size, and
//! counts what a TLB of that size would do.

use std::collections::{BTreeMap, VecDeque, hash_map::Entry};

use faultline_abi::VirtAddr;
use faultline_abi::addr::VPN_BITS;
use faultline_abi::sv39::{Access, Pte, PteFlags};
use serde::Serialize;

use crate::hart::Privilege;
use crate::mmu::Walk;
use crate::spread::{Few, Map};

/// Most translations that are remembered; beyond it all are forgotten.
const REMEMBERED_MAX: usize = 1 << 16;

/// What a translation is found by: hart, page, and ASID, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) hart: u32,
    /// The address of the page of 4 KiB; a superpage is held page by page.
    pub(crate) page: VirtAddr,
    pub(crate) asid: u16,
}

impl Key {
    pub(crate) fn new(hart: u32, satp: u64, va: VirtAddr) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "an ASID has sixteen bits")]
        Self { hart, asid: (satp >> 44) as u16, page: va.page_down() }
    }
}

/// What is held of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// The leaf.
    pub(crate) leaf: Pte,
    level: u32,
}

impl Held {
    /// What a walk has led to.
    pub(crate) fn of(walk: &Walk) -> Option<Self> {
        walk.leaf().map(|step| Self { leaf: step.pte, level: step.level })
    }

    /// Whether the two translate alike. A and D are no part of that.
    fn same(self, other: Self) -> bool {
        let marks = (PteFlags::A | PteFlags::D).bits();
        (self.leaf.raw() | marks, self.level) == (other.leaf.raw() | marks, other.level)
    }

    /// Whether it would let a hart in this mode do this.
    pub(crate) fn allows(self, access: Access, mode: Privilege) -> bool {
        let wanted = match access {
            Access::Load => PteFlags::R,
            Access::Store => PteFlags::W,
            Access::Fetch => PteFlags::X,
        };
        let flags = self.leaf.flags();
        flags.contains(wanted) && (mode != Privilege::User || flags.contains(PteFlags::U))
    }

    /// Whether both lead to the same frame.
    fn leads_as(self, other: Self) -> bool {
        self.level == other.level && self.leaf.ppn() == other.leaf.ppn()
    }
}

/// What a fence forgets (privileged specification, "Supervisor Memory-Management Fence Instruction").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fence {
    pub(crate) hart: u32,
    pub(crate) va: Option<VirtAddr>,
    pub(crate) asid: Option<u16>,
}

impl Fence {
    fn covers(self, key: Key, held: Held) -> bool {
        let shift = 12 + VPN_BITS * held.level;
        let here = self.va.is_none_or(|va| va.get() >> shift == key.page.get() >> shift);
        let global = held.leaf.flags().contains(PteFlags::G);
        let space = self.asid.is_none_or(|asid| asid == key.asid && !global);
        self.hart == key.hart && here && space
    }
}

/// Every translation that may still be held somewhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Translations {
    /// Pages of 4 KiB, by hart and page: a fence for one address finds its own.
    small: Map<(u32, VirtAddr), Few<(u16, Held)>>,
    /// Pieces of superpages.
    large: BTreeMap<Key, Held>,
    /// How many there are in both.
    count: usize,
}

impl Translations {
    /// A translation was made and may be held from now on. Returns what was held before if hardware
    /// could have gone on with it and have done something else.
    pub(crate) fn made(&mut self, key: Key, held: Held, access: Access, mode: Privilege) -> Option<Held> {
        if self.count >= REMEMBERED_MAX {
            *self = Self::default();
        }
        let before = if held.level == 0 {
            let moved = self.remove_large(key);
            self.insert_small(key, held).or(moved)
        } else {
            let moved = self.remove_small(key);
            let before = self.large.insert(key, held);
            self.count += usize::from(before.is_none());
            before.or(moved)
        }?;
        (before.allows(access, mode) && !before.leads_as(held)).then_some(before)
    }

    /// A translation failed at the entry `now`. Returns what may still be held, if the entry has
    /// changed since and had allowed the access.
    pub(crate) fn failed(
        &mut self,
        key: Key,
        now: Option<Pte>,
        access: Access,
        mode: Privilege,
    ) -> Option<Held> {
        let held = self.small(key).or_else(|| self.large.get(&key).copied())?;
        let unchanged = now.is_some_and(|now| held.same(Held { leaf: now, ..held }));
        (!unchanged && held.allows(access, mode)).then(|| {
            self.remove_small(key);
            self.remove_large(key);
            held
        })
    }

    pub(crate) fn fence(&mut self, fence: Fence) {
        if !self.large.is_empty() {
            let before = self.large.len();
            self.large.retain(|&key, held| !fence.covers(key, *held));
            self.count -= before - self.large.len();
        }
        match fence.va {
            Some(va) => self.fence_small((fence.hart, va.page_down()), |asid, held| {
                fence.covers(Key { hart: fence.hart, page: va.page_down(), asid }, held)
            }),
            None => self.fence_all_small(fence),
        }
    }

    fn fence_all_small(&mut self, fence: Fence) {
        let mut count = self.large.len();
        self.small.retain(|&(hart, page), held| {
            let left = held.retain(|&(asid, held)| !fence.covers(Key { hart, page, asid }, held));
            count += if left { held.as_slice().len() } else { 0 };
            left
        });
        self.count = count;
    }

    /// Forgets what is meant of one page.
    fn fence_small(&mut self, place: (u32, VirtAddr), meant: impl Fn(u16, Held) -> bool) {
        if let Entry::Occupied(mut entry) = self.small.entry(place) {
            let before = entry.get().as_slice().len();
            if entry.get_mut().retain(|&(asid, held)| !meant(asid, held)) {
                self.count -= before - entry.get().as_slice().len();
            } else {
                entry.remove();
                self.count -= before;
            }
        }
    }

    fn small(&self, key: Key) -> Option<Held> {
        let held = self.small.get(&(key.hart, key.page))?;
        held.as_slice().iter().find(|(asid, _)| *asid == key.asid).map(|&(_, held)| held)
    }

    fn insert_small(&mut self, key: Key, held: Held) -> Option<Held> {
        let new = (key.asid, held);
        match self.small.entry((key.hart, key.page)) {
            Entry::Occupied(mut entry) => {
                let others = entry.get_mut();
                if let Some(old) = others.as_mut_slice().iter_mut().find(|(asid, _)| *asid == key.asid) {
                    return Some(core::mem::replace(&mut old.1, held));
                }
                others.insert(0, new);
            }
            Entry::Vacant(entry) => drop(entry.insert(Few::One(new))),
        }
        self.count += 1;
        None
    }

    fn remove_small(&mut self, key: Key) -> Option<Held> {
        let held = self.small(key)?;
        self.fence_small((key.hart, key.page), |asid, _| asid == key.asid);
        Some(held)
    }

    fn remove_large(&mut self, key: Key) -> Option<Held> {
        let held = self.large.remove(&key)?;
        self.count -= 1;
        Some(held)
    }
}

/// Which entry of a set gives way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The one that was used longest ago.
    #[default]
    Lru,
    /// The one that has been there longest.
    Fifo,
}

/// The shape of a TLB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Sets; a power of two.
    pub sets: usize,
    /// Entries of a set.
    pub ways: usize,
    /// Who gives way in a full set.
    pub policy: Policy,
}

/// Most entries that a modelled TLB may have.
const ENTRIES_MAX: usize = 1 << 16;

impl std::str::FromStr for Geometry {
    type Err = String;

    /// `ENTRIES`, `ENTRIESxWAYS`, each with `,lru` or `,fifo` behind it. Without ways it is fully
    /// associative.
    fn from_str(text: &str) -> Result<Self, String> {
        let (shape, policy) = text.split_once(',').unwrap_or((text, "lru"));
        let (entries, ways) = shape.split_once('x').unwrap_or((shape, shape));
        let policy = match policy {
            "lru" => Some(Policy::Lru),
            "fifo" => Some(Policy::Fifo),
            _ => None,
        };
        let shape = || Some((entries.parse().ok()?, ways.parse().ok()?));
        match (shape(), policy) {
            (Some((entries, ways)), Some(policy)) => Self::checked(entries, ways, policy),
            _ => None,
        }
        .ok_or_else(|| {
            format!("`{text}`: give ENTRIES or ENTRIESxWAYS, 1 to {ENTRIES_MAX}, a power of two of sets, then perhaps ,lru or ,fifo")
        })
    }
}

impl Geometry {
    fn checked(entries: usize, ways: usize, policy: Policy) -> Option<Self> {
        let sets = entries.checked_div(ways)?;
        let whole = sets * ways == entries && sets.is_power_of_two() && entries <= ENTRIES_MAX;
        whole.then_some(Self { sets, ways, policy })
    }
}

/// Most things that a modelled TLB remembers having done.
pub const RECENT_MAX: usize = 1 << 16;

/// What a modelled TLB has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TlbCounts {
    /// Translations that were there.
    pub hits: u64,
    /// Translations that had to be read from the tables.
    pub fills: u64,
    /// Entries that gave way to others.
    pub evictions: u64,
    /// Hits on what the tables no longer say.
    pub stale: u64,
    /// Entries that fences removed.
    pub flushed: u64,
}

/// What an entry of a modelled TLB holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TlbEntry {
    /// Its set.
    pub set: usize,
    /// The hart whose translation it is.
    pub hart: u32,
    /// The address space; without meaning where the leaf is global.
    pub asid: u16,
    /// The page of 4 KiB; a superpage is held page by page.
    pub page: VirtAddr,
    /// The leaf that was read.
    pub leaf: Pte,
    /// The level of that leaf.
    pub level: u32,
}

/// What happens to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TlbOp {
    /// It was there, and is what the tables say.
    Hit,
    /// It was there, and the tables say something else by now: no fence came between.
    Stale,
    /// It was read from the tables.
    Fill,
    /// It gave way to another.
    Evict,
    /// A fence removed it.
    Flush,
}

/// Something that a modelled TLB did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TlbEvent {
    /// What.
    pub op: TlbOp,
    /// With which entry.
    pub entry: TlbEntry,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    key: Key,
    held: Held,
}

/// TLBs of a certain shape, one for each hart.
#[derive(Clone, Debug)]
pub struct TlbModel {
    geometry: Geometry,
    /// Of each set the entries in the order in which they give way; those of hart 0 first.
    sets: Vec<Vec<Slot>>,
    /// What it has done so far.
    pub counts: TlbCounts,
    /// The last things that it did, oldest first, and how many of them are kept.
    recent: VecDeque<TlbEvent>,
    recent_max: usize,
}

impl TlbModel {
    /// Empty TLBs.
    #[must_use]
    pub fn new(geometry: Geometry) -> Self {
        let (sets, counts, recent) = (Vec::new(), TlbCounts::default(), VecDeque::new());
        Self { geometry, sets, counts, recent, recent_max: 0 }
    }

    /// Empty TLBs that keep the last `count` things they do; at most [`RECENT_MAX`].
    #[must_use]
    pub fn remembering(geometry: Geometry, count: usize) -> Self {
        Self { recent_max: count.min(RECENT_MAX), ..Self::new(geometry) }
    }

    /// The shape.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// What it holds: hart by hart, set by set, in each set first what gives way first.
    pub fn entries(&self) -> impl Iterator<Item = TlbEntry> + '_ {
        let of_set = move |(number, slots): (usize, &'_ Vec<Slot>)| {
            let entry = move |slot: &Slot| slot.entry(number % self.geometry.sets);
            slots.iter().map(entry).collect::<Vec<_>>()
        };
        self.sets.iter().enumerate().flat_map(of_set)
    }

    /// The last things that it did, oldest first.
    pub fn recent(&self) -> impl Iterator<Item = &TlbEvent> {
        self.recent.iter()
    }

    /// A page was accessed, and this is what the tables say about it.
    pub(crate) fn access(&mut self, key: Key, held: Held) {
        let Geometry { sets, ways, policy } = self.geometry;
        let hart = key.hart as usize;
        if self.sets.len() <= hart * sets {
            self.sets.resize(sets * (hart + 1), Vec::new());
        }
        let number = (key.page.get() >> 12) as usize & (sets - 1);
        let set = &mut self.sets[hart * sets + number];
        let found = set.iter().position(|slot| slot.matches(key));
        if let Some(at) = found {
            let slot = set[at];
            let op = if slot.held.same(held) { TlbOp::Hit } else { TlbOp::Stale };
            self.counts.hits += 1;
            self.counts.stale += u64::from(op == TlbOp::Stale);
            if policy == Policy::Lru {
                set.remove(at);
                set.push(slot);
            }
            return self.remember(op, slot, number);
        }
        let slot = Slot { key, held };
        let evicted = (set.len() == ways).then(|| set.remove(0));
        set.push(slot);
        self.counts.fills += 1;
        if let Some(evicted) = evicted {
            self.counts.evictions += 1;
            self.remember(TlbOp::Evict, evicted, number);
        }
        self.remember(TlbOp::Fill, slot, number);
    }

    pub(crate) fn fence(&mut self, fence: Fence) {
        for number in 0..self.sets.len() {
            let set = core::mem::take(&mut self.sets[number]);
            let (flushed, kept) = set.into_iter().partition(|slot| fence.covers(slot.key, slot.held));
            self.sets[number] = kept;
            let flushed: Vec<Slot> = flushed;
            self.counts.flushed += flushed.len() as u64;
            flushed
                .into_iter()
                .for_each(|slot| self.remember(TlbOp::Flush, slot, number % self.geometry.sets));
        }
    }

    fn remember(&mut self, op: TlbOp, slot: Slot, set: usize) {
        if self.recent_max == 0 {
            return;
        }
        if self.recent.len() == self.recent_max {
            self.recent.pop_front();
        }
        self.recent.push_back(TlbEvent { op, entry: slot.entry(set) });
    }
}

impl Slot {
    fn entry(self, set: usize) -> TlbEntry {
        let Key { hart, page, asid } = self.key;
        TlbEntry { set, hart, asid, page, leaf: self.held.leaf, level: self.held.level }
    }

    /// Global entries belong to every address space.
    fn matches(self, key: Key) -> bool {
        let global = self.held.leaf.flags().contains(PteFlags::G);
        self.key.page == key.page && (global || self.key.asid == key.asid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faultline_abi::Ppn;

    const RW: PteFlags = PteFlags::V.union(PteFlags::R).union(PteFlags::W).union(PteFlags::U);

    fn held(frame: u64, flags: PteFlags) -> Held {
        Held { leaf: Pte::new(Ppn::new(frame), flags), level: 0 }
    }

    fn key(asid: u64, page: u64) -> Key {
        Key::new(0, 8 << 60 | asid << 44, VirtAddr::new(page << 12))
    }

    #[test]
    fn each_hart_has_a_tlb_of_its_own() {
        let geometry = Geometry { sets: 2, ways: 1, policy: Policy::Lru };
        let mut tlb = TlbModel::new(geometry);
        for hart in [1, 0, 1, 0] {
            tlb.access(Key { hart, ..key(1, 5) }, held(7, RW));
        }
        tlb.fence(Fence { hart: 1, ..ALL });
        let counts = TlbCounts { hits: 2, fills: 2, flushed: 1, ..TlbCounts::default() };
        assert_eq!(tlb.counts, counts);
    }

    const ALL: Fence = Fence { hart: 0, va: None, asid: None };

    #[test]
    fn what_was_not_fenced_may_still_be_held() {
        let user = Privilege::User;
        let mut all = Translations::default();
        assert_eq!(all.made(key(1, 5), held(7, RW), Access::Store, user), None);
        assert_eq!(all.made(key(1, 5), held(8, RW), Access::Store, user), Some(held(7, RW)), "moved");
        assert_eq!(all.made(key(2, 5), held(9, RW), Access::Store, user), None, "another address space");
        assert_eq!(all.failed(key(1, 5), None, Access::Fetch, user), None, "it never allowed that");
        let same = Some(held(8, RW | PteFlags::D).leaf);
        assert_eq!(all.failed(key(1, 5), same, Access::Load, user), None, "it failed for another reason");
        let gone = Some(Pte::INVALID);
        assert_eq!(all.failed(key(1, 5), gone, Access::Load, user), Some(held(8, RW)), "unmapped");
        assert_eq!(all.failed(key(1, 5), gone, Access::Load, user), None, "named once");
    }

    #[test]
    fn more_rights_need_no_fence_and_marks_are_no_change() {
        let mut all = Translations::default();
        let read_only = RW.difference(PteFlags::W);
        all.made(key(1, 5), held(7, read_only), Access::Load, Privilege::User);
        assert_eq!(
            all.made(key(1, 5), held(8, RW), Access::Store, Privilege::User),
            None,
            "a spurious fault"
        );
        assert_eq!(all.made(key(1, 5), held(8, RW | PteFlags::A), Access::Load, Privilege::User), None);
    }

    #[test]
    fn a_fence_forgets_what_it_names() {
        for (fence, forgets) in [
            (ALL, true),
            (Fence { va: Some(VirtAddr::new(0x5abc)), ..ALL }, true),
            (Fence { va: Some(VirtAddr::new(0x6000)), ..ALL }, false),
            (Fence { asid: Some(1), ..ALL }, true),
            (Fence { asid: Some(2), ..ALL }, false),
            (Fence { hart: 1, ..ALL }, false),
        ] {
            assert_eq!(fence.covers(key(1, 5), held(7, RW)), forgets, "{fence:?}");
        }
        let global = held(7, RW | PteFlags::G);
        assert!(!Fence { asid: Some(1), ..ALL }.covers(key(1, 5), global), "global entries stay");
        let large = Held { level: 1, ..held(0x200, RW) };
        let inside = Fence { va: Some(VirtAddr::new(0x7000)), ..ALL };
        assert!(inside.covers(key(1, 5), large), "any address in a superpage names all of it");
    }

    #[test]
    fn a_fence_for_an_address_reaches_small_pages_and_superpages() {
        let user = Privilege::User;
        let large = |frame| Held { level: 1, ..held(frame, RW) };
        let at = |va| Fence { va: Some(VirtAddr::new(va)), ..ALL };
        let mut all = Translations::default();
        all.made(key(1, 5), held(7, RW), Access::Load, user);
        all.made(key(2, 5), held(7, RW), Access::Load, user);
        all.made(key(1, 0x205), large(0x400), Access::Load, user);
        all.fence(at(0x6000));
        assert!(all.failed(key(1, 5), None, Access::Load, user).is_some(), "another page stays");
        all.fence(at(0x5000));
        assert!(all.failed(key(2, 5), None, Access::Load, user).is_none(), "in every address space");
        all.fence(at(0x20_0000));
        assert!(all.failed(key(1, 0x205), None, Access::Load, user).is_none());
        all.made(key(1, 5), large(0x400), Access::Load, user);
        assert_eq!(all.made(key(1, 5), held(8, RW), Access::Load, user), Some(large(0x400)), "split");
    }

    fn run(shape: &str, pages: &[u64]) -> TlbCounts {
        let mut tlb = TlbModel::new(shape.parse().unwrap());
        pages.iter().for_each(|&page| tlb.access(key(0, page), held(page, RW)));
        tlb.counts
    }

    #[test]
    fn a_tlb_hits_fills_and_evicts_as_its_shape_says() {
        let counts = |hits, fills, evictions| TlbCounts { hits, fills, evictions, ..TlbCounts::default() };
        assert_eq!(run("2", &[1, 2, 1, 3, 1]), counts(2, 3, 1), "1 was used last and stays");
        assert_eq!(run("2,fifo", &[1, 2, 1, 3, 1]), counts(1, 4, 2), "1 came first and goes");
        assert_eq!(run("2x1", &[2, 4, 2]), counts(0, 3, 2), "both belong to one set");
        assert_eq!(run("4x2,lru", &[2, 4, 2]), counts(1, 2, 0));
    }

    #[test]
    fn what_a_tlb_holds_and_does_can_be_read() {
        let mut tlb = TlbModel::remembering("2x1".parse().unwrap(), 4);
        for (page, frame) in [(2, 7), (4, 8), (4, 9), (5, 6)] {
            tlb.access(key(1, page), held(frame, RW));
        }
        tlb.fence(Fence { va: Some(VirtAddr::new(0x5000)), ..ALL });
        let did: Vec<_> = tlb.recent().map(|event| (event.op, event.entry.page.get() >> 12)).collect();
        assert_eq!(did, [(TlbOp::Fill, 4), (TlbOp::Stale, 4), (TlbOp::Fill, 5), (TlbOp::Flush, 5)]);
        let held: Vec<_> = tlb.entries().collect();
        assert_eq!((held.len(), held[0].set, held[0].asid, held[0].leaf.ppn()), (1, 0, 1, Ppn::new(8)));
    }

    #[test]
    fn hits_on_what_has_changed_are_stale_until_a_fence() {
        let mut tlb = TlbModel::new("8".parse().unwrap());
        tlb.access(key(0, 1), held(1, RW));
        tlb.access(key(0, 1), held(2, RW));
        tlb.fence(ALL);
        tlb.access(key(0, 1), held(2, RW));
        assert_eq!(tlb.counts, TlbCounts { hits: 1, fills: 2, evictions: 0, stale: 1, flushed: 1 });
    }

    #[test]
    fn impossible_shapes_are_refused() {
        for text in ["", "0", "x", "6x2", "8x3", "8x0", "8,random", "131072", "-1", "18446744073709551616"] {
            assert!(text.parse::<Geometry>().is_err(), "{text}");
        }
    }
}
