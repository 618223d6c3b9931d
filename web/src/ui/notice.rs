//! What went wrong or takes time, above everything else.

use std::rc::Rc;

use yew::prelude::*;

use super::desk::Desk;
use super::disagreements::Disagreements;
use crate::model::{Action, Link};
use crate::protocol::{Command, Load, Progress, Stage, Target};

/// What the notices can ask for besides commands.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The desk.
    pub desk: Desk,
    /// Starts a new worker at the last position.
    pub restart: Callback<()>,
    /// Takes the failure off the page.
    pub dismiss: Callback<()>,
}

/// Progress, failures, and disagreements between kernel and page tables.
#[component]
pub(super) fn Notices(props: &Props) -> Html {
    let model = &props.desk.model;
    html! {
        <>
            { link(&props.desk, &props.restart) }
            if let Some(failure) = &model.failure {
                <div class="notice" role="alert" id="failure">
                    <p>{ failure.clone() }</p>
                    <button type="button" class="button" onclick={props.dismiss.reform(|_| ())}>{ "Dismiss" }</button>
                </div>
            }
            if let Some(load) = &model.brought { { brought(&props.desk, load) } }
            if let Some(said) = &model.searched { <p class="progress" role="status" id="searched">{ said.clone() }</p> }
            { warnings(&props.desk) }
            <Disagreements desk={props.desk.clone()} />
        </>
    }
}

fn link(desk: &Desk, restart: &Callback<()>) -> Html {
    match &desk.model.link {
        Link::Ready => html! {},
        Link::Busy(progress) => busy(desk, *progress),
        Link::Lost(why) => html! {
            <div class="notice" role="alert" id="lost">
                <p><strong>{ "The machine stopped. " }</strong>{ why.clone() }</p>
                <button type="button" class="button" onclick={restart.reform(|_| ())}>{ "Start it again at the last position" }</button>
            </div>
        },
    }
}

/// What was opened brings files of its own.
fn brought(desk: &Desk, load: &Rc<Load>) -> Html {
    html! {
        <div class="notice calm" role="status" id="brought">
            <p>{ format!("{} brings files of its own, which may be programs. They run in the machine on this page and reach nothing else; they do not start by themselves.", load.scenario) }</p>
            <div class="tour-steps">
                <button type="button" class="button" id="brought-run" onclick={desk.command(Command::Load((**load).clone()))}>{ "Run it" }</button>
                <button type="button" class="button" id="brought-decline" onclick={desk.action(Action::Brought(None))}>{ "Leave it" }</button>
            </div>
        </div>
    }
}

fn busy(desk: &Desk, progress: Option<Progress>) -> Html {
    let words = match progress.map(|progress| progress.stage) {
        None => "Starting the machine…",
        Some(Stage::Fetching) => "Fetching the kernel and the disk…",
        Some(Stage::Exploring) => "Running once to the end, to know every event…",
        Some(Stage::Searching) => "Looking at the run again…",
    };
    html! {
        <div class="progress" id="busy">
            <span>{ words }</span>
            if let Some(progress) = progress {
                <progress max={progress.of.to_string()} value={progress.done.to_string()} aria-label={words}></progress>
            }
            if progress.is_some_and(|progress| progress.stage != Stage::Fetching) {
                <button type="button" class="button" id="cancel" onclick={desk.command(Command::Pause)}>{ "Stop here" }</button>
            }
        </div>
    }
}

/// What the machine's detectors hold against the kernel.
fn warnings(desk: &Desk) -> Html {
    let some: Vec<(usize, &str)> = desk.model.warnings().take(5).collect();
    if some.is_empty() {
        return html! {};
    }
    html! {
        <div class="notice" role="alert" id="warnings">
            <strong>{ "The machine has seen something that a kernel should not do." }</strong>
            <ul>{ for some.iter().map(|&(event, text)| html! {
                <li>
                    <button type="button" class="link" onclick={desk.command(Command::Seek(Target::Event(event)))}>{ format!("event {event}") }</button>
                    { format!(": {text}") }
                </li>
            }) }</ul>
        </div>
    }
}
