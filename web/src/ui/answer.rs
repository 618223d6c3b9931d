//! The kernel's answer to a page fault, event by event; what is still to come stands in muted ink.

use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::flags::Flags;
use super::quiz::Quiz;
use super::walk::{entry_link, frame_link};
use crate::card::{Card, Step, When};
use crate::protocol::{Command, Target};
use crate::words::Told;

/// The steps, and a button that plays them; nothing before the first page fault.
#[component]
pub(super) fn Answer(PaneProps { desk }: &PaneProps) -> Html {
    let Some(card) = &desk.model.card else { return html! { <section id="answer" hidden=true></section> } };
    // What is to be predicted must not stand below the question.
    let predicting = use_context::<Quiz>().is_some_and(|quiz| quiz.predict.on);
    let shown = card.answer.iter().filter(|step| !predicting || step.when != When::Coming);
    html! {
        <section id="answer" aria-label="The kernel's answer">
            <h3>{ "The kernel answers" }</h3>
            { play(desk, card) }
            <ol class="answer">{ for shown.enumerate().map(|(i, each)| step(desk, i, each)) }</ol>
        </section>
    }
}

fn play(desk: &Desk, card: &Card) -> Html {
    let Some(end) = card.end.filter(|_| !card.is_over) else { return html! {} };
    html! {
        <p class="play">
            <button type="button" class="button" id="let-it" onclick={desk.command(Command::Seek(Target::Event(end)))}>
                { "Let the kernel answer" }<kbd aria-hidden="true">{ "A" }</kbd>
            </button>
            <span class="hint">
                if desk.model.notes_in_the_answer() > 1 {
                    { " or go along with “Next note”, which explains it on the way." }
                } else {
                    { " or watch it step by step with “+ event”." }
                }
            </span>
        </p>
    }
}

/// The steps of the next page fault take the places of those of the last one, so a step is known by its number.
fn step(desk: &Desk, i: usize, step: &Step) -> Html {
    let told = &step.told;
    let coming = step.when == When::Coming;
    let dot = classes!("dot", (step.when == When::Now).then_some("now"), step.is_bad.then_some("bad"));
    html! {
        <li key={i} class={classes!(coming.then_some("coming"))} data-event={step.event.to_string()}>
            <span class={dot}></span>
            <span>
                <button type="button" class="what" title={format!("go to event {}", step.event)}
                    onclick={desk.command(Command::Seek(Target::Event(step.event)))}>
                    { told.what.clone() }
                    if coming { <span class="visually-hidden">{ " (coming up)" }</span> }
                </button>
                { detail(desk, step) }
                { checks(&told.checks) }
                { entry(desk, step) }
            </span>
        </li>
    }
}

fn detail(desk: &Desk, step: &Step) -> Html {
    let Told { detail, frame, .. } = &step.told;
    if detail.is_empty() && frame.is_none() {
        return html! {};
    }
    html! {
        <span class="detail">
            { detail.clone() }
            if let Some(frame) = frame {
                { if detail.is_empty() { "frame " } else { ", frame " } }{ frame_link(desk, *frame) }
            }
        </span>
    }
}

/// What the kernel looked at, check by check.
fn checks(checks: &[String]) -> Html {
    if checks.is_empty() {
        return html! {};
    }
    html! {
        <ul class="checks" aria-label="The checks">
            { for checks.iter().map(|check| html! { <li>{ check.clone() }</li> }) }
        </ul>
    }
}

fn entry(desk: &Desk, step: &Step) -> Html {
    let Some((at, old, new)) = step.told.entry else { return html! {} };
    html! {
        <span class="detail before-after">
            <span>{ "at " }{ entry_link(desk, at) }</span>
            <span><code>{ format!("{:#x}", old.raw()) }</code>{ " " }<Flags pte={old} /></span>
            <span aria-label="becomes">{ "→" }</span>
            <span><code>{ format!("{:#x}", new.raw()) }</code>{ " " }<Flags pte={new} /></span>
        </span>
    }
}
