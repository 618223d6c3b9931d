//! The page-table walk: the address split into its indices, and the entry read at each level.

use std::rc::Rc;

use faultline_abi::satp::Scheme;
use faultline_abi::sv39::{Check, ENTRIES, WalkStep};
use faultline_abi::{PhysAddr, VirtAddr};
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::flags::Flags;
use super::term::Term;
use crate::card::Card;
use crate::layout::{SplitField, split};
use crate::linked::Selection;
use crate::snapshot::Table;
use crate::words::{self, Field, field};

/// Classes that differ only in the names of their animations.
const TURNS: [&str; 3] = ["first-turn", "second-turn", "third-turn"];

/// The split address and the levels under it; nothing before the first page fault.
#[component]
pub(super) fn Walk(PaneProps { desk }: &PaneProps) -> Html {
    let Some(card) = &desk.model.card else { return html! { <section id="walk" hidden=true></section> } };
    let va = VirtAddr::new(card.trap.stval);
    // Names of the same animation take turns: an element that stays begins it anew only under another name, and to
    // make every element anew at each page fault takes many times as long.
    let turn = TURNS[card.ordinal % TURNS.len()];
    html! {
        <section class="walk-section" id="walk" aria-label="The page-table walk">
            <h3>{ "The hardware walks the page table" }</h3>
            { split_address(va, card.scheme()) }
            <ol class={classes!("walk", turn)}>
                { for card.walk().iter().enumerate().map(|(i, step)| level(desk, card, i, step)) }
            </ol>
            { no_walk(card) }
        </section>
    }
}

fn split_address(va: VirtAddr, scheme: Scheme) -> Html {
    let parts = split(va, scheme);
    let levels = (0..scheme.levels()).rev().map(|level| format!("l{level}"));
    html! {
        <div class={classes!("split", (scheme == Scheme::Sv48).then_some("sv48"))} role="group" aria-label={format!("Address {va}, split")}>
            { part(&parts.sign, "sign", Field::Vpn) }
            { for parts.vpn.iter().zip(levels).map(|(vpn, level)| part(vpn, level, Field::Vpn)) }
            { part(&parts.offset, "off", Field::Offset) }
        </div>
    }
}

fn part(part: &SplitField, class: impl Into<Classes>, which: Field) -> Html {
    html! {
        <div class={class.into()} title={format!("bits {}. {}", part.range, field(which).sentence)}>
            <span class="label">{ part.label.clone() }</span>
            <span class="value">{ part.value.clone() }</span>
            <span class="bits">{ part.bits.clone() }</span>
        </div>
    }
}

fn level(desk: &Desk, card: &Rc<Card>, i: usize, step: &WalkStep) -> Html {
    let index = VirtAddr::new(card.trap.stval).vpn(step.level);
    let is_last = i + 1 == card.walk().len();
    let failed = card.trap.check.filter(|_| is_last);
    let class = classes!("level", format!("l{}", step.level), failed.map(|_| "stopped"));
    let table = step.pte_addr.page_down();
    html! {
        <li {class} key={step.level} data-level={step.level.to_string()}>
            <span class="index" title={format!("VPN[{}] = {index}", step.level)}>
                { index }<small>{ format!("VPN[{}]", step.level) }</small>
            </span>
            <div class="reading">
                <p class="table-line">
                    <span class="table-name">{ table_name(step.level, card.scheme()) }</span>
                    <span class="hint">{ "at " }{ frame_link(desk, table) }</span>
                    { strip(desk.model.table(), table, index) }
                </p>
                <p class="entry">
                    <span class="hint"><Term explained={field(Field::PteAddress)} label="entry at" />{ " " }{ entry_link(desk, step.pte_addr) }</span>
                    <code class="raw">{ format!("{:#x}", step.pte.raw()) }</code>
                    <Flags pte={step.pte} {failed} />
                    { verdict(desk, step, failed) }
                </p>
                { failed.map(stopped) }
            </div>
        </li>
    }
}

/// What the table of a level is called.
pub(super) fn table_name(level: u32, scheme: Scheme) -> String {
    let table = match level {
        0 => "Last table",
        root if root + 1 == scheme.levels() => "Root table",
        _ => "Table",
    };
    format!("{table}, level {level}")
}

fn verdict(desk: &Desk, step: &WalkStep, failed: Option<Check>) -> Html {
    match failed {
        Some(_) => html! {},
        None if step.pte.is_pointer() => {
            html! { <span class="hint">{ "points at table " }{ frame_link(desk, step.pte.ppn().base()) }</span> }
        }
        None => html! { <span class="hint">{ "valid" }</span> },
    }
}

/// Why the walk stopped.
pub(super) fn stopped(check: Check) -> Html {
    let explained = words::check(check);
    html! {
        <p class="verdict" id="check">
            <strong>{ "The walk stops here: " }<Term {explained} /></strong>{ ". " }{ explained.sentence }
        </p>
    }
}

/// Where no table was read, the check stands alone.
fn no_walk(card: &Card) -> Html {
    match card.trap.check.filter(|_| card.walk().is_empty()) {
        Some(check) => html! { <div class="level stopped">{ stopped(check) }</div> },
        None => html! {},
    }
}

/// The table as a strip of 512 entries: those in use, and the one that was read.
fn strip(root: Option<&Table>, addr: PhysAddr, index: usize) -> Html {
    let used = root.and_then(|root| find(root, addr)).map_or(&[][..], |table| &table.entries);
    let mark = |at: usize, class: &'static str| {
        html! { <rect {class} x={at.to_string()} y="0" width="5" height="10" /> }
    };
    html! {
        <svg class="strip" viewBox={format!("0 0 {ENTRIES} 10")} preserveAspectRatio="none" role="img"
            aria-label={format!("entry {index} of {ENTRIES}; {} in use", used.len())}>
            <rect class="ground" width={ENTRIES.to_string()} height="10" />
            { for used.iter().map(|entry| mark(entry.index, "used")) }
            { mark(index, "here") }
        </svg>
    }
}

fn find(table: &Table, addr: PhysAddr) -> Option<&Table> {
    if table.addr == addr {
        return Some(table);
    }
    table.entries.iter().filter_map(|entry| entry.child.as_deref()).find_map(|child| find(child, addr))
}

/// A frame as a link to all that belongs to it.
pub(super) fn frame_link(desk: &Desk, frame: PhysAddr) -> Html {
    let selected = desk.linked.frames.contains(&frame);
    html! {
        <button type="button" class={classes!("link", selected.then_some("selected"))}
            onclick={desk.selecting(Selection::Frame(frame))}>{ frame.to_string() }</button>
    }
}

/// A page-table entry as a link to all that belongs to it.
pub(super) fn entry_link(desk: &Desk, entry: PhysAddr) -> Html {
    let selected = desk.linked.entries.contains(&entry);
    html! {
        <button type="button" class={classes!("link", selected.then_some("selected"))}
            onclick={desk.selecting(Selection::Entry(entry))}>{ entry.to_string() }</button>
    }
}
