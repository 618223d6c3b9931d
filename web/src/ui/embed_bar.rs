//! The head of an embedded page.

use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::modes::use_modes;

/// The bar of an embedded page: what it is, and the way to the whole one.
#[component]
pub(super) fn EmbedBar(PaneProps { desk }: &PaneProps) -> Html {
    if !use_modes().modes.embed {
        return html! {};
    }
    html! {
        <p class="embed-bar" id="embed-bar">
            <span>{ title(desk) }</span>
            <a href={whole_page()} target="_blank" rel="noopener" id="embed-open">{ "Open in Faultline" }</a>
        </p>
    }
}

fn title(desk: &Desk) -> String {
    desk.model.loaded.as_ref().map_or_else(String::new, |loaded| loaded.scenario.title.clone())
}

/// The address without what embeds it.
fn whole_page() -> String {
    let location = web_sys::window().map(|window| window.location());
    let path = location.and_then(|location| location.pathname().ok()).unwrap_or_default();
    format!("{path}#{}", crate::modes::without_modes(&super::modes::fragment()))
}
