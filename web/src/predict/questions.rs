//! The questions: each is about something that the next step shows, and is made of the events.

use std::ops::Range;

use faultline_abi::sv39::{Access, Check, FlagLetters, Pte, PteFlags};
use faultline_abi::trace::{FrameKind, Resolution};
use faultline_machine::event::What;

use super::Question;
use super::dice::Dice;
use crate::card::capitalised;
use crate::protocol::{Command, Target, Until};
use crate::state::{History, View};
use crate::words;

/// Answers that stand under a question, at most.
const CHOICES: usize = 4;

/// What can be asked, before the answers are put into an order.
pub(super) struct Draft {
    pub(super) text: String,
    pub(super) right: String,
    pub(super) wrong: Vec<String>,
    pub(super) because: String,
}

/// A question about the step from the present, after `so_far` events; `None` where the step shows
/// nothing that could be asked, or goes where nothing is known.
#[must_use]
pub fn question(history: &History, so_far: usize, step: &Command, seed: u32) -> Option<Question> {
    let shown = shown(history, so_far, step)?;
    let view = history.view_after(so_far);
    let mut drafts = drafts(history, &view, shown);
    let mut dice = Dice::new(seed, so_far);
    if drafts.is_empty() {
        return None;
    }
    let draft = drafts.swap_remove(dice.below(drafts.len()));
    Some(arranged(draft, &mut dice))
}

/// The number of events after a step; one that looks for a page fault in vain ends with the run.
pub(super) fn reach(history: &History, so_far: usize, step: &Command) -> Option<usize> {
    let shown = shown(history, so_far, step).map(|shown| shown.end);
    shown.or_else(|| (*step == Command::Step(Until::Fault)).then_some(history.events.len()))
}

/// The events that the step shows.
fn shown(history: &History, so_far: usize, step: &Command) -> Option<Range<usize>> {
    let to = match step {
        Command::Step(Until::Event) => so_far + 1,
        Command::Step(Until::Fault) => {
            let next = history.episodes.partition_point(|episode| episode.trap < so_far);
            history.episodes.get(next)?.trap + 1
        }
        Command::Seek(Target::Event(event)) if *event >= so_far => event + 1,
        _ => return None,
    };
    (to <= history.events.len()).then_some(so_far..to)
}

pub(super) fn arranged(draft: Draft, dice: &mut Dice) -> Question {
    let Draft { text, right, mut wrong, because } = draft;
    wrong.retain(|choice| *choice != right);
    wrong.sort_unstable();
    wrong.dedup();
    dice.shuffle(&mut wrong);
    wrong.truncate(CHOICES - 1);
    let mut choices = wrong;
    choices.push(right.clone());
    dice.shuffle(&mut choices);
    let right = choices.iter().position(|choice| *choice == right).unwrap_or(0);
    Question { text, choices, right, because }
}

/// Everything that can be asked about these events. A wrong answer too few, and it is no question.
fn drafts(history: &History, view: &View, shown: Range<usize>) -> Vec<Draft> {
    let events = shown.filter_map(|n| Some((n, &history.events.get(n)?.what)));
    let mut drafts: Vec<Draft> =
        events.flat_map(|(n, what)| about(view, what, || reasons(history, view, n))).collect();
    drafts.retain(|draft| draft.wrong.iter().any(|choice| *choice != draft.right));
    // Of several alike, the first is what comes next.
    let mut seen = Vec::new();
    drafts.retain(|draft| {
        let is_new = !seen.contains(&draft.text);
        seen.push(draft.text.clone());
        is_new
    });
    drafts
}

/// What the kernel took the fault for that event `n` answers, and what it looked at to choose the answer.
fn reasons(history: &History, view: &View, n: usize) -> String {
    let mut checks = Vec::new();
    for event in history.events[..n].iter().rev() {
        match &event.what {
            What::Plan(plan) if checks.is_empty() => checks = words::planned(plan, None).checks,
            fault @ What::Fault { .. } => {
                checks.insert(0, words::happened(fault, &view.processes).what);
                return checks.join(". ") + ".";
            }
            _ => {}
        }
    }
    String::new()
}

/// `reasons` tells why the kernel answered the last fault as it did.
fn about(view: &View, what: &What, reasons: impl FnOnce() -> String) -> Vec<Draft> {
    match what {
        What::Trap(trap) => match (trap.page_fault(), trap.check) {
            (Some(access), Some(check)) => vec![cause(access), failed(check)],
            _ => Vec::new(),
        },
        What::Resolved { how, pte, .. } => {
            let entry = (*pte != Pte::INVALID).then(|| entry(*pte));
            [Some(answer(*how, reasons())), entry].into_iter().flatten().collect()
        }
        What::Evicted { frame, .. } => vec![victim(view, &frame.to_string())],
        _ => Vec::new(),
    }
}

pub(super) fn cause(access: Access) -> Draft {
    let name = |access: Access| format!("scause {}: {} page fault", access.page_fault_cause(), access.name());
    let all = [Access::Fetch, Access::Load, Access::Store];
    Draft {
        text: "Which cause will the next page fault have?".into(),
        right: name(access),
        wrong: all.into_iter().map(name).collect(),
        because: format!("The instruction wants to {} memory.", words::wanted(access)),
    }
}

fn failed(check: Check) -> Draft {
    let likely =
        [Check::NotValid, Check::NotUser, Check::NotReadable, Check::NotWritable, Check::NotExecutable];
    let right = words::check(check);
    Draft {
        text: "At which check will the hardware's walk stop?".into(),
        right: right.short.into(),
        wrong: likely.into_iter().map(|check| words::check(check).short.to_owned()).collect(),
        because: right.sentence.into(),
    }
}

fn answer(how: Resolution, because: String) -> Draft {
    let likely = [
        Resolution::Zeroed,
        Resolution::SharedZero,
        Resolution::Copied,
        Resolution::Reused,
        Resolution::ReadFile,
        Resolution::ReadSwap,
        Resolution::Killed,
    ];
    Draft {
        text: "How will the kernel answer the page fault?".into(),
        right: told(how),
        wrong: likely.into_iter().map(told).collect(),
        because,
    }
}

/// How, without the word that every one of them begins with.
fn told(how: Resolution) -> String {
    let words = words::resolved(how);
    capitalised(words.strip_prefix("Resolved: ").unwrap_or(words))
}

/// The entry's flags, against the same with one right more or less.
pub(super) fn entry(pte: Pte) -> Draft {
    let flags = PteFlags::RWX | PteFlags::U | PteFlags::V | PteFlags::A | PteFlags::D;
    let letters = |flags: PteFlags| FlagLetters(Pte::INVALID.with_flags(flags)).to_string();
    let now = pte.flags() & flags;
    let changed = [PteFlags::W, PteFlags::U, PteFlags::X, PteFlags::V, PteFlags::D];
    Draft {
        text: "Which flags will the page-table entry have after it?".into(),
        right: letters(now),
        wrong: changed.into_iter().map(|flag| letters(now ^ flag)).collect(),
        because: "From the left: dirty, accessed, global, user, execute, write, read, valid.".into(),
    }
}

pub(super) fn victim(view: &View, frame: &str) -> Draft {
    let users = view.frames.used().filter(|(_, frame)| frame.kind == FrameKind::User);
    Draft {
        text: "Which frame will be evicted next?".into(),
        right: frame.to_owned(),
        wrong: users.map(|(address, _)| address.to_string()).collect(),
        because: "The policy chooses among the frames of programs; the frames pane shows its hand.".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fault, frame, numbered, page_fault, resolved, returned};
    use faultline_abi::trace::{FaultClass, FrameOp};

    fn history(events: Vec<What>) -> History {
        let mut history = History::default();
        history.learn(0, numbered(events));
        history
    }

    fn story() -> History {
        history(vec![
            returned(0x1000),
            page_fault(15, 0x9008, 0x101c),
            fault(0x9008, FaultClass::Lazy),
            resolved(0x9008, Resolution::Zeroed),
        ])
    }

    #[test]
    fn the_next_fault_is_asked_for_by_its_cause_or_its_check() {
        let story = story();
        let texts: Vec<String> = (0..20)
            .map(|seed| question(&story, 0, &Command::Step(Until::Fault), seed).expect("there is a fault"))
            .map(|question| {
                let right = &question.choices[question.right];
                assert!(right.contains("15") || right == words::check(Check::NotValid).short, "{right}");
                question.text
            })
            .collect();
        assert!(
            texts.iter().any(|text| text.contains("cause"))
                && texts.iter().any(|text| text.contains("check"))
        );
    }

    #[test]
    fn the_same_seed_asks_the_same_and_answers_are_different_from_each_other() {
        let story = story();
        for seed in 0..50 {
            let ask = || question(&story, 3, &Command::Step(Until::Event), seed);
            let asked = ask().expect("the answer can be asked for");
            assert_eq!(Some(&asked), ask().as_ref());
            assert_eq!(asked.choices[asked.right], told(Resolution::Zeroed));
            assert!(asked.because.starts_with("Classified: lazy"), "{}", asked.because);
            let mut choices = asked.choices.clone();
            choices.sort_unstable();
            choices.dedup();
            assert_eq!(choices.len(), CHOICES);
        }
    }

    #[test]
    fn nothing_is_asked_about_what_is_not_known_or_shows_nothing() {
        let story = story();
        assert_eq!(question(&story, 0, &Command::Step(Until::Event), 1), None);
        assert_eq!(question(&story, 2, &Command::Step(Until::Fault), 1), None);
        assert_eq!(question(&story, 4, &Command::Step(Until::Event), 1), None);
        assert_eq!(question(&story, 0, &Command::Back(Until::Fault), 1), None);
    }

    #[test]
    fn the_victim_stands_among_the_frames_in_use() {
        let address = |n: u64| 0x8010_0000 + n * 4096;
        let mut events: Vec<What> =
            (0..5).map(|n| frame(FrameOp::Allocated, address(n), 1, 1, FrameKind::User)).collect();
        let va = faultline_abi::VirtAddr::new(0x9000);
        let evicted = faultline_abi::PhysAddr::new(address(2));
        events.push(What::Evicted { pid: 1, va, frame: evicted, dirty: false, slot: None });
        let asked =
            question(&history(events), 5, &Command::Step(Until::Event), 4).expect("a page is evicted");
        assert_eq!((asked.choices.len(), asked.choices[asked.right].as_str()), (CHOICES, "0x80102000"));
    }
}
