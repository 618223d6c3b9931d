//! The kernel's options and the program to start: changed here, and booted anew.

use std::collections::BTreeMap;

use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use crate::protocol::{Command, Load};

/// Options with their choices, of which the first is the kernel's own.
const CHOICES: [(&str, &str, &[&str]); 5] = [
    ("sbrk", "heap", &["lazy", "eager"]),
    ("fork", "fork", &["copy", "cow"]),
    ("exec", "exec", &["eager", "demand"]),
    ("zero", "zeros", &["private", "shared"]),
    ("policy", "who is evicted", &["clock", "fifo", "aging", "random"]),
];

/// Options that are written.
const TEXTS: [(&str, &str); 4] = [
    ("init", "programs"),
    ("frames", "frames for programs"),
    ("swap", "pages of swap"),
    ("quantum", "time slice"),
];

/// A menu with the options, and a button that boots with them.
#[component]
pub(super) fn Options(PaneProps { desk }: &PaneProps) -> Html {
    let wanted = use_state_eq(BTreeMap::<String, String>::new);
    let boot = {
        let (desk, wanted) = (desk.clone(), wanted.clone());
        Callback::from(move |_: MouseEvent| {
            let mut options = desk.model.request.options.clone();
            options.extend((*wanted).clone());
            wanted.set(BTreeMap::new());
            desk.send.emit(Command::Load(Load { options, at: None, ..desk.model.as_it_stands() }));
        })
    };
    html! {
        <details class="menu" id="options">
            <summary class="button">{ "Kernel options" }</summary>
            <div class="menu-body">
                { for CHOICES.iter().map(|&(key, label, choices)| choice(desk, &wanted, key, label, choices)) }
                { for TEXTS.iter().map(|&(key, label)| text(desk, &wanted, key, label)) }
                <p class="hint">{ "Left empty or at “default”, an option is as the kernel has it by itself." }</p>
                <button type="button" class="button primary" id="boot" onclick={boot}>{ "Boot with these" }</button>
            </div>
        </details>
    }
}

fn now(desk: &Desk, wanted: &UseStateHandle<BTreeMap<String, String>>, key: &str) -> String {
    wanted.get(key).cloned().or_else(|| desk.model.option(key).map(Into::into)).unwrap_or_default()
}

fn setting(wanted: &UseStateHandle<BTreeMap<String, String>>, key: &'static str) -> impl Fn(String) + use<> {
    let wanted = wanted.clone();
    move |value: String| {
        let mut all = (*wanted).clone();
        all.insert(key.into(), value.trim().into());
        wanted.set(all);
    }
}

fn choice(
    desk: &Desk,
    wanted: &UseStateHandle<BTreeMap<String, String>>,
    key: &'static str,
    label: &'static str,
    choices: &'static [&'static str],
) -> Html {
    let now = now(desk, wanted, key);
    let set = setting(wanted, key);
    let choose = Callback::from(move |event: Event| {
        set(event.target_unchecked_into::<web_sys::HtmlSelectElement>().value());
    });
    html! {
        <label class="field row-field"><span>{ label }{ " " }<code>{ key }</code></span>
            <select id={format!("option-{key}")} onchange={choose}>
                <option value="" selected={now.is_empty()}>{ format!("default ({})", choices[0]) }</option>
                { for choices.iter().map(|&each| html! { <option value={each} selected={each == now}>{ each }</option> }) }
            </select>
        </label>
    }
}

fn text(
    desk: &Desk,
    wanted: &UseStateHandle<BTreeMap<String, String>>,
    key: &'static str,
    label: &'static str,
) -> Html {
    let set = setting(wanted, key);
    let write = Callback::from(move |event: InputEvent| {
        set(event.target_unchecked_into::<web_sys::HtmlInputElement>().value());
    });
    html! {
        <label class="field row-field"><span>{ label }{ " " }<code>{ key }</code></span>
            <input type="text" id={format!("option-{key}")} value={now(desk, wanted, key)} oninput={write} autocomplete="off" />
        </label>
    }
}
