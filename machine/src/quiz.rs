//! The answers that a run itself gives to the questions of a scenario.
//!
//! A predicted quantity needs no answer in the file: the run shows it, whatever the kernel's build.

use faultline_abi::scenario::{Prediction, Quantity, Question};

use crate::event::{Event, What};
use crate::scenario::find;

/// The answer to a prediction, counted from event number `at` on: the one that the file gives, or what
/// `events` show. `None` where they do not show it.
#[must_use]
pub fn answer(prediction: &Prediction, at: usize, events: &[Event]) -> Option<u64> {
    prediction.answer.or_else(|| shown(prediction.what, events.get(at..)?))
}

/// The number of the event at which a question is asked, where it happens.
#[must_use]
pub fn asked_at(question: &Question, events: &[Event]) -> Option<usize> {
    find(events, &question.at)
}

/// What these events show of a quantity, the first time that they do.
fn shown(what: Quantity, events: &[Event]) -> Option<u64> {
    let fault = || events.iter().find_map(|event| event.what.page_fault().map(|(trap, _)| trap));
    match what {
        Quantity::Cause => fault().map(|trap| trap.scause),
        Quantity::Address => fault().map(|trap| trap.stval),
        Quantity::Level => fault()?.walk.as_ref()?.last().map(|step| step.level.into()),
        Quantity::VictimFrame => events.iter().find_map(|event| match event.what {
            What::Evicted { frame, .. } => Some(frame.get()),
            _ => None,
        }),
        Quantity::PteAfter => events.iter().find_map(|event| match event.what {
            What::Resolved { pte, .. } => Some(pte.raw()),
            _ => None,
        }),
        Quantity::References => events.iter().find_map(|event| match event.what {
            What::Frame { refs, .. } => Some(refs.into()),
            _ => None,
        }),
        Quantity::PageFaults => {
            Some(events.iter().filter(|event| event.what.page_fault().is_some()).count() as u64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrate::testing::{frame, numbered, page_fault, resolved};
    use faultline_abi::scenario::{Anchor, Ask, Choices, Unknown};
    use faultline_abi::trace::{FrameKind, FrameOp, Resolution};

    fn predict(what: Quantity, answer: Option<u64>) -> Prediction {
        Prediction { what, answer, unknown: Unknown::default() }
    }

    #[test]
    fn the_run_answers_what_the_file_leaves_open() {
        let events = numbered([
            page_fault(13, 0x1000, 0x10),
            resolved(0x1000, Resolution::Zeroed),
            page_fault(15, 0x9008, 0x14),
            frame(FrameOp::Shared, 0x8010_0000, 1, 2, FrameKind::User),
        ]);
        let ask = |what, at| answer(&predict(what, None), at, &events);
        assert_eq!(ask(Quantity::Cause, 0), Some(13));
        assert_eq!(ask(Quantity::Cause, 1), Some(15));
        assert_eq!(ask(Quantity::Cause, 3), None);
        assert_eq!(ask(Quantity::Address, 1), Some(0x9008));
        assert_eq!(ask(Quantity::Level, 0), Some(0));
        assert_eq!(ask(Quantity::PteAfter, 0), Some(0));
        assert_eq!(ask(Quantity::References, 0), Some(2));
        assert_eq!(ask(Quantity::VictimFrame, 0), None);
        assert_eq!(ask(Quantity::PageFaults, 1), Some(1));
        assert_eq!(ask(Quantity::PageFaults, 9), None);
        assert_eq!(answer(&predict(Quantity::Cause, Some(12)), 0, &events), Some(12));
    }

    #[test]
    fn a_question_is_asked_at_its_event() {
        let events = numbered([resolved(0, Resolution::Zeroed), page_fault(13, 0, 0), page_fault(13, 0, 0)]);
        let question = |ordinal| Question {
            at: Anchor::new("page-fault", ordinal),
            question: "?".into(),
            ask: Ask::Choices(Choices::default()),
            explanation: String::new(),
            unknown: Unknown::default(),
        };
        assert_eq!([0, 1, 2].map(|n| asked_at(&question(n), &events)), [Some(1), Some(2), None]);
    }
}
