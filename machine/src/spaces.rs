//! The address spaces of a run: every root table that `satp` has ever named, with a name and with what
//! its tables say.
//!
//! It takes no co-operation of the kernel: `satp` is a fact, and so are the tables. Where the kernel
//! says which process has which root (a `process` tracepoint), the space is named after its program;
//! else after the kernel's own variable that the root table is, if it is one; else by the root's frame.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use faultline_abi::satp::{Root, Scheme};
use faultline_abi::sv39::PteFlags;
use faultline_abi::trace::ProcessOp;
use faultline_abi::{PhysAddr, Ppn, VirtAddr};
use serde::{Deserialize, Serialize};

use crate::event::{Event, What, Word};
use crate::inspect::{self, Mapping, Table, User};
use crate::loader::Symbols;
use crate::observer::Context;
use crate::ram::Ram;

/// Most address spaces that are remembered.
const SPACES_MAX: usize = 1 << 16;
/// Most ASIDs of one space that are remembered.
const ASIDS_MAX: usize = 16;

/// Collects what the reports say about address spaces; both live and from a recording.
#[derive(Clone, Debug, Default)]
pub struct Spaces {
    /// In order of first appearance.
    spaces: Vec<Known>,
    /// The space that a root frame belongs to now: a frame may become the root of another later.
    current: BTreeMap<Ppn, usize>,
}

/// What is known about one of them.
#[derive(Clone, Debug)]
struct Known {
    frame: Ppn,
    scheme: Scheme,
    /// The process that it belongs to, and its program, where the kernel says so.
    process: Option<(u32, String)>,
    ended: bool,
    loads: u64,
    first: u64,
    last: u64,
    harts: BTreeSet<u32>,
    asids: BTreeSet<u16>,
}

/// What an address space is named after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamedAfter {
    /// The program of the process that has it.
    Program,
    /// The kernel's variable that its root table is.
    Symbol,
    /// The frame of its root table.
    Frame,
}

/// An address space.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Space {
    /// Frame number of the root table.
    pub root: Ppn,
    /// How addresses are translated.
    pub scheme: Scheme,
    /// Its name.
    pub name: String,
    /// What the name comes from.
    pub named_after: NamedAfter,
    /// The process that has it, where the kernel says so.
    pub pid: Option<u32>,
    /// The process has ended: what is left of the tables means nothing.
    pub ended: bool,
    /// How often `satp` was written with it.
    pub loads: u64,
    /// Step of the first of these writes.
    pub first: Word,
    /// Step of the last.
    pub last: Word,
    /// Harts that have loaded it.
    pub harts: Vec<u32>,
    /// ASIDs that it was loaded with; not more than a few are remembered.
    pub asids: Vec<u16>,
    /// What its tables say now; `None` where it has ended.
    pub contents: Option<Contents>,
}

/// A root table, and what its address space is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct RootName {
    /// Physical address of the table.
    pub root: PhysAddr,
    /// How addresses are translated.
    pub scheme: Scheme,
    /// The name.
    pub name: String,
    /// What the name comes from.
    pub named_after: NamedAfter,
}

/// What hangs below a root, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// Page tables, the root included.
    pub tables: usize,
    /// Pages of 4 KiB that programs may use.
    pub user_pages: usize,
    /// Superpages that programs may use.
    pub user_superpages: usize,
    /// Leaves of any size that are the kernel's own.
    pub kernel_leaves: usize,
    /// User pages that may be written.
    pub writable: usize,
    /// User pages whose frame another space's tables lead to, too, or this one's a second time.
    pub shared: usize,
    /// Entries that were not read, because there are too many.
    pub left_out: usize,
}

/// A frame to which more than one user entry leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SharedFrame {
    /// Its number.
    pub frame: Ppn,
    /// The entries.
    pub users: Vec<User>,
}

/// All address spaces and who shares what between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// In order of first appearance.
    pub spaces: Vec<Space>,
    /// Frames with more than one user, by number.
    pub shared: Vec<SharedFrame>,
}

impl Spaces {
    /// What a recording says.
    #[must_use]
    pub fn of<E: Borrow<Event>>(events: impl IntoIterator<Item = E>) -> Self {
        let mut spaces = Self::default();
        for event in events {
            let event = event.borrow();
            spaces.event(event.step, event.hart, &event.what);
        }
        spaces
    }

    /// The next event; those that do not concern address spaces are ignored.
    pub fn event(&mut self, step: u64, hart: u32, what: &What) {
        match what {
            What::Satp { new, .. } => self.loaded(step, hart, *new),
            What::Process { op, pid, root, name, .. } => self.process(*op, *pid, root.page(), name),
            _ => {}
        }
    }

    /// `satp` was written.
    pub(crate) fn satp(&mut self, cx: &Context, new: u64) {
        self.loaded(cx.step, cx.hart, new);
    }

    fn loaded(&mut self, step: u64, hart: u32, satp: u64) {
        let Some(root) = Root::of(satp) else { return };
        let Some(space) = self.space(root.frame) else { return };
        if space.loads == 0 {
            space.first = step;
        }
        (space.scheme, space.last, space.loads) = (root.scheme, step, space.loads + 1);
        space.harts.insert(hart);
        if space.asids.len() < ASIDS_MAX {
            space.asids.insert(asid(satp));
        }
    }

    /// The space whose root this frame is now; a new one where there is none. `None` where there are too many.
    fn space(&mut self, frame: Ppn) -> Option<&mut Known> {
        if !self.current.contains_key(&frame) {
            if self.spaces.len() == SPACES_MAX {
                return None;
            }
            self.current.insert(frame, self.spaces.len());
            self.spaces.push(Known::new(frame));
        }
        self.spaces.get_mut(*self.current.get(&frame)?)
    }

    fn process(&mut self, op: ProcessOp, pid: u32, frame: Ppn, name: &str) {
        if matches!(op, ProcessOp::Exited | ProcessOp::Killed) {
            let mut alive = self.spaces.iter_mut().rev().filter(|space| !space.ended);
            if let Some(space) = alive.find(|space| space.pid() == Some(pid)) {
                space.ended = true;
                let frame = space.frame;
                self.current.remove(&frame);
            }
            return;
        }
        if frame.get() == 0 {
            return;
        }
        // The frame was the root of another process before.
        if self.current.get(&frame).and_then(|&at| self.spaces[at].pid()).is_some_and(|other| other != pid) {
            self.current.remove(&frame);
        }
        if let Some(space) = self.space(frame) {
            let known = space.process.take().map(|(_, name)| name).unwrap_or_default();
            let name = if name.is_empty() { known } else { name.to_owned() };
            space.process = Some((pid, name));
        }
    }

    /// The roots of all spaces that have not ended, in order of first appearance.
    #[must_use]
    pub fn roots(&self) -> Vec<Root> {
        self.loaded_spaces().filter(|space| !space.ended).map(Known::root).collect()
    }

    /// What each root that `satp` has named is called, in order of first appearance. A frame that was the
    /// root of several, one after the other, is called after the last.
    #[must_use]
    pub fn names(&self, symbols: &Symbols) -> Vec<RootName> {
        let numbered = || self.spaces.iter().enumerate().filter(|(_, known)| known.loads > 0);
        let last: BTreeMap<Ppn, usize> = numbered().map(|(at, known)| (known.frame, at)).collect();
        let names = numbered().filter(|(at, known)| last.get(&known.frame) == Some(at));
        names.map(|(_, known)| known.root_name(symbols)).collect()
    }

    fn loaded_spaces(&self) -> impl Iterator<Item = &Known> {
        self.spaces.iter().filter(|space| space.loads > 0)
    }

    /// Every space that `satp` has named, and what memory says about them now.
    #[must_use]
    pub fn report(&self, ram: &Ram, symbols: &Symbols) -> Report {
        let users = inspect::frame_users(ram, &self.roots());
        let shared: Vec<SharedFrame> = users
            .into_iter()
            .filter(|(_, users)| users.len() > 1)
            .map(|(frame, users)| SharedFrame { frame, users })
            .collect();
        let spaces = self.loaded_spaces().map(|known| known.space(ram, symbols, &shared)).collect();
        Report { spaces, shared }
    }
}

impl Known {
    fn new(frame: Ppn) -> Self {
        let (harts, asids) = (BTreeSet::new(), BTreeSet::new());
        let scheme = Scheme::Sv39;
        Self { frame, scheme, process: None, ended: false, loads: 0, first: 0, last: 0, harts, asids }
    }

    fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|(pid, _)| *pid)
    }

    fn root(&self) -> Root {
        Root { scheme: self.scheme, frame: self.frame }
    }

    fn name(&self, symbols: &Symbols) -> (String, NamedAfter) {
        if let Some((pid, program)) = &self.process {
            let program = if program.is_empty() { "process" } else { program };
            return (format!("{program} ({pid})"), NamedAfter::Program);
        }
        let root = self.frame.base();
        match symbols.variable_at(VirtAddr::new(root.get())) {
            Some(name) => (name.to_owned(), NamedAfter::Symbol),
            None => (format!("root {root}"), NamedAfter::Frame),
        }
    }

    fn root_name(&self, symbols: &Symbols) -> RootName {
        let (name, named_after) = self.name(symbols);
        RootName { root: self.frame.base(), scheme: self.scheme, name, named_after }
    }

    fn space(&self, ram: &Ram, symbols: &Symbols, shared: &[SharedFrame]) -> Space {
        let (name, named_after) = self.name(symbols);
        let contents = (!self.ended).then(|| contents(ram, self.root(), shared));
        Space {
            root: self.frame,
            scheme: self.scheme,
            name,
            named_after,
            pid: self.pid(),
            ended: self.ended,
            loads: self.loads,
            first: Word(self.first),
            last: Word(self.last),
            harts: self.harts.iter().copied().collect(),
            asids: self.asids.iter().copied().collect(),
            contents,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "an ASID has sixteen bits")]
const fn asid(satp: u64) -> u16 {
    (satp >> 44) as u16
}

fn contents(ram: &Ram, root: Root, shared: &[SharedFrame]) -> Contents {
    let tree = inspect::page_table(ram, root);
    let mut contents = Contents::default();
    count_tables(&tree, &mut contents);
    for Mapping { level, pte, .. } in tree.mappings() {
        let flags = pte.flags();
        if !flags.contains(PteFlags::U) {
            contents.kernel_leaves += 1;
        } else if level > 0 {
            contents.user_superpages += 1;
        } else {
            contents.user_pages += 1;
            contents.writable += usize::from(flags.contains(PteFlags::W));
            let is_shared = shared.binary_search_by_key(&pte.ppn(), |shared| shared.frame).is_ok();
            contents.shared += usize::from(is_shared);
        }
    }
    contents
}

fn count_tables(table: &Table, contents: &mut Contents) {
    contents.tables += 1;
    contents.left_out += table.left_out;
    table
        .entries
        .iter()
        .filter_map(|entry| entry.child.as_deref())
        .for_each(|child| count_tables(child, contents));
}

#[cfg(test)]
mod tests {
    use super::*;
    use faultline_abi::PhysAddr;
    use faultline_abi::board::DRAM_BASE;
    use faultline_abi::sv39::{PTE_SIZE, Pte};

    fn frame(number: u64) -> Ppn {
        Ppn::new((DRAM_BASE >> 12) + number)
    }

    fn satp(number: u64, asid: u64) -> What {
        What::Satp { old: 0, new: 8 << 60 | asid << 44 | frame(number).get() }
    }

    fn process(op: ProcessOp, pid: u32, root: u64, name: &str) -> What {
        let root = if root == 0 { PhysAddr::new(0) } else { frame(root).base() };
        What::Process { op, pid, other: 0, root, name: name.into() }
    }

    fn fold(whats: &[What]) -> Spaces {
        let mut spaces = Spaces::default();
        for (step, what) in (0..).zip(whats) {
            spaces.event(step, 0, what);
        }
        spaces
    }

    fn names(spaces: &Spaces) -> Vec<String> {
        let report = spaces.report(&Ram::new(1 << 20), &Symbols::default());
        report.spaces.into_iter().map(|space| space.name).collect()
    }

    #[test]
    fn every_root_that_satp_names_is_a_space_named_by_its_frame() {
        let spaces = fold(&[satp(1, 0), satp(2, 7), satp(1, 3), What::Satp { old: 0, new: 0 }]);
        assert_eq!(names(&spaces), ["root 0x80001000", "root 0x80002000"]);
        let report = spaces.report(&Ram::new(1 << 20), &Symbols::default());
        let first = &report.spaces[0];
        assert_eq!((first.loads, first.first, first.last), (2, Word(0), Word(2)));
        assert_eq!((&*first.asids, &*first.harts), (&[0, 3][..], &[0][..]));
        assert_eq!(first.named_after, NamedAfter::Frame);
    }

    #[test]
    fn a_space_is_named_after_the_program_that_its_process_runs() {
        let spaces = fold(&[
            process(ProcessOp::Created, 1, 1, ""),
            satp(1, 0),
            process(ProcessOp::Execed, 1, 2, "sh"),
            satp(2, 0),
        ]);
        assert_eq!(names(&spaces), ["process (1)", "sh (1)"]);
    }

    #[test]
    fn a_root_that_is_used_again_is_another_space() {
        let spaces = fold(&[
            process(ProcessOp::Created, 1, 1, "a"),
            satp(1, 0),
            process(ProcessOp::Exited, 1, 0, ""),
            process(ProcessOp::Created, 2, 1, "b"),
            satp(1, 0),
        ]);
        assert_eq!(names(&spaces), ["a (1)", "b (2)"]);
        let report = spaces.report(&Ram::new(1 << 20), &Symbols::default());
        assert_eq!(report.spaces.iter().map(|space| space.ended).collect::<Vec<_>>(), [true, false]);
        assert_eq!((report.spaces[0].contents, spaces.roots().len()), (None, 1));
    }

    #[test]
    fn a_space_that_was_never_loaded_is_none() {
        assert!(names(&fold(&[process(ProcessOp::Created, 1, 1, "a")])).is_empty());
    }

    #[test]
    fn sharers_are_counted_from_the_tables_of_all_spaces() {
        let mut ram = Ram::new(1 << 20);
        let mut put = |table: u64, index: u64, target: u64, flags: PteFlags| {
            let pte = Pte::new(frame(target), flags | PteFlags::V);
            ram.write(frame(table).base().wrapping_add(index * PTE_SIZE), &pte.raw().to_le_bytes()).unwrap();
        };
        let user = PteFlags::U | PteFlags::R;
        for root in [1, 4] {
            put(root, 0, root + 1, PteFlags::empty());
            put(root + 1, 0, root + 2, PteFlags::empty());
            put(root + 2, 5, 20, user);
            put(root + 2, 6, 20 + root, user | PteFlags::W);
            put(root + 2, 7, 30, PteFlags::R);
        }
        let report = fold(&[satp(1, 0), satp(4, 0)]).report(&ram, &Symbols::default());
        assert_eq!(report.shared.len(), 1);
        assert_eq!((report.shared[0].frame, report.shared[0].users.len()), (frame(20), 2));
        let expected = Contents {
            tables: 3,
            user_pages: 2,
            kernel_leaves: 1,
            writable: 1,
            shared: 1,
            ..Contents::default()
        };
        for space in report.spaces {
            assert_eq!(space.contents, Some(expected));
        }
    }
}
