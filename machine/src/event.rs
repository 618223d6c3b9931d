//! Events: what happened, in the form in which it is kept, printed and sent. `docs/trace-abi.md`
//! lists every kind with its fields.
//!
//! One event is one line of JSON. 64-bit values are hexadecimal strings; numbers that count few
//! things (levels, pids, references) are plain and saturate at 32 bits.

use std::fmt;
use std::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};
use faultline_abi::sv39::{Access, Check, Pte, PteFlags, WalkStep};
use faultline_abi::trace::{
    self, ActionKind, AreaKind, AreaOp, DiskOp, FaultClass, FrameKind, FrameOp, ProcessOp, ReasonKind,
    Resolution, SyscallOp, TraceEvent, Verdict,
};
use faultline_abi::{PhysAddr, Ppn, VirtAddr, hex};
use serde::{Deserialize, Serialize, Serializer};

use crate::hart::Privilege;
use crate::observer::{Context, PteWrite, TrapInfo};
use crate::trap::Cause;

/// Something that happened, and where.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Event {
    /// Position in the stream, from 0.
    pub n: u64,
    /// Instructions retired before the one that caused it.
    #[serde(with = "hex")]
    pub instret: u64,
    /// Instructions retired and traps taken before it: where a replay finds it.
    #[serde(with = "hex")]
    pub step: u64,
    /// The hart.
    pub hart: u32,
    /// The privilege the instruction ran in.
    pub mode: Privilege,
    /// Address of the instruction.
    pub pc: VirtAddr,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// Who says so.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, BorshSerialize, BorshDeserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The hardware: a fact.
    Machine,
    /// The kernel, by a tracepoint: its intent.
    Kernel,
    /// A user program, by a tracepoint: its own mark.
    Program,
}

/// A 64-bit value, written in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[serde(transparent)]
pub struct Word(#[serde(with = "hex")] pub u64);

/// A trap, as it was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Trap {
    /// `scause` (or `mcause`, where `to` is M).
    #[serde(with = "hex")]
    pub scause: u64,
    /// The cause in words.
    pub cause: Cause,
    /// `stval`: the faulting address of a page fault.
    #[serde(with = "hex")]
    pub stval: u64,
    /// `sepc`: where it happened.
    pub sepc: VirtAddr,
    /// `satp` at that moment.
    #[serde(with = "hex")]
    pub satp: u64,
    /// Whether it was an interrupt.
    pub interrupt: bool,
    /// The privilege that handles it.
    pub to: Privilege,
    /// The page-table entries that were read, root first, where a translation failed.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "walk_steps")]
    pub walk: Option<Box<[WalkStep]>>,
    /// The check that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
}

impl Trap {
    /// The access of a page fault; `None` for every other trap.
    #[must_use]
    pub fn page_fault(&self) -> Option<Access> {
        if self.interrupt { None } else { Access::from_page_fault_cause(self.scause) }
    }
}

/// A page-table entry that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct PteChange {
    /// First address that the entry maps, where that is known.
    pub va: Option<VirtAddr>,
    /// Level of its table.
    pub level: u32,
    /// Frame number of the root table.
    pub root: Ppn,
    /// Where the entry is.
    pub pte_addr: PhysAddr,
    /// Before.
    pub old: Pte,
    /// After.
    pub new: Pte,
}

/// Who gives a warning: the mistake that it looks for.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    BorshSerialize,
    BorshDeserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Detector {
    /// An entry was used, or would have been, that changed without `sfence.vma`.
    StaleTranslation,
    /// A page fault came again at once, at the same instruction and address.
    RepeatedFault,
    /// Two address spaces may write one frame.
    WritableInTwo,
    /// A frame that the kernel says is free is mapped.
    FreedButMapped,
    /// A process has ended, and a frame of its was not given back.
    LeakedFrame,
    /// A program may write and execute a page.
    WritableExecutable,
    /// The kernel counts fewer references to a frame than there are entries.
    TooFewReferences,
}

/// What a detector has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Warning {
    /// Who says so.
    pub detector: Detector,
    /// Frame number of the root table of the address space.
    pub root: Option<Ppn>,
    /// The address.
    pub va: Option<VirtAddr>,
    /// The frame.
    pub frame: Option<PhysAddr>,
    /// What is wrong, in words.
    pub text: Box<str>,
}

/// What the kernel plans to do about a page fault, and what it saw that led to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Plan {
    /// The process.
    pub pid: u32,
    /// The faulting address.
    pub va: VirtAddr,
    /// What is to be done.
    pub action: ActionKind,
    /// The flags of the entry that is to be made; `None` where the access is refused.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "flag_letters")]
    pub flags: Option<PteFlags>,
    /// Why the access is refused; `None` where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonKind>,
    /// The page's entry, as it was found.
    pub entry: Pte,
    /// References to the frame in it; 0 where there is none.
    pub refs: u32,
    /// Where the bytes of the page are.
    pub from: trace::Source,
}

/// What happened, by kind. The fields are described in `docs/trace-abi.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[allow(missing_docs, reason = "each field is named and described in docs/trace-abi.md")]
pub enum What {
    /// A trap is taken.
    Trap(Trap),
    /// `sret` or `mret`.
    Return { to: Privilege, target: VirtAddr },
    /// A page-table entry was written by software or by a device.
    Pte(PteChange),
    /// The hardware set A or D in an entry.
    Ad(PteChange),
    /// `satp` was written.
    Satp {
        #[serde(with = "hex")]
        old: u64,
        #[serde(with = "hex")]
        new: u64,
    },
    /// `sfence.vma`; an absent operand means all.
    Sfence { va: Option<VirtAddr>, asid: Option<u16> },
    /// A detector has found a mistake.
    Warning(Box<Warning>),
    /// The kernel classified a page fault.
    Fault { pid: u32, va: VirtAddr, access: Access, class: FaultClass, area: Option<AreaKind> },
    /// The kernel planned what to do about a page fault, after it had looked.
    Plan(Plan),
    /// The kernel dealt with a page fault.
    Resolved {
        pid: u32,
        va: VirtAddr,
        how: Resolution,
        frame: PhysAddr,
        pte: Pte,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<ReasonKind>,
    },
    /// A frame changed hands.
    Frame {
        op: FrameOp,
        frame: PhysAddr,
        owner: u32,
        refs: u32,
        #[serde(rename = "use")]
        usage: FrameKind,
    },
    /// The clock hand looked at a frame.
    Hand { frame: PhysAddr, accessed: bool, verdict: Verdict },
    /// A page was evicted; without a slot its contents were dropped.
    Evicted { pid: u32, va: VirtAddr, frame: PhysAddr, dirty: bool, slot: Option<Word> },
    /// A disk transfer.
    Disk {
        op: DiskOp,
        #[serde(with = "hex")]
        sector: u64,
        sectors: u32,
    },
    /// An area of an address space changed.
    Area { op: AreaOp, pid: u32, start: VirtAddr, end: VirtAddr, area: AreaKind, prot: u32 },
    /// A process changed.
    Process {
        op: ProcessOp,
        pid: u32,
        #[serde(with = "hex")]
        other: u64,
        root: PhysAddr,
        name: String,
    },
    /// A system call begins or ends.
    Syscall { op: SyscallOp, pid: u32, number: u32, args: [Word; 3] },
    /// A tracepoint of the kernel with a number or a code that means nothing here.
    Tracepoint { number: u16, args: [Word; 6] },
    /// A tracepoint of a user program.
    Mark { number: u16, args: [Word; 6] },
}

macro_rules! kinds {
    ($($variant:ident $text:literal $pattern:pat,)*) => {
        /// The kind of an event, as `kind` names it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
        #[serde(rename_all = "lowercase")]
        #[allow(missing_docs, reason = "What describes each")]
        pub enum EventKind {
            $($variant,)*
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The value of `kind`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl What {
            /// The kind.
            #[must_use]
            pub const fn kind(&self) -> EventKind {
                match self {
                    $($pattern => EventKind::$variant,)*
                }
            }
        }
    };
}

kinds! {
    Trap "trap" Self::Trap(_),
    Return "return" Self::Return { .. },
    Pte "pte" Self::Pte(_),
    Ad "ad" Self::Ad(_),
    Satp "satp" Self::Satp { .. },
    Sfence "sfence" Self::Sfence { .. },
    Warning "warning" Self::Warning(_),
    Fault "fault" Self::Fault { .. },
    Plan "plan" Self::Plan(_),
    Resolved "resolved" Self::Resolved { .. },
    Frame "frame" Self::Frame { .. },
    Hand "hand" Self::Hand { .. },
    Evicted "evicted" Self::Evicted { .. },
    Disk "disk" Self::Disk { .. },
    Area "area" Self::Area { .. },
    Process "process" Self::Process { .. },
    Syscall "syscall" Self::Syscall { .. },
    Tracepoint "tracepoint" Self::Tracepoint { .. },
    Mark "mark" Self::Mark { .. },
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which events are meant: a kind, or the traps that are page faults.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, BorshSerialize, BorshDeserialize,
)]
#[serde(into = "String", try_from = "String")]
pub enum Selector {
    /// Page-fault traps.
    PageFault,
    /// Events of a kind.
    Kind(EventKind),
}

impl Selector {
    /// Whether it means this event.
    #[must_use]
    pub fn matches(self, what: &What) -> bool {
        match self {
            Self::PageFault => what.page_fault().is_some(),
            Self::Kind(kind) => what.kind() == kind,
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PageFault => f.write_str("page-fault"),
            Self::Kind(kind) => kind.fmt(f),
        }
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> Self {
        selector.to_string()
    }
}

impl TryFrom<String> for Selector {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "page-fault" {
            return Ok(Self::PageFault);
        }
        let kind = EventKind::ALL.iter().find(|kind| kind.name() == text);
        kind.map(|&kind| Self::Kind(kind)).ok_or_else(|| {
            let names: Vec<_> = EventKind::ALL.iter().map(|kind| kind.name()).collect();
            format!("`{text}` is no kind of event; give page-fault, {}", names.join(", "))
        })
    }
}

impl What {
    /// Who says so.
    #[must_use]
    pub const fn source(&self) -> Source {
        match self {
            Self::Trap(_)
            | Self::Return { .. }
            | Self::Pte(_)
            | Self::Ad(_)
            | Self::Satp { .. }
            | Self::Sfence { .. }
            | Self::Warning(_) => Source::Machine,
            Self::Mark { .. } => Source::Program,
            _ => Source::Kernel,
        }
    }

    /// The trap and its access, where this is a page fault.
    #[must_use]
    pub fn page_fault(&self) -> Option<(&Trap, Access)> {
        match self {
            Self::Trap(trap) => trap.page_fault().map(|access| (trap, access)),
            _ => None,
        }
    }

    /// A tracepoint by who executed it: the kernel's events mean something, a program's never do.
    #[must_use]
    pub fn from_tracepoint(mode: Privilege, number: u16, arguments: [u64; 6]) -> Self {
        if mode == Privilege::User {
            return Self::Mark { number, args: arguments.map(Word) };
        }
        TraceEvent::decode(number, arguments)
            .map_or_else(|| Self::Tracepoint { number, args: arguments.map(Word) }, Self::from)
    }
}

impl From<&TrapInfo<'_>> for What {
    fn from(trap: &TrapInfo<'_>) -> Self {
        Self::Trap(Trap {
            scause: trap.cause.code(),
            cause: trap.cause,
            stval: trap.tval,
            sepc: trap.epc,
            satp: trap.satp,
            interrupt: matches!(trap.cause, Cause::Interrupt(_)),
            to: trap.to,
            walk: trap.walk.map(|walk| Box::from(&*walk.steps)),
            check: trap.walk.and_then(|walk| walk.result.err()),
        })
    }
}

impl From<&PteWrite> for PteChange {
    fn from(write: &PteWrite) -> Self {
        let &PteWrite { va, level, root, pte_addr, old, new } = write;
        Self { va, level, root, pte_addr, old, new }
    }
}

/// What a register says of something that is counted.
fn count(register: u64) -> u32 {
    u32::try_from(register).unwrap_or(u32::MAX)
}

impl From<TraceEvent> for What {
    fn from(event: TraceEvent) -> Self {
        let (va, pa) = (VirtAddr::new, PhysAddr::new);
        match event {
            TraceEvent::Fault { pid, va: at, access, class, area } => {
                Self::Fault { pid: count(pid), va: va(at), access, class, area }
            }
            TraceEvent::Plan { pid, va: at, plan, entry, refs, from } => Self::Plan(Plan {
                pid: count(pid),
                va: va(at),
                action: plan.action(),
                flags: plan.flags().map(PteFlags::from_bits_truncate),
                reason: plan.reason(),
                entry: Pte::from_raw(entry),
                refs,
                from,
            }),
            TraceEvent::Resolved { pid, va: at, how, frame, pte, reason } => Self::Resolved {
                pid: count(pid),
                va: va(at),
                how,
                frame: pa(frame),
                pte: Pte::from_raw(pte),
                reason,
            },
            TraceEvent::Frame { op, frame, owner, refs, kind } => {
                Self::Frame { op, frame: pa(frame), owner: count(owner), refs: count(refs), usage: kind }
            }
            TraceEvent::Hand { frame, accessed, verdict } => {
                Self::Hand { frame: pa(frame), accessed, verdict }
            }
            TraceEvent::Evicted { pid, va: at, frame, dirty, slot } => Self::Evicted {
                pid: count(pid),
                va: va(at),
                frame: pa(frame),
                dirty,
                slot: (slot != u64::MAX).then_some(Word(slot)),
            },
            TraceEvent::Disk { op, sector, sectors } => Self::Disk { op, sector, sectors: count(sectors) },
            TraceEvent::Area { op, pid, start, end, kind, prot } => Self::Area {
                op,
                pid: count(pid),
                start: va(start),
                end: va(end),
                area: kind,
                prot: count(prot),
            },
            TraceEvent::Process { op, pid, other, root, name } => {
                Self::Process { op, pid: count(pid), other, root: pa(root), name: name.chars().collect() }
            }
            TraceEvent::Syscall { op, pid, number, args } => {
                Self::Syscall { op, pid: count(pid), number: count(number), args: args.map(Word) }
            }
        }
    }
}

impl Event {
    /// Event number `n`, at `cx`.
    #[must_use]
    pub fn new(n: u64, cx: &Context, what: What) -> Self {
        let &Context { instret, step, hart, mode, pc } = cx;
        Self { n, instret, step, hart, mode, pc, what }
    }

    /// The event as one line of JSON, without the line's end.
    ///
    /// # Panics
    /// Never: every event has a JSON form.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("an event has only strings for keys and writes to memory")
    }
}

/// The line's fields in the order in which people read them.
#[derive(Serialize)]
struct Line<'a> {
    n: u64,
    #[serde(with = "hex")]
    instret: u64,
    #[serde(with = "hex")]
    step: u64,
    hart: u32,
    mode: Privilege,
    pc: VirtAddr,
    source: Source,
    #[serde(flatten)]
    what: &'a What,
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let &Self { n, instret, step, hart, mode, pc, ref what } = self;
        Line { n, instret, step, hart, mode, pc, source: what.source(), what }.serialize(serializer)
    }
}

/// Steps of a walk, each with its flags in letters beside the raw entry.
mod walk_steps {
    use faultline_abi::PhysAddr;
    use faultline_abi::sv39::{FlagLetters, Pte, WalkStep};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize)]
    struct Step {
        level: u32,
        pte_addr: PhysAddr,
        pte: Pte,
        flags: String,
    }

    #[expect(clippy::ref_option, reason = "serde's `with` fixes the signature")]
    pub(super) fn serialize<S: Serializer>(
        walk: &Option<Box<[WalkStep]>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let steps = walk.iter().flatten().map(|&WalkStep { level, pte_addr, pte }| Step {
            level,
            pte_addr,
            pte,
            flags: FlagLetters(pte).to_string(),
        });
        serializer.collect_seq(steps)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Box<[WalkStep]>>, D::Error> {
        Vec::deserialize(deserializer).map(|steps| Some(steps.into_boxed_slice()))
    }
}

/// The flags of an entry in letters.
mod flag_letters {
    use faultline_abi::sv39::{FlagLetters, Pte, PteFlags};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::ref_option, reason = "serde's `with` fixes the signature")]
    pub(super) fn serialize<S: Serializer>(
        flags: &Option<PteFlags>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let pte = Pte::INVALID.with_flags(flags.unwrap_or(PteFlags::empty()));
        serializer.collect_str(&FlagLetters(pte))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<PteFlags>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bits = text.bytes().fold(0, |bits, letter| bits << 1 | u64::from(letter != b'-'));
        let flags = PteFlags::from_bits_truncate(bits & 0xff);
        if FlagLetters(Pte::INVALID.with_flags(flags)).to_string() == text {
            return Ok(Some(flags));
        }
        Err(D::Error::custom(format!("`{text}` are no flags: give DAGUXWRV, with a dash for each clear bit")))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::trap::Exception;
    use faultline_abi::trace::{Planned, ShortName};

    const CONTEXT: Context =
        Context { instret: 0x1a2b, step: 0x1a30, hart: 0, mode: Privilege::User, pc: VirtAddr::new(0x1004) };

    fn page_fault() -> What {
        let steps = [
            WalkStep { level: 2, pte_addr: PhysAddr::new(0x8020_0000), pte: Pte::from_raw(0x2008_0401) },
            WalkStep { level: 1, pte_addr: PhysAddr::new(0x8020_1000), pte: Pte::INVALID },
        ];
        What::Trap(Trap {
            scause: 15,
            cause: Cause::Exception(Exception::StorePage),
            stval: 0x4000,
            sepc: VirtAddr::new(0x1004),
            satp: 8 << 60 | 0x80200,
            interrupt: false,
            to: Privilege::Supervisor,
            walk: Some(Box::new(steps)),
            check: Some(Check::NotValid),
        })
    }

    #[test]
    fn a_page_fault_is_one_line_with_the_walk_in_it() {
        let line = Event::new(12, &CONTEXT, page_fault()).to_json();
        let expected = concat!(
            r#"{"n":12,"instret":"0x1a2b","step":"0x1a30","hart":0,"mode":"U","pc":"0x1004","source":"machine","#,
            r#""kind":"trap","scause":"0xf","cause":"store page fault","stval":"0x4000","sepc":"0x1004","#,
            r#""satp":"0x8000000000080200","interrupt":false,"to":"S","walk":[{"level":2,"pte_addr":"0x80200000","#,
            r#""pte":"0x20080401","flags":"-------V"},{"level":1,"pte_addr":"0x80201000","pte":"0x0","#,
            r#""flags":"--------"}],"check":"not-valid"}"#
        );
        assert_eq!(line, expected);
    }

    /// An event of each kind, and of some kinds more.
    pub(crate) fn one_of_each() -> Vec<What> {
        let (va, frame, pte) = (VirtAddr::new(1), PhysAddr::new(2), Pte::from_raw(3));
        let change = || PteChange {
            va: Some(va),
            level: 0,
            root: Ppn::new(5),
            pte_addr: frame,
            old: Pte::INVALID,
            new: pte,
        };
        let kernel = [
            TraceEvent::Fault { pid: 1, va: 2, access: Access::Load, class: FaultClass::Lazy, area: None },
            TraceEvent::Plan {
                pid: 1,
                va: 2,
                plan: Planned::Make(ActionKind::Copy, 0xd7),
                entry: 3,
                refs: 2,
                from: trace::Source::Frame,
            },
            TraceEvent::Plan {
                pid: 1,
                va: 2,
                plan: Planned::Refuse(ReasonKind::Forbidden),
                entry: 0,
                refs: 0,
                from: trace::Source::PastEnd,
            },
            TraceEvent::Resolved {
                pid: u64::MAX,
                va: 2,
                how: Resolution::Zeroed,
                frame: 3,
                pte: 4,
                reason: None,
            },
            TraceEvent::Resolved {
                pid: 1,
                va: 2,
                how: Resolution::Killed,
                frame: 0,
                pte: 0,
                reason: Some(ReasonKind::OutOfMemory),
            },
            TraceEvent::Frame { op: FrameOp::Freed, frame: 1, owner: 2, refs: 0, kind: FrameKind::User },
            TraceEvent::Hand { frame: 1, accessed: true, verdict: Verdict::Victim },
            TraceEvent::Evicted { pid: 1, va: 2, frame: 3, dirty: false, slot: u64::MAX },
            TraceEvent::Evicted { pid: 1, va: 2, frame: 3, dirty: true, slot: 9 },
            TraceEvent::Disk { op: DiskOp::Read, sector: 9, sectors: 8 },
            TraceEvent::Area { op: AreaOp::Mapped, pid: 1, start: 2, end: 3, kind: AreaKind::Heap, prot: 3 },
            TraceEvent::Process {
                op: ProcessOp::Execed,
                pid: 1,
                other: 2,
                root: 3,
                name: ShortName::new("lazy"),
            },
            TraceEvent::Syscall { op: SyscallOp::Enter, pid: 1, number: 12, args: [1, 2, u64::MAX] },
        ];
        let machine = [
            page_fault(),
            What::Return { to: Privilege::User, target: va },
            What::Pte(change()),
            What::Ad(PteChange { va: None, ..change() }),
            What::Satp { old: 0, new: u64::MAX },
            What::Sfence { va: None, asid: Some(3) },
            What::Warning(Box::new(Warning {
                detector: Detector::WritableInTwo,
                root: Some(Ppn::new(5)),
                va: Some(va),
                frame: None,
                text: "two".into(),
            })),
            What::from_tracepoint(Privilege::Supervisor, 2000, [1; 6]),
            What::from_tracepoint(Privilege::User, 1, [1; 6]),
        ];
        machine.into_iter().chain(kernel.into_iter().map(What::from)).collect()
    }

    #[test]
    fn every_kind_survives_its_json() {
        let mut seen: Vec<EventKind> = Vec::new();
        for what in one_of_each() {
            seen.push(what.kind());
            let event = Event::new(1, &CONTEXT, what);
            let line = event.to_json();
            assert!(line.contains(&format!(r#""kind":"{}""#, event.what.kind())), "{line}");
            assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event, "{line}");
        }
        for kind in EventKind::ALL {
            assert!(seen.contains(kind), "{kind} is not tested");
        }
    }

    #[test]
    fn a_plan_says_what_is_to_be_done_and_what_was_seen() {
        let plan = |what: &What| Event::new(1, &CONTEXT, what.clone()).to_json();
        let lines: Vec<String> =
            one_of_each().iter().filter(|what| what.kind() == EventKind::Plan).map(plan).collect();
        let copy = r#""kind":"plan","pid":1,"va":"0x2","action":"copy","flags":"DA-U-WRV","entry":"0x3","refs":2,"from":"frame"}"#;
        let refuse = r#""action":"refuse","reason":"forbidden","entry":"0x0","refs":0,"from":"past-end"}"#;
        assert!(lines[0].ends_with(copy) && lines[1].ends_with(refuse), "{lines:?}");
        let wrong = lines[0].replace("DA-U-WRV", "DA-U-W-V-");
        let error = serde_json::from_str::<Event>(&wrong).unwrap_err().to_string();
        assert!(error.starts_with("`DA-U-W-V-` are no flags"), "{error}");
    }

    #[test]
    fn a_resolution_without_a_reason_is_written_as_it_always_was() {
        let line = r#"{"n":1,"instret":"0x1","step":"0x1","hart":0,"mode":"S","pc":"0x1","source":"kernel","kind":"resolved","pid":1,"va":"0x2","how":"killed","frame":"0x0","pte":"0x0"}"#;
        let event: Event = serde_json::from_str(line).unwrap();
        assert_eq!(event.to_json(), line);
    }

    #[test]
    fn an_event_is_small_enough_to_keep_millions() {
        assert!(size_of::<Event>() <= 104, "{}", size_of::<Event>());
    }

    #[test]
    fn a_program_cannot_speak_for_the_kernel() {
        let arguments = TraceEvent::Hand { frame: 1, accessed: true, verdict: Verdict::Victim }.arguments();
        assert_eq!(What::from_tracepoint(Privilege::Supervisor, 4, arguments).source(), Source::Kernel);
        assert_eq!(What::from_tracepoint(Privilege::User, 4, arguments).source(), Source::Program);
    }

    #[test]
    fn a_selector_means_a_kind_or_page_faults() {
        assert_eq!("trap".parse(), Ok(Selector::Kind(EventKind::Trap)));
        let page_faults: Selector = "page-fault".parse().unwrap();
        assert!(page_faults.matches(&page_fault()));
        assert!(!page_faults.matches(&What::Satp { old: 0, new: 0 }));
        let refusal = "fautl".parse::<Selector>().unwrap_err();
        assert!(refusal.starts_with("`fautl` is no kind of event; give page-fault, trap,"), "{refusal}");
    }
}
