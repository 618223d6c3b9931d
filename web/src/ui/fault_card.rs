//! The fault card: what was asked, how the hardware refused, and what the kernel did about it.

use yew::prelude::*;

use super::answer::Answer;
use super::desk::{Desk, PaneProps};
use super::facts::Facts;
use super::pane::Pane;
use super::walk::Walk;
use crate::card::Card;
use crate::protocol::{Command, Target};

/// The card, or what stands there before the first fault.
#[component]
pub(super) fn FaultCard(PaneProps { desk }: &PaneProps) -> Html {
    let model = &desk.model;
    let title = model.card.as_ref().map_or_else(|| "No page fault yet".into(), |card| title(card));
    html! {
        <Pane id="fault-card" {title} class="card" aside={aside(desk)}>
            <p class="headline" id="headline">{ marked_up(&model.sentence()) }</p>
            { note(desk) }
            if let Some(card) = &model.card {
                <Facts desk={desk.clone()} card={card.clone()} />
                <Walk desk={desk.clone()} card={card.clone()} />
                <Answer desk={desk.clone()} card={card.clone()} />
            } else {
                <p class="hint">{ "Press “Next fault” to run up to the first page fault." }</p>
            }
        </Pane>
    }
}

fn title(card: &Card) -> String {
    format!("Page fault {} of {}", card.ordinal + 1, card.of)
}

fn aside(desk: &Desk) -> Html {
    let Some(card) = &desk.model.card else { return html! {} };
    html! {
        <>
            <span class={classes!("badge", "bad")}>{ card.trap.cause.clone() }</span>
            { " " }
            <button type="button" class="link" id="card-event"
                onclick={desk.command(Command::Seek(Target::Event(card.event)))}>
                { format!("event {}", card.event) }
            </button>
        </>
    }
}

/// The scenario's note; marked as earlier where its event lies before the last page fault.
fn note(desk: &Desk) -> Html {
    let Some((event, text)) = desk.model.note() else { return html! {} };
    let is_earlier = desk.model.card.as_ref().is_some_and(|card| event < card.event);
    html! {
        <p class={classes!("note", is_earlier.then_some("earlier"))} id="note">
            if is_earlier {
                <span class="hint">{ format!("Earlier, at event {event}: ") }</span>
            }
            { text }
        </p>
    }
}

/// The sentence with its addresses in the type for machine values.
fn marked_up(sentence: &str) -> Html {
    let word = |word: &str| {
        let (value, rest) = word.split_at(word.trim_end_matches(['.', ',', ':', ';']).len());
        if value.starts_with("0x") {
            html! { <><code>{ value.to_owned() }</code>{ rest.to_owned() }{ " " }</> }
        } else {
            html! { { format!("{word} ") } }
        }
    };
    html! { <>{ for sentence.split(' ').map(word) }</> }
}
