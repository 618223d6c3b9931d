//! Events for tests, made without a machine.

use faultline_abi::trace::{AreaKind, AreaOp, FrameKind, FrameOp, ProcessOp};
use faultline_abi::{PhysAddr, VirtAddr};
use faultline_machine::event::{Event, What};
use faultline_machine::hart::Privilege;

/// The root table of pid n.
pub(crate) fn root(pid: u32) -> PhysAddr {
    PhysAddr::new(0x8700_0000 + u64::from(pid) * 4096)
}

pub(crate) fn numbered(events: impl IntoIterator<Item = What>) -> Vec<Event> {
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

pub(crate) fn process(op: ProcessOp, pid: u32, other: u64, name: &str) -> What {
    What::Process { op, pid, other, root: root(pid), name: name.into() }
}

pub(crate) fn area(op: AreaOp, start: u64, end: u64, kind: AreaKind) -> What {
    let (start, end) = (VirtAddr::new(start), VirtAddr::new(end));
    What::Area { op, pid: 1, start, end, area: kind, prot: 3 }
}

pub(crate) fn frame(op: FrameOp, address: u64, owner: u32, refs: u32, usage: FrameKind) -> What {
    What::Frame { op, frame: PhysAddr::new(address), owner, refs, usage }
}
