//! What is selected, in a bar: its numbers to copy, and the way to the events about it.

use faultline_abi::PhysAddr;
use faultline_machine::event::Event;
use faultline_machine::session::Direction;
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::timeline::grouped;
use crate::linked::Selection;
use crate::model::Action;
use crate::protocol::{Command, Target};
use crate::search::{Condition, next, previous};

/// The bar; nothing where nothing is selected.
#[component]
pub(super) fn Selected(PaneProps { desk }: &PaneProps) -> Html {
    let Some(selection) = desk.model.selection else { return html! {} };
    let (name, value, condition) = told(selection);
    let hex = format!("{value:#x}");
    html! {
        <div class="selected-bar" id="selected" role="region" aria-label="Selection">
            <span><strong>{ name }</strong>{ " " }<code>{ hex.clone() }</code><span class="hint">{ format!(" decimal {}", grouped(value)) }</span></span>
            <span class="hint">{ touches(desk) }</span>
            <span class="tour-steps">
                { step(desk, "selected-previous", "← event about it", condition, previous) }
                { step(desk, "selected-next", "event about it →", condition, next) }
                { for searches(selection, desk.model.table().map(|table| table.addr)).into_iter().map(|(label, until)| html! {
                    <>{ search(desk, label, until.clone(), Direction::Back) }{ search(desk, label, until, Direction::Forward) }</>
                }) }
                <button type="button" class="button" id="selected-copy" onclick={copying(hex)}>{ "Copy address" }</button>
                <button type="button" class="button" id="selected-copy-decimal" onclick={copying(value.to_string())}>{ "Copy decimal" }</button>
                <button type="button" class="button" id="selected-clear" onclick={desk.action(Action::Select(selection))}>{ "Clear" }</button>
            </span>
        </div>
    }
}

const fn told(selection: Selection) -> (&'static str, u64, Condition) {
    match selection {
        Selection::Page(va) => ("Page", va.get(), Condition::Address(va)),
        Selection::Frame(frame) => ("Frame", frame.get(), Condition::Frame(frame)),
        Selection::Entry(entry) => ("Page-table entry", entry.get(), Condition::Entry(entry)),
    }
}

/// What the run can be searched for, beside the events about it: in a word, and as a condition.
fn searches(selection: Selection, root: Option<PhysAddr>) -> Vec<(&'static str, String)> {
    let root = root.map_or_else(String::new, |root| format!("@{root}"));
    match selection {
        Selection::Page(va) => {
            vec![("access", format!("page={va}{root}")), ("store", format!("page={va}:store{root}"))]
        }
        Selection::Frame(at) => {
            ["allocated", "shared", "freed"].map(|op| (op, format!("frame={at}:{op}"))).into()
        }
        Selection::Entry(at) => vec![("write", format!("pte={at}"))],
    }
}

fn search(desk: &Desk, label: &'static str, until: String, direction: Direction) -> Html {
    let (id, label, title) = match direction {
        Direction::Back => (format!("last-{label}"), format!("← {label}"), "Back to the last time"),
        Direction::Forward => (format!("next-{label}"), format!("{label} →"), "On to the next time"),
    };
    html! {
        <button type="button" class="button" {id} {title} disabled={!desk.model.is_ready()} onclick={desk.searching(until, direction)}>{ label }</button>
    }
}

/// What belongs to it in the address space that is watched.
fn touches(desk: &Desk) -> String {
    let linked = &desk.linked;
    let list = |name: &str, all: Vec<String>| match all.as_slice() {
        [] => String::new(),
        some => format!("{name} {} ", some.iter().take(4).cloned().collect::<Vec<_>>().join(", ")),
    };
    let pages = list("page", linked.pages.iter().map(ToString::to_string).collect());
    let frames = list("frame", linked.frames.iter().map(ToString::to_string).collect());
    let entries = list("entry", linked.entries.iter().map(ToString::to_string).collect());
    format!("{pages}{frames}{entries}").trim_end().to_owned()
}

type Search = fn(&[Event], usize, Condition) -> Option<usize>;

fn step(desk: &Desk, id: &'static str, label: &'static str, condition: Condition, search: Search) -> Html {
    let found = search(&desk.model.history.events, desk.model.events_so_far(), condition);
    let go = found.map_or_else(Callback::noop, |event| desk.command(Command::Seek(Target::Event(event))));
    html! {
        <button type="button" class="button" {id} disabled={found.is_none() || !desk.model.is_ready()} onclick={go}>{ label }</button>
    }
}

fn copying(text: String) -> Callback<MouseEvent> {
    Callback::from(move |_| {
        if let Some(window) = web_sys::window() {
            // Where the browser forbids it, the number can still be marked and copied.
            let _ = window.navigator().clipboard().write_text(&text);
        }
    })
}
