//! An address space of which nobody tells the areas: what its page tables map, as runs of pages with like flags.

use faultline_abi::sv39::{Pte, PteFlags, leaf_size};
use faultline_abi::{PAGE_SIZE, VirtAddr};

use crate::snapshot::Table;

/// Entries of one run that are drawn one by one; the rest is counted.
const ENTRIES_PER_RUN: usize = 96;

/// Entries that map neighbouring addresses with the same permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// First address.
    pub start: VirtAddr,
    /// Bytes.
    pub size: u64,
    /// R, W, X, U and G, as all of its entries have them.
    pub flags: PteFlags,
    /// Its entries with the addresses that they map, at most [`ENTRIES_PER_RUN`].
    pub entries: Vec<(VirtAddr, Pte)>,
    /// Entries beyond those.
    pub more: usize,
}

/// What makes entries alike. A and D differ from page to page, and tell nothing about what the pages are for.
const ALIKE: PteFlags =
    PteFlags::R.union(PteFlags::W).union(PteFlags::X).union(PteFlags::U).union(PteFlags::G);

impl Run {
    /// Pages of 4 KiB.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.size / PAGE_SIZE
    }

    /// The last address.
    #[must_use]
    pub fn last(&self) -> VirtAddr {
        self.start.wrapping_add(self.size - 1)
    }

    /// Whether the address lies in it.
    #[must_use]
    pub fn contains(&self, va: VirtAddr) -> bool {
        (self.start..=self.last()).contains(&va)
    }

    fn take(&mut self, va: VirtAddr, pte: Pte, size: u64) {
        self.size += size;
        if self.entries.len() < ENTRIES_PER_RUN {
            self.entries.push((va, pte));
        } else {
            self.more += 1;
        }
    }
}

/// The runs below this root, highest address first.
#[must_use]
pub fn runs(root: &Table) -> Vec<Run> {
    let mut all = Vec::new();
    collect(root, &mut all);
    all.reverse();
    all
}

fn collect(table: &Table, all: &mut Vec<Run>) {
    for entry in &table.entries {
        if let Some(child) = &entry.child {
            collect(child, all);
        } else if entry.pte.is_leaf() {
            add(all, entry.va, entry.pte, leaf_size(table.level));
        }
    }
}

fn add(all: &mut Vec<Run>, va: VirtAddr, pte: Pte, size: u64) {
    let flags = pte.flags().intersection(ALIKE);
    let continues = |run: &&mut Run| run.start.wrapping_add(run.size) == va && run.flags == flags;
    match all.last_mut().filter(continues) {
        Some(run) => run.take(va, pte, size),
        None => all.push(Run { start: va, size, flags, entries: vec![(va, pte)], more: 0 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Entry;
    use faultline_abi::{PhysAddr, Ppn};

    fn table(level: u32, leaves: &[(usize, PteFlags)]) -> Table {
        let entry = |&(index, flags): &(usize, PteFlags)| Entry {
            index,
            va: VirtAddr::new(leaf_size(level) * index as u64),
            pte_addr: PhysAddr::new(0x8000_0000 + index as u64 * 8),
            pte: Pte::new(Ppn::new(0x80100), flags | PteFlags::V),
            child: None,
        };
        Table {
            level,
            addr: PhysAddr::new(0x8000_0000),
            entries: leaves.iter().map(entry).collect(),
            left_out: 0,
        }
    }

    #[test]
    fn neighbours_with_like_permissions_are_one_run_whatever_a_and_d_say() {
        let user = PteFlags::U | PteFlags::R;
        let leaves = [(1, user | PteFlags::X), (2, user), (3, user | PteFlags::A), (5, user)];
        let found: Vec<_> =
            runs(&table(0, &leaves)).iter().map(|run| (run.start.get(), run.pages())).collect();
        assert_eq!(found, [(0x5000, 1), (0x2000, 2), (0x1000, 1)]);
    }

    #[test]
    fn a_superpage_counts_its_pages_and_a_long_run_draws_only_some() {
        let kernel = PteFlags::R | PteFlags::W;
        let huge = &runs(&table(1, &[(4, kernel)]))[0];
        assert_eq!((huge.start.get(), huge.pages(), huge.entries.len()), (4 << 21, 512, 1));
        assert!(huge.contains(VirtAddr::new((5 << 21) - 1)) && !huge.contains(VirtAddr::new(5 << 21)));
        let many: Vec<_> = (0..200).map(|index| (index, kernel)).collect();
        let long = &runs(&table(0, &many))[0];
        assert_eq!(
            (long.pages(), long.entries.len(), long.more),
            (200, ENTRIES_PER_RUN, 200 - ENTRIES_PER_RUN)
        );
    }
}
