//! Predict: a step waits until its question is answered.

use std::rc::Rc;

use yew::prelude::*;

use super::desk::Desk;
use crate::predict::{Asked, Change, Due, Predict, due, question};
use crate::protocol::{Command, Target};

/// The quiz, and how to change it.
#[derive(Clone, PartialEq)]
pub(super) struct Quiz {
    /// How it stands.
    pub predict: Rc<Predict>,
    /// Changes it.
    pub change: Callback<Change>,
}

impl Reducible for Predict {
    type Action = Change;

    fn reduce(self: Rc<Self>, change: Change) -> Rc<Self> {
        Rc::new((*self).clone().after(change))
    }
}

/// The quiz, and a desk whose steps wait for it.
#[hook]
pub(super) fn use_quiz(desk: &Desk) -> (Quiz, Desk) {
    let store = use_reducer(Predict::default);
    let predict = Rc::new((*store).clone());
    let dispatcher = store.dispatcher();
    let change = use_callback((), move |change: Change, ()| dispatcher.dispatch(change));
    let quiz = Quiz { predict, change };
    {
        let (request, change) = (desk.model.request.clone(), quiz.change.clone());
        // The place in the run is no other run.
        let run = (request.scenario, request.text, request.options);
        use_effect_with(run, move |_| change.emit(Change::AnotherRun));
    }
    // Panes are drawn anew when the model changes, and not when the quiz does: what they were given must
    // always ask the quiz as it stands.
    let latest = use_mut_ref(|| (desk.clone(), quiz.clone()));
    latest.replace((desk.clone(), quiz.clone()));
    let send = use_callback((), move |command: Command, ()| {
        let (desk, quiz) = latest.borrow().clone();
        ask_or_send(&desk, &quiz, command);
    });
    (quiz, Desk { send, ..desk.clone() })
}

/// Sends a command, or asks first.
fn ask_or_send(desk: &Desk, Quiz { predict, change }: &Quiz, command: Command) {
    if predict.is_waiting() && is_step(&command) {
        return;
    }
    let so_far = desk.model.events_so_far();
    if let Some(due) = scenarios_own(desk, predict, so_far, &command) {
        // The step is too long for it: the question is asked where it belongs.
        if due.event + 1 > so_far {
            desk.send.emit(Command::Seek(Target::Event(due.event)));
        }
        return change.emit(Change::Ask(Box::new(Asked::due(due, command))));
    }
    let ask = || question(&desk.model.history, so_far, &command, predict.seed);
    match predict.on.then(ask).flatten() {
        Some(question) => change.emit(Change::Ask(Box::new(Asked::new(question, command)))),
        None => {
            if predict.asked.is_some() && is_step(&command) {
                change.emit(Change::Close);
            }
            desk.send.emit(command);
        }
    }
}

/// The scenario's question that comes before this step.
fn scenarios_own(desk: &Desk, predict: &Predict, so_far: usize, command: &Command) -> Option<Due> {
    let loaded = desk.model.loaded.as_ref().filter(|_| predict.on)?;
    due(&loaded.scenario.quiz, &desk.model.history, so_far, command, &predict.done, predict.seed)
}

/// Whether the command leaves the present.
const fn is_step(command: &Command) -> bool {
    matches!(command, Command::Step(_) | Command::Back(_) | Command::Seek(_) | Command::Run(_))
}
