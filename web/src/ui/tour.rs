//! The present in one sentence, and the tour: the scenario's notes, stop by stop.

use faultline_abi::scenario::Note;
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::pane::Pane;
use super::tour_editor::TourEditor;
use super::tour_end::TourEnd;
use crate::tour::Stop;

/// The sentence, the note, and the way to the next one.
#[component]
pub(super) fn Tour(PaneProps { desk }: &PaneProps) -> Html {
    let editing = use_state_eq(|| false);
    let at = desk.model.current_stop();
    let flip = {
        let editing = editing.clone();
        Callback::from(move |_: MouseEvent| editing.set(!*editing))
    };
    html! {
        <Pane id="tour" class="present" aside={aside(desk, at, *editing, flip)} sentence={desk.model.sentence()}>
            if let Some(loaded) = &desk.model.loaded {
                <p class="scenario-title">{ loaded.scenario.title.clone() }</p>
            }
            <p class="headline" id="headline">{ marked_up(&desk.model.sentence()) }</p>
            if *editing {
                <TourEditor desk={desk.clone()} />
            } else {
                { about(desk) }
                { other_run(desk) }
                { at.map(|at| note(desk, at)) }
            }
            { stepping(desk, at) }
            <TourEnd desk={desk.clone()} />
        </Pane>
    }
}

fn aside(desk: &Desk, at: Option<usize>, editing: bool, flip: Callback<MouseEvent>) -> Html {
    let of = desk.model.stops.len();
    html! {
        <>
            if of > 0 {
                <span id="tour-progress">{ format!("note {} of {of}", at.map_or(0, |at| at + 1)) }</span>
            }
            { " " }
            <button type="button" class="link" id="edit-tour" aria-pressed={editing.to_string()} onclick={flip}>
                { if editing { "done" } else { "edit the notes" } }
            </button>
        </>
    }
}

/// What the scenario is about, until somebody moves.
fn about(desk: &Desk) -> Html {
    match &desk.model.loaded {
        Some(loaded) if desk.model.is_opening() && !loaded.scenario.summary.is_empty() => {
            html! { <p class="topic" id="topic">{ coded(&loaded.scenario.summary) }</p> }
        }
        _ => html! {},
    }
}

/// Says that the notes may not fit, where the run has other options than they were written for.
fn other_run(desk: &Desk) -> Html {
    let other = desk.model.loaded.as_ref().map_or(&[][..], |loaded| &loaded.other_options);
    if other.is_empty() || desk.model.stops.is_empty() {
        return html! {};
    }
    html! {
        <p class="hint" id="other-run">
            { "The notes tell of the run as it was prepared. This one has " }<code>{ other.join(" ") }</code>
            { ", so some of what they say may not happen." }
        </p>
    }
}

/// A stop, and its note.
pub(super) fn stop(desk: &Desk, at: usize) -> Option<(Stop, &Note)> {
    let stop = *desk.model.stops.get(at)?;
    Some((stop, desk.model.tour.notes().get(stop.note)?))
}

/// The note, with its event where that is not the present one; muted where it lies before the last page fault.
fn note(desk: &Desk, at: usize) -> Html {
    let Some((stop, note)) = stop(desk, at).filter(|(_, note)| !note.text.is_empty()) else {
        return html! {};
    };
    let is_earlier = desk.model.is_past(stop.event);
    let is_here = stop.event + 1 == desk.model.events_so_far();
    html! {
        <p class={classes!("note", is_earlier.then_some("earlier"))} id="note">
            if !is_here {
                <button type="button" class="link" onclick={desk.to_event(stop.event)}>{ format!("At event {}:", stop.event) }</button>
                { " " }
            }
            { coded(&note.text) }
        </p>
    }
}

/// Buttons from note to note, and how far one has come.
fn stepping(desk: &Desk, at: Option<usize>) -> Html {
    let stops = &desk.model.stops;
    if stops.is_empty() {
        return html! {};
    }
    let here =
        at.and_then(|at| stops.get(at)).is_some_and(|stop| stop.event + 1 == desk.model.events_so_far());
    let before =
        at.and_then(|at| if here { at.checked_sub(1) } else { Some(at) }).and_then(|at| stops.get(at));
    let after = stops.get(at.map_or(0, |at| at + 1));
    let button = |stop: Option<&Stop>, id: &'static str, label: &'static str, key: &'static str| {
        let go = stop.map_or_else(Callback::noop, |stop| desk.to_event(stop.event));
        html! {
            <button type="button" class="button" {id} disabled={stop.is_none() || !desk.model.is_ready()} onclick={go}>
                { label }<kbd aria-hidden="true">{ key }</kbd>
            </button>
        }
    };
    html! {
        <div class="tour-steps">
            { button(before, "previous-note", "Previous note", "B") }
            { button(after, "next-note", "Next note", "N") }
            <progress max={stops.len().to_string()} value={at.map_or(0, |at| at + 1).to_string()} aria-label="How far the tour has come"></progress>
        </div>
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

/// A note's text; what stands between backquotes is set as code.
pub(super) fn coded(text: &str) -> Html {
    let part = |(i, part): (usize, &str)| {
        if i % 2 == 1 {
            html! { <code>{ part.to_owned() }</code> }
        } else {
            html! { { part.to_owned() } }
        }
    };
    html! { <>{ for text.split('`').enumerate().map(part) }</> }
}
