//! Detectors: mistakes that every kernel can make, found without its help.
//!
//! They listen to the events, to every translation, and look at the tables when a trap handler has
//! returned to a program: then a kernel has done what it had begun. Before anything is said about a
//! page, its entry is read again, so that tables that were thrown away accuse nobody. Each
//! warning is given once.

use std::collections::{BTreeMap, BTreeSet};

use faultline_abi::satp::{Root, Scheme};
use faultline_abi::sv39::{PTE_SIZE, Pte, PteFlags, satp_root};
use faultline_abi::trace::{AreaKind, AreaOp, FrameKind, FrameOp, ProcessOp};
use faultline_abi::{PhysAddr, Ppn, VirtAddr};

use crate::event::{Detector, PteChange, Trap, Warning, What};
use crate::hart::Privilege;
use crate::inspect::{self, Mapping, Table};
use crate::mmu::Walk;
use crate::observer::Context;
use crate::ram::Ram;
use crate::recorder::Sink;
use crate::translations::{Fence, Held, Key, Translations};

/// Most pages of programs that are followed, and most warnings that are remembered.
const PAGES_MAX: usize = 1 << 16;
/// Entries of tables that may be read for free, and then for each instruction, so that no guest can
/// keep the host busy by changing its tables.
const READ_FREE: u64 = 1 << 20;
const READ_PER_INSTRUCTION: u64 = 4;

/// All detectors, and what they know.
#[derive(Clone, Debug, Default)]
pub struct Detectors {
    held: Translations,
    /// By hart.
    repeats: BTreeMap<u32, Repeats>,
    spaces: Spaces,
    said: Said,
    given: BTreeSet<Given>,
    /// What is to be said.
    warnings: Vec<Warning>,
}

/// What the kernel says with tracepoints, where it has any.
#[derive(Clone, Debug, Default)]
struct Said {
    freed: BTreeSet<Ppn>,
    references: BTreeMap<Ppn, u32>,
    roots: BTreeMap<u32, Ppn>,
    /// Areas that may be shared on purpose: pid, start and end.
    shareable: BTreeSet<(u32, VirtAddr, VirtAddr)>,
}

/// What makes two warnings the same.
type Given = (Detector, Option<Ppn>, Option<VirtAddr>, Option<PhysAddr>);

impl Detectors {
    /// Something happened.
    pub fn event(&mut self, cx: &Context, what: &What) {
        self.spaces.hart = cx.hart;
        match what {
            What::Trap(trap) => self.trapped(cx, trap),
            &What::Return { to, target } => self.repeats.entry(cx.hart).or_default().returned(cx, to, target),
            What::Pte(change) => self.spaces.changed(change),
            What::Satp { new, .. } => self.spaces.named(Root::of(*new)),
            &What::Sfence { va, asid } => self.held.fence(Fence { hart: cx.hart, va, asid }),
            &What::Frame { op, frame, refs, usage, .. } => self.frame(op, frame.page(), refs, usage),
            &What::Process { op, pid, root, .. } => self.process(op, pid, root.page()),
            &What::Area { op, pid, start, end, area: AreaKind::Mmap, .. } => {
                self.said.area(op, (pid, start, end));
            }
            _ => {}
        }
    }

    /// A translation was made.
    pub fn translated(&mut self, cx: &Context, satp: u64, walk: &Walk) {
        let Some(now) = Held::of(walk) else { return };
        let before = self.held.made(Key::new(cx.hart, satp, walk.va), now, walk.access, cx.mode);
        if let Some(before) = before {
            self.stale(satp, walk.va, before);
        }
    }

    /// The kernel is done for now on this hart: looks at what has changed there. What another hart has
    /// changed, too, waits until that one is done.
    pub fn settled(&mut self, cx: &Context, ram: &Ram) {
        self.spaces.hart = cx.hart;
        self.spaces.read_new(cx.instret, ram);
        for frame in self.spaces.take_touched() {
            self.judge(frame, ram);
        }
    }

    /// Takes what is to be said, each thing once.
    pub fn take_warnings(&mut self) -> Vec<Warning> {
        let mut warnings = core::mem::take(&mut self.warnings);
        warnings.retain(|warning| {
            let key = (warning.detector, warning.root, warning.va, warning.frame);
            self.given.len() < PAGES_MAX && self.given.insert(key)
        });
        warnings
    }

    fn trapped(&mut self, cx: &Context, trap: &Trap) {
        let Some(access) = trap.page_fault() else { return };
        let va = VirtAddr::new(trap.stval);
        if self.repeats.entry(cx.hart).or_default().faulted(cx, trap) {
            self.warnings.push(Warning {
                detector: Detector::RepeatedFault,
                root: Some(satp_root(trap.satp)),
                va: Some(va),
                frame: None,
                text: format!("the same fault at {} again, right after it was handled", trap.sepc).into(),
            });
        }
        let now = trap.walk.as_deref().and_then(|steps| steps.last()).map(|step| step.pte);
        let before = self.held.failed(Key::new(cx.hart, trap.satp, va), now, access, cx.mode);
        if let Some(before) = before {
            self.stale(trap.satp, va, before);
        }
    }

    fn stale(&mut self, satp: u64, va: VirtAddr, before: Held) {
        self.warnings.push(Warning {
            detector: Detector::StaleTranslation,
            root: Some(satp_root(satp)),
            va: Some(va.page_down()),
            frame: Some(before.leaf.ppn().base()),
            text: "hardware may still use an entry that has changed: no sfence.vma came between".into(),
        });
    }

    fn frame(&mut self, op: FrameOp, frame: Ppn, refs: u32, usage: FrameKind) {
        self.spaces.touch(frame);
        if op == FrameOp::Freed {
            self.said.freed.insert(frame)
        } else {
            self.said.freed.remove(&frame)
        };
        if usage == FrameKind::User && op != FrameOp::Freed {
            self.said.references.insert(frame, refs);
        } else {
            self.said.references.remove(&frame);
        }
    }

    /// A process that has ended has no address space, whatever is left of its tables.
    fn process(&mut self, op: ProcessOp, pid: u32, root: Ppn) {
        let old = match op {
            ProcessOp::Exited | ProcessOp::Killed => {
                self.said.shareable.retain(|area| area.0 != pid);
                self.said.roots.remove(&pid)
            }
            _ if root.get() == 0 => None,
            _ => self.said.roots.insert(pid, root).filter(|&old| old != root),
        };
        if let Some(old) = old {
            self.spaces.forget(old);
        }
    }

    /// What the tables say about one frame, against what is right and what the kernel says.
    fn judge(&mut self, frame: Ppn, ram: &Ram) {
        let users = self.spaces.users_of(frame, ram);
        let Some(&(root, va, _)) = users.first() else { return };
        let mut warn = |detector, root, va, text: String| {
            let (root, va, frame) = (Some(root), Some(va), Some(frame.base()));
            self.warnings.push(Warning { detector, root, va, frame, text: text.into() });
        };
        let both = PteFlags::W | PteFlags::X;
        for &(root, va, _) in users.iter().filter(|(_, _, pte)| pte.flags().contains(both)) {
            let text = "a program may write this page and execute it".to_owned();
            warn(Detector::WritableExecutable, root, va, text);
        }
        let writable = users.iter().filter(|(_, _, pte)| pte.flags().contains(PteFlags::W));
        let unexpected: Vec<_> =
            writable.filter(|(root, va, _)| !self.said.is_shareable(*root, *va)).collect();
        if let Some((other, _, _)) = unexpected.iter().find(|(other, _, _)| *other != unexpected[0].0) {
            let text = format!("the address space {} may write the same frame", other.base());
            warn(Detector::WritableInTwo, unexpected[0].0, unexpected[0].1, text);
        }
        if self.said.freed.contains(&frame) {
            warn(Detector::FreedButMapped, root, va, "the kernel has freed this frame".to_owned());
        }
        if let Some(&said) = self.said.references.get(&frame).filter(|&&said| (said as usize) < users.len()) {
            let text = format!("the kernel counts {said} references, the tables {} entries", users.len());
            warn(Detector::TooFewReferences, root, va, text);
        }
    }
}

impl Said {
    fn area(&mut self, op: AreaOp, area: (u32, VirtAddr, VirtAddr)) {
        let (pid, start, _) = area;
        self.shareable.retain(|known| (known.0, known.1) != (pid, start));
        if op != AreaOp::Unmapped && self.shareable.len() < PAGES_MAX {
            self.shareable.insert(area);
        }
    }

    fn is_shareable(&self, root: Ppn, va: VirtAddr) -> bool {
        let inside = |&(pid, start, end): &(u32, VirtAddr, VirtAddr)| {
            (start..end).contains(&va) && self.roots.get(&pid) == Some(&root)
        };
        self.shareable.iter().any(inside)
    }
}

/// A fault that comes again at once has not been dealt with.
#[derive(Clone, Debug, Default)]
struct Repeats {
    last: Option<Trap>,
    /// The count of instructions at which the one that faulted is tried again.
    retried: Option<u64>,
}

impl Repeats {
    /// To return to another place of a program is to let something else run first: the page that was
    /// brought in may be gone again for a good reason.
    fn returned(&mut self, cx: &Context, to: Privilege, target: VirtAddr) {
        let here = self.last.as_ref().is_some_and(|last| last.sepc == target);
        self.retried = here.then_some(cx.instret + 1);
        if !here && to == Privilege::User {
            self.last = None;
        }
    }

    /// Whether this very fault, failed check included, was handled just before.
    fn faulted(&mut self, cx: &Context, trap: &Trap) -> bool {
        let same = |last: &Trap| {
            (last.sepc, last.stval, last.scause, last.satp, last.check)
                == (trap.sepc, trap.stval, trap.scause, trap.satp, trap.check)
        };
        let again = self.retried == Some(cx.instret) && self.last.as_ref().is_some_and(same);
        self.retried = None;
        self.last = Some(Trap { walk: None, ..trap.clone() });
        again
    }
}

/// The pages of programs in every address space that `satp` has named.
#[derive(Clone, Debug, Default)]
struct Spaces {
    known: BTreeMap<Ppn, Scheme>,
    pages: BTreeMap<(Ppn, VirtAddr), Ppn>,
    users: BTreeSet<(Ppn, Ppn, VirtAddr)>,
    /// Roots whose tables are to be read, for more than single entries changed.
    unread: BTreeSet<Ppn>,
    /// By hart the frames of which it has changed something.
    touched: BTreeMap<u32, BTreeSet<Ppn>>,
    /// The hart that does what is being reported.
    hart: u32,
    entries_read: u64,
}

impl Spaces {
    fn named(&mut self, root: Option<Root>) {
        let Some(Root { scheme, frame }) = root else { return };
        if self.known.len() < PAGES_MAX && self.known.insert(frame, scheme) != Some(scheme) {
            self.unread.insert(frame);
        }
    }

    /// The tables of a root; those that `satp` has not named are taken for Sv39's.
    fn root(&self, frame: Ppn) -> Root {
        Root { scheme: self.known.get(&frame).copied().unwrap_or(Scheme::Sv39), frame }
    }

    fn changed(&mut self, change: &PteChange) {
        match change.va {
            Some(va) if change.level == 0 => self.set(change.root, va, change.new),
            _ if self.known.contains_key(&change.root) => drop(self.unread.insert(change.root)),
            _ => {}
        }
    }

    /// Only pages of 4 KiB that belong to a program are followed.
    fn set(&mut self, root: Ppn, va: VirtAddr, pte: Pte) {
        if let Some(frame) = self.pages.remove(&(root, va)) {
            self.users.remove(&(frame, root, va));
        }
        if pte.is_valid()
            && pte.is_leaf()
            && pte.flags().contains(PteFlags::U)
            && self.pages.len() < PAGES_MAX
        {
            self.pages.insert((root, va), pte.ppn());
            self.users.insert((pte.ppn(), root, va));
            self.touch(pte.ppn());
        }
    }

    fn touch(&mut self, frame: Ppn) {
        self.touched.entry(self.hart).or_default().insert(frame);
    }

    /// The frames that the hart has changed something of, and no other that has not returned since.
    fn take_touched(&mut self) -> Vec<Ppn> {
        let own = self.touched.remove(&self.hart).unwrap_or_default();
        let elsewhere = |frame: &Ppn| self.touched.values().any(|frames| frames.contains(frame));
        own.into_iter().filter(|frame| !elsewhere(frame)).collect()
    }

    fn forget(&mut self, root: Ppn) {
        self.known.remove(&root);
        self.clear(root);
    }

    fn clear(&mut self, root: Ppn) {
        let (first, last) = ((root, VirtAddr::new(0)), (root, VirtAddr::new(u64::MAX)));
        let pages: Vec<_> = self.pages.range(first..=last).map(|(&(_, va), &frame)| (va, frame)).collect();
        for (va, frame) in pages {
            self.pages.remove(&(root, va));
            self.users.remove(&(frame, root, va));
        }
    }

    /// Reads the tables that are new or have changed as a whole, as far as the allowance goes.
    fn read_new(&mut self, instret: u64, ram: &Ram) {
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

    /// Who maps this frame, as the tables say now.
    fn users_of(&mut self, frame: Ppn, ram: &Ram) -> Vec<(Ppn, VirtAddr, Pte)> {
        let first = (frame, Ppn::new(0), VirtAddr::new(0));
        let of_frame = self.users.range(first..).take_while(|user| user.0 == frame);
        let believed: Vec<_> = of_frame.map(|&(_, root, va)| (root, va)).collect();
        let mut users = Vec::new();
        for (root, va) in believed {
            match leaf(ram, self.root(root), va)
                .filter(|pte| pte.ppn() == frame && pte.flags().contains(PteFlags::U))
            {
                Some(pte) => users.push((root, va, pte)),
                None => self.set(root, va, Pte::INVALID),
            }
        }
        users
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

/// A sink that has its events watched, and the warnings told like events.
#[derive(Debug)]
pub struct Watched<'a, S> {
    /// Who receives events and warnings.
    pub sink: &'a mut S,
    /// Who watches.
    pub detectors: &'a mut Detectors,
}

impl<S: Sink> Watched<'_, S> {
    fn warn(&mut self, cx: &Context) {
        if !self.detectors.warnings.is_empty() {
            for warning in self.detectors.take_warnings() {
                self.sink.event(cx, What::Warning(warning));
            }
        }
    }
}

impl<S: Sink> Sink for Watched<'_, S> {
    fn event(&mut self, cx: &Context, what: What) {
        self.detectors.event(cx, &what);
        self.sink.event(cx, what);
        self.warn(cx);
    }

    fn console(&mut self, cx: &Context, byte: u8) {
        self.sink.console(cx, byte);
    }

    fn translated(&mut self, cx: &Context, satp: u64, walk: &Walk) {
        self.detectors.translated(cx, satp, walk);
        self.warn(cx);
        self.sink.translated(cx, satp, walk);
    }

    fn settled(&mut self, cx: &Context, ram: &Ram) {
        self.detectors.settled(cx, ram);
        self.warn(cx);
        self.sink.settled(cx, ram);
    }

    fn stop(&self) -> bool {
        self.sink.stop()
    }
}

/// Receives nothing: for going over known ground, so that detectors learn what they knew there.
#[derive(Clone, Copy, Debug)]
pub struct Discard;

impl Sink for Discard {
    fn event(&mut self, _: &Context, _: What) {}

    fn console(&mut self, _: &Context, _: u8) {}

    fn stop(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
