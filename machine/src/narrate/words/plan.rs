//! What the kernel plans about a page fault, and the checks that led to it.

use faultline_abi::sv39::{Access, FlagLetters, Pte, PteFlags};
use faultline_abi::trace::{ActionKind, AreaKind, ReasonKind, Source};

use super::happened::{Told, area_name};
use crate::event::Plan;

/// What was asked of the kernel: the access, and the area that the address lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What the instruction wanted.
    pub access: Access,
    /// The area; `None` where the address lies in none.
    pub area: Option<AreaKind>,
}

/// The plan in a sentence with the checks that led to it; those of the area are told where it is known
/// what was asked.
#[must_use]
pub fn planned(plan: &Plan, asked: Option<Asked>) -> Told {
    let words = plan.reason.map_or_else(|| action(plan.action), reason);
    let detail = plan.flags.map_or_else(String::new, |flags| {
        format!("new entry {}", FlagLetters(Pte::INVALID.with_flags(flags)))
    });
    Told {
        what: format!("Planned: {}, {words}", plan.action.name()),
        detail,
        checks: checks(plan, asked),
        ..Told::default()
    }
}

/// What an action does.
#[must_use]
pub const fn action(action: ActionKind) -> &'static str {
    match action {
        ActionKind::Zero => "map a frame full of zeros",
        ActionKind::ShareZero => "map the shared zero frame, read-only",
        ActionKind::ReadPrivate => "map a frame of its own, filled from the file",
        ActionKind::ReadShared => "map the frame that holds this page of the file for everybody",
        ActionKind::ShareMemory => "map the page of shared memory",
        ActionKind::Copy => "map a copy of the page instead of the page that others hold too",
        ActionKind::Reuse => "let it write to the page that nobody else holds any more",
        ActionKind::SwapIn => "map a frame filled from swap",
        ActionKind::Retry => "set A, and D for a store, and try again",
        ActionKind::Refuse => "do not allow it",
    }
}

/// Why an access is refused.
#[must_use]
pub const fn reason(reason: ReasonKind) -> &'static str {
    match reason {
        ReasonKind::NullPointer => "null pointer: page 0 is never mapped",
        ReasonKind::BeyondHeap => "beyond the heap: nothing is mapped above p->sz",
        ReasonKind::KernelAddress => "an address of the kernel, not of the program",
        ReasonKind::Unmapped => "nothing is mapped there",
        ReasonKind::StackOverflow => "stack overflow: the guard page below the stack",
        ReasonKind::KernelPage => "the page is mapped for the kernel's own use",
        ReasonKind::Forbidden => "the area does not allow this access",
        ReasonKind::PageLost => "a page that should be mapped is not",
        ReasonKind::BeyondFile => "beyond the end of the mapped file",
        ReasonKind::OutOfMemory => "out of memory: no frame is left",
        ReasonKind::DiskError => "the page could not be read from the disk",
    }
}

/// What the kernel looked at, in the order in which it looks, as far as it had to.
fn checks(plan: &Plan, asked: Option<Asked>) -> Vec<String> {
    let mut checks: Vec<String> = asked.map(|asked| area_check(asked, plan.reason)).into_iter().collect();
    if plan.reason.is_some_and(settled_by_the_area) {
        return checks;
    }
    checks.push(entry_check(plan));
    checks.extend(match plan.from {
        Source::Frame => frame_check(plan),
        Source::Swap | Source::Nowhere => None,
        from => Some(bytes(from).into()),
    });
    if matches!(plan.action, ActionKind::ShareZero) {
        checks.push("It is only read, so one frame of zeros serves all".into());
    }
    checks
}

/// Whether the area alone decides: then nobody looks at the entry.
const fn settled_by_the_area(reason: ReasonKind) -> bool {
    match reason {
        ReasonKind::NullPointer
        | ReasonKind::BeyondHeap
        | ReasonKind::KernelAddress
        | ReasonKind::Unmapped
        | ReasonKind::StackOverflow
        | ReasonKind::KernelPage
        | ReasonKind::Forbidden => true,
        ReasonKind::PageLost | ReasonKind::BeyondFile | ReasonKind::OutOfMemory | ReasonKind::DiskError => {
            false
        }
    }
}

fn area_check(Asked { access, area }: Asked, reason: Option<ReasonKind>) -> String {
    let Some(area) = area.map(area_name) else {
        return match reason {
            Some(ReasonKind::NullPointer) => "The address lies in page 0, which is never mapped".into(),
            Some(ReasonKind::BeyondHeap) => "The address lies above the heap".into(),
            Some(ReasonKind::KernelAddress) => "The address is none that a program can have".into(),
            _ => "The address lies in no area".into(),
        };
    };
    let done = match access {
        Access::Fetch => "executed",
        Access::Load => "read",
        Access::Store => "written",
    };
    let may = match reason {
        Some(ReasonKind::StackOverflow) => "which nobody may touch".into(),
        Some(ReasonKind::KernelPage) => "which is the kernel's own".into(),
        Some(ReasonKind::Forbidden) => format!("which may not be {done}"),
        _ => format!("which may be {done}"),
    };
    format!("The address lies in the {area}, {may}")
}

fn entry_check(plan: &Plan) -> String {
    let flags = plan.entry.flags();
    if !flags.contains(PteFlags::V) {
        let found = match plan.from {
            Source::Swap => "it says where in swap the page is",
            _ => "no frame is mapped",
        };
        return format!("The entry is not valid: {found}");
    }
    let user = if flags.contains(PteFlags::U) { "" } else { ", and not for programs" };
    format!("The entry is valid, {}{user}", rights(flags))
}

/// What an entry allows.
fn rights(flags: PteFlags) -> String {
    let named = [(PteFlags::R, "read"), (PteFlags::W, "written"), (PteFlags::X, "executed")];
    let allowed: Vec<&str> =
        named.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, word)| word).collect();
    match allowed[..] {
        [] => "a pointer to a table".into(),
        ["read"] => "read-only".into(),
        [one] => format!("may only be {one}"),
        _ => format!("may be {}", allowed.join(" and ")),
    }
}

/// What decides about a page that is mapped.
fn frame_check(plan: &Plan) -> Option<String> {
    match (plan.action, plan.refs) {
        (ActionKind::Retry, _) => Some("It allows the access already".into()),
        (ActionKind::Copy | ActionKind::Reuse, 1) => Some("Nobody else holds its frame".into()),
        (ActionKind::Copy | ActionKind::Reuse, refs) => Some(format!("Its frame is held {refs} times")),
        _ => None,
    }
}

/// Where the bytes of a page are that has no entry.
const fn bytes(from: Source) -> &'static str {
    match from {
        Source::Frame => "Its bytes are in the frame",
        Source::Swap => "Its bytes are in swap",
        Source::Zeros => "Its bytes are zeros",
        Source::File => "Its bytes are in the file",
        Source::PastEnd => "The file ends before this page",
        Source::Memory => "Its bytes are in memory that processes share",
        Source::MemoryInSwap => {
            "Its bytes are in memory that processes share, and that page of it is in swap"
        }
        Source::Nowhere => "It has no bytes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrate::testing::{make, refuse};

    fn told(plan: &Plan, access: Access, area: Option<AreaKind>) -> Vec<String> {
        planned(plan, Some(Asked { access, area })).checks
    }

    #[test]
    fn a_copy_is_planned_because_others_hold_the_frame() {
        let plan = make(ActionKind::Copy, 0xd7, 0x2004_e853, 2, Source::Frame);
        let told = planned(&plan, Some(Asked { access: Access::Store, area: Some(AreaKind::Heap) }));
        assert_eq!(
            told.what,
            "Planned: copy, map a copy of the page instead of the page that others hold too"
        );
        assert_eq!(told.detail, "new entry DA-U-WRV");
        assert_eq!(
            told.checks,
            [
                "The address lies in the heap, which may be written",
                "The entry is valid, read-only",
                "Its frame is held 2 times",
            ]
        );
    }

    #[test]
    fn the_first_touch_finds_no_entry_and_learns_where_the_bytes_are() {
        let plan = make(ActionKind::ShareZero, 0x13, 0, 0, Source::Zeros);
        assert_eq!(
            told(&plan, Access::Load, Some(AreaKind::Stack)),
            [
                "The address lies in the stack, which may be read",
                "The entry is not valid: no frame is mapped",
                "Its bytes are zeros",
                "It is only read, so one frame of zeros serves all",
            ]
        );
        let plan = make(ActionKind::SwapIn, 0x17, 0x1c01, 0, Source::Swap);
        let plan = Plan { entry: Pte::from_raw(plan.entry.raw() & !1), ..plan };
        assert_eq!(
            told(&plan, Access::Load, Some(AreaKind::Heap))[1..],
            ["The entry is not valid: it says where in swap the page is"]
        );
    }

    #[test]
    fn where_the_area_decides_nobody_looks_further() {
        let text = refuse(ReasonKind::Forbidden, Source::Frame);
        assert_eq!(
            told(&text, Access::Store, Some(AreaKind::Text)),
            ["The address lies in the text, which may not be written"]
        );
        let null = refuse(ReasonKind::NullPointer, Source::Nowhere);
        assert_eq!(told(&null, Access::Load, None), ["The address lies in page 0, which is never mapped"]);
        let past = refuse(ReasonKind::BeyondFile, Source::PastEnd);
        assert_eq!(told(&past, Access::Load, Some(AreaKind::Mmap)).len(), 3);
    }

    #[test]
    fn without_the_question_the_entry_is_told_alone() {
        let plan = make(ActionKind::Reuse, 0xd7, 0x2004_e853, 1, Source::Frame);
        let told = planned(&plan, None);
        assert_eq!(told.checks, ["The entry is valid, read-only", "Nobody else holds its frame"]);
    }
}
