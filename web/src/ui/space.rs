//! The address space of the watched process: areas and pages, highest address first.

use faultline_abi::VirtAddr;
use faultline_abi::sv39::{FlagLetters, PteFlags};
use faultline_abi::trace::AreaKind;
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::pane::Pane;
use crate::layout::{Cell, CellState, Row, rows};
use crate::linked::Selection;
use crate::snapshot::sp;
use crate::state::{Area, Process};
use crate::words::{area_name, bytes};

/// The areas with their pages.
#[component]
pub(super) fn AddressSpace(PaneProps { desk }: &PaneProps) -> Html {
    let process = desk.model.watched_process();
    let aside = process.map_or_else(String::new, Process::label);
    html! {
        <Pane id="address-space" {aside}>
            if let Some(process) = process {
                if process.areas.is_empty() {
                    <p class="hint">{ format!("{} has no memory: it is not loaded yet, or it is gone.", process.label()) }</p>
                } else {
                    { picture(desk, process) }
                }
            } else {
                <p class="hint">{ "No process owns the page tables shown here. High addresses will stand at the top." }</p>
            }
        </Pane>
    }
}

fn picture(desk: &Desk, process: &Process) -> Html {
    let spot = Spot::new(desk, process);
    let size = process.size();
    let all = rows(process, &desk.model.leaves, &desk.model.view);
    let row = |row: &Row| {
        let heap_top = matches!(row, Row::Area { area, .. } if area.kind == AreaKind::Heap);
        html! {
            <>
                if let Some(size) = size.filter(|_| heap_top) {
                    <p class="mark">{ "p->sz, end of the heap: " }<code>{ size.to_string() }</code></p>
                }
                { draw(desk, &spot, row) }
            </>
        }
    };
    html! {
        <>
            <div class="areas">{ for all.iter().map(row) }</div>
            { legend(&all) }
        </>
    }
}

/// Addresses that the picture points out.
struct Spot {
    fault: Option<VirtAddr>,
    sp: Option<VirtAddr>,
    changed: Vec<VirtAddr>,
}

impl Spot {
    fn new(desk: &Desk, process: &Process) -> Self {
        let model = &desk.model;
        let card = model.card.as_ref().filter(|card| card.root() == process.root);
        let registers = model.snapshot.as_ref().map(|snapshot| &snapshot.registers);
        let changed = model.changed_pages();
        Self { fault: card.map(|card| VirtAddr::new(card.trap.stval)), sp: registers.map(sp), changed }
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

fn cell(desk: &Desk, spot: &Spot, cell: &Cell) -> Html {
    let flags = cell.pte.map(|pte| pte.flags());
    let dirty = flags.is_some_and(|flags| flags.contains(PteFlags::D));
    let holds_sp = spot.sp.is_some_and(|sp| sp.page_down() == cell.va);
    let faults = spot.fault.is_some_and(|va| va.page_down() == cell.va);
    let class = classes!(
        "cell",
        state_class(cell.state),
        dirty.then_some("dirty"),
        faults.then_some("fault"),
        spot.changed.contains(&cell.va).then_some("changed"),
        desk.linked.pages.contains(&cell.va).then_some("selected"),
    );
    let label = label(cell, holds_sp, faults);
    html! {
        <button type="button" {class} key={cell.va.get().to_string()} data-va={cell.va.to_string()} title={label.clone()} aria-label={label}
            onclick={desk.selecting(Selection::Page(cell.va))}>
            { letter(cell, holds_sp) }
        </button>
    }
}

const fn state_class(state: CellState) -> &'static str {
    match state {
        CellState::Lazy => "lazy",
        CellState::OnDisk => "on-disk",
        CellState::Swapped(_) => "swapped",
        CellState::Resident => "resident",
        CellState::Shared(_) => "resident shared",
        CellState::Cow(_) => "resident cow",
        CellState::KernelOnly => "kernel",
        CellState::Guard => "guard",
    }
}

fn letter(cell: &Cell, holds_sp: bool) -> AttrValue {
    match (holds_sp, cell.state) {
        (true, _) => "sp".into(),
        (_, CellState::Lazy) => "?".into(),
        (_, CellState::OnDisk) => "d".into(),
        (_, CellState::Swapped(_)) => "s".into(),
        (_, CellState::Shared(refs) | CellState::Cow(refs)) => refs.to_string().into(),
        (_, CellState::Guard) => "!".into(),
        (_, CellState::KernelOnly) => "k".into(),
        (_, CellState::Resident) => "".into(),
    }
}

fn label(cell: &Cell, holds_sp: bool, faults: bool) -> String {
    let state = match cell.state {
        CellState::Lazy => "promised, no frame yet".into(),
        CellState::OnDisk => "on disk, not read yet".into(),
        CellState::Swapped(slot) => format!("in swap slot {slot}"),
        CellState::Resident => "mapped".into(),
        CellState::Shared(refs) => format!("mapped, the frame is shared by {refs}"),
        CellState::Cow(refs) => format!("shared by {refs}, copied on the first write"),
        CellState::KernelOnly => "mapped for the kernel only".into(),
        CellState::Guard => "guard page".to_owned(),
    };
    let mut label = format!("page {}: {state}", cell.va);
    if let Some(pte) = cell.pte {
        label += &format!(", frame {}, {}", pte.ppn().base(), FlagLetters(pte));
    }
    if holds_sp {
        label += ", the stack pointer points here";
    }
    if faults {
        label += ", the last fault was here";
    }
    label
}

fn permissions(area: &Area) -> String {
    "rwx"
        .chars()
        .enumerate()
        .map(|(bit, letter)| if area.prot >> bit & 1 == 1 { letter } else { '-' })
        .collect()
}

/// What the cells mean; rarer states only where they occur.
fn legend(rows: &[Row]) -> Html {
    let occurs = |state: &'static str| {
        let cells = rows.iter().flat_map(|row| match row {
            Row::Area { cells, .. } => cells.as_slice(),
            Row::Gap { strays, .. } => strays.as_slice(),
        });
        cells.map(|cell| state_class(cell.state)).any(|class| class == state)
    };
    let always = ["resident", "lazy", "guard"];
    let entry = |&(class, letter, words): &(&'static str, &'static str, &'static str)| {
        html! { <span><span class={classes!("cell", "sample", class)}>{ letter }</span>{ words }</span> }
    };
    html! {
        <div class="legend cells-legend">
            { for STATES.iter().filter(|(class, ..)| always.contains(class) || occurs(class)).map(entry) }
            { entry(&("resident dirty", "", "written (D)")) }
        </div>
    }
}

/// Classes of cells, a letter, and what they mean.
const STATES: [(&str, &str, &str); 8] = [
    ("resident", "", "mapped"),
    ("resident shared", "2", "shared by two"),
    ("resident cow", "2", "shared, copied when written"),
    ("lazy", "?", "promised, no frame"),
    ("on-disk", "d", "on disk"),
    ("swapped", "s", "in swap"),
    ("guard", "!", "guard"),
    ("kernel", "k", "kernel only"),
];
