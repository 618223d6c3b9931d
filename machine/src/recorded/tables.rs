//! Page tables as they follow from events.

use std::collections::BTreeMap;

use faultline_abi::sv39::Pte;
use faultline_abi::{PAGE_SIZE, Ppn, VirtAddr};

use super::Shot;
use crate::event::{Event, PteChange, What};
use crate::inspect::Mapping;

/// The leaves of every page table, folded from events and [`Shot`]s.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageTables {
    by_root: BTreeMap<Ppn, BTreeMap<VirtAddr, (u32, Pte)>>,
}

impl PageTables {
    /// After the first `count` events of a recording.
    #[must_use]
    pub fn after(events: &[Event], shots: &[Shot], count: usize) -> Self {
        let mut tables = Self::default();
        let mut shots = shots.iter().peekable();
        for n in 0..=count.min(events.len()) {
            while let Some(shot) = shots.next_if(|shot| shot.events <= n as u64) {
                tables.put(shot.root.page(), &shot.mappings);
            }
            if let Some(event) = events.get(n).filter(|_| n < count) {
                tables.apply(&event.what);
            }
        }
        tables
    }

    /// Takes one more event into account.
    pub fn apply(&mut self, what: &What) {
        if let What::Pte(change) | What::Ad(change) = what {
            self.changed(change);
        }
    }

    /// The leaves below a root, in order of address.
    #[must_use]
    pub fn mappings(&self, root: Ppn) -> Vec<Mapping> {
        let leaves = self.by_root.get(&root).into_iter().flatten();
        leaves.map(|(&va, &(level, pte))| Mapping { va, level, pte }).collect()
    }

    /// A table is this, whatever was known of it.
    pub(super) fn put(&mut self, root: Ppn, mappings: &[Mapping]) {
        let leaves = mappings.iter().map(|mapping| (mapping.va, (mapping.level, mapping.pte)));
        self.by_root.insert(root, leaves.collect());
    }

    fn changed(&mut self, change: &PteChange) {
        let Some(va) = change.va else { return };
        let leaves = self.by_root.entry(change.root).or_default();
        if change.new.is_leaf() {
            leaves.insert(va, (change.level, change.new));
        } else if change.old.is_pointer() {
            // Everything below goes with it.
            let span = PAGE_SIZE << (9 * change.level.min(4));
            leaves.retain(|&at, _| at < va || at.get().wrapping_sub(va.get()) >= span);
        } else {
            leaves.remove(&va);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrate::testing::{numbered, pte, root};

    #[test]
    fn entries_come_change_and_go_and_what_stood_below_a_pointer_goes_with_it() {
        let leaf = |va, new| What::Pte(pte(va, new));
        let pointer = What::Pte(PteChange { level: 1, old: Pte::from_raw(0x2000_0001), ..pte(0x20_0000, 0) });
        let events = numbered([
            leaf(0x1000, 0x17),
            leaf(0x20_1000, 0x1f),
            What::Ad(pte(0x1000, 0xd7)),
            pointer,
            leaf(0x1000, 0),
        ]);
        let at = |count| -> Vec<(u64, u64)> {
            let leaves = PageTables::after(&events, &[], count).mappings(root(1).page());
            leaves.iter().map(|leaf| (leaf.va.get(), leaf.pte.raw())).collect()
        };
        assert_eq!(at(0), []);
        assert_eq!(at(2), [(0x1000, 0x17), (0x20_1000, 0x1f)]);
        assert_eq!(at(3), [(0x1000, 0xd7), (0x20_1000, 0x1f)]);
        assert_eq!(at(4), [(0x1000, 0xd7)]);
        assert_eq!(at(9), []);
        let shot = Shot { events: 1, root: root(1), mappings: Vec::new() };
        assert_eq!(PageTables::after(&events, &[shot], 1).mappings(root(1).page()), []);
    }
}
