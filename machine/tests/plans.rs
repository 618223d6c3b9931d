//! What the kernel says it planned and saw, against what the hardware saw and what was then done.

mod common;

use std::collections::BTreeMap;

use common::{guest, scenarios, session};
use faultline_abi::sv39::{Pte, PteFlags, WalkStep};
use faultline_abi::trace::{ActionKind, FaultClass, ReasonKind, Resolution, Source};
use faultline_abi::{PhysAddr, VirtAddr};
use faultline_machine::event::{Event, Plan, What};
use faultline_machine::narrate::card::Card;
use faultline_machine::narrate::state::{History, View};
use faultline_machine::session::{Goal, Progress};

/// The events of each built-in scenario.
fn runs() -> impl Iterator<Item = (String, Vec<Event>)> {
    guest().into_iter().flat_map(|guest| {
        scenarios().into_iter().map(move |(name, scenario)| {
            let mut session = session(&guest, &scenario);
            while let Progress::Budget = session.forward(Goal::End, 1_000_000) {}
            (name, session.log().to_vec())
        })
    })
}

/// The plan that follows the classification at `n`.
fn plan_after(events: &[Event], n: usize) -> Option<Plan> {
    match events.get(n + 1)?.what {
        What::Plan(plan) => Some(plan),
        _ => None,
    }
}

/// What may come of an action, if nothing comes in its way.
const fn answers(action: ActionKind) -> &'static [Resolution] {
    match action {
        ActionKind::Zero => &[Resolution::Zeroed],
        ActionKind::ShareZero => &[Resolution::SharedZero, Resolution::Zeroed],
        ActionKind::ReadPrivate => &[Resolution::ReadFile, Resolution::Copied],
        ActionKind::ReadShared => &[Resolution::ReadFile, Resolution::Shared],
        ActionKind::ShareMemory => &[Resolution::Zeroed, Resolution::Shared, Resolution::ReadSwap],
        ActionKind::Copy => &[Resolution::Copied],
        ActionKind::Reuse => &[Resolution::Reused],
        ActionKind::SwapIn => &[Resolution::ReadSwap],
        ActionKind::Retry => &[Resolution::Spurious],
        ActionKind::Refuse => &[Resolution::Killed, Resolution::Refused],
    }
}

/// R, W, X and U of an entry.
fn rights(flags: PteFlags) -> PteFlags {
    flags & (PteFlags::RWX | PteFlags::U)
}

#[test]
fn every_fault_has_a_plan_that_is_carried_out() {
    let mut seen = BTreeMap::new();
    for (name, events) in runs() {
        for (n, event) in events.iter().enumerate() {
            let What::Fault { pid, va, class, .. } = event.what else { continue };
            let plan = plan_after(&events, n).unwrap_or_else(|| panic!("{name}: event {n} has no plan"));
            assert_eq!((plan.pid, plan.va), (pid, va), "{name}: event {n}");
            assert_eq!(plan.reason.is_some(), class == FaultClass::Invalid, "{name}: event {n}");
            let resolved = events[n..].iter().find_map(|event| match event.what {
                What::Resolved { pid: of, va: at, how, pte, reason, .. } if (of, at) == (pid, va) => {
                    Some((how, pte, reason))
                }
                _ => None,
            });
            let (how, pte, reason) = resolved.unwrap_or_else(|| panic!("{name}: event {n} has no answer"));
            if reason.is_some() && plan.reason.is_none() {
                assert!(
                    matches!(reason, Some(ReasonKind::OutOfMemory | ReasonKind::DiskError)),
                    "{name}: {n}"
                );
                continue;
            }
            assert_eq!(reason, plan.reason, "{name}: event {n}");
            assert!(answers(plan.action).contains(&how), "{name}: event {n}: {plan:?} and then {how:?}");
            if let Some(flags) = plan.flags {
                assert_eq!(
                    rights(flags),
                    rights(pte.flags()),
                    "{name}: event {n}: {plan:?} and then {pte:?}"
                );
            }
            *seen.entry(plan.action).or_insert(0) += 1;
        }
    }
    assert!(guest().is_none() || seen.len() >= 8, "too few kinds of action are shown: {seen:?}");
}

#[test]
fn the_entry_and_the_count_that_the_kernel_saw_are_the_hardwares_and_the_events() {
    let mut counted = 0;
    for (name, events) in runs() {
        let mut view = View::default();
        let mut walk: Option<(VirtAddr, Option<WalkStep>)> = None;
        for (n, event) in events.iter().enumerate() {
            match &event.what {
                What::Trap(trap) => {
                    let last = trap.walk.as_ref().and_then(|walk| walk.last().copied());
                    walk = trap.page_fault().map(|_| (VirtAddr::new(trap.stval), last));
                }
                What::Plan(plan) => {
                    if let Some((va, Some(step))) = walk.take().filter(|(va, _)| *va == plan.va) {
                        let seen = if step.level == 0 { step.pte } else { Pte::INVALID };
                        assert_eq!(plan.entry, seen, "{name}: event {n}, {va}");
                    }
                    let frame =
                        Some(plan.entry).filter(|entry| entry.is_leaf()).map(|entry| entry.ppn().base());
                    assert_eq!(plan.refs, frame.map_or(0, |frame| refs(&view, frame)), "{name}: event {n}");
                    counted += plan.refs;
                    assert_eq!(
                        plan.from == Source::Frame && plan.reason.is_none(),
                        frame.is_some() && plan.reason.is_none()
                    );
                }
                _ => {}
            }
            view.apply(event);
        }
    }
    assert!(guest().is_none() || counted > 0, "no plan looked at a frame");
}

/// References to a frame as the kernel's frame events have told them; pages of the kernel's image are never
/// told of.
fn refs(view: &View, frame: PhysAddr) -> u32 {
    view.frames.get(frame).map_or(0, |frame| frame.refs)
}

#[test]
fn a_recording_made_before_the_event_existed_is_told_without_checks() {
    for (name, events) in runs().filter(|(name, _)| name == "cow-fork" || name == "null-pointer") {
        let mut old: Vec<Event> =
            events.into_iter().filter(|event| !matches!(event.what, What::Plan(_))).collect();
        for event in &mut old {
            if let What::Resolved { reason, .. } = &mut event.what {
                *reason = None;
            }
        }
        let numbered = old.into_iter().zip(0..).map(|(event, n)| Event { n, ..event }).collect();
        let mut history = History::default();
        history.learn(0, numbered);
        let of = history.events.len();
        for ordinal in 0..history.episodes.len() {
            let card =
                Card::new(&history, ordinal, of).unwrap_or_else(|| panic!("{name}: no card {ordinal}"));
            assert!(card.answer.iter().all(|step| step.told.checks.is_empty()));
            assert!(card.answer.iter().any(|step| step.told.what.starts_with("Classified: ")), "{name}");
            assert_eq!(card.refused, None);
        }
    }
}
