//! Predict: a step waits until its question is answered.

use std::rc::Rc;

use web_sys::ScrollLogicalPosition;
use yew::prelude::*;

use super::desk::Desk;
use super::mode_keys::use_mode_keys;
use super::pane_menu::bring_in_sight;
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

/// What the quiz shows.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The quiz.
    pub quiz: Quiz,
    /// A desk whose steps do not wait.
    pub desk: Desk,
}

/// The question, its answers, and after that whether it was right.
#[component]
pub(super) fn Questions(props: &Props) -> Html {
    let predict = &props.quiz.predict;
    use_mode_keys(keys(props));
    let place = use_node_ref();
    let question = predict.asked.as_ref().map(|asked| asked.question.text.clone());
    use_effect_with((question, place.clone()), |(_, place)| in_sight(place));
    let Some(asked) = &predict.asked else { return html! {} };
    html! {
        <section class="quiz" id="predict" ref={place} aria-labelledby="predict-question">
            <p class="quiz-score">{ "Predict: " }<span id="predict-score">{ predict.score() }</span></p>
            <h2 id="predict-question">{ asked.question.text.clone() }</h2>
            <ol class="quiz-answers">
                { for (0..asked.question.choices.len()).map(|choice| answer(props, asked, choice)) }
            </ol>
            <div role="status" id="predict-verdict">{ verdict(asked) }</div>
            if asked.chosen.is_some() {
                <button type="button" class="button" id="predict-close" onclick={props.quiz.change.reform(|_| Change::Close)}>{ "Close" }</button>
            } else {
                <button type="button" class="button" id="predict-skip" onclick={skip(props, asked)}>{ "Skip and show" }</button>
            }
        </section>
    }
}

/// Brings the question to where one looks: it may be asked while one reads far below.
fn in_sight(place: &NodeRef) {
    if let Some(question) = place.cast::<web_sys::Element>() {
        bring_in_sight(&question, ScrollLogicalPosition::Nearest);
    }
}

fn answer(props: &Props, asked: &Asked, choice: usize) -> Html {
    let sign = match asked.chosen {
        None => "",
        Some(_) if choice == asked.question.right => "✓ right: ",
        Some(chosen) if chosen == choice => "✗ your answer: ",
        Some(_) => "",
    };
    let class = match sign.chars().next() {
        Some('✓') => "right",
        Some(_) => "wrong",
        None => "",
    };
    let choose = {
        let props = props.clone();
        Callback::from(move |_: MouseEvent| choose(&props, choice))
    };
    html! {
        <li>
            <button type="button" id={format!("answer-{choice}")} class={classes!("button", class)}
                disabled={asked.chosen.is_some()} onclick={choose}>
                <kbd aria-hidden="true">{ choice + 1 }</kbd>{ sign }{ asked.question.choices[choice].clone() }
            </button>
        </li>
    }
}

fn verdict(asked: &Asked) -> Html {
    let Some(right) = asked.is_right() else { return html! {} };
    let told = match right {
        true => html! { <strong>{ "Right. " }</strong> },
        false => {
            let answer = asked.question.choices[asked.question.right].clone();
            html! { <><strong>{ "Not so. " }</strong>{ "The answer is: " }<q>{ answer }</q>{ ". " }</> }
        }
    };
    html! {
        <p>
            { told }{ asked.question.because.clone() }
            if asked.more { { " Step on for one more question about this moment." } }
        </p>
    }
}

/// The answer counts, and what it was about is shown.
fn choose(props: &Props, choice: usize) {
    let Some(asked) = props.quiz.predict.asked.as_ref().filter(|asked| asked.chosen.is_none()) else {
        return;
    };
    if choice < asked.question.choices.len() {
        props.quiz.change.emit(Change::Choose(choice));
        if !asked.more {
            props.desk.send.emit(asked.step.clone());
        }
    }
}

fn skip(props: &Props, asked: &Asked) -> Callback<MouseEvent> {
    let (props, step) = (props.clone(), asked.step.clone());
    Callback::from(move |_| {
        props.quiz.change.emit(Change::Close);
        props.desk.send.emit(step.clone());
    })
}

/// The digits choose while a question waits.
fn keys(props: &Props) -> Callback<String, bool> {
    let props = props.clone();
    Callback::from(move |key: String| {
        let digit = key.parse::<usize>().ok().filter(|_| props.quiz.predict.is_waiting());
        let choice = digit.and_then(|digit| digit.checked_sub(1));
        choice.map(|choice| choose(&props, choice)).is_some()
    })
}
