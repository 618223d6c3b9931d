//! Physical frames: those in use one by one, and the story of the one that is selected.

use faultline_abi::PhysAddr;
use faultline_abi::sv39::FlagLetters;
use faultline_abi::trace::FrameKind;
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::pane::Pane;
use super::timeline::grouped;
use crate::layout::{FrameCell, FrameRun, frame_runs};
use crate::linked::Selection;
use crate::protocol::{Command, Target};
use crate::state::Moment;
use crate::words::{frame_kind, name};

/// Frames that are drawn one by one; the rest is counted.
const CELLS_MAX: usize = 1500;

/// Kinds with the class and letter of their cells.
const KINDS: [(FrameKind, &str, &str); 7] = [
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
    let frames = &desk.model.view.frames;
    let used = frames.used().count();
    let more = frames.by_address.len().saturating_sub(CELLS_MAX);
    let runs = frame_runs(frames, CELLS_MAX);
    html! {
        <Pane id="frames" title="Physical frames" aside={format!("{used} in use")}>
            if runs.is_empty() {
                <p class="hint">{ "The kernel has not taken a frame yet." }</p>
            } else {
                <div class="frames">{ for runs.iter().map(|each| run(desk, each)) }</div>
                if more > 0 {
                    <p class="hint">{ format!("and {} more frames", grouped(more as u64)) }</p>
                }
                { legend(desk) }
            }
            { for desk.linked.frames.iter().map(|&frame| details(desk, frame)) }
        </Pane>
    }
}

fn run(desk: &Desk, run: &FrameRun) -> Html {
    match run {
        FrameRun::Cells(cells) => html! { <>{ for cells.iter().map(|each| cell(desk, each)) }</> },
        FrameRun::Untouched(count) => {
            html! { <span class="free-run">{ format!("{} untouched", grouped(*count)) }</span> }
        }
    }
}

fn cell(desk: &Desk, cell: &FrameCell) -> Html {
    let (class, letter) = look(cell);
    let selected = desk.linked.frames.contains(&cell.address);
    let shared = (cell.refs > 1).then(|| cell.refs.to_string());
    let label = label(desk, cell);
    html! {
        <button type="button" key={cell.address.get().to_string()} data-frame={cell.address.to_string()}
            class={classes!("cell", class, selected.then_some("selected"))}
            title={label.clone()} aria-label={label}
            onclick={desk.selecting(Selection::Frame(cell.address))}>
            { shared.unwrap_or_else(|| letter.into()) }
        </button>
    }
}

fn look(cell: &FrameCell) -> (&'static str, &'static str) {
    let known = KINDS.iter().find(|(kind, ..)| *kind == cell.kind && cell.refs > 0);
    known.map_or(("free", ""), |&(_, class, letter)| (class, letter))
}

fn label(desk: &Desk, cell: &FrameCell) -> String {
    if cell.refs == 0 {
        return format!("frame {}: free again", cell.address);
    }
    let owner = name(&desk.model.view.processes, cell.owner);
    format!("frame {}: {} of {owner}, references {}", cell.address, frame_kind(cell.kind), cell.refs)
}

fn legend(desk: &Desk) -> Html {
    let occurs = |kind: FrameKind| desk.model.view.frames.used().any(|(_, frame)| frame.kind == kind);
    let entry = |&(kind, class, letter): &(FrameKind, &'static str, &'static str)| {
        html! { <span><span class={classes!("cell", "sample", class)}>{ letter }</span>{ frame_kind(kind) }</span> }
    };
    html! {
        <div class="legend cells-legend">
            { for KINDS.iter().filter(|(kind, ..)| occurs(*kind)).map(entry) }
            <span><span class="cell sample free"></span>{ "free again" }</span>
        </div>
    }
}

fn details(desk: &Desk, address: PhysAddr) -> Html {
    let Some(frame) = desk.model.view.frames.get(address) else {
        return html! { <div class="details">{ format!("{address}: no frame that the kernel has told of.") }</div> };
    };
    html! {
        <div class="details" id="frame-details">
            <h3>{ "Frame " }<code>{ address.to_string() }</code></h3>
            <p>{ mapped_by(desk, address) }</p>
            <ol class="history">{ for frame.history.iter().map(|each| moment(desk, each)) }</ol>
            <button type="button" class="button" onclick={desk.command(Command::Read(address))}>{ "Show its bytes" }</button>
            { hex(desk, address) }
        </div>
    }
}

/// Who maps the frame now, counted from the page tables.
fn mapped_by(desk: &Desk, address: PhysAddr) -> String {
    let mapped = desk.model.snapshot.iter().flat_map(|snapshot| &snapshot.mapped);
    let here = mapped.filter(|page| page.frame() == address).map(|page| {
        let owner = desk.model.view.processes.of_root(page.root);
        let owner = owner.map_or_else(|| "the kernel".into(), crate::state::Process::label);
        format!("{owner} at {} ({})", page.va, FlagLetters(page.pte))
    });
    match here.collect::<Vec<_>>().as_slice() {
        [] => "No process maps it now.".into(),
        some => format!("Mapped by {}.", some.join(", ")),
    }
}

fn moment(desk: &Desk, moment: &Moment) -> Html {
    let who = name(&desk.model.view.processes, moment.pid);
    html! {
        <li>
            <button type="button" class="link" onclick={desk.command(Command::Seek(Target::Event(moment.event)))}>
                { format!("event {}", moment.event) }
            </button>
            { format!(": {} for {who}, references {}", moment.op.name(), moment.refs) }
        </li>
    }
}

/// The first bytes of the frame, sixteen to a line.
fn hex(desk: &Desk, address: PhysAddr) -> Html {
    let known = desk.model.bytes.as_ref().filter(|known| known.0 == address);
    let Some(known) = known else { return html! {} };
    let line = |(i, chunk): (usize, &[u8])| {
        let digits: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = |&byte: &u8| if byte.is_ascii_graphic() { char::from(byte) } else { '·' };
        let text: String = chunk.iter().map(shown).collect();
        format!("{:03x}  {}  {text}\n", i * 16, digits.join(" "))
    };
    let text: String = known.1.chunks(16).enumerate().map(line).collect();
    html! { <pre class="console hex" tabindex="0" aria-label="Bytes of the frame">{ text }</pre> }
}
