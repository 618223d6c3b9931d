//! What the person at the lectern reads: where the run is, the present note's text for the speaker, and what comes next.

use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::tour::coded;

/// The notes around the present.
#[component]
pub(super) fn SpeakerNotes(PaneProps { desk }: &PaneProps) -> Html {
    let model = &desk.model;
    let at = model.current_stop();
    let note = |stop: usize| model.tour.notes().get(model.stops.get(stop)?.note);
    let now = at.and_then(note);
    let next = note(at.map_or(0, |at| at + 1));
    let (so_far, of) = (model.events_so_far(), model.history.events.len());
    html! {
        <section id="speaker-notes" aria-label="Speaker notes">
            <p class="hint">{ title(desk) }</p>
            <p><strong>{ model.sentence() }</strong></p>
            <p class="speaker">{ match now.filter(|note| !note.speaker.is_empty()) {
                Some(note) => coded(&note.speaker),
                None => html! { "No speaker notes for this moment." },
            } }</p>
            if let Some(now) = now {
                <p>{ "The class reads: " }{ coded(&now.text) }</p>
            }
            if let Some(next) = next {
                <p class="hint">{ "Next: " }{ coded(if next.text.is_empty() { &next.speaker } else { &next.text }) }</p>
            }
            <p class="hint">{ format!("Event {so_far} of {of}, note {} of {}.", at.map_or(0, |at| at + 1), model.stops.len()) }</p>
        </section>
    }
}

fn title(desk: &Desk) -> String {
    desk.model.loaded.as_ref().map_or_else(String::new, |loaded| loaded.scenario.title.clone())
}
