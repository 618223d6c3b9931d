//! The fault card: what was asked, how the hardware refused, and what the kernel did about it.

use yew::prelude::*;

use super::answer::Answer;
use super::desk::{Desk, PaneProps};
use super::facts::Facts;
use super::in_sight::InSight;
use super::pane::{Pane, Views};
use super::shell::use_showing;
use super::walk::Walk;
use super::walk_table::WalkTable;
use crate::arrangement::Showing;
use crate::card::Card;
use crate::episode::Outcome;
use crate::protocol::{Command, Target};

/// The card; before the first fault it is empty.
#[component]
pub(super) fn FaultCard(PaneProps { desk }: &PaneProps) -> Html {
    let model = &desk.model;
    let showing = use_showing("fault-card");
    let title: AttrValue =
        model.card.as_ref().map_or_else(|| "No page fault yet".into(), |card| title(card)).into();
    html! {
        <Pane id="fault-card" {title} class={classes!("card", model.card.as_ref().is_some_and(|card| card.is_over).then_some("past"))} aside={aside(desk)} sentence={sentence(desk)} views={Views::PictureAndTable}>
            if model.card.is_none() && model.explored.is_some() && model.history.episodes.is_empty() {
                <p id="no-faults">{ "This run has no page fault: every page was mapped before the program touched it." }</p>
            } else {
                if model.card.is_none() {
                    <p class="hint">{ "Press “Next fault” to run up to the first page fault." }</p>
                }
                <Facts desk={desk.clone()} card={model.card.clone()} />
                if showing == Showing::Table {
                    <InSight<WalkTable> desk={desk.clone()} id="walk-table" />
                } else {
                    <InSight<Walk> desk={desk.clone()} id="walk" />
                }
                <InSight<Answer> desk={desk.clone()} id="answer" />
            }
        </Pane>
    }
}

/// The fault and what has become of it so far.
fn sentence(desk: &Desk) -> String {
    let Some(card) = &desk.model.card else { return "There was no page fault yet.".into() };
    let answer = if card.is_over { card.closing() } else { "The kernel has not answered yet.".into() };
    format!("{} {answer}", card.headline())
}

fn title(card: &Card) -> String {
    format!("Page fault {} of {}: {}", card.ordinal + 1, card.of, card.title())
}

fn aside(desk: &Desk) -> Html {
    let Some(card) = &desk.model.card else { return html! {} };
    let (class, words) = match (card.is_over, card.outcome) {
        (false, _) if desk.model.events_so_far() == card.event + 1 => ("bad", "not answered yet"),
        (false, _) => ("new", "being answered"),
        (true, Outcome::Killed) => ("bad", "process killed"),
        (true, _) => ("good", "resolved"),
    };
    html! {
        <>
            <span class={classes!("badge", class)} id="card-state">{ words }</span>
            { " " }
            <button type="button" class="link" id="card-event"
                onclick={desk.command(Command::Seek(Target::Event(card.event)))}>
                { format!("event {}", card.event) }
            </button>
        </>
    }
}
