//! Predict on the screen: the question that a step waits for, and its answers.

use web_sys::ScrollLogicalPosition;
use yew::prelude::*;

use super::desk::Desk;
use super::mode_keys::use_mode_keys;
use super::pane_menu::bring_in_sight;
use super::quiz::Quiz;
use crate::predict::{Asked, Change};

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
    let Some(asked) = &predict.asked else { return announced(predict.on) };
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

/// What stands there while nothing is asked.
fn announced(on: bool) -> Html {
    if !on {
        return html! {};
    }
    html! { <p class="quiz" id="predict-on">{ "Predict is on: press “Next fault” or another step, and a question comes before what it shows. What is still to come is hidden." }</p> }
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
