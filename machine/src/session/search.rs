//! Running back, or on, to the place where something happened.
//!
//! What an event tells is found in the log. For the rest the run is looked at again, piece by piece: the
//! accesses to a page are reported while everything else runs at full speed, and registers are watched step
//! by step, in pieces that grow with the distance.

use core::fmt;
use core::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};
use faultline_abi::sv39::{Access, satp_root};
use faultline_abi::trace::{FrameOp, ProcessOp};
use faultline_abi::{PhysAddr, Ppn, VirtAddr, hex};
use serde::{Deserialize, Serialize};

use super::{Goal, Progress, Session};
use crate::decode::decode;
use crate::disasm::REGISTER_NAMES;
use crate::event::{Event, Selector, What};
use crate::hart::Privilege;
use crate::insn::Format;
use crate::inspect;
use crate::observer::{Context, NoObserver, Observer};

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// An event.
    Event(Selector),
    /// A write, by software or hardware, of the page-table entry that lies here.
    PteWritten(PhysAddr),
    /// What became of a frame: this, or anything.
    Frame {
        /// The frame.
        frame: PhysAddr,
        /// Allocated, shared, unshared or freed.
        op: Option<FrameOp>,
    },
    /// A process gets a hart.
    Process(u32),
    /// An access to a page.
    PageAccessed {
        /// Any address in the page.
        page: VirtAddr,
        /// The root table of the address space; any where absent.
        root: Option<Ppn>,
        /// The kind of access; any where absent.
        access: Option<Access>,
    },
    /// An instruction at this address.
    Pc(VirtAddr),
    /// An instruction of a hart that sets this register, `x1` to `x31`.
    Register {
        /// The hart.
        hart: u32,
        /// The register's number.
        number: u8,
    },
}

/// In which direction to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub enum Direction {
    /// Into the past.
    Back,
    /// Into the future, exploring where it is unknown.
    Forward,
}

/// Steps of the first piece that is looked at, and of the largest.
const PIECE_FIRST: u64 = 1 << 12;
const PIECE_MAX: u64 = 1 << 22;
/// The largest where every single step is looked at.
const STEPPED_PIECE_MAX: u64 = 1 << 18;

/// A search under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Search {
    condition: Condition,
    direction: Direction,
    origin: u64,
    /// Up to here, going back, or from here, nothing has been looked at yet.
    edge: u64,
    piece: u64,
}

impl Condition {
    /// Whether an event is what is looked for; `None` where events do not tell.
    pub(super) fn told(&self, event: &Event) -> Option<bool> {
        Some(match (self, &event.what) {
            (Self::PageAccessed { .. } | Self::Pc(_) | Self::Register { .. }, _) => return None,
            (Self::Event(selector), what) => selector.matches(what),
            (Self::PteWritten(at), What::Pte(change) | What::Ad(change)) => change.pte_addr == *at,
            (Self::Frame { frame, op }, What::Frame { frame: changed, op: now, .. }) => {
                changed.page() == frame.page() && op.is_none_or(|op| op == *now)
            }
            (Self::Frame { frame, op: None }, What::Evicted { frame: evicted, .. }) => {
                evicted.page() == frame.page()
            }
            (Self::Process(pid), What::Process { op: ProcessOp::Switched, pid: now, .. }) => now == pid,
            _ => false,
        })
    }

    pub(super) const fn is_told_by_events(&self) -> bool {
        !matches!(self, Self::PageAccessed { .. } | Self::Pc(_) | Self::Register { .. })
    }

    const fn largest_piece(&self) -> u64 {
        if matches!(self, Self::Register { .. }) { STEPPED_PIECE_MAX } else { PIECE_MAX }
    }
}

impl Session {
    /// Goes to the nearest place in a direction where a condition holds: just after the event that tells
    /// it; for accesses, addresses and registers just before the instruction. Looks at about `max_steps` steps;
    /// after [`Progress::Budget`] the same command goes on, and any other gives up. Where nothing is found, the
    /// session stands where it stood.
    pub fn search(&mut self, condition: &Condition, direction: Direction, max_steps: u64) -> Progress {
        if condition.is_told_by_events() {
            return self.search_events(condition, direction, max_steps);
        }
        let here = self.step();
        let under_way = self.search.take();
        let mut search = under_way
            .filter(|search| (&search.condition, search.direction) == (condition, direction))
            .unwrap_or_else(|| Search {
                condition: condition.clone(),
                direction,
                origin: here,
                edge: if direction == Direction::Back { here } else { here + 1 },
                piece: PIECE_FIRST,
            });
        let mut left = max_steps;
        loop {
            let piece = search.piece.min(left.max(PIECE_FIRST));
            let came = match direction {
                Direction::Back => self.look_back(&mut search, piece),
                Direction::Forward => self.look_ahead(&mut search, piece),
            };
            if let Some(progress) = came {
                return progress;
            }
            search.piece = (search.piece * 2).min(condition.largest_piece());
            left = left.saturating_sub(piece);
            if left == 0 {
                self.search = Some(search);
                return Progress::Budget;
            }
        }
    }

    /// How many steps the search that is under way has looked at.
    #[must_use]
    pub fn searched(&self) -> Option<u64> {
        self.search.as_ref().map(|search| search.origin.abs_diff(search.edge))
    }

    /// Gives up a search and goes back to where it began.
    pub fn give_up_search(&mut self) {
        if let Some(search) = self.search.take() {
            self.go_to_known(search.origin);
        }
    }

    fn search_events(&mut self, condition: &Condition, direction: Direction, max_steps: u64) -> Progress {
        self.give_up_search();
        let meant = |event: &Event| condition.told(event) == Some(true);
        let step = self.step();
        let found = match direction {
            Direction::Back => self.event_before(step, meant),
            Direction::Forward => self.event_after(step, meant),
        };
        match (found, direction) {
            (Some(found), _) => self.seek_step(found),
            (None, Direction::Back) => Progress::NotFound,
            (None, Direction::Forward) => self.explore_for(condition, max_steps),
        }
    }

    /// Goes on into the unknown until an event tells what is looked for.
    fn explore_for(&mut self, condition: &Condition, max_steps: u64) -> Progress {
        let target = self.step().saturating_add(max_steps);
        loop {
            let known = self.log().len();
            let next = target.min(self.frontier().saturating_add(PIECE_MAX));
            let came = self.forward(Goal::Step(next), u64::MAX);
            let found =
                self.log().events(known..usize::MAX).find(|event| condition.told(event) == Some(true));
            match (found.map(|event| event.step + 1), came) {
                (Some(found), _) => return self.seek_step(found),
                (None, Progress::Reached) if next < target => {}
                (None, Progress::Reached) => return Progress::Budget,
                (None, came) => return came,
            }
        }
    }

    /// Looks at the piece before what was looked at.
    fn look_back(&mut self, search: &mut Search, piece: u64) -> Option<Progress> {
        let end = search.edge;
        let start = end.saturating_sub(piece);
        self.go_to_known(start);
        if let Some(found) = self.scan(&search.condition, end, Wanted::Last) {
            self.go_to_known(found);
            return Some(Progress::Reached);
        }
        search.edge = start;
        (start == 0).then(|| {
            self.go_to_known(search.origin);
            Progress::NotFound
        })
    }

    /// Looks at the piece after what was looked at, exploring first where it is unknown.
    fn look_ahead(&mut self, search: &mut Search, piece: u64) -> Option<Progress> {
        let (start, end) = (search.edge, search.edge.saturating_add(piece));
        let came = self.explore_to(end);
        let end = end.min(self.frontier());
        if start < end {
            self.go_to_known(start);
            if let Some(found) = self.scan(&search.condition, end, Wanted::First) {
                self.go_to_known(found);
                return Some(Progress::Reached);
            }
        }
        search.edge = end.max(start);
        match came {
            Progress::Reached | Progress::Budget => None,
            // At the end of the run, where `forward` would stand, too.
            ended => Some(ended),
        }
    }

    /// The step of the instruction, of those from here to `end`, that does what is looked for.
    fn scan(&mut self, condition: &Condition, end: u64, wanted: Wanted) -> Option<u64> {
        match *condition {
            Condition::PageAccessed { page, root, access } => {
                let watch = Watch { root, access, ..Watch::new(wanted, end) };
                self.scan_page(page, watch)
            }
            Condition::Pc(pc) => {
                let access = Some(Access::Fetch);
                let watch = Watch { access, pc: Some(pc), ..Watch::new(wanted, end) };
                self.scan_page(pc, watch)
            }
            Condition::Register { hart, number } => self.scan_register(hart as usize, number, end, wanted),
            _ => None,
        }
    }

    fn scan_page(&mut self, page: VirtAddr, mut watch: Watch) -> Option<u64> {
        self.driver.watch(Some(page));
        self.driver.run_to(watch.end, &mut watch);
        self.driver.watch(None);
        watch.found
    }

    fn scan_register(&mut self, hart: usize, number: u8, end: u64, wanted: Wanted) -> Option<u64> {
        let mut found = None;
        while self.step() < end {
            let before = self.step();
            if self.sets_register(hart, number) {
                found = Some(before);
                if wanted == Wanted::First {
                    break;
                }
            }
            if self.step() == before {
                break;
            }
        }
        found
    }

    /// Makes one step; whether it was an instruction of this hart that set this register.
    fn sets_register(&mut self, hart: usize, number: u8) -> bool {
        let Some(target) = self.machine().harts().get(hart) else { return false };
        let (satp, pc, value) = (target.satp(), target.pc(), target.registers()[usize::from(number) % 32]);
        let retired = self.machine().instret();
        let satp = if target.mode() == Privilege::Machine { 0 } else { satp };
        let names = inspect::instruction(self.machine().ram(), satp, pc)
            .is_some_and(|insn| writes(insn.bits, number));
        self.driver.run_to(self.step() + 1, &mut NoObserver);
        let Some(after) = self.machine().harts().get(hart) else { return false };
        let changed = after.registers()[usize::from(number) % 32] != value;
        changed || (names && self.machine().instret() > retired && after.pc() != pc)
    }
}

/// Whether an instruction names this integer register as its destination.
fn writes(bits: u32, number: u8) -> bool {
    let insn = decode(bits).0;
    let destination = !matches!(
        insn.op.format(),
        Format::Branch
            | Format::Store
            | Format::FloatLoad
            | Format::FloatStore
            | Format::FloatFused
            | Format::FloatRounded
            | Format::FloatUnary
            | Format::FloatRegister
            | Format::FloatFromInteger
            | Format::FloatFromBits
            | Format::Fence
            | Format::FenceVma
            | Format::FenceI
            | Format::Fixed
    );
    destination && insn.rd == number
}

/// Which of several is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    First,
    Last,
}

/// Remembers an access: its step, and what it was.
pub(super) struct Watch {
    wanted: Wanted,
    root: Option<Ppn>,
    access: Option<Access>,
    pc: Option<VirtAddr>,
    end: u64,
    found: Option<u64>,
    seen: Option<(VirtAddr, Access)>,
}

impl Watch {
    const fn new(wanted: Wanted, end: u64) -> Self {
        Self { wanted, root: None, access: None, pc: None, end, found: None, seen: None }
    }

    /// Whatever comes first before this step.
    pub(super) const fn any(end: u64) -> Self {
        Self::new(Wanted::First, end)
    }

    /// The access.
    pub(super) const fn seen(&self) -> Option<(VirtAddr, Access)> {
        self.seen
    }
}

impl Observer for Watch {
    const ACTIVE: bool = true;

    fn touched(&mut self, cx: &Context, satp: u64, va: VirtAddr, access: Access) {
        let meant = self.access.is_none_or(|wanted| wanted == access)
            && self.root.is_none_or(|root| satp >> 60 != 0 && satp_root(satp) == root)
            && self.pc.is_none_or(|pc| pc == va && pc == cx.pc);
        if meant && cx.step < self.end && (self.wanted == Wanted::Last || self.found.is_none()) {
            self.found = Some(cx.step);
            self.seen = Some((va, access));
        }
    }

    fn stop(&self) -> bool {
        self.wanted == Wanted::First && self.found.is_some()
    }
}

/// How a condition is written, for command lines and messages.
const FORMS: &str = "an event (page-fault, resolved, …), pte=ADDRESS, frame=ADDRESS, frame=ADDRESS:freed, pid=N, \
                     page=ADDRESS, page=ADDRESS:store, either with @ROOT, pc=ADDRESS, or a register (a0, x10, a0@HART)";

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no condition; give {FORMS}");
        let Some((name, value)) = text.split_once('=') else {
            let (name, hart) = split(text, '@');
            let hart = hart.map_or(Ok(0), str::parse);
            return match (register(name), hart) {
                (Some(number), Ok(hart)) => Ok(Self::Register { hart, number }),
                _ => text.parse().map(Self::Event).map_err(|_| wrong()),
            };
        };
        let (value, root) = if name == "page" { split(value, '@') } else { (value, None) };
        let (value, more) = split(value, ':');
        let at = |value: &str| hex::parse(value).ok_or_else(wrong);
        let address = || at(value);
        match (name, more) {
            ("pte", None) => Ok(Self::PteWritten(PhysAddr::new(address()?))),
            ("pc", None) => Ok(Self::Pc(VirtAddr::new(address()?))),
            ("pid", None) => value.parse().map(Self::Process).map_err(|_| wrong()),
            ("frame", op) => {
                let op = op.map(|op| frame_op(op).ok_or_else(wrong)).transpose()?;
                Ok(Self::Frame { frame: PhysAddr::new(address()?), op })
            }
            ("page", access) => {
                let access = access.map(|access| access_named(access).ok_or_else(wrong)).transpose()?;
                let root = root.map(at).transpose()?.map(|root| PhysAddr::new(root).page());
                Ok(Self::PageAccessed { page: VirtAddr::new(address()?), root, access })
            }
            _ => Err(wrong()),
        }
    }
}

/// What stands before a sign, and behind it where there is one.
fn split(text: &str, sign: char) -> (&str, Option<&str>) {
    text.split_once(sign).map_or((text, None), |(text, more)| (text, Some(more)))
}

/// The number of a register by either of its names; `x0` never changes.
fn register(text: &str) -> Option<u8> {
    let numbered = || text.strip_prefix('x').filter(|digits| !digits.starts_with(['0', '+']))?.parse().ok();
    let named =
        REGISTER_NAMES.iter().position(|name| *name == text).and_then(|number| u8::try_from(number).ok());
    named.or_else(numbered).filter(|number| (1..32).contains(number))
}

fn frame_op(text: &str) -> Option<FrameOp> {
    FrameOp::ALL.iter().copied().find(|op| op.name() == text)
}

fn access_named(text: &str) -> Option<Access> {
    [Access::Fetch, Access::Load, Access::Store].into_iter().find(|access| access.name() == text)
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(selector) => selector.fmt(f),
            Self::PteWritten(at) => write!(f, "pte={at}"),
            Self::Frame { frame, op: None } => write!(f, "frame={frame}"),
            Self::Frame { frame, op: Some(op) } => write!(f, "frame={frame}:{}", op.name()),
            Self::Process(pid) => write!(f, "pid={pid}"),
            Self::PageAccessed { page, root, access } => {
                write!(f, "page={page}")?;
                access.map_or(Ok(()), |access| write!(f, ":{}", access.name()))?;
                root.map_or(Ok(()), |root| write!(f, "@{}", root.base()))
            }
            Self::Pc(pc) => write!(f, "pc={pc}"),
            Self::Register { hart, number } => {
                f.write_str(REGISTER_NAMES[usize::from(*number) % 32])?;
                if *hart == 0 { Ok(()) } else { write!(f, "@{hart}") }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_read_as_it_is_written() {
        for text in [
            "page-fault",
            "resolved",
            "pte=0x80201000",
            "frame=0x80100000",
            "frame=0x80100000:freed",
            "pid=2",
            "page=0x4000",
            "page=0x4000:store",
            "page=0x4000:store@0x87f00000",
            "page=0x4000@0x87f00000",
            "pc=0x80000000",
            "a0",
            "s11@3",
        ] {
            assert_eq!(text.parse::<Condition>().unwrap().to_string(), text);
        }
        assert_eq!("x10".parse(), Ok(Condition::Register { hart: 0, number: 10 }));
        for bad in [
            "",
            "x0",
            "zero",
            "x32",
            "pt",
            "pte=4",
            "pid=x",
            "page=0x1:read",
            "frame=0x1:gone",
            "pc=0x1:a",
            "pc=0x1@0x2",
            "page=0x1@x",
            "a0@x",
            "x0@1",
        ] {
            assert!(
                bad.parse::<Condition>().unwrap_err().contains("is no condition; give an event"),
                "{bad}"
            );
        }
    }

    #[test]
    fn what_an_instruction_sets_is_known_from_its_bits() {
        let cases =
            [(0x0000_0297, 5, true), (0x0052_c303, 6, true), (0x0062_8023, 0, false), (0x4501, 10, true)];
        for (bits, number, sets) in cases {
            assert_eq!(writes(bits, number), sets, "{bits:#x}");
        }
        // `sb t1, 0(t0)`: the bits where others have a destination are part of the offset.
        assert!(!writes(0x0062_8323, 6));
    }
}
