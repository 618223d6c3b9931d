//! Edits the notes of a tour: the text of the present one, a new one here, one less, and undo.

use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::tour::stop;
use crate::model::Action;
use crate::tour::{Edit, anchor};

/// The present note as a text to edit, and what else can be done.
#[component]
pub(super) fn TourEditor(PaneProps { desk }: &PaneProps) -> Html {
    let at = desk.model.current_stop();
    let current = at.and_then(|at| stop(desk, at));
    html! {
        <div class="editor">
            { match current {
                Some((stop, note)) => html! {
                    <>
                        { text(desk, "note-text", format!("Note at event {}", stop.event), &note.text, move |text| Edit::Text(stop.note, text)) }
                        { text(desk, "speaker-text", "For the person at the lectern".into(), &note.speaker, move |text| Edit::Speaker(stop.note, text)) }
                    </>
                },
                None => html! { <p class="hint">{ "No note comes before this moment." }</p> },
            } }
            <div class="tour-steps">
                { add(desk) }
                if let Some((stop, _)) = current {
                    <button type="button" class="button" id="delete-note" onclick={edit(desk, Edit::Delete(stop.note))}>{ "Delete this note" }</button>
                }
                <button type="button" class="button" id="undo" disabled={!desk.model.tour.can_undo()} onclick={edit(desk, Edit::Undo)}>{ "Undo" }</button>
                <button type="button" class="button" id="redo" disabled={!desk.model.tour.can_redo()} onclick={edit(desk, Edit::Redo)}>{ "Redo" }</button>
            </div>
            <p class="hint">{ "“Save the scenario” in the menu “File” keeps the notes in the scenario's file." }</p>
        </div>
    }
}

fn edit(desk: &Desk, edit: Edit) -> Callback<MouseEvent> {
    desk.action(Action::Edit(edit))
}

fn text(
    desk: &Desk,
    id: &'static str,
    label: String,
    text: &str,
    edit: impl Fn(String) -> Edit + 'static,
) -> Html {
    let act = desk.act.clone();
    let changed = Callback::from(move |event: Event| {
        let area: web_sys::HtmlTextAreaElement = event.target_unchecked_into();
        act.emit(Action::Edit(edit(area.value())));
    });
    html! {
        <label class="note-text">
            { label }
            <textarea {id} rows="4" value={text.to_owned()} onchange={changed} />
        </label>
    }
}

/// Adds a note at the last event.
fn add(desk: &Desk) -> Html {
    let here = desk.model.events_so_far().checked_sub(1);
    let anchor = here.and_then(|here| anchor(&desk.model.history.events, here));
    let taken = here.is_some_and(|here| desk.model.stops.iter().any(|stop| stop.event == here));
    let disabled = anchor.is_none() || taken;
    let onclick = anchor.map_or_else(Callback::noop, |anchor| edit(desk, Edit::Add(anchor)));
    html! { <button type="button" class="button" id="add-note" {disabled} {onclick}>{ "Add a note here" }</button> }
}
