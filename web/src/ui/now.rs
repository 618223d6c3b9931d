//! The present in one sentence, and the scenario's note about it.

use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use crate::protocol::{Command, Target};

/// The sentence and the note.
#[component]
pub(super) fn Now(PaneProps { desk }: &PaneProps) -> Html {
    html! {
        <section id="now" class="pane present" aria-label="What happens now">
            <p class="headline" id="headline">{ marked_up(&desk.model.sentence()) }</p>
            { note(desk) }
        </section>
    }
}

/// The scenario's note; marked as earlier where its event lies before the last page fault.
fn note(desk: &Desk) -> Html {
    let Some((event, text)) = desk.model.note() else { return html! {} };
    let is_earlier = desk.model.is_past(event);
    html! {
        <p class={classes!("note", is_earlier.then_some("earlier"))} id="note">
            if is_earlier {
                <button type="button" class="link" onclick={desk.command(Command::Seek(Target::Event(event)))}>
                    { format!("At event {event}:") }
                </button>
                { " " }
            }
            { text }
        </p>
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
