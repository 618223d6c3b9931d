//! The slots of swap, and what the disk had to do.

use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use crate::state::Slot;
use crate::words::name;

/// Slots that are drawn.
const SLOTS_MAX: usize = 512;

/// The slots that were ever written, and the disk's count.
#[component]
pub(super) fn Swap(PaneProps { desk }: &PaneProps) -> Html {
    let reclaim = &desk.model.view.reclaim;
    let held = reclaim.in_swap().count();
    html! {
        <div class="swap">
            <h3>{ "Swap and disk" }</h3>
            <p class="hint" id="disk-count">{ disk(desk) }</p>
            if reclaim.slots.is_empty() {
                <p class="hint">{ "No page was written to swap yet." }</p>
            } else {
                <p class="hint" id="swap-count">{ format!("Pages in swap: {held}.") }</p>
                <div class="cells" id="slots">
                    { for reclaim.slots.iter().take(SLOTS_MAX).map(|(&number, slot)| cell(desk, number, slot)) }
                </div>
            }
        </div>
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

fn label(desk: &Desk, number: u64, slot: &Slot) -> String {
    let out = format!("slot {number}, written at event {}", slot.out);
    let users: Vec<String> = slot
        .users
        .iter()
        .map(|&(pid, va)| format!("page {va} of {}", name(&desk.model.view.processes, pid)))
        .collect();
    match (users.is_empty(), slot.back) {
        (false, _) => format!("{out}: {}", users.join(", ")),
        (true, Some(back)) => format!("{out}, read back at event {back}: free"),
        (true, None) => format!("{out}; its process is gone: free"),
    }
}
