//! The source around the instruction that comes next, and the instructions themselves.

use faultline_abi::VirtAddr;
use faultline_machine::hart::Privilege;
use faultline_machine::lines::{Lines, Source as Kind};
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::fetched::{use_lines, use_source};
use super::pane::Pane;
use super::shell::use_showing;
use crate::arrangement::Showing;
use crate::snapshot::Instruction;

/// Lines of source that are shown before the present one, and after it.
const AROUND: (usize, usize) = (8, 9);

/// A place in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// The function.
    pub function: String,
    /// The file, if its text is there.
    pub path: Option<String>,
    /// The line, from 1.
    pub line: usize,
}

/// Where the code at an address comes from.
pub(super) fn spot(lines: Option<&Lines>, pc: VirtAddr) -> Option<Spot> {
    let line = lines?.line(pc.get())?;
    let file = line.file.filter(|file| file.source != Kind::Absent);
    Some(Spot {
        function: line.function.to_owned(),
        path: file.map(|file| file.path.clone()),
        line: usize::try_from(line.number).unwrap_or(0),
    })
}

/// Source and listing.
#[component]
pub(super) fn SourcePane(PaneProps { desk }: &PaneProps) -> Html {
    let is_open = use_showing("source") != Showing::Folded;
    let lines = use_lines(program(desk).filter(|_| is_open));
    let pc = desk.model.snapshot.as_ref().map(|snapshot| snapshot.registers.pc);
    let spot = pc.and_then(|pc| spot(lines.as_deref(), pc));
    let text = use_source(spot.as_ref().and_then(|spot| spot.path.clone()));
    html! {
        <Pane id="source" aside={spot.as_ref().map(|spot| html! { <code>{ spot.function.clone() }</code> }).unwrap_or_default()} sentence={sentence(desk, spot.as_ref())}>
            if let (Some(text), Some(spot)) = (&text, &spot) {
                { excerpt(text, spot.line) }
            }
            { listing(desk) }
        </Pane>
    }
}

/// Whose code runs: the program of the process, or the kernel.
fn program(desk: &Desk) -> Option<String> {
    let mode = desk.model.snapshot.as_ref()?.registers.mode;
    match mode {
        Privilege::User => {
            desk.model.view.processes.on_hart(desk.model.hart()).map(|process| process.name.clone())
        }
        Privilege::Supervisor => Some("kernel".into()),
        Privilege::Machine => None,
    }
}

fn sentence(desk: &Desk, spot: Option<&Spot>) -> String {
    let next = desk.model.snapshot.as_ref().and_then(|snapshot| snapshot.next.as_ref());
    let next = next.map_or_else(
        || "The next instruction cannot be read.".into(),
        |next| format!("Next comes {} at {}.", next.text, next.va),
    );
    match spot.and_then(|spot| Some((spot.path.as_ref()?, spot.line))) {
        Some((path, line)) => format!("{next} It belongs to line {line} of {path}."),
        None => next,
    }
}

fn excerpt(text: &str, line: usize) -> Html {
    let from = line.saturating_sub(AROUND.0 + 1);
    let row = |(i, source): (usize, &str)| {
        let number = from + i + 1;
        let is_here = number == line;
        html! {
            <tr key={number} class={classes!(is_here.then_some("current"))} aria-current={is_here.then_some("step")}>
                <td>{ if is_here { "▶" } else { "" } }</td>
                <td class="hint">{ number }</td>
                <td><code>{ source.to_owned() }</code></td>
            </tr>
        }
    };
    let rows = text.lines().skip(from).take(AROUND.0 + AROUND.1 + 1).enumerate().map(row);
    html! {
        <div class="scroll" tabindex="0" role="group" aria-label="Source around the present line">
            <table class="code source-text" id="source-text">
                <caption class="visually-hidden">{ "Source around the present line" }</caption>
                <tbody>{ for rows }</tbody>
            </table>
        </div>
    }
}

fn listing(desk: &Desk) -> Html {
    let Some(snapshot) = &desk.model.snapshot else { return html! {} };
    let next = snapshot.next.as_ref().map(|next| next.va);
    let faulting = snapshot.faulting.as_ref().map(|faulting| faulting.va);
    let row = |each: &Instruction| {
        let is_next = next == Some(each.va);
        let class = classes!(is_next.then_some("current"), (faulting == Some(each.va)).then_some("faulted"));
        html! {
            <tr key={each.va.get().to_string()} {class} aria-current={is_next.then_some("step")}>
                <td>{ if is_next { "▶" } else { "" } }</td>
                <td><code>{ each.va.to_string() }</code></td>
                <td><code class="hint">{ bits(each) }</code></td>
                <td><code>{ each.text.clone() }</code></td>
            </tr>
        }
    };
    html! {
        <div class="scroll" tabindex="0" role="group" aria-label="Instructions around the next one">
            <table class="code" id="listing">
                <caption class="visually-hidden">{ "Instructions around the next one" }</caption>
                <tbody>{ for snapshot.code.iter().map(row) }</tbody>
            </table>
        </div>
    }
}

fn bits(instruction: &Instruction) -> String {
    match instruction.length {
        2 => format!("{:04x}", instruction.bits),
        _ => format!("{:08x}", instruction.bits),
    }
}
