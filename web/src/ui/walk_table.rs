//! The page-table walk as a table: an entry a row.

use faultline_abi::VirtAddr;
use faultline_abi::sv39::WalkStep;
use yew::prelude::*;

use super::desk::PaneProps;
use super::flags::Flags;
use super::walk::{entry_link, frame_link, stopped, table_name};

/// The titles of the table's columns.
const COLUMNS: [&str; 6] = ["table", "at", "index", "entry at", "entry", "flags"];

/// The entries that the walk read, root first, and why it stopped.
#[component]
pub(super) fn WalkTable(PaneProps { desk }: &PaneProps) -> Html {
    let Some(card) = &desk.model.card else {
        return html! { <section id="walk-table" hidden=true></section> };
    };
    let va = VirtAddr::new(card.trap.stval);
    let last = card.walk().len().saturating_sub(1);
    let failed = |i: usize| card.trap.check.filter(|_| i == last);
    let row = |(i, step): (usize, &WalkStep)| {
        html! {
            <tr key={step.level} class={classes!(failed(i).map(|_| "current"))}>
                <th scope="row">{ table_name(step.level, card.scheme()) }</th>
                <td>{ frame_link(desk, step.pte_addr.page_down()) }</td>
                <td>{ va.vpn(step.level) }</td>
                <td>{ entry_link(desk, step.pte_addr) }</td>
                <td><code>{ format!("{:#x}", step.pte.raw()) }</code></td>
                <td><Flags pte={step.pte} failed={failed(i)} /></td>
            </tr>
        }
    };
    html! {
        <section class="scroll" id="walk-table" tabindex="0" aria-label="The page-table walk">
            <table id="walk-rows">
                <caption class="visually-hidden">{ format!("The walk for {va}") }</caption>
                <thead><tr>{ for COLUMNS.iter().map(|&title| html! { <th scope="col">{ title }</th> }) }</tr></thead>
                <tbody>{ for card.walk().iter().enumerate().map(row) }</tbody>
            </table>
            { for card.trap.check.map(stopped) }
        </section>
    }
}
