//! The slots of swap, and what the disk had to do.

use std::rc::Rc;

use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::pages::PagedTable;
use super::shell::use_showing;
use crate::arrangement::Showing;
use crate::state::Slot;
use crate::words::name;

/// The titles of the table's columns.
const COLUMNS: &[&str] = &["slot", "written at event", "holds", "read back at event"];
/// Slots that are drawn.
const SLOTS_MAX: usize = 512;

/// The slots that were ever written, and the disk's count.
#[component]
pub(super) fn Swap(PaneProps { desk }: &PaneProps) -> Html {
    let reclaim = &desk.model.view.reclaim;
    let held = reclaim.in_swap().count();
    let showing = use_showing("eviction");
    html! {
        <div class="swap">
            <h3>{ "Swap and disk" }</h3>
            <p class="hint" id="disk-count">{ disk(desk) }</p>
            if reclaim.slots.is_empty() {
                <p class="hint">{ "No page was written to swap yet." }</p>
            } else {
                <p class="hint" id="swap-count">{ format!("Pages in swap: {held}.") }</p>
                if showing == Showing::Table {
                    { table(desk) }
                } else {
                    <div class="cells" id="slots">
                        { for reclaim.slots.iter().take(SLOTS_MAX).map(|(&number, slot)| cell(desk, number, slot)) }
                    </div>
                }
            }
        </div>
    }
}

fn table(desk: &Desk) -> Html {
    let slots: Rc<[(u64, Slot)]> =
        desk.model.view.reclaim.slots.iter().map(|(&number, slot)| (number, slot.clone())).collect();
    let count = slots.len();
    let row = {
        let desk = desk.clone();
        Callback::from(move |n: usize| {
            slots.get(n).map_or_else(Html::default, |(number, slot)| row(&desk, *number, slot))
        })
    };
    html! { <PagedTable id="slots-rows" caption="Slots of swap" {count} {row} columns={COLUMNS} /> }
}

fn row(desk: &Desk, number: u64, slot: &Slot) -> Html {
    html! {
        <tr key={number}>
            <td>{ number }</td>
            <td><button type="button" class="link" onclick={desk.to_event(slot.out)}>{ slot.out }</button></td>
            <td>{ users(desk, slot).join(", ") }</td>
            <td>{ slot.back.map(|back| back.to_string()).unwrap_or_default() }</td>
        </tr>
    }
}

fn disk(desk: &Desk) -> String {
    let view = &desk.model.view;
    format!(
        "The disk so far: reads {} (sectors {}), writes {} (sectors {}).",
        view.reclaim.reads, view.sectors_read, view.reclaim.writes, view.sectors_written
    )
}

fn cell(desk: &Desk, number: u64, slot: &Slot) -> Html {
    let label = label(desk, number, slot);
    let class = if slot.users.is_empty() { "free" } else { "cache" };
    let event = slot.back.filter(|_| slot.users.is_empty()).unwrap_or(slot.out);
    html! {
        <button type="button" key={number} class={classes!("cell", class)} data-slot={number.to_string()}
            title={label.clone()} aria-label={label} onclick={desk.to_event(event)}>{ number }</button>
    }
}

/// Whose pages the slot holds; nobody's where it is free.
fn users(desk: &Desk, slot: &Slot) -> Vec<String> {
    let user = |&(pid, va)| format!("page {va} of {}", name(&desk.model.view.processes, pid));
    slot.users.iter().map(user).collect()
}

fn label(desk: &Desk, number: u64, slot: &Slot) -> String {
    let out = format!("slot {number}, written at event {}", slot.out);
    let users = users(desk, slot);
    match (users.is_empty(), slot.back) {
        (false, _) => format!("{out}: {}", users.join(", ")),
        (true, Some(back)) => format!("{out}, read back at event {back}: free"),
        (true, None) => format!("{out}; its process is gone: free"),
    }
}
