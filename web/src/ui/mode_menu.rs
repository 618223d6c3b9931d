//! The menu of the modes.

use yew::prelude::*;

use super::desk::PaneProps;
use super::export::Export;
use super::help;
use super::menus::close_all;
use super::modes::use_modes;
use super::quiz_switch::QuizSwitch;
use crate::modes::Switch;

/// Presenter, Predict, Compare, export, keys, print.
#[component]
pub(super) fn ModeMenu(PaneProps { desk }: &PaneProps) -> Html {
    let modes = use_modes();
    let ready = desk.model.explored.is_some();
    let switch = |id: &'static str, label: &'static str, on: bool, which: Switch| {
        html! {
            <button type="button" class="button" {id} aria-pressed={on.to_string()} disabled={!ready && !on}
                onclick={modes.switch.reform(move |_: MouseEvent| { let _ = close_all(); which })}>{ label }</button>
        }
    };
    html! {
        <details class="menu" id="modes">
            <summary class="button">{ "Modes" }</summary>
            <div class="menu-body">
                { switch("mode-presenter", "Presenter (P)", modes.modes.presenter, Switch::Presenter) }
                { switch("mode-compare", "Compare", modes.modes.compare, Switch::Compare) }
                <QuizSwitch />
                <Export desk={desk.clone()} />
                <button type="button" class="button" id="show-keys" onclick={|_: MouseEvent| help::show()}>{ "Keys" }</button>
                <button type="button" class="button" id="print" onclick={|_: MouseEvent| print()}>{ "Print" }</button>
            </div>
        </details>
    }
}

fn print() {
    if let Some(window) = web_sys::window() {
        // A browser that cannot print has its own way to say so.
        let _ = window.print();
    }
}
