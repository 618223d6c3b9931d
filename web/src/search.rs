//! "Run until…": the next or the previous event that fulfils a condition.

use faultline_abi::trace::{FaultClass, ProcessOp};
use faultline_abi::{PhysAddr, VirtAddr};
use faultline_machine::event::{Event, What};

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A page fault that the kernel takes for this.
    Class(FaultClass),
    /// An eviction.
    Eviction,
    /// A write of the page-table entry that lies here, by the kernel or by the hardware.
    Entry(PhysAddr),
    /// Anything that concerns the page that holds this address.
    Address(VirtAddr),
    /// Something that becomes of this frame.
    Frame(PhysAddr),
    /// This process gets the processor, is created, or ends.
    Process(u32),
    /// Something printed by a detector.
    Warning,
}

impl Condition {
    /// Whether the event fulfils it.
    #[must_use]
    pub fn holds(self, what: &What) -> bool {
        match self {
            Self::Class(wanted) => matches!(what, What::Fault { class, .. } if *class == wanted),
            Self::Eviction => matches!(what, What::Evicted { .. }),
            Self::Entry(at) => {
                matches!(what, What::Pte(change) | What::Ad(change) if change.pte_addr == at)
            }
            Self::Address(va) => page(what) == Some(va.page_down()),
            Self::Frame(at) => frame(what) == Some(at.page_down()),
            Self::Process(wanted) => {
                matches!(what, What::Process { op, pid, .. } if *pid == wanted && *op != ProcessOp::Execed)
            }
            Self::Warning => matches!(what, What::Warning(_)),
        }
    }
}

/// The page that an event is about.
fn page(what: &What) -> Option<VirtAddr> {
    let va = match what {
        What::Trap(trap) => trap.page_fault().map(|_| VirtAddr::new(trap.stval)),
        What::Pte(change) | What::Ad(change) => change.va.filter(|_| change.level == 0),
        What::Fault { va, .. } | What::Resolved { va, .. } | What::Evicted { va, .. } => Some(*va),
        What::Plan(plan) => Some(plan.va),
        _ => None,
    };
    va.map(VirtAddr::page_down)
}

/// The frame that an event is about.
const fn frame(what: &What) -> Option<PhysAddr> {
    match what {
        What::Frame { frame, .. }
        | What::Hand { frame, .. }
        | What::Evicted { frame, .. }
        | What::Resolved { frame, .. } => Some(*frame),
        _ => None,
    }
}

/// The first such event that has not happened after the first `so_far`.
#[must_use]
pub fn next(events: &[Event], so_far: usize, condition: Condition) -> Option<usize> {
    let ahead = events.get(so_far..)?;
    ahead.iter().position(|event| condition.holds(&event.what)).map(|found| so_far + found)
}

/// The last such event that lies before the present one, which is number `so_far - 1`.
#[must_use]
pub fn previous(events: &[Event], so_far: usize, condition: Condition) -> Option<usize> {
    let behind = events.get(..so_far.saturating_sub(1))?;
    behind.iter().rposition(|event| condition.holds(&event.what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ad, evicted, fault, numbered, page_fault, process, pte, returned};

    fn events() -> Vec<Event> {
        numbered([
            page_fault(15, 0x9008, 0x1000),
            fault(0x9008, FaultClass::Lazy),
            What::Pte(pte(0x9000, 0x17)),
            returned(0x1000),
            ad(0x9000),
            evicted(1, 0x9000, 0x8010_0000, None),
            fault(0xa000, FaultClass::Cow),
            process(ProcessOp::Switched, 2, 1, ""),
        ])
    }

    #[test]
    fn each_condition_finds_its_event() {
        let entry = pte(0x9000, 0).pte_addr;
        for (condition, expected) in [
            (Condition::Class(FaultClass::Cow), Some(6)),
            (Condition::Class(FaultClass::Demand), None),
            (Condition::Eviction, Some(5)),
            (Condition::Entry(entry), Some(2)),
            (Condition::Address(VirtAddr::new(0x9ff0)), Some(0)),
            (Condition::Frame(PhysAddr::new(0x8010_0abc)), Some(5)),
            (Condition::Process(2), Some(7)),
            (Condition::Warning, None),
        ] {
            assert_eq!(next(&events(), 0, condition), expected, "{condition:?}");
        }
    }

    #[test]
    fn forwards_and_backwards_step_over_the_present_event() {
        let at = Condition::Address(VirtAddr::new(0x9000));
        assert_eq!(next(&events(), 1, at), Some(1));
        assert_eq!(next(&events(), 5, at), Some(5));
        assert_eq!(next(&events(), 6, at), None);
        assert_eq!(previous(&events(), 6, at), Some(4), "event 5 is where we stand");
        assert_eq!(previous(&events(), 1, at), None);
        assert_eq!(previous(&events(), 0, at), None);
    }
}
