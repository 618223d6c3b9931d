//! Physical frames: a grid of all of them, or a table, and the story of the one that is selected.

use std::rc::Rc;

use faultline_abi::sv39::FlagLetters;
use faultline_abi::trace::FrameKind;
use faultline_abi::{PAGE_SIZE, PhysAddr, board};
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::frame_canvas::FrameCanvas;
use super::frame_details::FrameDetails;
use super::pages::PagedTable;
use super::pane::{Pane, Views};
use super::shell::use_showing;
use super::timeline::grouped;
use crate::arrangement::Showing;
use crate::layout::{every_frame, used_frames};
use crate::linked::Selection;
use crate::state::Frame;
use crate::words::{frame_kind, name};

/// Which frames are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Those that are or were in use, with what lies between them as one cell.
    Used,
    /// All that there are.
    All,
}

/// The titles of the table's columns.
const COLUMNS: &[&str] = &["frame", "use", "owner", "references", "mapped by"];

/// Kinds with the class and letter of their cells.
pub(super) const KINDS: [(FrameKind, &str, &str); 7] = [
    (FrameKind::User, "user", "u"),
    (FrameKind::PageTable, "page-table", "T"),
    (FrameKind::Trapframe, "trapframe", "f"),
    (FrameKind::KernelStack, "kernel-stack", "s"),
    (FrameKind::Kernel, "kernel-memory", "k"),
    (FrameKind::Zero, "zero", "0"),
    (FrameKind::Cache, "cache", "c"),
];

/// The frames, a legend of the kinds that occur, and the details.
#[component]
pub(super) fn Frames(PaneProps { desk }: &PaneProps) -> Html {
    let extent = use_state_eq(|| Extent::Used);
    let showing = use_showing("frames");
    let used = desk.model.view.frames.used().count();
    // Tens of thousands, the same at every step.
    let all = use_memo(memory(desk), |&count| every_frame(PhysAddr::new(board::DRAM_BASE), count));
    let places = match *extent {
        Extent::All => all,
        Extent::Used => Rc::new(used_frames(&desk.model.view.frames)),
    };
    let is_empty = desk.model.view.frames.by_address.is_empty();
    let body = match showing {
        Showing::Folded => html! {},
        Showing::Picture => html! {
            <>
                <FrameCanvas desk={desk.clone()} {places} hidden={is_empty} />
                { if is_empty { nothing() } else { legend(desk) } }
            </>
        },
        Showing::Table if is_empty => nothing(),
        Showing::Table => table(desk),
    };
    html! {
        <Pane id="frames" aside={extents(&extent)} sentence={sentence(desk, used)} views={Views::PictureAndTable}>
            { body }
            { for desk.linked.frames.iter().map(|&frame| html! { <FrameDetails desk={desk.clone()} {frame} /> }) }
        </Pane>
    }
}

fn nothing() -> Html {
    html! { <p class="hint">{ "The kernel has not taken a frame yet." }</p> }
}

fn sentence(desk: &Desk, used: usize) -> String {
    let view = &desk.model.view;
    let shared = view.frames.used().filter(|(_, frame)| frame.refs > 1).count();
    let hand = view.reclaim.hand.map_or_else(String::new, |hand| format!(" The clock hand is at {hand}."));
    format!("Frames in use: {}, shared: {shared}.{hand}", grouped(used as u64))
}

/// Which frames to show.
fn extents(extent: &UseStateHandle<Extent>) -> Html {
    let button = |which: Extent, id: &'static str, words: &'static str| {
        let choose = {
            let extent = extent.clone();
            Callback::from(move |_: MouseEvent| extent.set(which))
        };
        html! {
            <button type="button" {id} aria-pressed={(**extent == which).to_string()} onclick={choose}>{ words }</button>
        }
    };
    html! {
        <span class="segmented" role="group" aria-label="Which frames">
            { button(Extent::Used, "frames-used", "ever used") }
            { button(Extent::All, "frames-all", "all memory") }
        </span>
    }
}

/// Frames that there are.
fn memory(desk: &Desk) -> usize {
    let mib = desk.model.loaded.as_ref().map_or(0, |loaded| loaded.scenario.machine.memory_mib);
    usize::try_from((u64::from(mib) << 20) / PAGE_SIZE).unwrap_or(0)
}

fn legend(desk: &Desk) -> Html {
    let occurs = |kind: FrameKind| desk.model.view.frames.used().any(|(_, frame)| frame.kind == kind);
    let entry = |&(kind, class, letter): &(FrameKind, &'static str, &'static str)| {
        html! { <span><span class={classes!("cell", "sample", class)}>{ letter }</span>{ frame_kind(kind) }</span> }
    };
    html! {
        <div class="legend cells-legend">
            { for KINDS.iter().filter(|(kind, ..)| occurs(*kind)).map(entry) }
            <span><span class="cell sample free"></span>{ "free" }</span>
            <span><span class="cell sample user dirty">{ "2" }</span>{ "shared by so many, written (D)" }</span>
            <span><span class="cell sample user accessed">{ "u" }</span>{ "accessed (A)" }</span>
            if desk.model.view.reclaim.hand.is_some() {
                <span><span class="cell sample handed">{ "u" }</span>{ "clock hand" }</span>
            }
            <span><span class="cell sample changed"></span>{ "just taken, shared or freed" }</span>
        </div>
    }
}

fn table(desk: &Desk) -> Html {
    let frames: Rc<[(PhysAddr, Frame)]> =
        desk.model.view.frames.used().map(|(at, frame)| (at, *frame)).collect();
    let count = frames.len();
    let row = {
        let desk = desk.clone();
        Callback::from(move |n: usize| {
            frames.get(n).map_or_else(Html::default, |&(at, frame)| row(&desk, at, frame))
        })
    };
    html! {
        <PagedTable id="frames-rows" caption="Frames in use" {count} {row}
            columns={COLUMNS} />
    }
}

fn row(desk: &Desk, at: PhysAddr, frame: Frame) -> Html {
    html! {
        <tr key={at.get().to_string()} class={classes!(desk.linked.frames.contains(&at).then_some("current"))}>
            <td><button type="button" class="link" onclick={desk.selecting(Selection::Frame(at))}>{ at.to_string() }</button></td>
            <td>{ frame_kind(frame.kind) }</td>
            <td>{ name(&desk.model.view.processes, frame.owner) }</td>
            <td>{ frame.refs }</td>
            <td>{ mappers(desk, at).join("; ") }</td>
        </tr>
    }
}

/// Who maps the frame now, counted from the page tables.
pub(super) fn mappers(desk: &Desk, address: PhysAddr) -> Vec<String> {
    let mapped = desk.model.snapshot.iter().flat_map(|snapshot| &snapshot.mapped);
    let here = mapped.filter(|page| page.frame() == address).map(|page| {
        let owner = desk.model.root_name(page.root);
        format!("{owner} at {} ({})", page.va, FlagLetters(page.pte))
    });
    here.collect()
}
