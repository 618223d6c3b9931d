//! Two digests of a run.
//!
//! The *exact* one covers every event as it is printed, so it holds only for the very images that
//! ran. The *semantic* one covers what the run meant and holds for every build of the kernel and of
//! its programs: per process, in order, what faulted, how it was classified and resolved and what
//! became of the frames. It knows no pc, no instruction count and no absolute address: a fault is
//! named by its area and the page inside it, a frame by the process and the order in which it first
//! appeared. What depends on a compiler is left out: how large text and data are and which pages of text
//! are needed when, how often the timer fired, in how many pieces a line was printed. So is the plan of a
//! fault: it says why, the digest says what, and a kernel that tells no plans has the same meaning.
//!
//! A kernel without tracepoints gets a semantic form by address space: which accesses faulted, on
//! which check, how far from the first fault, and how its user mappings changed.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt::Write;

use faultline_abi::scenario::{Checkpoints, Digests, limits};
use faultline_abi::sv39::{Access, Check, FlagLetters, Pte, PteFlags, satp_root};
use faultline_abi::trace::{AreaKind, AreaOp, FaultClass, FrameOp, ProcessOp, Resolution};
use faultline_abi::{PAGE_SIZE, PhysAddr, Ppn, VirtAddr};
use sha2::{Digest, Sha256};

use crate::event::{Event, PteChange, What};
use crate::hart::Privilege;

/// Lines that a semantic form has at most; a run that says more is cut off there.
const LINES_MAX: usize = 1_000_000;
/// Areas of one process that faults are named by.
const AREAS_MAX: usize = 1000;

/// Both digests of a stream of events.
#[must_use]
pub fn of<E: Borrow<Event>>(events: impl IntoIterator<Item = E>) -> Digests {
    let mut exact = Exact::default();
    let mut semantic = Semantic::default();
    for event in events {
        let event = event.borrow();
        exact.add(event);
        semantic.add(&event.what, event.mode);
    }
    digests(exact, &semantic)
}

/// Both digests, and those of their beginnings.
#[must_use]
pub fn digests(exact: Exact, semantic: &Semantic) -> Digests {
    let (events, exact, whole) = exact.finish_with_checkpoints();
    let text = semantic.lines();
    let lines = checkpoint_distance(text.len());
    let (semantic, semantic_whole) = semantic_checkpoints(&text, lines);
    let checkpoints = Checkpoints { events, exact, lines, semantic, ..Checkpoints::default() };
    Digests {
        semantic: Some(semantic_whole),
        exact: Some(whole),
        checkpoints: Some(checkpoints),
        ..Digests::default()
    }
}

/// Checkpoints of a digest that are kept at most: each is some bytes of the scenario's file, and enough
/// to say in which stretch of a run a difference lies.
const CHECKPOINTS_MAX: usize = 64;
/// The smallest distance between two.
const CHECKPOINT_DISTANCE: u32 = 64;

/// The distance at which a stream of this length has few enough checkpoints.
#[must_use]
pub fn checkpoint_distance(length: usize) -> u32 {
    let mut distance = CHECKPOINT_DISTANCE;
    while length / distance as usize > CHECKPOINTS_MAX {
        distance *= 2;
    }
    distance
}

/// After each `distance` lines the digest of all lines so far, shortened; and that of all.
#[must_use]
pub fn semantic_checkpoints(lines: &[String], distance: u32) -> (Vec<String>, String) {
    let mut hash = Sha256::new();
    let mut checkpoints = Vec::new();
    for (n, line) in (1u64..).zip(lines) {
        hash.update(line);
        hash.update("\n");
        if n.is_multiple_of(distance.into()) {
            checkpoints.push(shortened(&hash));
        }
    }
    (checkpoints, hexadecimal(hash))
}

fn shortened(hash: &Sha256) -> String {
    let mut text = hexadecimal(hash.clone());
    text.truncate(limits::CHECKPOINT_DIGITS);
    text
}

/// The SHA-256 of `bytes`, in hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(Sha256::new().chain_update(bytes))
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The exact digest, event by event: SHA-256 over the lines of JSON, each with its line's end.
#[derive(Clone, Debug)]
pub struct Exact {
    hash: Sha256,
    events: u64,
    /// Events between two checkpoints; doubles when there are too many, unless it was asked for.
    distance: u32,
    asked_for: bool,
    checkpoints: Vec<String>,
}

impl Default for Exact {
    fn default() -> Self {
        let (hash, checkpoints) = (Sha256::new(), Vec::new());
        Self { hash, events: 0, distance: CHECKPOINT_DISTANCE, asked_for: false, checkpoints }
    }
}

impl Exact {
    /// With a checkpoint after each `distance` events, however many there will be.
    #[must_use]
    pub fn with_distance(distance: u32) -> Self {
        Self { distance: distance.max(1), asked_for: true, ..Self::default() }
    }

    /// Takes in the next event.
    pub fn add(&mut self, event: &Event) {
        self.add_line(&event.to_json());
    }

    /// Takes in the next event, already printed.
    pub fn add_line(&mut self, line: &str) {
        self.hash.update(line);
        self.hash.update("\n");
        self.events += 1;
        if self.events.is_multiple_of(self.distance.into()) {
            self.checkpoints.push(shortened(&self.hash));
            self.thin();
        }
    }

    /// Keeps every second checkpoint where there are too many.
    fn thin(&mut self) {
        if self.asked_for {
            return;
        }
        while self.checkpoints.len() > CHECKPOINTS_MAX {
            self.checkpoints = self.checkpoints.drain(..).skip(1).step_by(2).collect();
            self.distance *= 2;
        }
    }

    /// The digest.
    #[must_use]
    pub fn finish(self) -> String {
        hexadecimal(self.hash)
    }

    /// The distance of the checkpoints, the checkpoints, and the digest.
    #[must_use]
    pub fn finish_with_checkpoints(self) -> (u32, Vec<String>, String) {
        (self.distance, self.checkpoints, hexadecimal(self.hash))
    }
}

/// The semantic form, event by event.
#[derive(Clone, Debug, Default)]
pub struct Semantic {
    processes: Processes,
    spaces: Spaces,
    /// Events taken in.
    events: u64,
}

/// A line of the semantic form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The number of the event that it tells.
    pub event: u64,
    /// What it says.
    pub text: String,
}

impl Semantic {
    /// Takes in the next event; `mode` is the privilege it happened in.
    pub fn add(&mut self, what: &What, mode: Privilege) {
        (self.processes.now, self.spaces.now) = (self.events, self.events);
        self.events += 1;
        if self.processes.lines < LINES_MAX {
            self.processes.add(what, mode);
        }
        if self.spaces.lines < LINES_MAX {
            self.spaces.add(what, mode);
        }
    }

    /// The lines: by process where the kernel speaks of processes, otherwise by address space.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        if self.processes.sections.is_empty() { self.spaces.lines() } else { self.processes.lines() }
    }

    /// The lines with their events, section by section, each with its title.
    #[must_use]
    pub fn sections(&self) -> Vec<(String, Vec<Line>)> {
        let of_process =
            |(i, section): (usize, &Section)| (format!("process {}", i + 1), section.lines.clone());
        let of_space =
            |(i, space): (usize, &Space)| (format!("address space {}", i + 1), space.lines.clone());
        if self.processes.sections.is_empty() {
            self.spaces.sections.iter().enumerate().map(of_space).collect()
        } else {
            self.processes.sections.iter().enumerate().map(of_process).collect()
        }
    }

    /// The lines as one text, each with its line's end.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines().iter().fold(String::new(), |text, line| text + line + "\n")
    }

    /// SHA-256 over [`Self::text`].
    #[must_use]
    pub fn digest(&self) -> String {
        sha256(self.text().as_bytes())
    }
}

/// What a kernel with tracepoints did, process by process.
#[derive(Clone, Debug, Default)]
struct Processes {
    sections: Vec<Section>,
    /// The section of each pid; a pid that is used again gets a new one.
    by_pid: BTreeMap<u32, usize>,
    frames: BTreeMap<PhysAddr, String>,
    /// The last page fault that the hardware took, until the kernel says what it makes of it.
    trapped: Option<Trapped>,
    lines: usize,
    /// The number of the event that is taken in.
    now: u64,
}

#[derive(Clone, Debug)]
struct Trapped {
    va: VirtAddr,
    mode: Privilege,
    check: Option<Check>,
}

#[derive(Clone, Debug, Default)]
struct Section {
    lines: Vec<Line>,
    areas: Vec<Area>,
    frames: usize,
    /// Whether a fault that brought text in was told.
    text_was_told: bool,
    /// The line of another one, until it is clear how it ends.
    untold: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Area {
    kind: AreaKind,
    start: VirtAddr,
    end: VirtAddr,
}

impl Processes {
    fn add(&mut self, what: &What, mode: Privilege) {
        match what {
            What::Trap(trap) if trap.page_fault().is_some() => {
                self.trapped = Some(Trapped { va: VirtAddr::new(trap.stval), mode, check: trap.check });
            }
            What::Fault { pid, va, access, class, area } => {
                let how = self.how_noticed(*va);
                let place = self.section(*pid).place(*va);
                let line = format!("{} of {place}: {how}, {}", access.name(), class.name());
                let text = *area == Some(AreaKind::Text) && *class == FaultClass::Demand;
                self.fault(*pid, line, text);
            }
            What::Resolved { pid, frame, how, pte, .. } => self.resolved(*pid, *frame, *how, *pte),
            What::Evicted { pid, va, .. } if self.section(*pid).place(*va) == "text" => {}
            What::Frame { op, frame, refs, owner, .. } => self.frame(*op, *frame, *refs, *owner),
            What::Evicted { pid, va, frame, dirty, slot } => {
                let place = self.section(*pid).place(*va);
                let frame = self.frame_name(*pid, *frame);
                let state = if *dirty { "dirty" } else { "clean" };
                let fate = if slot.is_some() { "to swap" } else { "dropped" };
                self.say(*pid, format!("evicted {frame}, {place}, {state}, {fate}"));
            }
            What::Area { op, pid, start, end, area, prot } => {
                self.area(*op, *pid, Area { kind: *area, start: *start, end: *end }, *prot);
            }
            What::Process { op, pid, other, name, .. } => self.process(*op, *pid, *other, name),
            _ => {}
        }
    }

    fn lines(&self) -> Vec<String> {
        let title = |(i, section): (usize, &Section)| {
            let lines = section.lines.iter().map(|line| format!("  {}", line.text));
            std::iter::once(format!("process {}", i + 1)).chain(lines).collect::<Vec<_>>()
        };
        self.sections.iter().enumerate().flat_map(title).collect()
    }

    /// The section of a process; one that was never announced begins with its first event.
    fn section(&mut self, pid: u32) -> &mut Section {
        let sections = &mut self.sections;
        let index = *self.by_pid.entry(pid).or_insert_with(|| {
            sections.push(Section::default());
            sections.len() - 1
        });
        &mut sections[index]
    }

    fn say(&mut self, pid: u32, line: String) {
        self.lines += 1;
        let event = self.now;
        self.section(pid).lines.push(Line { event, text: line });
    }

    /// Whether the hardware ran into this page, and on which check, or the kernel found it first.
    fn how_noticed(&mut self, va: VirtAddr) -> String {
        match self.trapped.take() {
            Some(trapped) if trapped.va.page_down() == va.page_down() => {
                let by = if trapped.mode == Privilege::User { "program" } else { "kernel" };
                let check = trapped.check.map_or("no check", check_name);
                format!("{by} trapped on {check}")
            }
            _ => "found by the kernel".into(),
        }
    }

    /// Where a program's text is cut into pages is the compiler's business: of the faults that bring text
    /// in only the first is told.
    fn fault(&mut self, pid: u32, line: String, brings_text: bool) {
        let section = self.section(pid);
        if brings_text && section.text_was_told {
            section.untold = Some(line);
        } else {
            section.text_was_told |= brings_text;
            self.say(pid, line);
        }
    }

    fn resolved(&mut self, pid: u32, frame: PhysAddr, how: Resolution, pte: Pte) {
        match self.section(pid).untold.take() {
            Some(line) if matches!(how, Resolution::Killed | Resolution::Refused) => self.say(pid, line),
            Some(_) => return,
            None => {}
        }
        if frame.get() == 0 {
            return self.say(pid, format!("resolved: {}", how.name()));
        }
        let frame = self.frame_name(pid, frame);
        let rights = rights(pte);
        self.say(pid, format!("resolved: {}, {frame} mapped {rights}", how.name()));
    }

    /// Frames that no fault ever named (tables, text, kernel stacks) depend on how a program was
    /// built and stay out of it.
    fn frame(&mut self, op: FrameOp, frame: PhysAddr, refs: u32, owner: u32) {
        let Some(name) = self.frames.get(&frame).cloned() else { return };
        if op == FrameOp::Freed {
            self.frames.remove(&frame);
        }
        self.say(owner, format!("{name} {}, {refs} left", op.name()));
    }

    fn frame_name(&mut self, pid: u32, frame: PhysAddr) -> String {
        if let Some(name) = self.frames.get(&frame) {
            return name.clone();
        }
        let section = self.section(pid);
        section.frames += 1;
        let number = section.frames;
        let process = self.by_pid.get(&pid).map_or(0, |index| index + 1);
        let name = format!("frame {process}.{number}");
        self.frames.insert(frame, name.clone());
        name
    }

    fn area(&mut self, op: AreaOp, pid: u32, area: Area, prot: u32) {
        let section = self.section(pid);
        section.areas.retain(|known| known.kind != area.kind || known.start != area.start);
        if op != AreaOp::Unmapped && section.areas.len() < AREAS_MAX {
            section.areas.push(area);
        }
        // Where text and data lie, and whether there is data at all, is the compiler's business.
        if !matches!(area.kind, AreaKind::Text | AreaKind::Data) {
            let size = area.end.get().saturating_sub(area.start.get());
            let (name, op) = (area.kind.name(), op.name());
            self.say(pid, format!("{name} {op}, {}, {size} bytes", protection(prot)));
        }
    }

    fn process(&mut self, op: ProcessOp, pid: u32, other: u64, name: &str) {
        let line = match op {
            // When the timer fires depends on how fast the code is.
            ProcessOp::Switched => return,
            ProcessOp::Created => {
                self.by_pid.remove(&pid);
                match u32::try_from(other).ok().and_then(|parent| self.by_pid.get(&parent)) {
                    Some(parent) => format!("created by process {}", parent + 1),
                    None => "created by the kernel".into(),
                }
            }
            ProcessOp::Execed => format!("runs {name}"),
            ProcessOp::Exited => format!("exited with {}", other.cast_signed()),
            ProcessOp::Killed => match Access::from_page_fault_cause(other) {
                Some(access) => format!("killed for a {} page fault", access.name()),
                None if other == u64::MAX => "killed because a process asked for it".into(),
                None => format!("killed for cause {other}"),
            },
        };
        self.say(pid, line);
    }
}

impl Section {
    /// An address by its area and the page inside it.
    fn place(&self, va: VirtAddr) -> String {
        let Some(area) = self.areas.iter().find(|area| (area.start..area.end).contains(&va)) else {
            let place = if va.get() < PAGE_SIZE { "the null page" } else { "no area" };
            return place.into();
        };
        let name = area.kind.name();
        match area.kind {
            AreaKind::Text | AreaKind::Data => name.into(),
            // A stack grows down, so its pages are counted from the top.
            AreaKind::Stack => format!("{name} page {}", pages(area.end.get() - 1 - va.get())),
            _ => format!("{name} page {}", pages(va.get() - area.start.page_down().get())),
        }
    }
}

const fn pages(bytes: u64) -> u64 {
    bytes / PAGE_SIZE
}

/// `prot` of an area event as letters.
fn protection(prot: u32) -> String {
    [(1, 'r'), (2, 'w'), (4, 'x')]
        .map(|(bit, letter)| if prot & bit == 0 { '-' } else { letter })
        .iter()
        .collect()
}

/// What a page-table entry allows; A and D are history, not rights.
fn rights(pte: Pte) -> String {
    let flags = PteFlags::RWX | PteFlags::U | PteFlags::G | PteFlags::V;
    FlagLetters(Pte::INVALID.with_flags(pte.flags() & flags)).to_string()[2..].to_owned()
}

fn check_name(check: Check) -> &'static str {
    match check {
        Check::NonCanonical => "non-canonical",
        Check::TableAccess => "table-access",
        Check::NotValid => "not-valid",
        Check::WriteWithoutRead => "write-without-read",
        Check::ReservedBits => "reserved-bits",
        Check::PointerAtLastLevel => "pointer-at-last-level",
        Check::MisalignedSuperpage => "misaligned-superpage",
        Check::NotUser => "not-user",
        Check::UserPage => "user-page",
        Check::NotReadable => "not-readable",
        Check::NotWritable => "not-writable",
        Check::NotExecutable => "not-executable",
        Check::AccessedClear => "accessed-clear",
        Check::DirtyClear => "dirty-clear",
        Check::PhysicalAccess => "physical-access",
    }
}

/// What any kernel did, address space by address space, as the hardware saw it.
#[derive(Clone, Debug, Default)]
struct Spaces {
    sections: Vec<Space>,
    by_root: BTreeMap<Ppn, usize>,
    lines: usize,
    /// The number of the event that is taken in.
    now: u64,
}

/// One address space: its first faulting page, from which the others are counted, and its lines.
#[derive(Clone, Debug)]
struct Space {
    first_fault: VirtAddr,
    lines: Vec<Line>,
}

impl Spaces {
    fn add(&mut self, what: &What, mode: Privilege) {
        match what {
            What::Trap(trap) if mode == Privilege::User => {
                let Some(access) = trap.page_fault() else { return };
                let va = VirtAddr::new(trap.stval);
                let event = self.now;
                let space = self.space(satp_root(trap.satp), va);
                let distance = space.distance(va);
                let check = trap.check.map_or("no check", check_name);
                let text = format!("{} at page {distance}: trapped on {check}", access.name());
                space.lines.push(Line { event, text });
                self.lines += 1;
            }
            What::Pte(change) => self.mapping(change),
            _ => {}
        }
    }

    /// A user mapping that came, went or changed its rights, in a space that has faulted.
    fn mapping(&mut self, change: &PteChange) {
        let user = |pte: Pte| pte.is_leaf() && pte.flags().contains(PteFlags::U);
        let Some(va) = change.va.filter(|_| user(change.old) || user(change.new)) else { return };
        let Some(&index) = self.by_root.get(&change.root) else { return };
        let space = &mut self.sections[index];
        let (old, new) = (rights(change.old), rights(change.new));
        let text = format!("page {}: {old} becomes {new}", space.distance(va));
        space.lines.push(Line { event: self.now, text });
        self.lines += 1;
    }

    fn space(&mut self, root: Ppn, first_fault: VirtAddr) -> &mut Space {
        let sections = &mut self.sections;
        let index = *self.by_root.entry(root).or_insert_with(|| {
            sections.push(Space { first_fault, lines: Vec::new() });
            sections.len() - 1
        });
        &mut sections[index]
    }

    fn lines(&self) -> Vec<String> {
        let title = |(i, space): (usize, &Space)| {
            let lines = space.lines.iter().map(|line| format!("  {}", line.text));
            std::iter::once(format!("address space {}", i + 1)).chain(lines).collect::<Vec<_>>()
        };
        self.sections.iter().enumerate().flat_map(title).collect()
    }
}

impl Space {
    fn distance(&self, va: VirtAddr) -> String {
        let pages = va.page().get().cast_signed() - self.first_fault.page().get().cast_signed();
        format!("{pages:+}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Trap;
    use crate::trap::{Cause, Exception};
    use faultline_abi::trace::{ActionKind, FaultClass, FrameKind, Planned, ShortName, Source, TraceEvent};

    /// A program that lies at `base`, whose heap page gets the frame at `frame`.
    fn run(base: u64, frame: u64, ticks: usize) -> Vec<(What, Privilege)> {
        let heap = base + 0x8000;
        let area = |op, kind, start, end| TraceEvent::Area { op, pid: 1, start, end, kind, prot: 3 };
        let name = ShortName::new("lazy");
        let process = |op, other| TraceEvent::Process { op, pid: 1, other, root: frame + 0x9000, name };
        let switched = (What::from(process(ProcessOp::Switched, 0)), Privilege::Supervisor);
        let kernel = |event| (What::from(event), Privilege::Supervisor);
        let mut events = vec![
            kernel(process(ProcessOp::Created, 0)),
            kernel(area(AreaOp::Mapped, AreaKind::Text, base, base + 0x1234)),
            kernel(area(AreaOp::Mapped, AreaKind::Heap, heap, heap)),
            kernel(area(AreaOp::Resized, AreaKind::Heap, heap, heap + 0x3000)),
            kernel(TraceEvent::Frame {
                op: FrameOp::Allocated,
                frame: frame + 0x5000,
                owner: 1,
                refs: 1,
                kind: FrameKind::PageTable,
            }),
        ];
        events.extend(vec![switched; ticks]);
        let (pid, va) = (1, heap + 0x1008);
        let pte =
            Pte::new(PhysAddr::new(frame).page(), PteFlags::V | PteFlags::R | PteFlags::W | PteFlags::U);
        events.extend([
            (trap(va, frame), Privilege::User),
            kernel(TraceEvent::Fault { pid, va, access: Access::Store, class: FaultClass::Lazy, area: None }),
            kernel(TraceEvent::Resolved {
                pid,
                va,
                how: Resolution::Zeroed,
                frame,
                pte: pte.raw(),
                reason: None,
            }),
            kernel(TraceEvent::Frame { op: FrameOp::Freed, frame, owner: 1, refs: 0, kind: FrameKind::User }),
            kernel(process(ProcessOp::Exited, u64::MAX)),
        ]);
        events
    }

    fn trap(va: u64, root: u64) -> What {
        What::Trap(Trap {
            scause: 15,
            cause: Cause::Exception(Exception::StorePage),
            stval: va,
            sepc: VirtAddr::new(va + 0x100),
            satp: 8 << 60 | root >> 12,
            interrupt: false,
            to: Privilege::Supervisor,
            walk: None,
            check: Some(Check::NotValid),
        })
    }

    fn text(events: &[(What, Privilege)]) -> String {
        let mut semantic = Semantic::default();
        events.iter().for_each(|(what, mode)| semantic.add(what, *mode));
        semantic.text()
    }

    #[test]
    fn a_run_is_told_without_an_address() {
        let expected = "\
process 1
  created by the kernel
  heap mapped, rw-, 0 bytes
  heap resized, rw-, 12288 bytes
  store of heap page 1: program trapped on not-valid, lazy
  resolved: zeroed, frame 1.1 mapped -U-WRV
  frame 1.1 freed, 0 left
  exited with -1
";
        assert_eq!(text(&run(0x1000, 0x8030_0000, 0)), expected);
    }

    /// Page faults on text at these addresses, each answered from the file.
    fn fetches(addresses: &[u64]) -> String {
        let kernel = |event| (What::from(event), Privilege::Supervisor);
        let (pid, area) = (1, Some(AreaKind::Text));
        let mut events = vec![kernel(TraceEvent::Area {
            op: AreaOp::Mapped,
            pid,
            start: 0x1000,
            end: 0x8000,
            kind: AreaKind::Text,
            prot: 5,
        })];
        for &va in addresses {
            let (frame, how) = (0x8030_0000 + va, Resolution::ReadFile);
            let class = FaultClass::Demand;
            events.push(kernel(TraceEvent::Fault { pid, va, access: Access::Fetch, class, area }));
            events.push(kernel(TraceEvent::Resolved { pid, va, how, frame, pte: 0x1b, reason: None }));
        }
        text(&events)
    }

    #[test]
    fn in_how_many_pages_text_comes_is_left_out() {
        let once = fetches(&[0x1000]);
        assert!(once.contains("fetch of text: found by the kernel, demand\n  resolved: read-file"), "{once}");
        assert_eq!(fetches(&[0x1000, 0x3000, 0x2000]), once);
    }

    #[test]
    fn another_layout_and_another_speed_are_the_same_run() {
        assert_eq!(text(&run(0x1000, 0x8030_0000, 0)), text(&run(0x40_0000, 0x8055_5000, 7)));
    }

    #[test]
    fn a_kernel_that_tells_its_plans_means_the_same_as_one_that_does_not() {
        let silent = run(0x1000, 0x8030_0000, 0);
        let mut told = silent.clone();
        let fault = told.iter().position(|(what, _)| matches!(what, What::Fault { .. })).unwrap();
        let plan = TraceEvent::Plan {
            pid: 1,
            va: 0xa008,
            plan: Planned::Make(ActionKind::Zero, 0x17),
            entry: 0,
            refs: 0,
            from: Source::Zeros,
        };
        told.insert(fault + 1, (What::from(plan), Privilege::Supervisor));
        assert_eq!(text(&told), text(&silent));
    }

    #[test]
    fn a_fault_that_the_hardware_did_not_take_was_found_by_the_kernel() {
        let mut events = run(0x1000, 0x8030_0000, 0);
        events.retain(|(what, _)| what.page_fault().is_none());
        assert!(text(&events).contains("store of heap page 1: found by the kernel, lazy"));
    }

    #[test]
    fn a_frame_that_was_freed_and_comes_again_has_a_new_name_and_a_new_process_a_new_section() {
        let mut events = run(0x1000, 0x8030_0000, 0);
        events.extend(run(0x1000, 0x8030_0000, 0));
        let text = text(&events);
        assert!(text.contains("process 2\n") && text.contains("frame 2.1 mapped"), "{text}");
    }

    #[test]
    fn a_kernel_without_tracepoints_is_told_by_address_space() {
        let run = |base: u64, root: u64| {
            let pte = Pte::from_raw(0x2004_e817);
            let change = |va, old, new| {
                let (va, root) = (Some(VirtAddr::new(va)), PhysAddr::new(root).page());
                (
                    What::Pte(PteChange { va, level: 0, root, pte_addr: PhysAddr::new(0), old, new }),
                    Privilege::Supervisor,
                )
            };
            let fault = |va| (trap(va, root), Privilege::User);
            text(&[
                change(base, Pte::INVALID, pte),
                fault(base + 8),
                change(base, Pte::INVALID, pte),
                fault(base + 0x3000),
                change(base, pte, Pte::INVALID),
            ])
        };
        let expected = "\
address space 1
  store at page +0: trapped on not-valid
  page +0: ------ becomes -U-WRV
  store at page +3: trapped on not-valid
  page +0: -U-WRV becomes ------
";
        assert_eq!(run(0x5000, 0x8020_0000), expected);
        assert_eq!(run(0x7000, 0x8021_0000), expected);
    }

    #[test]
    fn the_exact_digest_is_that_of_the_printed_lines() {
        let mut exact = Exact::default();
        exact.add_line("a");
        exact.add_line("b");
        assert_eq!(exact.finish(), sha256(b"a\nb\n"));
    }
}
