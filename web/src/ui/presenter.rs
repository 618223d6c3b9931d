//! Presenter: what a lecturer has at hand in front of a projector.

use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::mode_keys::use_mode_keys;
use super::modes::use_modes;
use super::tour::coded;
use crate::modes::Switch;
use crate::protocol::{Command, Target, Until};

/// What one press of the clicker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stride {
    Event,
    Fault,
    Note,
}

impl Stride {
    const ALL: [(Self, &str); 3] =
        [(Self::Event, "event"), (Self::Fault, "page fault"), (Self::Note, "note")];

    fn command(self, desk: &Desk, forwards: bool) -> Option<Command> {
        let until = match self {
            Self::Event => Until::Event,
            Self::Fault => Until::Fault,
            Self::Note => return note(desk, forwards),
        };
        Some(if forwards { Command::Step(until) } else { Command::Back(until) })
    }
}

/// To the next note, or to the one before.
fn note(desk: &Desk, forwards: bool) -> Option<Command> {
    let so_far = desk.model.events_so_far();
    let mut stops = desk.model.stops.iter();
    let stop = if forwards {
        stops.find(|stop| stop.event >= so_far)
    } else {
        stops.rev().find(|stop| stop.event + 1 < so_far)
    };
    stop.map(|stop| Command::Seek(Target::Event(stop.event)))
}

/// The bar at the bottom, and the key that opens it. A clicker sends the keys Page Down and Page Up.
#[component]
pub(super) fn Presenter(PaneProps { desk }: &PaneProps) -> Html {
    let modes = use_modes();
    let stride = use_state_eq(|| Stride::Event);
    let notes = use_state_eq(|| false);
    use_mode_keys(keys(desk, *stride, modes.modes.presenter, &modes.switch));
    if !modes.modes.presenter {
        return html! {};
    }
    let go = |forwards: bool| {
        let (desk, stride) = (desk.clone(), *stride);
        Callback::from(move |_: MouseEvent| step(&desk, stride, forwards))
    };
    let idle = !desk.model.is_ready();
    let place = desk.model.place();
    html! {
        <aside id="presenter" aria-label="Presenter">
            if *notes { { speaker_notes(desk) } }
            <div class="bar">
                <button type="button" class="button" id="presenter-back" disabled={idle || place.at_start} onclick={go(false)}>{ "Back" }<kbd aria-hidden="true">{ "PgUp" }</kbd></button>
                <button type="button" class="button primary" id="presenter-next" disabled={idle || place.at_end} onclick={go(true)}>{ "Next" }<kbd aria-hidden="true">{ "PgDn" }</kbd></button>
                { strides(&stride) }
                <button type="button" class="button" id="presenter-notes" aria-pressed={notes.to_string()}
                    onclick={{ let notes = notes.clone(); move |_: MouseEvent| notes.set(!*notes) }}>{ "Speaker notes" }</button>
                <span class="spread"></span>
                <button type="button" class="button" id="presenter-leave" onclick={modes.switch.reform(|_| Switch::Presenter)}>{ "Leave" }<kbd aria-hidden="true">{ "P" }</kbd></button>
            </div>
        </aside>
    }
}

fn strides(stride: &UseStateHandle<Stride>) -> Html {
    let choose = {
        let stride = stride.clone();
        Callback::from(move |event: Event| {
            let chosen = event.target_unchecked_into::<web_sys::HtmlSelectElement>().selected_index();
            let chosen = usize::try_from(chosen).ok().and_then(|chosen| Stride::ALL.get(chosen));
            stride.set(chosen.map_or(Stride::Event, |chosen| chosen.0));
        })
    };
    let option = |&(each, name): &(Stride, &'static str)| {
        html! { <option value={name} selected={each == **stride}>{ name }</option> }
    };
    html! {
        <label class="field">{ "Next is the next" }
            <select id="presenter-stride" onchange={choose}>{ for Stride::ALL.iter().map(option) }</select>
        </label>
    }
}

/// What only the lecturer is meant to read: the present note's, and what comes after it.
fn speaker_notes(desk: &Desk) -> Html {
    let at = desk.model.current_stop();
    let note = |stop: usize| {
        let stop = desk.model.stops.get(stop)?;
        desk.model.tour.notes().get(stop.note)
    };
    let now = at.and_then(note).filter(|note| !note.speaker.is_empty());
    let next = note(at.map_or(0, |at| at + 1));
    html! {
        <div id="speaker-notes">
            <p>{ now.map_or_else(|| html! { "No speaker notes for this moment." }, |note| coded(&note.speaker)) }</p>
            if let Some(next) = next {
                <p class="hint">{ "Next: " }{ coded(if next.text.is_empty() { &next.speaker } else { &next.text }) }</p>
            }
        </div>
    }
}

fn step(desk: &Desk, stride: Stride, forwards: bool) {
    if let Some(command) = stride.command(desk, forwards).filter(|_| desk.model.is_ready()) {
        desk.send.emit(command);
    }
}

fn keys(desk: &Desk, stride: Stride, on: bool, switch: &Callback<Switch>) -> Callback<String, bool> {
    let (desk, switch) = (desk.clone(), switch.clone());
    Callback::from(move |key: String| {
        match key.as_str() {
            "p" | "P" => switch.emit(Switch::Presenter),
            "PageDown" if on => step(&desk, stride, true),
            "PageUp" if on => step(&desk, stride, false),
            _ => return false,
        }
        true
    })
}
