//! Which frames are page tables, and where each stands in its tree.
//!
//! A frame becomes known as a table when `satp` names it as a root, when a pointer to it is written
//! into a known table, or at the latest when a walk reads it. From then on every store to it takes
//! the slow path, where the change is reported and the translations made from it are dropped.
//!
//! What is known follows from the instructions executed alone, never from who observes, and is part
//! of a keyframe.

use std::sync::Arc;

use faultline_abi::{
    PhysAddr, Ppn, VirtAddr,
    satp::{Root, Scheme},
    sv39::{self, Pte},
};

use super::walk::{Walk, well_formed};
use crate::{
    bus::Width,
    observer::PteWrite,
    ram::{FrameIndex, Ram, flag, offset_in_page},
    spread::Map,
};

/// Where a table stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Role {
    /// The root of the tree.
    root: FrameIndex,
    /// The table that points to it; the root points to itself.
    parent: FrameIndex,
    /// The scheme of the tree.
    scheme: Scheme,
    /// Its level: 2 for an Sv39 root.
    level: u32,
    /// The first address that it maps.
    va: u64,
    /// It stands in more than one place; the others are not recorded.
    shared: bool,
}

/// What an entry's change does to cached translations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    /// Nothing that can be cached depends on it.
    Nothing,
    /// The translations of one page.
    Page(u64),
    /// Too many to name.
    All,
}

/// Entries that may be scanned for free, and then for each instruction, so that no guest can keep the
/// host busy by naming ever new roots. What is not scanned becomes known when it is walked.
const SCAN_FREE: u64 = 1 << 20;
const SCAN_PER_INSTRUCTION: u64 = 4;

/// Every known page table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    roles: Arc<Map<FrameIndex, Role>>,
    scanned: u64,
    /// A frame has become known as a table since this was last asked.
    fresh: bool,
    /// Walks whose tables are all known, by the stretch of addresses that their last table maps. It
    /// only saves work: it is emptied whenever a role or a pointer changes.
    paths: Paths,
}

/// A root, the stretch of addresses that a last table maps, and how many tables the walk came through,
/// packed into one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Path(u64);

impl Path {
    fn of(root: FrameIndex, scheme: Scheme, walk: &Walk) -> Self {
        // 27 bits are enough for four levels.
        let stretch = walk.va.get() >> table_span(0).trailing_zeros() & 0x7ff_ffff;
        let levels = u64::from(scheme.levels() - 3) << 3;
        Self(u64::from(root) << 32 | stretch << 4 | levels | walk.steps.len() as u64)
    }
}

/// A few recent walks.
#[derive(Clone, Debug)]
struct Paths([Path; 16]);

impl Default for Paths {
    fn default() -> Self {
        // No walk comes through fifteen tables.
        Self([Path(u64::MAX); 16])
    }
}

impl Paths {
    fn slot(&mut self, Path(path): Path) -> &mut Path {
        &mut self.0[offset_in_page(path >> 4 ^ path >> 13 ^ path >> 32) % 16]
    }
}

impl Tables {
    /// `satp` now names `root`. A root seen for the first time has its whole tree scanned.
    pub(crate) fn root_named(&mut self, root: Root, instret: u64, ram: &mut Ram) -> Stale {
        let Root { scheme, frame } = root;
        let Some(frame) = ram.frame_of_page(frame) else { return Stale::Nothing };
        let role =
            Role { root: frame, parent: frame, scheme, level: scheme.levels() - 1, va: 0, shared: false };
        match self.roles.get(&frame) {
            Some(known) if known.same_place(role) => return Stale::Nothing,
            Some(known) => self.insert(frame, Role { shared: known.shared, ..role }, ram),
            None => self.insert(frame, role, ram),
        }
        self.scan(frame, instret, ram);
        Stale::All
    }

    /// Makes every table below `frame` known, as far as the allowance for scanning goes.
    fn scan(&mut self, frame: FrameIndex, instret: u64, ram: &mut Ram) {
        let allowance = SCAN_FREE.saturating_add(instret.saturating_mul(SCAN_PER_INSTRUCTION));
        let mut open = vec![frame];
        while let Some(frame) = open.pop() {
            let Some(role) = self.roles.get(&frame).copied() else { continue };
            if role.level == 0 || self.scanned >= allowance {
                continue;
            }
            self.scanned += sv39::ENTRIES as u64;
            for (index, pte) in entries(ram, frame) {
                open.extend(self.link(frame, role, index, pte, ram));
            }
        }
    }

    /// A walk has read these entries: their tables are known now.
    pub(crate) fn walked(&mut self, root: Root, walk: &Walk, ram: &mut Ram) -> Stale {
        let mut stale = Stale::Nothing;
        let scheme = root.scheme;
        let Some(root) = ram.frame_of_page(root.frame) else { return stale };
        let path = Path::of(root, scheme, walk);
        if *self.paths.slot(path) == path {
            return stale;
        }
        let mut parent = root;
        for step in walk.steps.iter() {
            let Some(frame) = ram.frame_of(step.pte_addr) else { return stale };
            let va = walk.va.get() & !(table_span(step.level) - 1);
            let role = Role { root, parent, scheme, level: step.level, va, shared: false };
            if matches!(self.place(frame, role, ram), Placed::Elsewhere | Placed::Moved) {
                stale = Stale::All;
            }
            parent = frame;
        }
        *self.paths.slot(path) = path;
        stale
    }

    /// If `pte`, entry `index` of a table, is a pointer: makes the table behind it known. Returns its
    /// frame if it was not known in this place: what lies below it is not, either.
    fn link(
        &mut self,
        frame: FrameIndex,
        role: Role,
        index: usize,
        pte: Pte,
        ram: &mut Ram,
    ) -> Option<FrameIndex> {
        if role.level == 0 || !pte.is_pointer() || well_formed(pte).is_err() {
            return None;
        }
        let child = ram.frame_of_page(pte.ppn())?;
        let va = entry_va(role, index);
        let place = Role { parent: frame, level: role.level - 1, va, shared: false, ..role };
        matches!(self.place(child, place, ram), Placed::New | Placed::Moved).then_some(child)
    }

    /// Records that a frame stands in this place, beside those where it is known to stand.
    fn place(&mut self, frame: FrameIndex, role: Role, ram: &mut Ram) -> Placed {
        match self.roles.get(&frame).copied() {
            None => {
                self.insert(frame, role, ram);
                Placed::New
            }
            Some(known) if known.shared || known.same_place(role) => Placed::Known,
            Some(known) => {
                let shared = self.still_stands(frame, known, role, ram);
                self.insert(frame, if shared { Role { shared, ..known } } else { role }, ram);
                if shared { Placed::Elsewhere } else { Placed::Moved }
            }
        }
    }

    /// Whether a frame that turns up in a new place still stands in the place that is known. Where
    /// its old parent has let go of it, the frame was recycled.
    fn still_stands(&self, frame: FrameIndex, known: Role, new: Role, ram: &Ram) -> bool {
        if known.parent == frame {
            return known.root == new.root;
        }
        // The parent may be a table of another tree by now.
        let above = |parent: &&Role| parent.root == known.root && parent.level == known.level + 1;
        let Some(parent) = self.roles.get(&known.parent).filter(above) else { return false };
        let index = VirtAddr::new(known.va).vpn(parent.level);
        let pte = Pte::from_raw(ram.load(known.parent, index * 8, Width::Double));
        pte.is_pointer() && ram.frame_of_page(pte.ppn()) == Some(frame)
    }

    /// Whether a frame has become known as a table since the last call: then it must leave the fast
    /// path of stores.
    pub(crate) fn take_fresh(&mut self) -> bool {
        core::mem::take(&mut self.fresh)
    }

    fn insert(&mut self, frame: FrameIndex, role: Role, ram: &mut Ram) {
        self.paths = Paths::default();
        self.fresh |= ram.set_flag(frame, flag::TABLE);
        Arc::make_mut(&mut self.roles).insert(frame, role);
    }

    /// An entry of a known table has changed. Returns the report and what is stale.
    pub(crate) fn changed(&mut self, change: &Change, ram: &mut Ram) -> (Option<PteWrite>, Stale) {
        let Some(role) = self.roles.get(&change.frame).copied() else { return (None, Stale::All) };
        if change.old.is_pointer() || change.new.is_pointer() {
            self.paths = Paths::default();
        }
        if change.old.is_pointer() {
            self.unlink(change.frame, change.old, ram);
        }
        self.link(change.frame, role, change.index, change.new, ram);
        (Some(report(change, role, ram)), stale(change, role))
    }

    /// What the hardware's own setting of A and D looks like in a report.
    pub(crate) fn describe(&self, change: &Change, ram: &Ram) -> Option<PteWrite> {
        self.roles.get(&change.frame).map(|&role| report(change, role, ram))
    }

    /// The pointer `old` is gone from `parent`: what it pointed to is no longer known as a table, and
    /// neither is anything below.
    fn unlink(&mut self, parent: FrameIndex, old: Pte, ram: &mut Ram) {
        let Some(child) = ram.frame_of_page(old.ppn()) else { return };
        let Some(role) = self.roles.get(&child).copied() else { return };
        if role.parent != parent || child == role.root {
            return;
        }
        self.remove(child, ram);
        if role.level > 0 {
            for pte in entries(ram, child).map(|(_, pte)| pte).filter(|pte| pte.is_pointer()) {
                self.unlink(child, pte, ram);
            }
        }
    }

    /// The root of the tree that a known table stands in.
    pub(crate) fn root_of(&self, frame: FrameIndex, ram: &Ram) -> Option<Ppn> {
        self.roles.get(&frame).map(|role| ram.address_of(role.root).page())
    }

    /// Forgets every table of the tree that `frame` stood in: it is used for something else now.
    pub(crate) fn forget_tree_of(&mut self, frame: FrameIndex, ram: &mut Ram) -> Stale {
        let root = self.roles.get(&frame).map(|role| role.root);
        let tree: Vec<_> =
            self.roles.iter().filter(|(_, role)| Some(role.root) == root).map(|(&frame, _)| frame).collect();
        for frame in tree {
            self.remove(frame, ram);
        }
        Stale::All
    }

    fn remove(&mut self, frame: FrameIndex, ram: &mut Ram) {
        self.paths = Paths::default();
        ram.clear_flag(frame, flag::TABLE);
        Arc::make_mut(&mut self.roles).remove(&frame);
    }

    /// Takes over what was known at another moment.
    pub(crate) fn restore(&mut self, kept: &Self, ram: &mut Ram) {
        for &frame in self.roles.keys() {
            ram.clear_flag(frame, flag::TABLE);
        }
        for &frame in kept.roles.keys() {
            ram.set_flag(frame, flag::TABLE);
        }
        self.clone_from(kept);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Placed {
    /// The frame was no table before.
    New,
    /// Nothing new.
    Known,
    /// It is a table in another place, too.
    Elsewhere,
    /// It was a table in another place, and is one here now.
    Moved,
}

impl Role {
    fn same_place(self, other: Self) -> bool {
        self == Self { shared: self.shared, ..other }
    }
}

/// A change to one entry of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) frame: FrameIndex,
    pub(crate) index: usize,
    pub(crate) old: Pte,
    pub(crate) new: Pte,
    /// How much of it was stored at once.
    pub(crate) width: Width,
}

impl Change {
    /// Whether what was stored is no whole entry, or none that any walk would accept. In a tree that
    /// is not in use it shows that the kernel uses the frame for something else by now.
    pub(crate) fn is_no_entry(&self) -> bool {
        self.width != Width::Double || self.new.is_valid() && well_formed(self.new).is_err()
    }
}

fn stale(change: &Change, role: Role) -> Stale {
    if !change.old.is_valid() {
        // An entry that maps nothing is never cached.
        Stale::Nothing
    } else if role.shared || role.level > 0 {
        Stale::All
    } else {
        Stale::Page(entry_va(role, change.index))
    }
}

fn report(change: &Change, role: Role, ram: &Ram) -> PteWrite {
    let table = ram.address_of(change.frame);
    PteWrite {
        va: (!role.shared).then(|| VirtAddr::new(entry_va(role, change.index))),
        level: role.level,
        root: ram.address_of(role.root).page(),
        pte_addr: PhysAddr::new(table.get() + change.index as u64 * sv39::PTE_SIZE),
        old: change.old,
        new: change.new,
    }
}

/// Bytes of address space that a whole table of this level maps.
const fn table_span(level: u32) -> u64 {
    sv39::leaf_size(level + 1)
}

/// The first address that entry `index` maps, sign-extended as the scheme asks.
fn entry_va(role: Role, index: usize) -> u64 {
    let va = role.va.wrapping_add(index as u64 * sv39::leaf_size(role.level));
    role.scheme.canonical(VirtAddr::new(va)).get()
}

/// The entries of a table, copied.
fn entries(ram: &Ram, frame: FrameIndex) -> impl Iterator<Item = (usize, Pte)> + use<> {
    let bytes = ram.frame(frame).copied();
    (0..sv39::ENTRIES).filter_map(move |index| {
        let entry = bytes.as_ref()?.as_chunks().0.get(index)?;
        Some((index, Pte::from_raw(u64::from_le_bytes(*entry))))
    })
}
