//! A page of an address space as a cell, and what the cells mean.

use faultline_abi::VirtAddr;
use faultline_abi::sv39::{FlagLetters, PteFlags};
use yew::prelude::*;

use super::desk::Desk;
use crate::layout::{Cell, CellState, Row};
use crate::snapshot::sp;
use crate::state::Process;

/// Addresses that the picture points out.
pub(super) struct Spot {
    pub fault: Option<VirtAddr>,
    sp: Option<VirtAddr>,
    changed: Vec<VirtAddr>,
}

impl Spot {
    pub(super) fn new(desk: &Desk, process: &Process) -> Self {
        let model = &desk.model;
        let card = model.card.as_ref().filter(|card| card.root() == process.root);
        let registers = model.snapshot.as_ref().map(|snapshot| &snapshot.registers);
        let changed = model.changed_pages();
        // A page fault that has been answered is no news any more.
        let open = card.filter(|card| !card.is_over);
        Self { fault: open.map(|card| VirtAddr::new(card.trap.stval)), sp: registers.map(sp), changed }
    }
}

/// A button for the page; a listener around it has to know what it selects.
pub(super) fn cell(desk: &Desk, spot: &Spot, cell: &Cell) -> Html {
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
    let label = AttrValue::from(label(cell, holds_sp, faults));
    html! {
        <button type="button" {class} key={cell.va.get().to_string()} data-va={cell.va.to_string()} title={label.clone()} aria-label={label}>
            { letter(cell.state) }
            if holds_sp { <small class="sp">{ "sp" }</small> }
        </button>
    }
}

/// The class of a page's state in the style sheet.
pub(super) const fn state_class(state: CellState) -> &'static str {
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

/// The letter or number of a state.
pub(super) fn letter(state: CellState) -> AttrValue {
    match state {
        CellState::Lazy => "?".into(),
        CellState::OnDisk => "d".into(),
        CellState::Swapped(_) => "s".into(),
        CellState::Shared(refs) | CellState::Cow(refs) => refs.to_string().into(),
        CellState::Guard => "!".into(),
        CellState::KernelOnly => "k".into(),
        CellState::Resident => "".into(),
    }
}

/// A page's state in words.
pub(super) fn state_words(state: CellState) -> String {
    match state {
        CellState::Lazy => "promised, no frame yet".into(),
        CellState::OnDisk => "on disk, not read yet".into(),
        CellState::Swapped(slot) => format!("in swap slot {slot}"),
        CellState::Resident => "mapped".into(),
        CellState::Shared(refs) => format!("mapped, the frame is shared by {refs}"),
        CellState::Cow(1) => {
            "mapped read-only though it may be written, and not shared any more: the next write faults".into()
        }
        CellState::Cow(refs) => format!("shared by {refs}, copied on the first write"),
        CellState::KernelOnly => "mapped for the kernel only".into(),
        CellState::Guard => "guard page".into(),
    }
}

fn label(cell: &Cell, holds_sp: bool, faults: bool) -> String {
    let state = state_words(cell.state);
    let mut label = format!("page {}: {state}", cell.va);
    if let Some(pte) = cell.pte {
        label += &format!(", frame {}, {}", pte.ppn().base(), FlagLetters(pte));
    }
    if holds_sp {
        label += ", the stack pointer points here";
    }
    if faults {
        label += ", the page fault is about this page";
    }
    label
}

/// What the cells mean; rarer states only where they occur.
pub(super) fn legend(spot: &Spot, rows: &[Row]) -> Html {
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
            if spot.sp.is_some() { <span><span class="cell sample"><small class="sp">{ "sp" }</small></span>{ "stack pointer" }</span> }
            if spot.fault.is_some() { { entry(&("fault", "", "the page fault")) } }
            if !spot.changed.is_empty() { { entry(&("changed", "", "entry just changed")) } }
            { entry(&("selected", "", "selected")) }
        </div>
    }
}

/// Classes of cells, a letter, and what they mean.
const STATES: [(&str, &str, &str); 8] = [
    ("resident", "", "mapped"),
    ("resident shared", "n", "shared by n"),
    ("resident cow", "n", "shared by n, W = 0: a write faults"),
    ("lazy", "?", "promised, no frame"),
    ("on-disk", "d", "on disk"),
    ("swapped", "s", "in swap"),
    ("guard", "!", "guard"),
    ("kernel", "k", "kernel only"),
];
