//! The top of the page: which scenario, with which kernel options, in which colours.

use std::collections::BTreeMap;

use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::theme::ThemeSwitch;
use crate::protocol::{Command, Load};

/// The scenarios that come with the page: file name and title.
pub(super) const SCENARIOS: [(&str, &str); 2] =
    [("lazy-sbrk.json", "Lazy allocation"), ("guard-page.json", "The guard page")];

/// Kernel options that can be switched here: key, label, choices.
const SWITCHES: [(&str, &str, &[&str]); 1] = [("sbrk", "sbrk", &["lazy", "eager"])];

/// The brand, the scenario picker, the option switches and the theme.
#[component]
pub(super) fn Header(PaneProps { desk }: &PaneProps) -> Html {
    html! {
        <div class="bar">
            <h1 class="brand">{ logo() }{ "Faultline" }</h1>
            { picker(desk) }
            { for SWITCHES.iter().map(|&(key, label, choices)| switch(desk, key, label, choices)) }
            <span class="spread"></span>
            <ThemeSwitch />
        </div>
    }
}

fn logo() -> Html {
    html! {
        <svg viewBox="0 0 32 32" aria-hidden="true">
            <rect width="32" height="32" fill="#0b3d5c" />
            <path d="M5 10h9l4 6h9" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" stroke-linejoin="round" />
            <path d="M5 20h6l4 5h12" fill="none" stroke="#e69f00" stroke-width="3" stroke-linecap="round" stroke-linejoin="round" />
        </svg>
    }
}

fn picker(desk: &Desk) -> Html {
    let current = desk.model.request.scenario.clone();
    let send = desk.send.clone();
    let choose = Callback::from(move |event: Event| {
        let select: web_sys::HtmlSelectElement = event.target_unchecked_into();
        send.emit(Command::Load(Load { scenario: select.value(), ..Load::default() }));
    });
    let option = |&(file, title): &(&'static str, &'static str)| {
        html! { <option value={file} selected={file == current}>{ title }</option> }
    };
    html! {
        <label class="field">
            { "Scenario" }
            <select id="scenario" onchange={choose}>{ for SCENARIOS.iter().map(option) }</select>
        </label>
    }
}

fn switch(desk: &Desk, key: &'static str, label: &'static str, choices: &'static [&'static str]) -> Html {
    let Some(now) = desk.model.option(key) else { return html! {} };
    let button = |&choice: &&'static str| {
        let pressed = now == choice;
        html! {
            <button type="button" id={format!("{key}-{choice}")} aria-pressed={pressed.to_string()}
                onclick={desk.command(with_option(desk, key, choice))}>
                { choice }
            </button>
        }
    };
    html! {
        <span class="field" role="group" aria-label={format!("Kernel option {label}")}>
            <code>{ label }</code>
            <span class="segmented">{ for choices.iter().map(button) }</span>
        </span>
    }
}

fn with_option(desk: &Desk, key: &str, choice: &str) -> Command {
    let mut options: BTreeMap<String, String> = desk.model.request.options.clone();
    options.insert(key.into(), choice.into());
    Command::Load(Load { scenario: desk.model.request.scenario.clone(), options, at: None })
}
