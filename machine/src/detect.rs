//! Detectors: mistakes that every kernel can make, found without its help.
//!
//! They listen to the events, to every translation, and look at the tables when a trap handler has
//! returned to a program: then a kernel has done what it had begun. Before anything is said about a
//! page, its entry is read again, so that tables that were thrown away accuse nobody. Each
//! warning is given once.

use std::collections::{BTreeMap, BTreeSet};

use faultline_abi::satp::Root;
use faultline_abi::sv39::{Check, PteFlags, satp_root};
use faultline_abi::trace::{AreaKind, AreaOp, FrameKind, FrameOp, ProcessOp};
use faultline_abi::{PhysAddr, Ppn, VirtAddr};

use crate::event::{Detector, Trap, Warning, What};
use crate::hart::Privilege;
use crate::mmu::Walk;
use crate::observer::Context;
use crate::ram::Ram;
use crate::recorder::Sink;
use crate::spread::{Map, Set};
use crate::translations::{Fence, Held, Key, Translations};

mod spaces;
use self::spaces::{Spaces, User};

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
    repeats: Vec<Repeats>,
    spaces: Spaces,
    said: Said,
    given: BTreeSet<Given>,
    /// What is to be said.
    warnings: Vec<Warning>,
    /// Emptied, to be filled again.
    users: Vec<User>,
}

/// What the kernel says with tracepoints, where it has any.
#[derive(Clone, Debug, Default)]
struct Said {
    freed: Set<Ppn>,
    references: Map<Ppn, u32>,
    /// Of frames in which programs have pages: whose they are.
    owners: Map<Ppn, u32>,
    /// Those to which the kernel has a reference beside the entries, in a cache or for a transfer.
    kept: Set<Ppn>,
    roots: BTreeMap<u32, Ppn>,
    /// Roots of processes that have ended, until the kernel frees them.
    ended: BTreeMap<Ppn, u32>,
    /// Processes whose tables have been freed: everything of theirs must be gone.
    torn_down: Vec<u32>,
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
            &What::Return { to, target } => self.repeats(cx).returned(cx, to, target),
            What::Pte(change) => self.spaces.changed(change),
            What::Satp { new, .. } => self.spaces.named(Root::of(*new)),
            &What::Sfence { va, asid } => self.held.fence(Fence { hart: cx.hart, va, asid }),
            &What::Frame { op, frame, owner, refs, usage } => {
                self.frame(op, frame.page(), refs, usage);
                self.said.owner(op, frame.page(), owner, usage);
            }
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
        let touched = self.spaces.take_touched();
        touched.iter().for_each(|&frame| self.judge(frame, ram));
        self.spaces.give_back(touched);
        for pid in core::mem::take(&mut self.said.torn_down) {
            self.judge_end(pid, ram);
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
        if cx.mode == Privilege::User {
            self.repeats(cx).got_to(trap.sepc);
        }
        let Some(access) = trap.page_fault() else { return };
        let va = VirtAddr::new(trap.stval);
        if self.repeats(cx).faulted(cx, trap) {
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

    fn repeats(&mut self, cx: &Context) -> &mut Repeats {
        let hart = cx.hart as usize;
        if self.repeats.len() <= hart {
            self.repeats.resize_with(hart + 1, Repeats::default);
        }
        &mut self.repeats[hart]
    }

    fn stale(&mut self, satp: u64, va: VirtAddr, before: Held) {
        let detector = Detector::StaleTranslation;
        let (root, va, frame) = (satp_root(satp), va.page_down(), before.leaf.ppn().base());
        // A kernel that never fences would have it worded at every access.
        if self.given.contains(&(detector, Some(root), Some(va), Some(frame))) {
            return;
        }
        self.warnings.push(Warning {
            detector,
            root: Some(root),
            va: Some(va),
            frame: Some(frame),
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
                let root = self.said.roots.remove(&pid);
                self.said.ended.extend(root.map(|root| (root, pid)));
                root
            }
            _ if root.get() == 0 => None,
            _ => self.said.roots.insert(pid, root).filter(|&old| old != root),
        };
        if let Some(old) = old {
            self.spaces.forget(old);
        }
    }

    /// A process has ended and its tables are freed: what it still has, and nobody can reach, is lost.
    fn judge_end(&mut self, pid: u32, ram: &Ram) {
        let mut frames: Vec<Ppn> = self.said.owners_of(pid).collect();
        frames.sort_unstable();
        for frame in frames {
            self.said.owners.remove(&frame);
            let mut users = Vec::new();
            self.spaces.users_of(frame, ram, &mut users);
            if users.is_empty() && !self.said.kept.contains(&frame) {
                self.warnings.push(Warning {
                    detector: Detector::LeakedFrame,
                    root: None,
                    va: None,
                    frame: Some(frame.base()),
                    text: format!("process {pid} has ended, and its frame was never freed").into(),
                });
            }
        }
    }

    /// What the tables say about one frame, against what is right and what the kernel says.
    fn judge(&mut self, frame: Ppn, ram: &Ram) {
        let mut users = core::mem::take(&mut self.users);
        self.spaces.users_of(frame, ram, &mut users);
        self.judge_users(frame, &users);
        users.clear();
        self.users = users;
    }

    fn judge_users(&mut self, frame: Ppn, users: &[User]) {
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
        let mut unexpected = writable.filter(|(root, va, _)| !self.said.is_shareable(*root, *va));
        if let Some((first, va, _)) = unexpected.next()
            && let Some((other, _, _)) = unexpected.find(|(other, _, _)| other != first)
        {
            let text = format!("the address space {} may write the same frame", other.base());
            warn(Detector::WritableInTwo, *first, *va, text);
        }
        if self.said.freed.contains(&frame) {
            warn(Detector::FreedButMapped, root, va, "the kernel has freed this frame".to_owned());
        }
        if self.said.references.get(&frame).is_some_and(|&said| said as usize > users.len()) {
            self.said.kept.insert(frame);
        }
        if let Some(&said) = self.said.references.get(&frame).filter(|&&said| (said as usize) < users.len()) {
            let text = format!("the kernel counts {said} references, the tables {} entries", users.len());
            warn(Detector::TooFewReferences, root, va, text);
        }
    }
}

impl Said {
    fn owner(&mut self, op: FrameOp, frame: Ppn, owner: u32, usage: FrameKind) {
        if op == FrameOp::Freed {
            self.kept.remove(&frame);
            self.owners.remove(&frame);
            self.torn_down.extend(self.ended.remove(&frame));
        } else if usage != FrameKind::User {
            self.owners.remove(&frame);
        } else if self.owners.len() < PAGES_MAX {
            self.owners.insert(frame, owner);
        }
    }

    fn owners_of(&self, pid: u32) -> impl Iterator<Item = Ppn> {
        self.owners.iter().filter(move |(_, owner)| **owner == pid).map(|(&frame, _)| frame)
    }

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
    last: Option<Same>,
    /// The count of instructions at which the one that faulted is tried again.
    retried: Option<u64>,
}

/// What makes two faults the same: `sepc`, `stval`, `scause`, `satp`, and the check that failed.
type Same = (VirtAddr, u64, u64, u64, Option<Check>);

impl Repeats {
    /// To return to another place of a program is to let something else run first: the page that was
    /// brought in may be gone again for a good reason.
    fn returned(&mut self, cx: &Context, to: Privilege, target: VirtAddr) {
        let here = self.last.is_some_and(|last| last.0 == target);
        self.retried = here.then_some(cx.instret + 1);
        if !here && to == Privilege::User {
            self.last = None;
        }
    }

    /// A program that traps at another place has gone on. It may come back, perhaps from that very trap, and the
    /// page may be gone again.
    fn got_to(&mut self, place: VirtAddr) {
        self.last = self.last.filter(|last| last.0 == place);
    }

    /// Whether this very fault, failed check included, was handled just before.
    fn faulted(&mut self, cx: &Context, trap: &Trap) -> bool {
        let now = Some((trap.sepc, trap.stval, trap.scause, trap.satp, trap.check));
        let again = self.retried == Some(cx.instret) && self.last == now;
        self.retried = None;
        self.last = now;
        again
    }
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
                self.sink.event(cx, What::Warning(Box::new(warning)));
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
