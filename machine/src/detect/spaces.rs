//! The pages of programs in every address space that `satp` has named: who maps which frame.

use std::collections::{BTreeMap, BTreeSet, hash_map::Entry};

use faultline_abi::satp::{Root, Scheme};
use faultline_abi::sv39::{PTE_SIZE, Pte, PteFlags};
use faultline_abi::{Ppn, VirtAddr};

use super::{PAGES_MAX, READ_FREE, READ_PER_INSTRUCTION};
use crate::event::PteChange;
use crate::inspect::{self, Mapping, Table};
use crate::ram::Ram;
use crate::spread::{Few, Map};

/// Touched frames above which they are looked through for repetitions.
const TOUCHED_MAX: usize = 4096;

/// Somebody who maps a frame: the root of the address space, the address, the entry.
pub(super) type User = (Ppn, VirtAddr, Pte);

/// What is known of the tables.
#[derive(Clone, Debug, Default)]
pub(super) struct Spaces {
    known: BTreeMap<Ppn, Scheme>,
    /// By root and page the frame.
    pages: Map<Ppn, Map<VirtAddr, Ppn>>,
    /// By frame who maps it, in order.
    users: Map<Ppn, Few<(Ppn, VirtAddr)>>,
    /// How many pages there are in all address spaces.
    count: usize,
    /// Roots whose tables are to be read, for more than single entries changed.
    unread: BTreeSet<Ppn>,
    /// Frames of which something has changed, and the hart that has changed it. The same may stand here
    /// more than once.
    touched: Vec<(u32, Ppn)>,
    /// Emptied, to be filled again.
    taken: Vec<Ppn>,
    /// The hart that does what is being reported.
    pub(super) hart: u32,
    entries_read: u64,
}

impl Spaces {
    pub(super) fn named(&mut self, root: Option<Root>) {
        let Some(Root { scheme, frame }) = root else { return };
        if self.known.len() < PAGES_MAX && self.known.insert(frame, scheme) != Some(scheme) {
            self.unread.insert(frame);
        }
    }

    /// The tables of a root; those that `satp` has not named are taken for Sv39's.
    fn root(&self, frame: Ppn) -> Root {
        Root { scheme: self.known.get(&frame).copied().unwrap_or(Scheme::Sv39), frame }
    }

    pub(super) fn changed(&mut self, change: &PteChange) {
        match change.va {
            Some(va) if change.level == 0 => self.set(change.root, va, change.new),
            _ if self.known.contains_key(&change.root) => drop(self.unread.insert(change.root)),
            _ => {}
        }
    }

    /// Only pages of 4 KiB that belong to a program are followed.
    fn set(&mut self, root: Ppn, va: VirtAddr, pte: Pte) {
        let belongs = pte.is_valid() && pte.is_leaf() && pte.flags().contains(PteFlags::U);
        if belongs {
            self.map(root, va, pte.ppn());
        } else if let Some(frame) = self.pages.get_mut(&root).and_then(|pages| pages.remove(&va)) {
            self.count -= 1;
            self.remove_user(frame, (root, va));
        }
    }

    fn map(&mut self, root: Ppn, va: VirtAddr, frame: Ppn) {
        match self.pages.entry(root).or_default().entry(va) {
            Entry::Occupied(mut entry) => {
                let old = entry.insert(frame);
                if old != frame {
                    self.remove_user(old, (root, va));
                    self.insert_user(frame, (root, va));
                }
            }
            Entry::Vacant(entry) if self.count < PAGES_MAX => {
                entry.insert(frame);
                self.count += 1;
                self.insert_user(frame, (root, va));
            }
            Entry::Vacant(_) => return,
        }
        self.touch(frame);
    }

    fn insert_user(&mut self, frame: Ppn, user: (Ppn, VirtAddr)) {
        match self.users.entry(frame) {
            Entry::Vacant(entry) => drop(entry.insert(Few::One(user))),
            Entry::Occupied(mut entry) => {
                let users = entry.get_mut();
                let at = users.as_slice().partition_point(|&known| known < user);
                users.insert(at, user);
            }
        }
    }

    fn remove_user(&mut self, frame: Ppn, user: (Ppn, VirtAddr)) {
        if let Entry::Occupied(mut entry) = self.users.entry(frame)
            && !entry.get_mut().retain(|&known| known != user)
        {
            entry.remove();
        }
    }

    pub(super) fn touch(&mut self, frame: Ppn) {
        let touched = (self.hart, frame);
        if self.touched.last() == Some(&touched) {
            return;
        }
        if self.touched.len() >= TOUCHED_MAX && self.touched.len().is_power_of_two() {
            self.touched.sort_unstable();
            self.touched.dedup();
        }
        if self.touched.len() < 2 * PAGES_MAX {
            self.touched.push(touched);
        }
    }

    /// The frames that the hart has changed something of, and no other that has not returned since; in
    /// order, each once. To be given back when they are done with.
    pub(super) fn take_touched(&mut self) -> Vec<Ppn> {
        let mut own = core::mem::take(&mut self.taken);
        let hart = self.hart;
        own.extend(self.touched.iter().filter(|touched| touched.0 == hart).map(|&(_, frame)| frame));
        self.touched.retain(|touched| touched.0 != hart);
        own.retain(|&frame| self.touched.iter().all(|&(_, elsewhere)| elsewhere != frame));
        own.sort_unstable();
        own.dedup();
        own
    }

    pub(super) fn give_back(&mut self, mut touched: Vec<Ppn>) {
        touched.clear();
        self.taken = touched;
    }

    pub(super) fn forget(&mut self, root: Ppn) {
        self.known.remove(&root);
        self.clear(root);
    }

    fn clear(&mut self, root: Ppn) {
        for (va, frame) in self.pages.remove(&root).unwrap_or_default() {
            self.count -= 1;
            self.remove_user(frame, (root, va));
        }
    }

    /// Reads the tables that are new or have changed as a whole, as far as the allowance goes.
    pub(super) fn read_new(&mut self, instret: u64, ram: &Ram) {
        let allowance = READ_FREE.saturating_add(instret.saturating_mul(READ_PER_INSTRUCTION));
        for root in core::mem::take(&mut self.unread) {
            if self.entries_read >= allowance {
                return;
            }
            let tree = inspect::page_table(ram, self.root(root));
            self.entries_read += 512 * tables(&tree);
            self.clear(root);
            for Mapping { va, level, pte } in tree.mappings() {
                if level == 0 {
                    self.set(root, va, pte);
                }
            }
        }
    }

    /// Adds to `users` who maps this frame, as the tables say now.
    pub(super) fn users_of(&mut self, frame: Ppn, ram: &Ram, users: &mut Vec<User>) {
        let mut gone = Vec::new();
        for &(root, va) in self.users.get(&frame).map_or(&[][..], Few::as_slice) {
            match leaf(ram, self.root(root), va)
                .filter(|pte| pte.ppn() == frame && pte.flags().contains(PteFlags::U))
            {
                Some(pte) => users.push((root, va, pte)),
                None => gone.push((root, va)),
            }
        }
        for (root, va) in gone {
            self.set(root, va, Pte::INVALID);
        }
    }
}

fn tables(table: &Table) -> u64 {
    1 + table.entries.iter().filter_map(|entry| entry.child.as_deref()).map(tables).sum::<u64>()
}

/// The entry on the last level for this page.
fn leaf(ram: &Ram, root: Root, va: VirtAddr) -> Option<Pte> {
    let mut table = root.frame.base();
    for level in (0..root.scheme.levels()).rev() {
        let entry = table.wrapping_add(va.vpn(level) as u64 * PTE_SIZE);
        let pte = Pte::from_raw(ram.read_u64(entry).ok()?);
        if !pte.is_valid() || pte.is_leaf() {
            return (pte.is_valid() && level == 0).then_some(pte);
        }
        table = pte.ppn().base();
    }
    None
}
