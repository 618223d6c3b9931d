//! What an event says, in a sentence.

use faultline_abi::PhysAddr;
use faultline_abi::sv39::{Pte, PteFlags, satp_root};
use faultline_abi::syscall::Syscall;
use faultline_abi::trace::{
    AreaKind, AreaOp, DiskOp, FaultClass, FrameKind, FrameOp, ProcessOp, Resolution, SyscallOp, Verdict,
};

use crate::event::{PteChange, Trap, What};
use crate::hart::Privilege;
use crate::narrate::state::Processes;

/// A sentence, a second one with the details, and the things that it names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// What happened.
    pub what: String,
    /// More about it; may be empty.
    pub detail: String,
    /// What was looked at on the way, one sentence each without its full stop; mostly empty.
    pub checks: Vec<String>,
    /// The frame it is about.
    pub frame: Option<PhysAddr>,
    /// The page-table entry that changed: where it lies, before, after.
    pub entry: Option<(PhysAddr, Pte, Pte)>,
}

impl Told {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    fn about(mut self, frame: PhysAddr) -> Self {
        self.frame = (frame.get() != 0).then_some(frame);
        self
    }
}

/// Tells what happened.
#[must_use]
pub fn happened(what: &What, processes: &Processes) -> Told {
    let who = |pid: u32| name(processes, pid);
    match what {
        What::Trap(trap) => trapped(trap),
        What::Return { to, target } => returned(*to, target.get()),
        What::Pte(change) => written(change, processes),
        What::Ad(change) => {
            let set = letters(change.new.flags() - change.old.flags());
            entry(change, processes, &format!("The hardware sets {set} in the entry"))
        }
        What::Satp { new, .. } => switched_tables(*new, processes),
        What::Sfence { va: Some(va), .. } => {
            Told::new(format!("sfence.vma: the hardware forgets what it knew of page {}", va.page_down()))
        }
        What::Sfence { va: None, .. } => {
            Told::new("sfence.vma: the hardware forgets every translation that it remembers")
        }
        What::Warning(warning) => Told::new(format!("Warning: {}", warning.text)),
        What::Fault { pid, va, class, area, .. } => classified(&who(*pid), va.get(), *class, *area),
        What::Plan(plan) => super::planned(plan, None),
        What::Resolved { how, frame, reason, .. } => {
            Told::new(resolved(*how)).detail(reason.map_or("", super::reason)).about(*frame)
        }
        What::Frame { op, frame, owner, refs, usage } => framed(*op, *frame, &who(*owner), *refs, *usage),
        What::Hand { frame, accessed, verdict } => hand(*frame, *accessed, *verdict),
        What::Evicted { pid, va, frame, slot, .. } => {
            let to = slot.map_or_else(|| "dropped".into(), |slot| format!("written to swap slot {}", slot.0));
            Told::new(format!("Page {va} of {} is evicted and {to}", who(*pid))).about(*frame)
        }
        What::Disk { op, sector, sectors } => {
            let verb = if *op == DiskOp::Read { "read from" } else { "written to" };
            Told::new(format!("{sectors} sectors {verb} the disk")).detail(format!("from sector {sector}"))
        }
        What::Area { op, pid, start, end, area, .. } => {
            let told = match op {
                AreaOp::Mapped => format!("{} gets its {}", who(*pid), area_name(*area)),
                AreaOp::Unmapped => format!("{} loses its {}", who(*pid), area_name(*area)),
                AreaOp::Resized => format!("The {} of {} now ends at {end}", area_name(*area), who(*pid)),
            };
            Told::new(told).detail(format!("{start} to {end}"))
        }
        What::Process { op, pid, other, .. } => process(*op, &who(*pid), *other),
        What::Syscall { op, pid, number, args } => syscall(*op, &who(*pid), *number, args[0].0),
        What::Tracepoint { number, .. } => Told::new(format!("Tracepoint {number} of the kernel")),
        What::Mark { number, .. } => Told::new(format!("Mark {number} of the program")),
    }
}

/// `lazy (pid 1)`; the kernel for pid 0.
#[must_use]
pub fn name(processes: &Processes, pid: u32) -> String {
    match (pid, processes.by_pid.get(&pid)) {
        (0, None) => "the kernel".into(),
        (_, None) => format!("pid {pid}"),
        (_, Some(process)) => process.label(),
    }
}

fn trapped(trap: &Trap) -> Told {
    let to = mode(trap.to);
    let told = Told::new(format!("Trap into {to}: {}", trap.cause));
    match trap.page_fault() {
        Some(_) => told.detail(format!("at address {:#x}, by the instruction at {}", trap.stval, trap.sepc)),
        None => told.detail(format!("at instruction {}", trap.sepc)),
    }
}

fn returned(to: Privilege, target: u64) -> Told {
    let privilege = match to {
        Privilege::Machine => "mret",
        Privilege::Supervisor | Privilege::User => "sret",
    };
    Told::new(format!("Back to {} at {target:#x}", mode(to)))
        .detail(format!("{privilege} leaves the trap handler"))
}

/// A privilege mode in words.
#[must_use]
pub const fn mode(mode: Privilege) -> &'static str {
    match mode {
        Privilege::User => "the user program",
        Privilege::Supervisor => "the kernel",
        Privilege::Machine => "the firmware",
    }
}

/// Something about an entry, with the address that it maps and whose table it stands in.
fn entry(change: &PteChange, processes: &Processes, words: &str) -> Told {
    let at = change.va.map_or_else(String::new, |va| format!(" for {va}"));
    let of = processes.of_root(change.root.base());
    let of = of.map_or_else(String::new, |process| format!(" of {}", process.label()));
    let mut told = Told::new(format!("{words}{at}{of}, level {}", change.level));
    told.entry = Some((change.pte_addr, change.old, change.new));
    told
}

fn written(change: &PteChange, processes: &Processes) -> Told {
    let (old, new) = (change.old, change.new);
    let words = match (old.is_valid(), new.is_valid()) {
        (true, true) if old.ppn() == new.ppn() => format!("{} in the page-table entry", flipped(old, new)),
        (true, true) => "Another frame in the page-table entry".into(),
        (false, true) => "Page-table entry written".into(),
        (_, false) => "Page-table entry cleared".into(),
    };
    entry(change, processes, &words)
}

/// Which flags changed: `W cleared`, `A and D set, W cleared`.
fn flipped(old: Pte, new: Pte) -> String {
    let (set, cleared) = (new.flags() - old.flags(), old.flags() - new.flags());
    let told = [(set, "set"), (cleared, "cleared")];
    let told = told.iter().filter(|(flags, _)| !letters(*flags).is_empty());
    let told: Vec<String> = told.map(|(flags, how)| format!("{} {how}", letters(*flags))).collect();
    if told.is_empty() { "Nothing that the hardware reads changes".into() } else { told.join(", ") }
}

/// The letters of these flags, in words: `A and D`.
fn letters(flags: PteFlags) -> String {
    const LETTERS: [(PteFlags, &str); 8] = [
        (PteFlags::V, "V"),
        (PteFlags::R, "R"),
        (PteFlags::W, "W"),
        (PteFlags::X, "X"),
        (PteFlags::U, "U"),
        (PteFlags::G, "G"),
        (PteFlags::A, "A"),
        (PteFlags::D, "D"),
    ];
    let all: Vec<&str> =
        LETTERS.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, letter)| *letter).collect();
    match all.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => all.concat(),
    }
}

fn switched_tables(satp: u64, processes: &Processes) -> Told {
    if satp >> 60 == 0 {
        return Told::new("satp: translation is off");
    }
    let root = satp_root(satp).base();
    let tables = match processes.of_root(root) {
        Some(process) => format!("the page tables of {} are", process.label()),
        // Who tells of its processes has the rest for itself.
        None if !processes.by_pid.is_empty() => "the page tables of the kernel are".into(),
        None => "other page tables are".into(),
    };
    Told::new(format!("satp: {tables} in force")).detail("root table").about(root)
}

fn classified(who: &str, va: u64, class: FaultClass, area: Option<AreaKind>) -> Told {
    let place = match area {
        Some(area) => format!("{va:#x} lies in the {} of {who}", area_name(area)),
        None => format!("{va:#x} lies in no area of {who}"),
    };
    Told::new(format!("Classified: {}", fault_class(class))).detail(place)
}

/// What the kernel took a page fault for.
#[must_use]
pub const fn fault_class(class: FaultClass) -> &'static str {
    match class {
        FaultClass::Lazy => "lazy, first touch of heap that sbrk had promised",
        FaultClass::ZeroFill => "zero-fill, first touch of memory that starts as zeros",
        FaultClass::Cow => {
            "cow (copy on write), a write to a page that was made read-only until somebody writes"
        }
        FaultClass::Demand => "demand (demand paging), the page is still on disk",
        FaultClass::Mmap => "mmap, first touch of this page of a mapped file",
        FaultClass::SwapIn => "swap-in, the page must come back from swap",
        FaultClass::Stack => "stack, first touch below its lowest page",
        FaultClass::Invalid => "invalid, the program has no right to this access",
        FaultClass::Spurious => "spurious, the page is mapped as needed already",
    }
}

/// How the kernel dealt with a page fault.
#[must_use]
pub const fn resolved(how: Resolution) -> &'static str {
    match how {
        Resolution::Zeroed => "Resolved: zeroed, a frame full of zeros is mapped",
        Resolution::SharedZero => "Resolved: shared-zero, the shared zero frame is mapped, read-only",
        Resolution::Copied => "Resolved: copied, the page has a frame of its own now",
        Resolution::Reused => "Resolved: reused, the last sharer may write again, without a copy",
        Resolution::ReadFile => "Resolved: read-file, the page was read from the file",
        Resolution::ReadSwap => "Resolved: read-swap, the page was read back from swap",
        Resolution::Shared => "Resolved: shared, a frame that was in memory already is mapped",
        Resolution::Spurious => "Resolved: spurious, the page was mapped already",
        Resolution::Killed => "Resolved: killed, the process is no more",
        Resolution::Refused => "Resolved: refused, the system call fails and the program lives on",
    }
}

fn framed(op: FrameOp, frame: PhysAddr, who: &str, refs: u32, usage: FrameKind) -> Told {
    let usage = frame_kind(usage);
    let told = match op {
        FrameOp::Allocated => format!("Frame {frame} taken for {who}: {usage}"),
        FrameOp::Shared => format!("Frame {frame} shared with {who}"),
        FrameOp::Unshared => format!("Frame {frame} let go by {who}"),
        FrameOp::Freed => format!("Frame {frame} given back by {who}"),
    };
    let count = match (op, refs) {
        (_, 0) => "reference count 0: nobody uses it now".into(),
        (FrameOp::Unshared, refs) => format!("reference count {refs}, one less"),
        (FrameOp::Shared, refs) => format!("reference count {refs}, one more"),
        (_, refs) => format!("reference count {refs}"),
    };
    Told::new(told).detail(count).about(frame)
}

/// What a frame is used for.
#[must_use]
pub const fn frame_kind(kind: FrameKind) -> &'static str {
    match kind {
        FrameKind::User => "a page of a program",
        FrameKind::PageTable => "a page table",
        FrameKind::Trapframe => "a trapframe",
        FrameKind::KernelStack => "a kernel stack",
        FrameKind::Kernel => "kernel memory",
        FrameKind::Zero => "the shared zero page",
        FrameKind::Cache => "a page of a file",
    }
}

/// What an area is for.
#[must_use]
pub const fn area_name(area: AreaKind) -> &'static str {
    match area {
        AreaKind::Guard => "guard page",
        AreaKind::Mmap => "mapped file",
        other => other.name(),
    }
}

fn hand(frame: PhysAddr, accessed: bool, verdict: Verdict) -> Told {
    let seen = if accessed { "accessed" } else { "not accessed" };
    let verdict = match verdict {
        Verdict::SecondChance => "it gets a second chance",
        Verdict::Victim => "it is the victim",
        Verdict::Skipped => "it is skipped",
    };
    Told::new(format!("The clock hand looks at frame {frame}: {seen}, {verdict}")).about(frame)
}

fn process(op: ProcessOp, who: &str, other: u64) -> Told {
    match op {
        ProcessOp::Created => Told::new(format!("{who} is created")),
        ProcessOp::Execed => Told::new(format!("{who} starts its program")),
        ProcessOp::Switched => Told::new(format!("{who} gets the processor")),
        ProcessOp::Exited => Told::new(format!("{who} exits with status {other}")),
        ProcessOp::Killed => {
            Told::new(format!("The kernel kills {who}")).detail(format!("for a fault with scause {other}"))
        }
    }
}

fn syscall(op: SyscallOp, who: &str, number: u32, arg0: u64) -> Told {
    let call = Syscall::from_number(number.into())
        .map_or_else(|| format!("system call {number}"), |call| format!("{}()", call.name()));
    match op {
        SyscallOp::Enter => {
            Told::new(format!("{who} calls {call}")).detail(format!("first argument {arg0:#x}"))
        }
        SyscallOp::Return => Told::new(format!("{call} returns {arg0:#x} to {who}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrate::state::View;
    use crate::narrate::testing::{numbered, process, pte};

    #[test]
    fn page_tables_are_the_kernels_only_where_the_kernel_tells_of_processes() {
        let mut view = View::default();
        let told = |view: &View| happened(&What::Satp { old: 0, new: 8 << 60 | 5 }, &view.processes).what;
        assert_eq!(told(&view), "satp: other page tables are in force");
        numbered([process(ProcessOp::Created, 1, 0, "a")]).iter().for_each(|event| view.apply(event));
        assert_eq!(told(&view), "satp: the page tables of the kernel are in force");
    }

    #[test]
    fn a_changed_entry_is_told_with_what_changed_in_it() {
        let told = |old: u64, new: u64| {
            let change = PteChange { old: Pte::from_raw(old), new: Pte::from_raw(new), ..pte(0x5000, 0) };
            happened(&What::Pte(change), &View::default().processes).what
        };
        assert_eq!(told(0x2008_d817, 0x2008_d813), "W cleared in the page-table entry for 0x5000, level 0");
        assert_eq!(told(0x2008_d817, 0x2008_d8d7), "A and D set in the page-table entry for 0x5000, level 0");
        assert_eq!(
            told(0x2008_d817, 0x2009_1417),
            "Another frame in the page-table entry for 0x5000, level 0"
        );
        assert_eq!(told(0, 0x2008_d817), "Page-table entry written for 0x5000, level 0");
        assert_eq!(told(0x2008_d817, 0), "Page-table entry cleared for 0x5000, level 0");
    }

    #[test]
    fn an_entry_is_told_with_whose_it_is() {
        let mut view = View::default();
        numbered([process(ProcessOp::Created, 1, 0, "a")]).iter().for_each(|event| view.apply(event));
        let root = view.processes.by_pid[&1].root;
        let change = PteChange { root: root.page(), ..pte(0x5000, 0x17) };
        assert_eq!(
            happened(&What::Pte(change), &view.processes).what,
            "Page-table entry written for 0x5000 of a (pid 1), level 0"
        );
    }

    #[test]
    fn what_is_told_begins_with_the_word_of_the_code() {
        for &class in FaultClass::ALL {
            assert!(fault_class(class).starts_with(class.name()), "{}", class.name());
        }
        for &how in Resolution::ALL {
            assert!(resolved(how).starts_with(&format!("Resolved: {}, ", how.name())), "{}", how.name());
        }
    }
}
