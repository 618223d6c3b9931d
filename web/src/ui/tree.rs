//! The watched page tables as a tree that opens along the last walk.

use std::collections::BTreeSet;

use faultline_abi::PhysAddr;
use faultline_abi::sv39::PteFlags;
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::flags::Flags;
use super::pages::PagedTable;
use super::pane::{Pane, Views};
use super::pressed;
use super::roots::Roots;
use super::shell::use_showing;
use super::walk::{entry_link, frame_link};
use crate::arrangement::Showing;
use crate::layout::{Marks, TreeRow, tree_rows};
use crate::snapshot::{Entry, Table};

/// Rows of the tree that are drawn.
const ROWS_MAX: usize = 600;
/// What the flags' letters mean.
const LETTERS: &str = "D dirty (written), A accessed, G global, U for user programs, X execute, W write, R read, V valid; a dash: not set.";
/// The titles of the table's columns.
const COLUMNS: &[&str] = &["level", "index", "maps", "entry", "flags", "software bits", "points to"];

/// The tree, and the choice of the root.
#[component]
pub(super) fn PageTable(PaneProps { desk }: &PaneProps) -> Html {
    let flipped = use_state(BTreeSet::<PhysAddr>::new);
    let showing = use_showing("page-table");
    let body = match desk.model.table() {
        _ if showing == Showing::Folded => html! {},
        Some(table) if showing == Showing::Table => flat(desk, table),
        Some(table) => tree(desk, table, &flipped),
        None => {
            html! { <p class="hint">{ "satp has not held a page table yet: addresses are physical." }</p> }
        }
    };
    html! {
        <Pane id="page-table" aside={html! { <Roots desk={desk.clone()} /> }} sentence={sentence(desk)} views={Views::PictureAndTable}>{ body }</Pane>
    }
}

fn tree(desk: &Desk, table: &Table, flipped: &UseStateHandle<BTreeSet<PhysAddr>>) -> Html {
    let card = desk.model.card.as_ref().filter(|card| card.root() == table.addr);
    let marks = Marks {
        walk: card.map(|card| card.walk().to_vec()).unwrap_or_default(),
        failed: card.is_some_and(|card| card.trap.check.is_some()),
        changed: desk.model.changed_entries(),
        flipped: (**flipped).clone(),
    };
    let rows = tree_rows(table, &marks);
    let more = rows.len().saturating_sub(ROWS_MAX) + table.left_out;
    html! {
        <>
            <p class="table-head">
                { format!("{}, {:?}, root at ", desk.model.root_name(table.addr), table.scheme()) }
                { frame_link(desk, table.addr) }
            </p>
            <p class="hint" id="flag-letters">{ LETTERS }</p>
            <div class="tree" onclick={pressing(desk, flipped)}>{ for rows.iter().take(ROWS_MAX).map(|each| row(desk, each)) }</div>
            if more > 0 { <p class="hint">{ format!("and {more} more entries; the table has them all") }</p> }
        </>
    }
}

/// Every entry of every table below the root, in order of address.
fn entries(table: &Table) -> Vec<(u32, Entry)> {
    let below = |entry: &Entry| {
        let child = entry.child.as_deref().map_or_else(Vec::new, entries);
        core::iter::once((table.level, Entry { child: None, ..entry.clone() })).chain(child)
    };
    table.entries.iter().flat_map(below).collect()
}

fn sentence(desk: &Desk) -> String {
    let Some(table) = desk.model.table() else { return String::new() };
    let all = entries(table);
    let leaves = all.iter().filter(|(_, entry)| entry.pte.is_leaf()).count();
    let changed = desk.model.changed_pages();
    let changed = match changed.as_slice() {
        [] => String::new(),
        pages => format!(
            " Pages changed since the kernel was entered: {}, the first is {}.",
            pages.len(),
            pages[0]
        ),
    };
    format!("Entries: {}, of them pages: {leaves}.{changed}", all.len())
}

fn flat(desk: &Desk, table: &Table) -> Html {
    let all = entries(table);
    let count = all.len();
    let row = {
        let desk = desk.clone();
        Callback::from(move |n: usize| {
            all.get(n).map_or_else(Html::default, |(level, entry)| {
            let (pte, flags) = (entry.pte, entry.pte.flags());
            let rsw = u8::from(flags.contains(PteFlags::RSW1)) * 2 + u8::from(flags.contains(PteFlags::RSW0));
            html! {
                <tr key={entry.pte_addr.get().to_string()}>
                    <td>{ *level }</td><td>{ entry.index }</td><td><code>{ entry.va.to_string() }</code></td>
                    <td>{ entry_link(&desk, entry.pte_addr) }</td><td><Flags {pte} /></td><td>{ rsw }</td>
                    <td>{ frame_link(&desk, pte.ppn().base()) }</td>
                </tr>
            }
        })
        })
    };
    html! { <PagedTable id="page-table-rows" caption="Entries of the page tables" {count} {row} columns={COLUMNS} /> }
}

fn row(desk: &Desk, row: &TreeRow) -> Html {
    let class = classes!(
        "row",
        format!("depth{}", row.depth),
        row.on_walk.then_some("path"),
        row.before.map(|_| "changed"),
        row.stopped.then_some("stopped"),
        desk.linked.entries.contains(&row.pte_addr).then_some("selected"),
    );
    // By what it maps: the same row in the tables of another process, or at another place in memory, is only written anew.
    let key = format!("{}:{}", row.level, row.va);
    html! {
        <div {class} {key} data-pte={row.pte_addr.to_string()}>
            { toggle(row) }
            <button type="button" class={classes!("slot", format!("l{}", row.level))} data-entry={row.pte_addr.to_string()}
                title={format!("entry {} of a table of level {}, at {}", row.index, row.level, row.pte_addr)}>{ row.index }</button>
            <Flags pte={row.pte} />
            { points_to(desk, row) }
            { status(row) }
            <span class="at">{ pressed::entry_link(desk, row.pte_addr) }</span>
        </div>
    }
}

fn toggle(row: &TreeRow) -> Html {
    let Some(open) = row.open else { return html! { <span class="toggle" aria-hidden="true"></span> } };
    html! {
        <button type="button" class="toggle" data-flips={row.pte_addr.to_string()} aria-expanded={open.to_string()}
            aria-label={format!("table below entry {}", row.index)}>
            { if open { "▾" } else { "▸" } }
        </button>
    }
}

/// Opens or closes a table where the pressed button is for that, and selects what it says elsewhere.
fn pressing(desk: &Desk, flipped: &UseStateHandle<BTreeSet<PhysAddr>>) -> Callback<MouseEvent> {
    let (flipped, select) = (flipped.clone(), pressed::selecting(desk));
    Callback::from(move |event: MouseEvent| {
        match pressed::button(&event).and_then(|button| pressed::address(&button, "data-flips")) {
            Some(table) => {
                let mut set = (*flipped).clone();
                if !set.remove(&PhysAddr::new(table)) {
                    set.insert(PhysAddr::new(table));
                }
                flipped.set(set);
            }
            None => select.emit(event),
        }
    })
}

fn points_to(desk: &Desk, row: &TreeRow) -> Html {
    let target = row.pte.ppn().base();
    if row.pte.is_leaf() {
        let size = if row.level > 0 { " (superpage)" } else { "" };
        html! { <span><code>{ row.va.to_string() }</code>{ " → " }{ pressed::frame_link(desk, target) }{ size }</span> }
    } else if row.pte.is_pointer() {
        html! { <span>{ "table " }{ pressed::frame_link(desk, target) }</span> }
    } else if row.pte.raw() == 0 {
        html! { <span class="hint">{ format!("{}: empty", row.va) }</span> }
    } else {
        html! { <span class="hint">{ format!("{}: not valid, {:#x}", row.va, row.pte.raw()) }</span> }
    }
}

fn status(row: &TreeRow) -> Html {
    match (row.before, row.stopped) {
        (Some(old), _) if old.raw() == 0 => html! { <span class="badge new">{ "new" }</span> },
        (Some(old), _) => html! {
            <><span class="badge new">{ "changed" }</span><span class="was"><span>{ "was " }</span><Flags pte={old} /></span></>
        },
        (None, true) => html! { <span class="badge bad">{ "walk stopped" }</span> },
        (None, false) => html! {},
    }
}
