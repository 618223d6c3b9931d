//! Events for tests, made without a machine.

use faultline_abi::sv39::{Access, Check, Pte, PteFlags, WalkStep};
use faultline_abi::trace::{
    ActionKind, AreaKind, AreaOp, FaultClass, FrameKind, FrameOp, ProcessOp, ReasonKind, Resolution, Source,
    Verdict,
};
use faultline_abi::{PhysAddr, VirtAddr};

use crate::event::{Event, Plan, PteChange, Trap, What, Word};
use crate::hart::Privilege;
use crate::trap::{Cause, Exception};

/// The root table of pid n.
pub fn root(pid: u32) -> PhysAddr {
    PhysAddr::new(0x8700_0000 + u64::from(pid) * 4096)
}

pub fn numbered(events: impl IntoIterator<Item = What>) -> Vec<Event> {
    let number = |(n, what): (usize, What)| Event {
        n: n as u64,
        instret: n as u64 * 10,
        step: n as u64 * 11,
        hart: 0,
        mode: Privilege::Supervisor,
        pc: VirtAddr::new(0x8000_0000),
        what,
    };
    events.into_iter().enumerate().map(number).collect()
}

pub fn process(op: ProcessOp, pid: u32, other: u64, name: &str) -> What {
    What::Process { op, pid, other, root: root(pid), name: name.into() }
}

pub fn area(op: AreaOp, start: u64, end: u64, kind: AreaKind) -> What {
    let (start, end) = (VirtAddr::new(start), VirtAddr::new(end));
    What::Area { op, pid: 1, start, end, area: kind, prot: 3 }
}

pub fn frame(op: FrameOp, address: u64, owner: u32, refs: u32, usage: FrameKind) -> What {
    What::Frame { op, frame: PhysAddr::new(address), owner, refs, usage }
}

/// A page fault of pid 1, whose walk ends at level 0.
pub fn page_fault(scause: u64, stval: u64, sepc: u64) -> What {
    let at = |level: u32| PhysAddr::new(root(1).get() + u64::from(2 - level) * 4096);
    let index = |level: u32| VirtAddr::new(stval).vpn(level) as u64 * 8;
    let pointer = |level: u32| Pte::from_raw((at(level - 1).get() >> 2) | 1);
    let step = |level: u32, pte| WalkStep { level, pte_addr: at(level).wrapping_add(index(level)), pte };
    let found = Exception::ALL.into_iter().find(|exception| exception.code() == scause);
    let cause = Cause::Exception(found.unwrap_or(Exception::StorePage));
    What::Trap(Trap {
        scause,
        cause,
        stval,
        sepc: VirtAddr::new(sepc),
        satp: 8 << 60 | root(1).get() >> 12,
        interrupt: false,
        to: Privilege::Supervisor,
        walk: Some([step(2, pointer(2)), step(1, pointer(1)), step(0, Pte::INVALID)].into()),
        check: Some(Check::NotValid),
    })
}

pub fn fault(va: u64, class: FaultClass) -> What {
    What::Fault { pid: 1, va: VirtAddr::new(va), access: Access::Store, class, area: Some(AreaKind::Heap) }
}

/// A plan of pid 1 about 0x9008 that makes an entry.
pub fn make(action: ActionKind, flags: u64, entry: u64, refs: u32, from: Source) -> Plan {
    let flags = Some(PteFlags::from_bits_truncate(flags));
    let (va, entry) = (VirtAddr::new(0x9008), Pte::from_raw(entry));
    Plan { pid: 1, va, action, flags, reason: None, entry, refs, from }
}

/// A plan of pid 1 about 0x9008 that refuses.
pub fn refuse(reason: ReasonKind, from: Source) -> Plan {
    let reason = Some(reason);
    Plan { flags: None, reason, ..make(ActionKind::Refuse, 0, 0, 0, from) }
}

pub fn resolved(va: u64, how: Resolution) -> What {
    let (va, frame) = (VirtAddr::new(va), PhysAddr::new(0));
    What::Resolved { pid: 1, va, how, frame, pte: Pte::INVALID, reason: None }
}

pub fn returned(target: u64) -> What {
    What::Return { to: Privilege::User, target: VirtAddr::new(target) }
}

pub fn pte(va: u64, new: u64) -> PteChange {
    PteChange {
        va: Some(VirtAddr::new(va)),
        level: 0,
        root: root(1).page(),
        pte_addr: PhysAddr::new(root(1).get() + 2 * 4096 + VirtAddr::new(va).vpn(0) as u64 * 8),
        old: Pte::INVALID,
        new: Pte::from_raw(new),
    }
}

pub fn ad(va: u64) -> What {
    What::Ad(pte(va, 0xd7))
}

pub fn hand(frame: u64, accessed: bool, verdict: Verdict) -> What {
    What::Hand { frame: PhysAddr::new(frame), accessed, verdict }
}

/// A page that goes, to a slot of swap or, without one, nowhere.
pub fn evicted(pid: u32, va: u64, frame: u64, slot: Option<u64>) -> What {
    What::Evicted {
        pid,
        va: VirtAddr::new(va),
        frame: PhysAddr::new(frame),
        dirty: slot.is_some(),
        slot: slot.map(Word),
    }
}
