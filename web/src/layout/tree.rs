//! A page table as rows: each entry under the entry that leads to it.

use std::collections::{BTreeMap, BTreeSet};

use faultline_abi::satp::Scheme;
use faultline_abi::sv39::{Pte, WalkStep, leaf_size};
use faultline_abi::{PhysAddr, VirtAddr};

use crate::snapshot::{Entry, Table};

/// Tables with at most this many entries altogether are shown open.
const OPEN_UP_TO: usize = 64;

/// What the picture marks.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// The entries that the last failed walk read, root first.
    pub walk: Vec<WalkStep>,
    /// Whether the last of them is where it failed.
    pub failed: bool,
    /// Entries written since the fault, with what stood there before.
    pub changed: BTreeMap<PhysAddr, Pte>,
    /// Tables that the user opened or closed, against the default.
    pub flipped: BTreeSet<PhysAddr>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeRow {
    /// 0 for entries of the root.
    pub depth: usize,
    /// Level of the table that the entry stands in.
    pub level: u32,
    /// Its index there.
    pub index: usize,
    /// The first address it maps.
    pub va: VirtAddr,
    /// Where it lies.
    pub pte_addr: PhysAddr,
    /// The entry.
    pub pte: Pte,
    /// What stood there before, if it was written since the fault.
    pub before: Option<Pte>,
    /// Whether the walk read it.
    pub on_walk: bool,
    /// Whether the walk failed here and the entry has not changed since.
    pub stopped: bool,
    /// Whether the table below it is shown; `None` where there is none.
    pub open: Option<bool>,
}

/// The rows of the tables under `root`.
#[must_use]
pub fn tree_rows(root: &Table, marks: &Marks) -> Vec<TreeRow> {
    let (scheme, open_all) = (root.scheme(), count(root) <= OPEN_UP_TO);
    let mut builder = Builder { scheme, marks, open_all, rows: Vec::new() };
    builder.table(root, VirtAddr::new(0), 0);
    builder.rows
}

fn count(table: &Table) -> usize {
    table.entries.iter().map(|entry| 1 + entry.child.as_deref().map_or(0, count)).sum()
}

struct Builder<'a> {
    scheme: Scheme,
    marks: &'a Marks,
    open_all: bool,
    rows: Vec<TreeRow>,
}

impl Builder<'_> {
    fn table(&mut self, table: &Table, base: VirtAddr, depth: usize) {
        let mut empty = self.empty_entries(table, base, depth).into_iter().peekable();
        for entry in &table.entries {
            while let Some(row) = empty.next_if(|row| row.index < entry.index) {
                self.rows.push(row);
            }
            self.entry(table, entry, depth);
        }
        self.rows.extend(empty);
    }

    fn entry(&mut self, table: &Table, entry: &Entry, depth: usize) {
        let mut row = self.row(table.level, entry.index, entry.va, entry.pte_addr, entry.pte);
        row.depth = depth;
        let by_default = row.on_walk || self.open_all;
        row.open = entry.child.as_ref().map(|_| by_default != self.marks.flipped.contains(&entry.pte_addr));
        let open = row.open == Some(true);
        self.rows.push(row);
        if let Some(child) = entry.child.as_deref().filter(|_| open) {
            self.table(child, entry.va, depth + 1);
        }
    }

    /// Entries of this table that are zero but matter: the walk read them, or they were cleared.
    fn empty_entries(&self, table: &Table, base: VirtAddr, depth: usize) -> Vec<TreeRow> {
        let read = self.marks.walk.iter().map(|step| step.pte_addr);
        let all: BTreeSet<PhysAddr> = read.chain(self.marks.changed.keys().copied()).collect();
        let shown: BTreeSet<PhysAddr> = table.entries.iter().map(|entry| entry.pte_addr).collect();
        all.into_iter()
            .filter(|addr| addr.page_down() == table.addr && !shown.contains(addr))
            .map(|addr| {
                let index = usize::try_from(addr.page_offset() / 8).unwrap_or(0);
                let va = self.scheme.canonical(base.wrapping_add(leaf_size(table.level) * index as u64));
                TreeRow { depth, ..self.row(table.level, index, va, addr, Pte::INVALID) }
            })
            .collect()
    }

    fn row(&self, level: u32, index: usize, va: VirtAddr, pte_addr: PhysAddr, pte: Pte) -> TreeRow {
        let before = self.marks.changed.get(&pte_addr).copied().filter(|&old| old != pte);
        let on_walk = self.marks.walk.iter().any(|step| step.pte_addr == pte_addr);
        let last = self.marks.walk.last().is_some_and(|step| step.pte_addr == pte_addr && step.pte == pte);
        let stopped = self.marks.failed && last;
        TreeRow { depth: 0, level, index, va, pte_addr, pte, before, on_walk, stopped, open: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four levels, each with the one entry that leads to the next; the last is a page.
    fn sv48() -> Table {
        let at = |level: u64| PhysAddr::new(0x8010_0000 + level * 4096);
        let entry = |level: u32, pte, child: Option<Table>| {
            let (index, va) = (7, VirtAddr::new(0));
            let pte_addr = at(level.into()).wrapping_add(7 * 8);
            let child = child.map(Box::new);
            Table {
                level,
                addr: at(level.into()),
                entries: vec![Entry { index, va, pte_addr, pte, child }],
                left_out: 0,
            }
        };
        let leaf = entry(0, Pte::from_raw(0x2004_0017), None);
        (1..4).fold(leaf, |child, level| {
            let pointer = Pte::from_raw((at(u64::from(level) - 1).get() >> 2) | 1);
            entry(level, pointer, Some(child))
        })
    }

    #[test]
    fn four_levels_are_four_rows_each_below_the_other() {
        let rows = tree_rows(&sv48(), &Marks::default());
        let places: Vec<(usize, u32)> = rows.iter().map(|row| (row.depth, row.level)).collect();
        assert_eq!(places, [(0, 3), (1, 2), (2, 1), (3, 0)]);
    }

    #[test]
    fn an_empty_entry_of_the_upper_half_has_a_canonical_address() {
        let root = sv48();
        let empty = root.addr.wrapping_add(511 * 8);
        let step = WalkStep { level: 3, pte_addr: empty, pte: Pte::INVALID };
        let marks = Marks { walk: vec![step], failed: true, ..Marks::default() };
        let rows = tree_rows(&root, &marks);
        let row = rows.iter().find(|row| row.pte_addr == empty).expect("the walk read it");
        assert_eq!((row.va, row.stopped), (VirtAddr::new(0xffff_ff80_0000_0000), true));
    }
}
