//! Where the kernel and its page tables disagree.

use yew::prelude::*;

use super::desk::PaneProps;

/// Each frame whose references differ from the entries that map it, with the event that told of it last.
#[component]
pub(super) fn Disagreements(PaneProps { desk }: &PaneProps) -> Html {
    let found = &desk.model.disagreements;
    if found.is_empty() {
        return html! {};
    }
    html! {
        <div class="notice" role="alert" id="disagreement">
            <strong>{ "The kernel and its page tables disagree." }</strong>
            <ul>{ for found.iter().take(5).map(|each| html! {
                <li>{ each.words.clone() }{ each.event.map(|event| format!(" (event {event})")) }</li>
            }) }</ul>
        </div>
    }
}
