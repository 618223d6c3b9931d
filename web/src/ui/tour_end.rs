//! The end of a tour, and the topic that follows.

use faultline_abi::catalogue::Entry;
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::share::name_in_address;
use crate::catalogue;
use crate::protocol::{Command, Load};

/// Says that there are no more notes, and offers the next scenario of the list.
#[component]
pub(super) fn TourEnd(PaneProps { desk }: &PaneProps) -> Html {
    let model = &desk.model;
    if model.stops.is_empty()
        || model.current_stop() != model.stops.len().checked_sub(1)
        || model.explored.is_none()
    {
        return html! {};
    }
    html! {
        <p class="hint" id="tour-end">
            { "That was the last note. " }
            if let Some(entry) = following(desk) {
                { "The next topic: " }
                <button type="button" class="link" id="next-topic" onclick={open(desk, entry.file)}>{ entry.title }</button>
            }
        </p>
    }
}

/// The scenario after this one in the list.
fn following(desk: &Desk) -> Option<Entry> {
    let built_in = catalogue::built_in();
    let mut scenarios = built_in.scenarios();
    scenarios.find(|entry| entry.file == desk.model.request.scenario)?;
    scenarios.next().cloned()
}

fn open(desk: &Desk, file: String) -> Callback<MouseEvent> {
    let send = desk.send.clone();
    Callback::from(move |_| {
        name_in_address(&file);
        send.emit(Command::Load(Load { scenario: file.clone(), ..Load::default() }));
    })
}
