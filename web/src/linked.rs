//! The selection: one thing that the user pointed at, and what it touches everywhere else.

use std::collections::BTreeSet;

use faultline_abi::{PhysAddr, VirtAddr};

use crate::snapshot::{Entry, Table};

/// What the user pointed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// A page of the watched address space.
    Page(VirtAddr),
    /// A frame.
    Frame(PhysAddr),
    /// A page-table entry.
    Entry(PhysAddr),
}

/// Everything that belongs together with the selection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Linked {
    /// Pages of the watched address space.
    pub pages: BTreeSet<VirtAddr>,
    /// Frames.
    pub frames: BTreeSet<PhysAddr>,
    /// Page-table entries.
    pub entries: BTreeSet<PhysAddr>,
}

/// Follows the selection through the watched page tables.
#[must_use]
pub fn linked(selection: Option<Selection>, table: Option<&Table>) -> Linked {
    let mut linked = Linked::default();
    let Some(selection) = selection else { return linked };
    match selection {
        Selection::Page(va) => drop(linked.pages.insert(va.page_down())),
        Selection::Frame(frame) => drop(linked.frames.insert(frame.page_down())),
        Selection::Entry(entry) => drop(linked.entries.insert(entry)),
    }
    if let Some(table) = table {
        follow(selection, table, &mut linked);
    }
    linked
}

fn follow(selection: Selection, table: &Table, linked: &mut Linked) {
    for entry in &table.entries {
        if touches(selection, entry) {
            linked.entries.insert(entry.pte_addr);
            linked.frames.insert(entry.pte.ppn().base());
            if entry.pte.is_leaf() {
                linked.pages.insert(entry.va);
            }
        }
        if let Some(child) = &entry.child {
            follow(selection, child, linked);
        }
    }
}

fn touches(selection: Selection, entry: &Entry) -> bool {
    match selection {
        Selection::Page(va) => entry.pte.is_leaf() && entry.va == va.page_down(),
        Selection::Frame(frame) => entry.pte.is_valid() && entry.pte.ppn() == frame.page(),
        Selection::Entry(address) => entry.pte_addr == address,
    }
}
