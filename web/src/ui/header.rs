//! The top of the page: which scenario, with which kernel options, in which colours.

use std::collections::BTreeMap;

use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::files::Files;
use super::mode_menu::ModeMenu;
use super::options::Options;
use super::pane_menu::PaneMenu;
use super::picker::Picker;
use super::share::Share;
use super::theme::ThemeSwitch;
use crate::protocol::{Command, Load};

/// Kernel options that can be switched here: key, what it is about, choices.
const SWITCHES: [(&str, &str, &[&str]); 1] = [("sbrk", "heap grows by", &["lazy", "eager"])];

/// The brand, the scenario picker, the option switches and the theme.
#[component]
pub(super) fn Header(PaneProps { desk }: &PaneProps) -> Html {
    html! {
        <div class="bar">
            <h1 class="brand">{ logo() }{ "Faultline" }</h1>
            <Picker current={desk.model.request.scenario.clone()} own={own(desk)} send={desk.send.clone()} />
            { for SWITCHES.iter().map(|&(key, about, choices)| switch(desk, key, about, choices)) }
            <Options desk={desk.clone()} />
            <span class="spread"></span>
            <details class="menu" id="file-menu">
                <summary class="button">{ "File" }</summary>
                <div class="menu-body">
                    <Files desk={desk.clone()} />
                    <Share desk={desk.clone()} />
                </div>
            </details>
            <PaneMenu />
            <ModeMenu desk={desk.clone()} />
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

/// The title of a scenario that does not come with the page.
fn own(desk: &Desk) -> Option<String> {
    let opened = desk.model.request.text.is_some();
    desk.model.loaded.as_ref().filter(|_| opened).map(|loaded| loaded.scenario.title.clone())
}

fn switch(desk: &Desk, key: &'static str, about: &'static str, choices: &'static [&'static str]) -> Html {
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
        <span class="field" role="group" aria-label={format!("Kernel option {key}: {about}")} title={about}>
            <span class="roomy">{ about }{ " " }</span><code>{ key }</code>
            <span class="segmented">{ for choices.iter().map(button) }</span>
        </span>
    }
}

fn with_option(desk: &Desk, key: &str, choice: &str) -> Command {
    let mut options: BTreeMap<String, String> = desk.model.request.options.clone();
    options.insert(key.into(), choice.into());
    Command::Load(Load { options, ..desk.model.as_it_stands() })
}
