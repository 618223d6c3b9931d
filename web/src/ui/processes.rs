//! Processes with their state, and the hart's registers.

use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::pane::Pane;
use crate::linked::Selection;
use crate::snapshot::Registers;
use crate::state::{Life, Process};

/// The processes, then the registers.
#[component]
pub(super) fn Processes(PaneProps { desk }: &PaneProps) -> Html {
    let processes = &desk.model.view.processes;
    html! {
        <Pane id="processes">
            if processes.by_pid.is_empty() {
                <p class="hint">{ "The kernel has not created a process yet." }</p>
            } else {
                <div class="scroll">
                    <table>
                        <thead><tr><th>{ "pid" }</th><th>{ "program" }</th><th>{ "state" }</th><th>{ "memory" }</th><th>{ "root table" }</th></tr></thead>
                        <tbody>{ for processes.by_pid.values().map(|each| row(desk, each)) }</tbody>
                    </table>
                </div>
            }
            { registers(desk) }
        </Pane>
    }
}

fn row(desk: &Desk, process: &Process) -> Html {
    let pages = desk.model.view.frames.used().filter(|(_, frame)| frame.owner == process.pid).count();
    html! {
        <tr key={process.pid} class={classes!((process.life == Life::Running).then_some("current"))}>
            <td>{ process.pid }</td>
            <td>{ process.name.clone() }</td>
            <td>{ life(process.life) }</td>
            <td>{ format!("{pages} frames") }</td>
            <td><button type="button" class="link" onclick={desk.selecting(Selection::Frame(process.root))}>{ process.root.to_string() }</button></td>
        </tr>
    }
}

fn life(life: Life) -> Html {
    let (class, words) = match life {
        Life::Ready => ("", "ready".into()),
        Life::Running => ("good", "running".into()),
        Life::Exited(status) => ("", format!("exited with {status}")),
        Life::Killed(scause) => ("bad", format!("killed, scause {scause}")),
    };
    html! { <span class={classes!("badge", class)}>{ words }</span> }
}

fn registers(desk: &Desk) -> Html {
    let Some(snapshot) = &desk.model.snapshot else { return html! {} };
    let next = snapshot.next.as_ref().map_or_else(|| "cannot be read".into(), |next| next.text.clone());
    html! {
        <>
            <p class="next">
                <span class="hint">{ "Next instruction: " }</span>
                <code>{ format!("{} {} {next}", snapshot.registers.mode.letter(), snapshot.registers.pc) }</code>
                if let Some(symbol) = &snapshot.symbol {
                    <span class="hint">{ " in " }<code>{ symbol.clone() }</code></span>
                }
            </p>
            <details>
                <summary>{ "All registers" }</summary>
                <dl class="registers">{ for all(&snapshot.registers).map(|(name, value)| html! {
                    <div><dt>{ name }</dt><dd>{ format!("{value:#x}") }</dd></div>
                }) }</dl>
            </details>
        </>
    }
}

/// The names of `x0` to `x31` in the calling convention.
const NAMES: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6",
    "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];

fn all(registers: &Registers) -> impl Iterator<Item = (String, u64)> + '_ {
    let general = NAMES.iter().zip(&registers.x).map(|(name, value)| ((*name).to_owned(), value.0));
    general.chain(registers.csrs.iter().map(|(name, value)| (name.clone(), value.0)))
}
