//! The questions that a scenario brings along: asked where it says, before the run goes on from there.

use faultline_abi::scenario::{Ask, Prediction, Quantity, Question as Written};
use faultline_abi::sv39::{Access, Pte};
use faultline_machine::quiz::{answer, asked_at};

use super::Question;
use super::dice::Dice;
use super::questions::{Draft, arranged, cause, entry, reach, victim};
use crate::protocol::Command;
use crate::state::History;

/// A question of the scenario that is due before a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its place in the scenario.
    pub index: usize,
    /// The event at which it is asked: the last one that may be seen with it.
    pub event: usize,
    /// Whether the scenario asks something else at the same event.
    pub more: bool,
    /// The question.
    pub question: Question,
}

/// The first question at the present event, or at one that the step would pass; `done` are those
/// that were answered here.
#[must_use]
pub fn due(
    quiz: &[Written],
    history: &History,
    so_far: usize,
    step: &Command,
    done: &[usize],
    seed: u32,
) -> Option<Due> {
    let (from, to) = (so_far.saturating_sub(1), reach(history, so_far, step)?);
    let events = &history.events;
    let places = quiz.iter().enumerate().filter(|(index, _)| !done.contains(index));
    let places = places.filter_map(|(index, each)| Some((asked_at(each, events)?, index)));
    let mut ahead: Vec<_> = places.filter(|&(event, _)| event >= from && event + 1 < to).collect();
    ahead.sort_unstable();
    let asked = ahead.iter().find_map(|&(event, index)| {
        Some((event, index, ask(quiz.get(index)?, history, event, &mut Dice::new(seed, event + index))?))
    });
    let (event, index, question) = asked?;
    let more = ahead.iter().any(|&(other, at)| other == event && at > index);
    Some(Due { index, event, more, question })
}

fn ask(written: &Written, history: &History, event: usize, dice: &mut Dice) -> Option<Question> {
    let draft = match &written.ask {
        Ask::Choices(choices) => {
            let mut wrong = choices.of.clone();
            let right = usize::try_from(choices.right).ok().filter(|&right| right < wrong.len())?;
            Draft { right: wrong.remove(right), wrong, text: String::new(), because: String::new() }
        }
        Ask::Predict(prediction) => predicted(prediction, history, event)?,
    };
    let because = if written.explanation.is_empty() { draft.because } else { written.explanation.clone() };
    Some(arranged(Draft { text: written.question.clone(), because, ..draft }, dice))
}

/// The right answer is what the run shows; the wrong ones are what else it could have been.
fn predicted(prediction: &Prediction, history: &History, event: usize) -> Option<Draft> {
    let value = answer(prediction, event, &history.events)?;
    let among = |right: String, wrong: Vec<String>| Draft {
        right,
        wrong,
        text: String::new(),
        because: String::new(),
    };
    let hex = |value: u64| format!("{value:#x}");
    Some(match prediction.what {
        Quantity::Cause => {
            let all = [Access::Fetch, Access::Load, Access::Store];
            cause(all.into_iter().find(|access| access.page_fault_cause() == value)?)
        }
        Quantity::Level => among(format!("level {value}"), (0..3).map(|n| format!("level {n}")).collect()),
        Quantity::PteAfter => entry(Pte::from_raw(value)),
        Quantity::VictimFrame => victim(&history.view_after(event + 1), &hex(value)),
        Quantity::Address => {
            let near = [value ^ 0x1000, value.wrapping_add(0x2000), value & !0xfff];
            among(hex(value), near.map(hex).to_vec())
        }
        Quantity::References | Quantity::PageFaults => {
            let near = [0, 1, value / 2, value.saturating_sub(1), value + 1, value * 2];
            among(value.to_string(), near.map(|n| n.to_string()).to_vec())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Target, Until};
    use crate::testing::{numbered, page_fault, resolved, returned};
    use faultline_abi::scenario::{Anchor, Choices, Unknown};
    use faultline_abi::trace::Resolution;

    fn history() -> History {
        let mut history = History::default();
        history.learn(
            0,
            numbered([
                returned(0x1000),
                page_fault(13, 0x9008, 0x101c),
                resolved(0x9008, Resolution::Zeroed),
                page_fault(15, 0xa008, 0x101c),
                resolved(0xa008, Resolution::Zeroed),
            ]),
        );
        history
    }

    fn written(kind: &str, ordinal: u32, ask: Ask) -> Written {
        let at = Anchor::new(kind, ordinal);
        Written { at, question: "?".into(), ask, explanation: "Because.".into(), unknown: Unknown::default() }
    }

    fn choices() -> Ask {
        Ask::Choices(Choices { of: ["a", "b", "c"].map(Into::into).into(), right: 1, ..Choices::default() })
    }

    fn predict(what: Quantity) -> Ask {
        Ask::Predict(Prediction { what, answer: None, unknown: Unknown::default() })
    }

    #[test]
    fn a_question_is_asked_before_the_run_goes_on_from_its_event() {
        let quiz = [written("page-fault", 0, choices())];
        let at = |so_far, step: &Command| due(&quiz, &history(), so_far, step, &[], 1).map(|due| due.event);
        assert_eq!(at(2, &Command::Step(Until::Event)), Some(1));
        assert_eq!(at(1, &Command::Step(Until::Fault)), None, "the step ends at it");
        assert_eq!(at(1, &Command::Seek(Target::Event(4))), Some(1), "the step would pass it");
        assert_eq!(at(0, &Command::Seek(Target::Event(4))), Some(1), "so it would from the very start");
        assert_eq!(at(3, &Command::Step(Until::Fault)), None, "it lies behind");
        assert_eq!(at(2, &Command::Back(Until::Event)), None);
    }

    #[test]
    fn two_questions_at_one_event_come_one_after_the_other() {
        let quiz = [written("page-fault", 0, choices()), written("page-fault", 0, predict(Quantity::Cause))];
        let next = |done: &[usize]| due(&quiz, &history(), 2, &Command::Step(Until::Event), done, 1);
        let first = next(&[]).expect("the first");
        assert_eq!((first.index, first.more), (0, true));
        let second = next(&[0]).expect("the second");
        assert_eq!((second.index, second.more), (1, false));
        assert_eq!(next(&[0, 1]), None);
    }

    #[test]
    fn the_order_follows_from_the_seed_and_the_right_answer_stays_right() {
        let quiz = [written("page-fault", 0, choices())];
        let ask = |seed| due(&quiz, &history(), 2, &Command::Step(Until::Event), &[], seed).expect("asked");
        let orders: std::collections::BTreeSet<_> = (0..20).map(|seed| ask(seed).question.choices).collect();
        assert!(orders.len() > 1);
        for seed in 0..20 {
            let question = ask(seed).question;
            assert_eq!(question, ask(seed).question);
            assert_eq!((&*question.choices[question.right], &*question.because), ("b", "Because."));
        }
    }

    #[test]
    fn what_the_run_shows_is_the_right_answer_to_a_prediction() {
        let right = |what| {
            let quiz = [written("page-fault", 0, predict(what))];
            let due = due(&quiz, &history(), 2, &Command::Step(Until::Event), &[], 3)?;
            Some(due.question.choices[due.question.right].clone())
        };
        assert_eq!(right(Quantity::PageFaults).as_deref(), Some("2"));
        assert_eq!(right(Quantity::Level).as_deref(), Some("level 0"));
        assert_eq!(right(Quantity::Address).as_deref(), Some("0x9008"));
        assert!(right(Quantity::Cause).is_some_and(|cause| cause.contains("13")));
        assert_eq!(right(Quantity::VictimFrame), None, "nothing is evicted");
    }
}
