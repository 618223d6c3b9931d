//! The address space of page tables that belong to no process that the kernel has told of: what they map.

use faultline_abi::VirtAddr;
use faultline_abi::sv39::{FlagLetters, Pte, PteFlags};
use yew::prelude::*;

use super::desk::Desk;
use super::pressed;
use crate::arrangement::Showing;
use crate::layout::{Run, runs};
use crate::words::bytes;

/// The titles of the table's columns.
const COLUMNS: [&str; 4] = ["addresses", "may", "for", "pages"];

/// What stands in a sentence.
pub(super) fn sentence(desk: &Desk) -> String {
    let Some(table) = desk.model.table() else { return "No page table is in force.".into() };
    let all = runs(table);
    let pages: u64 = all.iter().map(Run::pages).sum();
    format!(
        "The kernel has told of no process that owns these tables. Runs of pages with like flags: {}. Pages mapped: {pages}.",
        all.len()
    )
}

/// The runs, as a picture or as a table.
pub(super) fn show(desk: &Desk, showing: Showing) -> Html {
    let Some(table) = desk.model.table() else {
        return html! { <p class="hint">{ "satp has not held a page table yet: there is one address space, the physical one." }</p> };
    };
    let all = runs(table);
    html! {
        <>
            <p class="hint" id="runs-origin">{ "What the page tables map, highest address first. They do not say what a run is for: areas have names where the kernel tells of them." }</p>
            if all.is_empty() {
                <p class="hint">{ "Nothing is mapped." }</p>
            } else if showing == Showing::Table {
                { rows(&all) }
            } else {
                <div class="areas" id="runs" onclick={pressed::selecting(desk)}>{ for all.iter().map(|run| area(desk, run)) }</div>
            }
        </>
    }
}

fn rows(all: &[Run]) -> Html {
    let row = |run: &Run| {
        html! {
            <tr key={run.start.get().to_string()}>
                <td><code>{ range(run) }</code></td><td>{ may(run) }</td><td>{ whose(run) }</td><td>{ run.pages() }</td>
            </tr>
        }
    };
    html! {
        <div class="scroll" tabindex="0" role="group" aria-label="Runs of pages">
            <table id="runs-rows">
                <caption class="visually-hidden">{ "Runs of pages with like flags" }</caption>
                <thead><tr>{ for COLUMNS.iter().map(|&title| html! { <th scope="col">{ title }</th> }) }</tr></thead>
                <tbody>{ for all.iter().map(row) }</tbody>
            </table>
        </div>
    }
}

fn area(desk: &Desk, run: &Run) -> Html {
    let fault = desk.model.card.as_ref().filter(|card| !card.is_over && Some(card.root()) == root(desk));
    let fault = fault.map(|card| VirtAddr::new(card.trap.stval));
    let hit = fault.is_some_and(|va| run.contains(va));
    html! {
        <div class={classes!("area", hit.then_some("hit"))}>
            <div>
                <span class="name">{ may(run) }</span>{ " " }<span class="hint">{ format!("{}, {}", whose(run), bytes(run.size)) }</span>
                <span class="range">{ range(run) }</span>
            </div>
            <div class="cells">
                { for run.entries.iter().map(|&(va, pte)| cell(desk, va, pte)) }
                if run.more > 0 { <span class="hint">{ format!("and {} more entries", run.more) }</span> }
            </div>
        </div>
    }
}

fn root(desk: &Desk) -> Option<faultline_abi::PhysAddr> {
    desk.model.table().map(|table| table.addr)
}

fn cell(desk: &Desk, va: VirtAddr, pte: Pte) -> Html {
    let user = pte.flags().contains(PteFlags::U);
    let class = classes!(
        "cell",
        if user { "resident" } else { "kernel" },
        pte.flags().contains(PteFlags::D).then_some("dirty"),
        desk.linked.pages.contains(&va).then_some("selected"),
    );
    let label = AttrValue::from(format!("page {va}: frame {}, {}", pte.ppn().base(), FlagLetters(pte)));
    html! {
        <button type="button" {class} key={va.get().to_string()} data-va={va.to_string()} title={label.clone()} aria-label={label}>{ if user { "" } else { "k" } }</button>
    }
}

fn range(run: &Run) -> String {
    format!("{} – {}", run.start, run.last())
}

fn may(run: &Run) -> String {
    let letter = |flag, letter| if run.flags.contains(flag) { letter } else { '-' };
    [(PteFlags::R, 'r'), (PteFlags::W, 'w'), (PteFlags::X, 'x')]
        .map(|(flag, sign)| letter(flag, sign))
        .iter()
        .collect()
}

const fn whose(run: &Run) -> &'static str {
    match (run.flags.contains(PteFlags::U), run.flags.contains(PteFlags::G)) {
        (true, _) => "for programs",
        (false, true) => "for the kernel, in every address space",
        (false, false) => "for the kernel",
    }
}
