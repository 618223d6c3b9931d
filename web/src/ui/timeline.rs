//! The run as a line: a slider over its events, and a mark for each page fault.

use std::rc::Rc;

use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::fault_table::FaultTable;
use super::marks::Marks;
use super::shapes::{LEGEND, class, outline};
use super::step_button::StepButton;
use crate::layout::{Shape, part, ticks};
use crate::protocol::{Command, Course, Future, Target};
use crate::state::History;

/// A history that is compared by its place in memory: a run that is learned further is another one.
struct Known(Rc<History>);

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// Steps of the zoom.
const ZOOM_MAX: u32 = 4;

/// The marks, the slider, the position and the legend.
#[component]
pub(super) fn Timeline(PaneProps { desk }: &PaneProps) -> Html {
    let model = &desk.model;
    let (at, of) = (model.events_so_far(), model.history.events.len());
    let zoom = use_state_eq(|| 0_u32);
    let as_table = use_state_eq(|| false);
    let shown = part(at, of, *zoom);
    // They change with the known run and the zoom, not with the steps.
    let known = (Known(model.history.clone()), shown.clone());
    let marks = use_memo(known, |(known, shown)| ticks(&known.0, shown));
    let current = model.current_episode().map(|(ordinal, _)| ordinal);
    html! {
        <div class="timeline" id="timeline" role="group" aria-label="The run as a line" aria-describedby="timeline-sentence">
            <p class="visually-hidden" id="timeline-sentence">{ sentence(desk) }</p>
            if !*as_table { <Marks marks={marks.clone()} {current} send={desk.send.clone()} /> }
            <StepButton {desk} id="to-start" label="Start" spoken="To the start" key_hint="Home"
                command={Command::Seek(Target::Start)} disabled={!model.is_ready() || model.place().at_start} />
            <input
                type="range"
                id="scrubber"
                min={shown.start.to_string()}
                max={shown.end.to_string()}
                value={at.to_string()}
                aria-label="Position in the run, in events"
                aria-valuetext={format!("event {at} of {of}")}
                oninput={seeking(desk)}
                disabled={!model.is_ready()}
            />
            <StepButton {desk} id="to-end" label="End" spoken="To the end" key_hint="End"
                command={Command::Seek(Target::End)} disabled={!model.is_ready() || model.place().at_end} />
            <div class="legend">
                { for LEGEND.iter().filter(|(shape, _)| marks.iter().any(|tick| tick.shape == *shape)).map(|&(shape, words)| legend(shape, words)) }
                { zooming(&zoom) }
                { turning(&as_table) }
                <span class="position" id="position">{ position(desk) }</span>
            </div>
            if *as_table { <FaultTable desk={desk.clone()} /> }
            { futures(desk) }
        </div>
    }
}

/// The line in words.
fn sentence(desk: &Desk) -> String {
    let model = &desk.model;
    let faults = model.history.episodes.len();
    let last = model.current_episode().map_or_else(
        || "none of them has happened yet".into(),
        |(ordinal, _)| format!("the last one is number {}", ordinal + 1),
    );
    let place = format!("Event {} of {}", model.events_so_far(), model.history.events.len());
    format!(
        "{place}. Page faults: {faults}, {last}. Found missing by the kernel itself: {}.",
        model.history.found.len()
    )
}

/// The button that shows the marks as a table.
fn turning(as_table: &UseStateHandle<bool>) -> Html {
    let turn = {
        let as_table = as_table.clone();
        Callback::from(move |_: MouseEvent| as_table.set(!*as_table))
    };
    html! {
        <span class="zoom">
            <button type="button" class="tool" id="timeline-table" aria-pressed={as_table.to_string()} title="The page faults as a table"
                aria-label="The page faults as a table" onclick={turn}>{ "▤" }</button>
        </span>
    }
}

/// What was left by typing in the past.
fn futures(desk: &Desk) -> Html {
    let futures = &desk.model.futures;
    if futures.is_empty() {
        return html! {};
    }
    let row = |future: &Future| {
        let typed = match future.typed.trim_end() {
            "" => String::new(),
            typed => format!(", where “{typed}” was typed"),
        };
        html! {
            <li key={future.id}>
                { format!("Another future from step {}{typed}: {} events. ", grouped(future.at), future.events) }
                <button type="button" class="link return" disabled={!desk.model.is_ready()} onclick={desk.command(Command::Course(Course::Return(future.id)))}>{ "Return to it" }</button>
                { " " }
                <button type="button" class="link drop" onclick={desk.command(Command::Course(Course::Drop(future.id)))}>{ "Drop it" }</button>
            </li>
        }
    };
    html! { <ul class="hint" id="futures" aria-label="Other futures">{ for futures.iter().map(row) }</ul> }
}

/// Buttons that magnify the line around the present.
fn zooming(zoom: &UseStateHandle<u32>) -> Html {
    let button = |to: u32, id: &'static str, label: &'static str, sign: &'static str| {
        let set = {
            let zoom = zoom.clone();
            Callback::from(move |_: MouseEvent| zoom.set(to))
        };
        html! {
            <button type="button" class="tool" {id} title={label} aria-label={label} disabled={to == **zoom} onclick={set}>{ sign }</button>
        }
    };
    html! {
        <span class="zoom" role="group" aria-label="Zoom of the timeline">
            { button(zoom.saturating_sub(1), "zoom-out", "Show more of the run", "−") }
            { button((**zoom + 1).min(ZOOM_MAX), "zoom-in", "Magnify the run around the present", "+") }
            if **zoom > 0 { <span>{ format!("×{}", 4_u32.pow(**zoom)) }</span> }
        </span>
    }
}

fn seeking(desk: &Desk) -> Callback<InputEvent> {
    let send = desk.send.clone();
    Callback::from(move |event: InputEvent| {
        let slider: web_sys::HtmlInputElement = event.target_unchecked_into();
        let target = match slider.value().parse::<usize>() {
            Ok(0) | Err(_) => Target::Start,
            Ok(events) => Target::Event(events - 1),
        };
        send.emit(Command::Seek(target));
    })
}

fn legend(shape: Shape, words: &'static str) -> Html {
    html! {
        <span>
            <svg viewBox="-9 -9 18 18" aria-hidden="true"><path class={classes!("tick", class(shape))} d={outline(shape)} /></svg>
            { words }
        </span>
    }
}

fn position(desk: &Desk) -> Html {
    let model = &desk.model;
    let Some(snapshot) = &model.snapshot else { return html! {} };
    html! {
        <>
            { "event " }<strong>{ snapshot.events }</strong>{ format!(" of {}", model.history.events.len()) }
            { " · instruction " }<strong>{ grouped(snapshot.instret) }</strong>
        </>
    }
}

/// A number with its thousands apart.
#[must_use]
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}
