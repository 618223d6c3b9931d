//! Decide: what to do about a page fault. Pure; [`crate::apply`] does it.

use core::fmt;

use faultline_abi::{
    sv39::{Access, Pte, PteFlags},
    trace::{AreaKind, FaultClass},
};

use crate::area::{Area, Place};

/// What to do about a page fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPlan {
    /// Map a frame of zeros with these flags.
    Zero(PteFlags),
    /// The entry allows the access: give it these flags (A, and D for a store) and try again.
    Retry(PteFlags),
    /// The program has no right to this.
    Refuse(Reason),
}

impl FaultPlan {
    /// What kind of fault this is a plan for.
    #[must_use]
    pub const fn class(&self) -> FaultClass {
        match self {
            Self::Zero(_) => FaultClass::Lazy,
            Self::Retry(_) => FaultClass::Spurious,
            Self::Refuse(_) => FaultClass::Invalid,
        }
    }
}

/// Why an access is refused. Displays as the sentence that the user reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The address lies in page 0.
    NullPointer,
    /// The address lies above the heap.
    BeyondHeap,
    /// The address is the kernel's, or none that a program can have.
    KernelAddress,
    /// The address lies between two areas.
    Unmapped,
    /// The stack has reached its guard page.
    StackOverflow,
    /// The page is mapped for the kernel's own use.
    KernelPage(AreaKind),
    /// The area does not allow this access.
    Forbidden(AreaKind, Access),
    /// The area allows it and the page table does not: the kernel has lost the page.
    PageLost(AreaKind),
    /// There is no frame left to satisfy a fault that is in order.
    OutOfMemory,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NullPointer => f.write_str("null pointer: page 0 is never mapped"),
            Self::BeyondHeap => f.write_str("beyond the heap: nothing is mapped above p->sz"),
            Self::KernelAddress => f.write_str("an address of the kernel, not of the program"),
            Self::Unmapped => f.write_str("nothing is mapped there"),
            Self::StackOverflow => f.write_str("stack overflow: the guard page below the stack"),
            Self::KernelPage(kind) => write!(f, "the {} page is the kernel's", kind.name()),
            Self::Forbidden(kind, access) => write!(f, "{} allows no {}", kind.name(), access.name()),
            Self::PageLost(kind) => write!(f, "a page of {} that should be mapped is not", kind.name()),
            Self::OutOfMemory => f.write_str("out of memory"),
        }
    }
}

/// What to do when `access` faulted at `place`, where the page table has `pte`.
#[must_use]
pub fn plan(place: Place, pte: Pte, access: Access) -> FaultPlan {
    let area = match right_to(place, access) {
        Ok(area) => area,
        Err(reason) => return FaultPlan::Refuse(reason),
    };
    let flags = area.prot.pte_flags() | PteFlags::U;
    match area.kind {
        _ if pte.is_valid() && pte.flags().contains(flags) => FaultPlan::Retry(touched(pte.flags(), access)),
        AreaKind::Heap if !pte.is_valid() => FaultPlan::Zero(flags),
        kind => FaultPlan::Refuse(Reason::PageLost(kind)),
    }
}

/// The area at `place`, if the program may do `access` there.
fn right_to(place: Place, access: Access) -> Result<Area, Reason> {
    match place {
        Place::Null => Err(Reason::NullPointer),
        Place::BeyondHeap => Err(Reason::BeyondHeap),
        Place::Kernel => Err(Reason::KernelAddress),
        Place::Gap => Err(Reason::Unmapped),
        Place::Area(area) if area.kind == AreaKind::Guard => Err(Reason::StackOverflow),
        Place::Area(area) if !area.is_for_users() => Err(Reason::KernelPage(area.kind)),
        Place::Area(area) if !area.prot.allows(access) => Err(Reason::Forbidden(area.kind, access)),
        Place::Area(area) => Ok(area),
    }
}

/// The flags of an entry after `access`: what hardware sets where it manages A and D itself
/// (Svadu), and software must set where it does not (Svade).
fn touched(flags: PteFlags, access: Access) -> PteFlags {
    match access {
        Access::Store => flags | PteFlags::A | PteFlags::D,
        Access::Load | Access::Fetch => flags | PteFlags::A,
    }
}

#[cfg(test)]
mod tests {
    use faultline_abi::{Ppn, VirtAddr};

    use super::*;
    use crate::area::Prot;

    const ACCESSES: [Access; 3] = [Access::Fetch, Access::Load, Access::Store];

    fn place(kind: AreaKind) -> Place {
        let prot = match kind {
            AreaKind::Text => Prot::R | Prot::X,
            AreaKind::Trampoline => Prot::R | Prot::X,
            _ => Prot::R | Prot::W,
        };
        Place::Area(Area { kind, start: VirtAddr::new(0x1000), end: VirtAddr::new(0x2000), prot })
    }

    fn present(flags: PteFlags) -> Pte {
        Pte::new(Ppn::new(0x80300), flags | PteFlags::V)
    }

    #[test]
    fn outside_every_area_each_access_is_refused_for_the_reason_of_the_place() {
        let reasons = [
            (Place::Null, Reason::NullPointer),
            (Place::BeyondHeap, Reason::BeyondHeap),
            (Place::Kernel, Reason::KernelAddress),
            (Place::Gap, Reason::Unmapped),
        ];
        for (place, reason) in reasons {
            for access in ACCESSES {
                assert_eq!(plan(place, Pte::INVALID, access), FaultPlan::Refuse(reason));
            }
        }
    }

    #[test]
    fn the_kernels_pages_are_refused_whatever_the_entry_says() {
        let reasons = [
            (AreaKind::Guard, Reason::StackOverflow),
            (AreaKind::Trapframe, Reason::KernelPage(AreaKind::Trapframe)),
            (AreaKind::Trampoline, Reason::KernelPage(AreaKind::Trampoline)),
        ];
        let entries = [Pte::INVALID, present(PteFlags::R | PteFlags::W), present(PteFlags::all())];
        for (kind, reason) in reasons {
            for (access, pte) in ACCESSES.into_iter().flat_map(|a| entries.map(|pte| (a, pte))) {
                assert_eq!(plan(place(kind), pte, access), FaultPlan::Refuse(reason));
            }
        }
    }

    /// Every kind of area × state of the entry × access, for areas that programs may touch.
    #[test]
    fn inside_an_area_rights_entry_and_kind_decide() {
        use AreaKind::{Data, Heap, Stack, Text};
        use FaultPlan::{Refuse, Retry, Zero};
        use Reason::{Forbidden, PageLost};
        let (r, w, x, u) = (PteFlags::R, PteFlags::W, PteFlags::X, PteFlags::U);
        let (a, d, v) = (PteFlags::A, PteFlags::D, PteFlags::V);
        let (rw, rx) = (r | w | u, r | x | u);
        let none = Pte::INVALID;
        let table = [
            (
                Text,
                none,
                [Refuse(PageLost(Text)), Refuse(PageLost(Text)), Refuse(Forbidden(Text, Access::Store))],
            ),
            (
                Text,
                present(rx),
                [Retry(v | rx | a), Retry(v | rx | a), Refuse(Forbidden(Text, Access::Store))],
            ),
            (
                Data,
                none,
                [Refuse(Forbidden(Data, Access::Fetch)), Refuse(PageLost(Data)), Refuse(PageLost(Data))],
            ),
            (
                Data,
                present(rw),
                [Refuse(Forbidden(Data, Access::Fetch)), Retry(v | rw | a), Retry(v | rw | a | d)],
            ),
            (
                Stack,
                none,
                [Refuse(Forbidden(Stack, Access::Fetch)), Refuse(PageLost(Stack)), Refuse(PageLost(Stack))],
            ),
            (
                Stack,
                present(rw),
                [Refuse(Forbidden(Stack, Access::Fetch)), Retry(v | rw | a), Retry(v | rw | a | d)],
            ),
            (Heap, none, [Refuse(Forbidden(Heap, Access::Fetch)), Zero(rw), Zero(rw)]),
            (
                Heap,
                present(rw),
                [Refuse(Forbidden(Heap, Access::Fetch)), Retry(v | rw | a), Retry(v | rw | a | d)],
            ),
            // The entry grants less than the area: nothing that retrying could mend.
            (
                Heap,
                present(r | w),
                [Refuse(Forbidden(Heap, Access::Fetch)), Refuse(PageLost(Heap)), Refuse(PageLost(Heap))],
            ),
            (
                Heap,
                present(r | u),
                [Refuse(Forbidden(Heap, Access::Fetch)), Refuse(PageLost(Heap)), Refuse(PageLost(Heap))],
            ),
        ];
        for (kind, pte, plans) in table {
            for (access, expected) in ACCESSES.into_iter().zip(plans) {
                assert_eq!(plan(place(kind), pte, access), expected, "{kind:?} {pte:?} {access:?}");
            }
        }
    }

    #[test]
    fn no_plan_makes_a_page_both_writable_and_executable() {
        for &kind in AreaKind::ALL {
            for access in ACCESSES {
                if let FaultPlan::Zero(flags) = plan(place(kind), Pte::INVALID, access) {
                    assert!(!flags.contains(PteFlags::W | PteFlags::X));
                }
            }
        }
    }
}
