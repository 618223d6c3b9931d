//! The address space of the watched process: areas and pages, highest address first.

use faultline_abi::PAGE_SIZE;
use faultline_abi::trace::AreaKind;
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::page_cell::{Spot, cell, legend};
use super::pane::{Pane, Views};
use super::pressed;
use super::runs;
use super::shell::use_showing;
use crate::arrangement::Showing;
use crate::layout::{Cell, CellState, Row, rows};
use crate::state::{Area, Process};
use crate::words::{area_name, bytes};

/// The areas with their pages.
#[component]
pub(super) fn AddressSpace(PaneProps { desk }: &PaneProps) -> Html {
    let process = desk.model.watched_process();
    let aside = process.map_or_else(String::new, Process::label);
    let showing = use_showing("address-space");
    html! {
        <Pane id="address-space" {aside} class={classes!(desk.model.table().is_none().then_some("waiting"))} sentence={process.map_or_else(|| runs::sentence(desk), |process| sentence(desk, process))} views={Views::PictureAndTable}>
            if let Some(process) = process {
                if process.areas.is_empty() {
                    <p class="hint">{ format!("{} has no memory: it is not loaded yet, or it is gone.", process.label()) }</p>
                } else if showing == Showing::Table {
                    { table(desk, process) }
                } else if showing == Showing::Picture {
                    { picture(desk, process) }
                }
            } else if showing != Showing::Folded {
                { runs::show(desk, showing) }
            }
        </Pane>
    }
}

/// Pages of an area that are mapped, promised or on disk, and in swap.
fn counts(cells: &[Cell]) -> [usize; 3] {
    let count = |wanted: fn(CellState) -> bool| cells.iter().filter(|cell| wanted(cell.state)).count();
    [
        count(|state| {
            matches!(
                state,
                CellState::Resident | CellState::Shared(_) | CellState::Cow(_) | CellState::KernelOnly
            )
        }),
        count(|state| matches!(state, CellState::Lazy | CellState::OnDisk)),
        count(|state| matches!(state, CellState::Swapped(_))),
    ]
}

fn sentence(desk: &Desk, process: &Process) -> String {
    let rows = rows(process, &desk.model.leaves, &desk.model.view, desk.model.scheme());
    let cells = rows.iter().flat_map(|row| match row {
        Row::Area { cells, .. } => cells.as_slice(),
        Row::Gap { .. } => &[],
    });
    let [mapped, missing, swapped] = counts(&cells.copied().collect::<Vec<_>>());
    let swapped = if swapped > 0 { format!(", in swap {swapped}") } else { String::new() };
    let areas = process.areas.len();
    let parent = parent(desk, process);
    format!("{parent}Areas: {areas}. Pages mapped: {mapped}, not there yet: {missing}{swapped}.")
}

/// Whose child it is: processes that fork has made have the same name.
fn parent(desk: &Desk, process: &Process) -> String {
    let by_pid = &desk.model.view.processes.by_pid;
    let parent = u32::try_from(process.parent).ok().and_then(|pid| by_pid.get(&pid));
    parent.map_or_else(String::new, |parent| format!("Child of {}. ", parent.label()))
}

fn table(desk: &Desk, process: &Process) -> Html {
    let row = |row: &Row| {
        let Row::Area { area, cells, more } = row else { return html! {} };
        let [mapped, missing, swapped] = counts(cells);
        html! {
            <tr key={area.start.get().to_string()}>
                <th scope="row">{ area_name(area.kind) }</th>
                <td><code>{ format!("{} – {}", area.start, area.end) }</code></td>
                <td>{ permissions(area) }</td>
                <td>{ (area.end.get() - area.start.get()) / PAGE_SIZE }</td>
                <td>{ mapped }</td><td>{ missing }</td><td>{ swapped }</td><td>{ *more }</td>
                <td>{ shared(cells) }</td><td>{ protected(cells) }</td>
            </tr>
        }
    };
    html! {
        <div class="scroll" tabindex="0" role="group" aria-label="Areas">
            <table id="areas-rows">
                <caption class="visually-hidden">{ format!("Areas of {}", process.label()) }</caption>
                <thead><tr>{ for COLUMNS.iter().map(|&title| html! { <th scope="col">{ title }</th> }) }</tr></thead>
                <tbody>{ for rows(process, &desk.model.leaves, &desk.model.view, desk.model.scheme()).iter().map(row) }</tbody>
            </table>
        </div>
    }
}

/// The titles of the table's columns.
const COLUMNS: [&str; 10] = [
    "area",
    "addresses",
    "may",
    "pages",
    "mapped",
    "not there yet",
    "in swap",
    "not looked at",
    "shared",
    "W = 0: a write faults",
];

/// Pages whose frames others map, too.
fn shared(cells: &[Cell]) -> usize {
    cells.iter().filter(|cell| matches!(cell.state, CellState::Shared(_) | CellState::Cow(2..))).count()
}

/// Pages that may be written and whose entries forbid it.
fn protected(cells: &[Cell]) -> usize {
    cells.iter().filter(|cell| matches!(cell.state, CellState::Cow(_))).count()
}

fn picture(desk: &Desk, process: &Process) -> Html {
    let spot = Spot::new(desk, process);
    let size = process.size();
    let all = rows(process, &desk.model.leaves, &desk.model.view, desk.model.scheme());
    let row = |row: &Row| {
        let heap_top = matches!(row, Row::Area { area, .. } if area.kind == AreaKind::Heap);
        html! {
            <>
                if let Some(size) = size.filter(|_| heap_top) {
                    <p class="mark" title="The size of the program's memory, as the kernel keeps it; sbrk moves it.">{ "p->sz, end of the heap: " }<code>{ size.to_string() }</code></p>
                }
                { draw(desk, &spot, row) }
            </>
        }
    };
    html! {
        <>
            <div class="areas" onclick={pressed::selecting(desk)}>{ for all.iter().map(row) }</div>
            { legend(&spot, &all) }
        </>
    }
}

fn draw(desk: &Desk, spot: &Spot, row: &Row) -> Html {
    let hit = spot.fault.is_some_and(|va| row.contains(va));
    match row {
        Row::Area { area, cells, more } => area_row(desk, spot, area, cells, *more, hit),
        Row::Gap { start, end, strays } => html! {
            <div class={classes!("gap", hit.then_some("hit"))}>
                { format!("{} unmapped", bytes(end.get() - start.get())) }
                if start.get() == 0 { { ", to catch null pointers" } }
                if hit { <strong>{ " — the address lies here" }</strong> }
                if !strays.is_empty() {
                    <div class="cells"><span>{ "mapped outside every area:" }</span>{ for strays.iter().map(|each| cell(desk, spot, each)) }</div>
                }
            </div>
        },
    }
}

fn area_row(desk: &Desk, spot: &Spot, area: &Area, cells: &[Cell], more: u64, hit: bool) -> Html {
    html! {
        <div class={classes!("area", hit.then_some("hit"))} data-area={area.kind.name()}>
            <div>
                <span class="name">{ area_name(area.kind) }</span>
                { " " }<span class="hint">{ permissions(area) }</span>
                <span class="range">{ format!("{} – {}", area.start, area.end) }</span>
            </div>
            <div class="cells">
                { for cells.iter().map(|each| cell(desk, spot, each)) }
                if more > 0 { <span class="hint">{ format!("and {more} more pages") }</span> }
                if area.is_empty() { <span class="hint">{ "empty" }</span> }
            </div>
        </div>
    }
}

fn permissions(area: &Area) -> String {
    "rwx"
        .chars()
        .enumerate()
        .map(|(bit, letter)| if area.prot >> bit & 1 == 1 { letter } else { '-' })
        .collect()
}
