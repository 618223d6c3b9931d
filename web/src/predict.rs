//! Predict: before a step is revealed, a question about it; pure.
//!
//! The worker has explored the run, so the answer is known before the user sees it. Which question is
//! asked and in which order the answers stand follows from the seed and the place alone: everybody with
//! the same seed gets the same quiz.

mod dice;
mod questions;
mod quiz;

use crate::protocol::Command;

pub use questions::question;
pub use quiz::{Due, due};

/// A question with its answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub text: String,
    /// The answers to choose from.
    pub choices: Vec<String>,
    /// Which is right.
    pub right: usize,
    /// Why; shown with the answer.
    pub because: String,
}

/// A question that was asked, and the step that waits for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The question.
    pub question: Question,
    /// The step.
    pub step: Command,
    /// Its place in the scenario, if it is one of the scenario's.
    pub of_scenario: Option<usize>,
    /// Whether another one waits at the same event, so that the step waits on.
    pub more: bool,
    /// What was chosen.
    pub chosen: Option<usize>,
}

impl Asked {
    /// A question that was made for the step.
    #[must_use]
    pub fn new(question: Question, step: Command) -> Self {
        Self { question, step, of_scenario: None, more: false, chosen: None }
    }

    /// One of the scenario's.
    #[must_use]
    pub fn due(due: Due, step: Command) -> Self {
        Self { of_scenario: Some(due.index), more: due.more, ..Self::new(due.question, step) }
    }

    /// Whether the answer was right, once there is one.
    #[must_use]
    pub fn is_right(&self) -> Option<bool> {
        self.chosen.map(|chosen| chosen == self.question.right)
    }
}

/// Whether questions are asked, and how it goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predict {
    /// Whether questions are asked.
    pub on: bool,
    /// What the choice of questions follows from.
    pub seed: u32,
    /// Questions answered.
    pub answered: u32,
    /// Of these, right.
    pub right: u32,
    /// The question on the screen.
    pub asked: Option<Asked>,
    /// Questions of the scenario that were answered at the present event.
    pub done: Vec<usize>,
}

/// What can happen to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Ask from now on, or no more; either way the score begins anew.
    Switch,
    /// Another seed; the score begins anew.
    Seed(u32),
    /// This is asked.
    Ask(Box<Asked>),
    /// This answer is chosen.
    Choose(usize),
    /// The user goes on.
    Close,
    /// Another scenario, or other options: its questions are others.
    AnotherRun,
}

impl Predict {
    /// The state after this.
    #[must_use]
    pub fn after(mut self, change: Change) -> Self {
        match change {
            Change::Switch => return Self { on: !self.on, seed: self.seed, ..Self::default() },
            Change::Seed(seed) => return Self { on: self.on, seed, ..Self::default() },
            Change::Ask(asked) => self.asked = Some(*asked),
            Change::Choose(choice) => self.choose(choice),
            Change::Close => self.asked = None,
            Change::AnotherRun => {
                self.asked = None;
                self.done.clear();
            }
        }
        self
    }

    /// The first answer counts.
    fn choose(&mut self, choice: usize) {
        let Some(asked) = self.asked.as_mut().filter(|asked| asked.chosen.is_none()) else { return };
        if choice >= asked.question.choices.len() {
            return;
        }
        asked.chosen = Some(choice);
        match asked.of_scenario.filter(|_| asked.more) {
            Some(index) => self.done.push(index),
            None => self.done.clear(),
        }
        self.answered += 1;
        self.right += u32::from(asked.question.right == choice);
    }

    /// Whether the step on the screen still waits for its answer.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.chosen.is_none())
    }

    /// The score in words.
    #[must_use]
    pub fn score(&self) -> String {
        match self.answered {
            0 => "no answer yet".into(),
            answered => format!("{} of {answered} right", self.right),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Until;

    fn asked() -> Predict {
        let question = Question {
            text: "?".into(),
            choices: ["a", "b"].map(Into::into).into(),
            right: 1,
            because: String::new(),
        };
        let predict = Predict { on: true, ..Predict::default() };
        predict.after(Change::Ask(Box::new(Asked::new(question, Command::Step(Until::Fault)))))
    }

    #[test]
    fn the_first_answer_counts_and_no_other() {
        let wrong = asked().after(Change::Choose(0)).after(Change::Choose(1));
        assert_eq!((wrong.answered, wrong.right), (1, 0));
        let right = asked().after(Change::Choose(9)).after(Change::Choose(1));
        assert_eq!((right.answered, right.right, right.is_waiting()), (1, 1, false));
        assert_eq!(right.asked.as_ref().and_then(Asked::is_right), Some(true));
        assert_eq!(right.score(), "1 of 1 right");
        assert_eq!(right.after(Change::Seed(7)).score(), "no answer yet");
    }

    #[test]
    fn what_was_answered_is_remembered_only_while_more_is_asked_there() {
        let with = |index, more| {
            let mut predict = asked();
            let asked = predict.asked.as_mut().expect("it is asked");
            (asked.of_scenario, asked.more) = (Some(index), more);
            predict.after(Change::Choose(0))
        };
        assert_eq!(with(3, true).done, [3]);
        let elsewhere = with(3, true).after(Change::AnotherRun);
        assert!(elsewhere.done.is_empty() && elsewhere.asked.is_none() && elsewhere.on);
        assert_eq!(elsewhere.answered, 1, "the score goes on");
        assert!(with(4, false).done.is_empty());
    }

    #[test]
    fn it_is_off_at_first_and_closing_takes_the_question_away() {
        assert!(!Predict::default().on);
        assert!(asked().is_waiting());
        assert_eq!(asked().after(Change::Close).asked, None);
        assert_eq!(asked().after(Change::Switch), Predict::default());
    }
}
