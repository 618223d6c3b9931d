//! Decide: what to do about a page fault. Pure; [`crate::apply`] does it.

use core::fmt;

use faultline_abi::{
    sv39::{Access, Pte, PteFlags},
    trace::{ActionKind, AreaKind, FaultClass, Planned, ReasonKind, Source},
};

use crate::area::{Area, Place, Sharing};

/// Whether untouched memory that is only read shares one frame of zeros; the kernel option `zero`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZeroPolicy {
    /// All share one frame, mapped read-only.
    Shared,
    /// Each page has a frame of its own.
    Private,
}

/// What is to be seen at a faulting address.
#[derive(Clone, Debug)]
pub struct Sight {
    /// Where it lies.
    pub place: Place,
    /// The entry in the page table.
    pub pte: Pte,
    /// How often the frame in that entry is held, 0 where there is none.
    pub refs: u32,
    /// Where the bytes of the page are.
    pub source: Source,
}

/// What to do about a page fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultPlan {
    /// What kind of fault it is taken for.
    pub class: FaultClass,
    /// What is done about it.
    pub action: Action,
}

/// One way to resolve a page fault. The flags are those of the new entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Map a frame of zeros.
    Zero(PteFlags),
    /// Map the shared frame of zeros.
    ShareZero(PteFlags),
    /// Map a frame of the process's own, filled from the file.
    ReadPrivate(PteFlags),
    /// Map the frame that holds the page of the file for everybody, read from disk if nobody has it.
    ReadShared(PteFlags),
    /// Map a page of shared memory.
    ShareMemory(PteFlags),
    /// Map a copy of the page instead of the page that others hold too.
    Copy(PteFlags),
    /// Nobody else holds the page any more: allow writing to it.
    Reuse(PteFlags),
    /// Map a frame filled from swap.
    SwapIn(PteFlags),
    /// The entry allows the access: give it these flags (A, and D for a store) and try again.
    Retry(PteFlags),
    /// The program has no right to this.
    Refuse(Reason),
}

impl Action {
    /// The action as the tracepoint has it: its kind with the flags of the entry that it makes, or with
    /// the reason.
    #[must_use]
    pub fn planned(self) -> Planned {
        let (kind, flags) = match self {
            Self::Zero(flags) => (ActionKind::Zero, flags),
            Self::ShareZero(flags) => (ActionKind::ShareZero, flags),
            Self::ReadPrivate(flags) => (ActionKind::ReadPrivate, flags),
            Self::ReadShared(flags) => (ActionKind::ReadShared, flags),
            Self::ShareMemory(flags) => (ActionKind::ShareMemory, flags),
            Self::Copy(flags) => (ActionKind::Copy, flags),
            Self::Reuse(flags) => (ActionKind::Reuse, flags),
            Self::SwapIn(flags) => (ActionKind::SwapIn, flags),
            Self::Retry(flags) => (ActionKind::Retry, flags),
            Self::Refuse(reason) => return Planned::Refuse(reason.kind()),
        };
        Planned::Make(kind, (flags | PteFlags::V).bits())
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
    /// The area maps a file that ends before this page.
    BeyondFile,
    /// There is no frame left to satisfy a fault that is in order.
    OutOfMemory,
    /// The disk failed.
    DiskError,
}

impl Reason {
    /// The reason as the tracepoint has it.
    #[must_use]
    pub const fn kind(self) -> ReasonKind {
        match self {
            Self::NullPointer => ReasonKind::NullPointer,
            Self::BeyondHeap => ReasonKind::BeyondHeap,
            Self::KernelAddress => ReasonKind::KernelAddress,
            Self::Unmapped => ReasonKind::Unmapped,
            Self::StackOverflow => ReasonKind::StackOverflow,
            Self::KernelPage(_) => ReasonKind::KernelPage,
            Self::Forbidden(..) => ReasonKind::Forbidden,
            Self::PageLost(_) => ReasonKind::PageLost,
            Self::BeyondFile => ReasonKind::BeyondFile,
            Self::OutOfMemory => ReasonKind::OutOfMemory,
            Self::DiskError => ReasonKind::DiskError,
        }
    }
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
            Self::BeyondFile => f.write_str("beyond the end of the mapped file"),
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::DiskError => f.write_str("the page could not be read from the disk"),
        }
    }
}

/// What to do when `access` faulted on what is in `sight`.
#[must_use]
pub fn plan(sight: &Sight, access: Access, zero: ZeroPolicy) -> FaultPlan {
    let area = match right_to(&sight.place, access) {
        Ok(area) => area,
        Err(reason) => return refuse(reason),
    };
    let full = full_rights(area);
    let action = match sight.source {
        Source::Frame => return mapped(area, sight, access),
        Source::PastEnd => return refuse(Reason::BeyondFile),
        Source::Nowhere => return refuse(Reason::Unmapped),
        Source::Swap => Action::SwapIn(full),
        Source::Memory | Source::MemoryInSwap => Action::ShareMemory(full),
        Source::File => read(area, access),
        Source::Zeros => clear(area, access, zero),
    };
    FaultPlan { class: class(area, sight.source), action }
}

/// The area at `place`, if the program may do `access` there.
fn right_to(place: &Place, access: Access) -> Result<&Area, Reason> {
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

/// The entry is there: it lacks the right to write because the frame is or was shared, or it lacks
/// nothing.
fn mapped(area: &Area, sight: &Sight, access: Access) -> FaultPlan {
    let flags = sight.pte.flags();
    let full = full_rights(area);
    if flags.contains(PteFlags::U | right(access)) {
        return FaultPlan { class: FaultClass::Spurious, action: Action::Retry(touched(flags, access)) };
    }
    if access != Access::Store || !flags.contains(PteFlags::U) || area.sharing == Sharing::Shared {
        return refuse(Reason::PageLost(area.kind));
    }
    // A copy differs from whatever it came from, so it is dirty from the start.
    let action = match sight.refs {
        0 | 1 => Action::Reuse(flags | full),
        _ => Action::Copy(full | PteFlags::A | PteFlags::D),
    };
    FaultPlan { class: FaultClass::Cow, action }
}

/// What kind of fault the touch of a page is that is not there.
const fn class(area: &Area, source: Source) -> FaultClass {
    match (source, area.kind) {
        (Source::Swap | Source::MemoryInSwap, _) => FaultClass::SwapIn,
        (_, AreaKind::Heap) => FaultClass::Lazy,
        (_, AreaKind::Stack) => FaultClass::Stack,
        (Source::File, AreaKind::Mmap) => FaultClass::Mmap,
        (Source::File, _) => FaultClass::Demand,
        _ => FaultClass::ZeroFill,
    }
}

/// How a page of a file gets there.
fn read(area: &Area, access: Access) -> Action {
    let full = full_rights(area);
    match access {
        _ if area.sharing == Sharing::Shared => Action::ReadShared(full),
        // Data is private from the start; other pages of a file only when somebody writes to them.
        _ if area.kind == AreaKind::Data => Action::ReadPrivate(full),
        Access::Store => Action::ReadPrivate(full),
        Access::Load | Access::Fetch => Action::ReadShared(full.difference(PteFlags::W)),
    }
}

/// How a page of zeros gets there.
fn clear(area: &Area, access: Access, zero: ZeroPolicy) -> Action {
    let full = full_rights(area);
    match (zero, access) {
        (ZeroPolicy::Shared, Access::Load | Access::Fetch) => Action::ShareZero(full.difference(PteFlags::W)),
        (ZeroPolicy::Shared, Access::Store) | (ZeroPolicy::Private, _) => Action::Zero(full),
    }
}

const fn refuse(reason: Reason) -> FaultPlan {
    FaultPlan { class: FaultClass::Invalid, action: Action::Refuse(reason) }
}

/// Everything that the area allows a program.
fn full_rights(area: &Area) -> PteFlags {
    area.prot.pte_flags() | PteFlags::U
}

/// The bit of an entry without which hardware refuses `access`.
pub(crate) const fn right(access: Access) -> PteFlags {
    match access {
        Access::Fetch => PteFlags::X,
        Access::Load => PteFlags::R,
        Access::Store => PteFlags::W,
    }
}

/// The flags of an entry after `access`: what hardware sets where it manages A and D itself
/// (Svadu), and software must set where it does not (Svade).
pub(crate) fn touched(flags: PteFlags, access: Access) -> PteFlags {
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

    fn place(kind: AreaKind, sharing: Sharing) -> Place {
        let prot = match kind {
            AreaKind::Text | AreaKind::Trampoline => Prot::R | Prot::X,
            _ => Prot::R | Prot::W,
        };
        let area = Area::zeros(kind, VirtAddr::new(0x1000), VirtAddr::new(0x2000), prot);
        Place::Area(Area { sharing, ..area })
    }

    fn private(kind: AreaKind) -> Place {
        place(kind, Sharing::Private)
    }

    fn present(flags: PteFlags) -> Pte {
        Pte::new(Ppn::new(0x80300), flags | PteFlags::V)
    }

    fn empty(place: Place, source: Source) -> Sight {
        Sight { place, pte: Pte::INVALID, refs: 0, source }
    }

    fn mapped_as(place: Place, flags: PteFlags, refs: u32) -> Sight {
        Sight { place, pte: present(flags), refs, source: Source::Frame }
    }

    const R: PteFlags = PteFlags::R.union(PteFlags::U);
    const RX: PteFlags = R.union(PteFlags::X);
    const RW: PteFlags = R.union(PteFlags::W);
    const AD: PteFlags = PteFlags::A.union(PteFlags::D);

    /// Checks what is done about a fetch, a load and a store.
    fn expect(sight: &Sight, zero: ZeroPolicy, class: FaultClass, actions: [Action; 3]) {
        for (access, action) in ACCESSES.into_iter().zip(actions) {
            let class = if matches!(action, Action::Refuse(_)) { FaultClass::Invalid } else { class };
            assert_eq!(plan(sight, access, zero), FaultPlan { class, action }, "{sight:?} {access:?}");
        }
    }

    fn no_fetch(kind: AreaKind) -> Action {
        Action::Refuse(Reason::Forbidden(kind, Access::Fetch))
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
            let sight = empty(place, Source::Zeros);
            expect(&sight, ZeroPolicy::Shared, FaultClass::Invalid, [Action::Refuse(reason); 3]);
        }
    }

    #[test]
    fn what_is_mapped_for_the_kernel_is_refused_whatever_the_entry_says() {
        let reasons = [
            (AreaKind::Guard, Reason::StackOverflow),
            (AreaKind::Trapframe, Reason::KernelPage(AreaKind::Trapframe)),
            (AreaKind::Trampoline, Reason::KernelPage(AreaKind::Trampoline)),
        ];
        for (kind, reason) in reasons {
            for flags in [PteFlags::empty(), PteFlags::R | PteFlags::W, PteFlags::all()] {
                let sight = mapped_as(private(kind), flags, 1);
                expect(&sight, ZeroPolicy::Private, FaultClass::Invalid, [Action::Refuse(reason); 3]);
            }
        }
    }

    #[test]
    fn the_first_touch_of_zeros_takes_a_frame_or_shares_the_zero_frame() {
        use AreaKind::{Data, Heap, Mmap, Stack};
        let classes = [
            (Heap, FaultClass::Lazy),
            (Stack, FaultClass::Stack),
            (Data, FaultClass::ZeroFill),
            (Mmap, FaultClass::ZeroFill),
        ];
        for (kind, class) in classes {
            let sight = empty(private(kind), Source::Zeros);
            let (zero, share) = (Action::Zero(RW), Action::ShareZero(R));
            expect(&sight, ZeroPolicy::Private, class, [no_fetch(kind), zero, zero]);
            expect(&sight, ZeroPolicy::Shared, class, [no_fetch(kind), share, zero]);
        }
    }

    #[test]
    fn the_first_touch_of_a_file_shares_its_page_until_somebody_writes() {
        use AreaKind::{Data, Mmap, Text};
        let no_store = Action::Refuse(Reason::Forbidden(Text, Access::Store));
        let zero = ZeroPolicy::Shared;
        let text = empty(private(Text), Source::File);
        let share = Action::ReadShared(RX);
        expect(&text, zero, FaultClass::Demand, [share, share, no_store]);
        let own = Action::ReadPrivate(RW);
        let data = empty(private(Data), Source::File);
        expect(&data, zero, FaultClass::Demand, [no_fetch(Data), own, own]);
        let mmap = empty(private(Mmap), Source::File);
        expect(&mmap, zero, FaultClass::Mmap, [no_fetch(Mmap), Action::ReadShared(R), own]);
        let shared = empty(place(Mmap, Sharing::Shared), Source::File);
        let all = Action::ReadShared(RW);
        expect(&shared, zero, FaultClass::Mmap, [no_fetch(Mmap), all, all]);
        let past = empty(private(Mmap), Source::PastEnd);
        let beyond = Action::Refuse(Reason::BeyondFile);
        expect(&past, zero, FaultClass::Mmap, [no_fetch(Mmap), beyond, beyond]);
    }

    #[test]
    fn shared_memory_is_one_for_all() {
        let place = place(AreaKind::Mmap, Sharing::Shared);
        let share = Action::ShareMemory(RW);
        for (source, class) in
            [(Source::Memory, FaultClass::ZeroFill), (Source::MemoryInSwap, FaultClass::SwapIn)]
        {
            let sight = empty(place.clone(), source);
            expect(&sight, ZeroPolicy::Shared, class, [no_fetch(AreaKind::Mmap), share, share]);
        }
    }

    #[test]
    fn a_store_to_a_page_mapped_read_only_copies_it_unless_nobody_else_holds_it() {
        for kind in [AreaKind::Heap, AreaKind::Stack, AreaKind::Data, AreaKind::Mmap] {
            let load = Action::Retry(R | PteFlags::V | PteFlags::A);
            for (refs, store) in
                [(1, Action::Reuse(RW | PteFlags::V)), (2, Action::Copy(RW | AD)), (9, Action::Copy(RW | AD))]
            {
                let sight = mapped_as(private(kind), R, refs);
                let found = plan(&sight, Access::Store, ZeroPolicy::Private);
                assert_eq!(found, FaultPlan { class: FaultClass::Cow, action: store });
                assert_eq!(plan(&sight, Access::Load, ZeroPolicy::Private).action, load);
            }
        }
    }

    #[test]
    fn a_page_that_the_area_lets_nobody_write_is_never_upgraded() {
        for refs in [1, 2] {
            let sight = mapped_as(private(AreaKind::Text), RX, refs);
            let action = plan(&sight, Access::Store, ZeroPolicy::Private).action;
            assert_eq!(action, Action::Refuse(Reason::Forbidden(AreaKind::Text, Access::Store)));
        }
    }

    #[test]
    fn an_entry_that_allows_the_access_gets_a_and_d() {
        let sight = mapped_as(private(AreaKind::Heap), RW, 1);
        let (load, store) =
            (Action::Retry(RW | PteFlags::V | PteFlags::A), Action::Retry(RW | PteFlags::V | AD));
        let no = no_fetch(AreaKind::Heap);
        expect(&sight, ZeroPolicy::Private, FaultClass::Spurious, [no, load, store]);
    }

    #[test]
    fn an_entry_that_lost_the_users_right_is_not_mended() {
        let sight = mapped_as(private(AreaKind::Heap), PteFlags::R | PteFlags::W, 1);
        let lost = Action::Refuse(Reason::PageLost(AreaKind::Heap));
        expect(&sight, ZeroPolicy::Private, FaultClass::Invalid, [no_fetch(AreaKind::Heap), lost, lost]);
    }

    #[test]
    fn a_page_in_swap_comes_back_whatever_it_was() {
        for kind in [AreaKind::Heap, AreaKind::Stack, AreaKind::Data, AreaKind::Mmap] {
            let pte = crate::table::swapped_entry(7);
            let sight = Sight { place: private(kind), pte, refs: 0, source: Source::Swap };
            let back = Action::SwapIn(RW);
            expect(&sight, ZeroPolicy::Shared, FaultClass::SwapIn, [no_fetch(kind), back, back]);
        }
    }

    #[test]
    fn no_plan_makes_a_page_both_writable_and_executable() {
        for &kind in AreaKind::ALL {
            for source in [Source::Zeros, Source::File, Source::Memory] {
                for access in ACCESSES {
                    let plan = plan(&empty(private(kind), source), access, ZeroPolicy::Private);
                    if let Planned::Make(_, flags) = plan.action.planned() {
                        assert!(!PteFlags::from_bits_truncate(flags).contains(PteFlags::W | PteFlags::X));
                    }
                }
            }
        }
    }
}
