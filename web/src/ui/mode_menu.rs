//! The menu of the modes.

use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::export::Export;
use super::modes::use_modes;
use super::predict::Quiz;
use crate::modes::Switch;
use crate::predict::Change;

/// Presenter, Predict, Compare, export, print.
#[component]
pub(super) fn ModeMenu(PaneProps { desk }: &PaneProps) -> Html {
    let modes = use_modes();
    let ready = desk.model.explored.is_some();
    let switch = |id: &'static str, label: &'static str, on: bool, which: Switch| {
        html! {
            <button type="button" class="button" {id} aria-pressed={on.to_string()} disabled={!ready && !on}
                onclick={modes.switch.reform(move |_: MouseEvent| which)}>{ label }</button>
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
                <button type="button" class="button" id="print" onclick={|_: MouseEvent| print()}>{ "Print" }</button>
            </div>
        </details>
    }
}

/// Whether questions are asked, from which seed, and the score.
#[component]
fn QuizSwitch() -> Html {
    let Some(quiz) = use_context::<Quiz>() else { return html! {} };
    let predict = &quiz.predict;
    let seed = quiz.change.reform(|event: InputEvent| {
        let value = event.target_unchecked_into::<web_sys::HtmlInputElement>().value();
        Change::Seed(value.parse().unwrap_or(0))
    });
    html! {
        <div class="export" role="group" aria-label="Predict">
            <button type="button" class="button" id="mode-predict" aria-pressed={predict.on.to_string()}
                onclick={quiz.change.reform(|_: MouseEvent| Change::Switch)}>{ "Predict: ask before each step" }</button>
            <label class="field">{ "seed" }
                <input type="text" inputmode="numeric" id="predict-seed" value={predict.seed.to_string()} oninput={seed} size="6" />
            </label>
            if predict.on { <span class="hint">{ predict.score() }</span> }
        </div>
    }
}

fn print() {
    if let Some(window) = web_sys::window() {
        // A browser that cannot print has its own way to say so.
        let _ = window.print();
    }
}

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
