//! Which panes are open, in one list, with a way to each.

use web_sys::{Element, ScrollIntoViewOptions, ScrollLogicalPosition};
use yew::prelude::*;

use super::shell::{Shell, at_first, use_shell};
use crate::arrangement::{Change, PANES, PaneKind, Showing};

/// A menu of all panes.
#[component]
pub(super) fn PaneMenu() -> Html {
    let shell = use_shell();
    html! {
        <details class="menu" id="pane-menu">
            <summary class="button">{ "Panes" }</summary>
            <div class="menu-body">
                <ul class="pane-list">{ for PANES.iter().map(|pane| entry(&shell, pane)) }</ul>
                <button type="button" class="button" id="panes-reset" onclick={shell.change.reform(|_| Change::All(Box::new(at_first())))}>{ "As at first" }</button>
            </div>
        </details>
    }
}

fn entry(shell: &Shell, pane: &'static PaneKind) -> Html {
    let id = pane.id;
    let open = shell.arrangement.showing(id) != Showing::Folded;
    let go = {
        let change = shell.change.clone();
        Callback::from(move |_: MouseEvent| {
            change.emit(Change::Restore);
            change.emit(Change::Open(id));
            scroll_to(id);
        })
    };
    html! {
        <li>
            <label class="field"><input type="checkbox" checked={open} aria-label={format!("{} open", pane.title)}
                onchange={shell.change.reform(move |_: Event| Change::Fold(id))} /></label>
            <button type="button" class="link" onclick={go}>{ pane.title }</button>
        </li>
    }
}

fn scroll_to(id: &str) {
    let pane = web_sys::window().and_then(|window| window.document()?.get_element_by_id(id));
    if let Some(pane) = pane {
        bring_in_sight(&pane, ScrollLogicalPosition::Start);
    }
}

/// Scrolls the page until the element is to be seen.
pub(super) fn bring_in_sight(element: &Element, at: ScrollLogicalPosition) {
    let options = ScrollIntoViewOptions::new();
    options.set_block(at);
    element.scroll_into_view_with_scroll_into_view_options(&options);
}
