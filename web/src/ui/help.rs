//! The keys, and the switch for those that type a character.

use web_sys::ScrollLogicalPosition;
use yew::prelude::*;

use super::keys::Characters;
use super::menus::close_all;
use super::pane_menu::bring_in_sight;
use super::storage;

const ID: &str = "help";
const KEY: &str = "faultline-character-keys";

/// The keys in the order of their reach.
const KEYS: [(&str, &str); 14] = [
    ("→ ←", "next, previous page fault"),
    ("⇧→ ⇧←", "next, previous event"),
    (". ,", "next, previous instruction"),
    ("A", "let the kernel answer"),
    ("N B", "next note of the tour, back to the one before"),
    ("Space", "run, pause"),
    ("R", "back to the first page fault"),
    ("Home", "to the start"),
    ("End", "to the end"),
    ("Esc", "give a maximised pane back its place"),
    ("P", "presenter; there, Page Down and Page Up (a clicker) step"),
    ("S", "speaker notes in a window of their own, while presenting"),
    ("1 to 4", "answers a question of Predict"),
    ("Tab", "through everything that can be pressed"),
];

/// The choice that is remembered.
pub(super) fn remembered() -> Characters {
    match storage::get(KEY).as_deref() {
        Some("off") => Characters::Off,
        _ => Characters::On,
    }
}

/// Opens the list, and goes there.
pub(super) fn show() {
    let list = web_sys::window().and_then(|window| window.document()?.get_element_by_id(ID));
    if let Some(list) = list {
        let _ = close_all();
        // An attribute without a value, which is always taken.
        let _ = list.set_attribute("open", "");
        bring_in_sight(&list, ScrollLogicalPosition::Start);
    }
}

/// What the help shows and changes.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The choice in force.
    pub characters: Characters,
    /// Changes it.
    pub choose: Callback<Characters>,
}

/// A list of the keys that opens on request.
#[component]
pub(super) fn Help(props: &Props) -> Html {
    let (now, choose) = (props.characters, props.choose.clone());
    let flip = Callback::from(move |_: Event| {
        let (next, name) = match now {
            Characters::On => (Characters::Off, "off"),
            Characters::Off => (Characters::On, "on"),
        };
        storage::set(KEY, name);
        choose.emit(next);
    });
    html! {
        <details class="help" id={ID}>
            <summary>{ "Keys" }</summary>
            <dl>{ for KEYS.iter().map(|&(keys, words)| html! { <div><dt><kbd>{ keys }</kbd></dt><dd>{ words }</dd></div> }) }</dl>
            <label class="field">
                <input type="checkbox" id="character-keys" checked={now == Characters::On} onchange={flip} />
                { "Letters, punctuation and space are shortcuts" }
            </label>
        </details>
    }
}
