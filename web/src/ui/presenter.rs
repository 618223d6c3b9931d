//! Presenter: what a lecturer has at hand in front of a projector.

use std::rc::Rc;

use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::mode_keys::use_mode_keys;
use super::modes::use_modes;
use super::notes_window::NotesWindow;
use super::speaker_notes::SpeakerNotes;
use super::storage;
use crate::modes::Switch;
use crate::protocol::{Command, Target, Until};

const KEY: &str = "faultline-stride";

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

    /// What was chosen last.
    fn remembered() -> Self {
        let name = storage::get(KEY).unwrap_or_default();
        Self::ALL.iter().find(|(_, known)| *known == name).map_or(Self::Event, |(stride, _)| *stride)
    }

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

/// Where the speaker notes are.
#[derive(Clone, PartialEq)]
enum Notes {
    Hidden,
    /// In a window that only the lecturer sees.
    Apart(Rc<NotesWindow>),
    /// On the page, for want of a window.
    Here,
}

/// Shows the notes apart if the browser allows a window, or puts them away.
fn flip(notes: &UseStateHandle<Notes>) {
    let hide = {
        let notes = notes.clone();
        Callback::from(move |()| notes.set(Notes::Hidden))
    };
    notes.set(match **notes {
        Notes::Hidden => NotesWindow::open(hide).map_or(Notes::Here, |window| Notes::Apart(Rc::new(window))),
        Notes::Apart(_) | Notes::Here => Notes::Hidden,
    });
}

/// The bar at the bottom, and the key that opens it. A clicker sends the keys Page Down and Page Up.
#[component]
pub(super) fn Presenter(PaneProps { desk }: &PaneProps) -> Html {
    let modes = use_modes();
    let stride = use_state_eq(Stride::remembered);
    let notes = use_state_eq(|| Notes::Hidden);
    use_mode_keys(keys(desk, *stride, modes.modes.presenter, &modes.switch, &notes));
    {
        let notes = notes.clone();
        use_effect_with(modes.modes.presenter, move |&presenter| {
            if !presenter {
                notes.set(Notes::Hidden);
            }
        });
    }
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
            { show(desk, &notes) }
            <div class="bar">
                <button type="button" class="button" id="presenter-back" disabled={idle || place.at_start} onclick={go(false)}>{ "Back" }<kbd aria-hidden="true">{ "PgUp" }</kbd></button>
                <button type="button" class="button primary" id="presenter-next" disabled={idle || place.at_end} onclick={go(true)}>{ "Next" }<kbd aria-hidden="true">{ "PgDn" }</kbd></button>
                { strides(&stride) }
                <button type="button" class="button" id="presenter-notes" aria-pressed={(*notes != Notes::Hidden).to_string()}
                    onclick={{ let notes = notes.clone(); move |_: MouseEvent| flip(&notes) }}>{ "Speaker notes" }<kbd aria-hidden="true">{ "S" }</kbd></button>
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
            let list = event.target_unchecked_into::<web_sys::HtmlSelectElement>();
            let chosen =
                usize::try_from(list.selected_index()).ok().and_then(|chosen| Stride::ALL.get(chosen));
            let (chosen, name) = *chosen.unwrap_or(&Stride::ALL[0]);
            // The keys step from here on; in the list they would choose another one.
            let _ = list.blur();
            storage::set(KEY, name);
            stride.set(chosen);
        })
    };
    let option = |&(each, name): &(Stride, &'static str)| {
        html! { <option value={name} selected={each == **stride}>{ name }</option> }
    };
    html! {
        <label class="field">{ "Next goes to the next" }
            <select id="presenter-stride" onchange={choose}>{ for Stride::ALL.iter().map(option) }</select>
        </label>
    }
}

/// The notes, where they are.
fn show(desk: &Desk, notes: &Notes) -> Html {
    let told = html! { <SpeakerNotes desk={desk.clone()} /> };
    match notes {
        Notes::Hidden => html! {},
        Notes::Apart(window) => create_portal(told, window.host.clone()),
        Notes::Here => html! {
            <div class="notes-here">
                <p class="hint" id="notes-blocked">{ "The browser blocks a second window, so everybody sees these notes. Allow pop-ups for this page to have them apart." }</p>
                { told }
            </div>
        },
    }
}

fn step(desk: &Desk, stride: Stride, forwards: bool) {
    if let Some(command) = stride.command(desk, forwards).filter(|_| desk.model.is_ready()) {
        desk.send.emit(command);
    }
}

fn keys(
    desk: &Desk,
    stride: Stride,
    on: bool,
    switch: &Callback<Switch>,
    notes: &UseStateHandle<Notes>,
) -> Callback<String, bool> {
    let (desk, switch, notes) = (desk.clone(), switch.clone(), notes.clone());
    Callback::from(move |key: String| {
        match key.as_str() {
            "p" | "P" => switch.emit(Switch::Presenter),
            "PageDown" if on => step(&desk, stride, true),
            "PageUp" if on => step(&desk, stride, false),
            "s" | "S" if on => flip(&notes),
            _ => return false,
        }
        true
    })
}
