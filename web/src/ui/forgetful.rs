//! Says once that the browser keeps nothing for the page.

use yew::prelude::*;

use super::desk::PaneProps;
use super::modes::use_modes;
use super::storage;

/// A notice, until it is dismissed; an embedded page keeps nothing worth saying so.
#[component]
pub(super) fn Forgetful(_: &PaneProps) -> Html {
    let dismissed = use_state_eq(|| false);
    let embedded = use_modes().modes.embed;
    if *dismissed || embedded || !storage::has_refused() {
        return html! {};
    }
    let dismiss = Callback::from(move |_: MouseEvent| dismissed.set(true));
    html! {
        <div class="notice calm" role="status" id="forgetful">
            <p>{ "The browser’s storage is full, or this page may not use it. The page works, but its settings and what you change are gone when you leave: save the scenario to keep them." }</p>
            <button type="button" class="button" id="forgetful-dismiss" onclick={dismiss}>{ "Dismiss" }</button>
        </div>
    }
}
