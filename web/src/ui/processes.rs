//! Processes with their state, and the hart's registers.

use std::collections::BTreeMap;

use faultline_machine::session::Direction;
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::pane::Pane;
use crate::linked::Selection;
use crate::protocol::{Command, Watch};
use crate::snapshot::{Registers, Snapshot};
use crate::state::{Life, Process, Processes as Family};

/// The titles of the table's columns.
const COLUMNS: [&str; 5] = ["pid", "program", "state", "memory", "root table"];

/// The processes, then the registers.
#[component]
pub(super) fn Processes(PaneProps { desk }: &PaneProps) -> Html {
    let processes = &desk.model.view.processes;
    let mut frames = BTreeMap::<u32, usize>::new();
    for (_, frame) in desk.model.view.frames.used() {
        *frames.entry(frame.owner).or_default() += 1;
    }
    html! {
        <Pane id="processes" sentence={sentence(processes)}>
            if processes.by_pid.is_empty() {
                <p class="hint">{ "The kernel has told of no process." }</p>
            } else {
                <div class="scroll" tabindex="0" role="group" aria-label="Processes">
                    <table id="processes-rows">
                        <caption class="visually-hidden">{ "Processes, each under its parent" }</caption>
                        <thead><tr>{ for COLUMNS.iter().map(|&title| html! { <th scope="col">{ title }</th> }) }</tr></thead>
                        <tbody>{ for family(processes).into_iter().map(|(depth, each)| row(desk, each, depth, &frames)) }</tbody>
                    </table>
                </div>
                <p class="hint">{ "Press a program to see its address space and its page table." }</p>
            }
            { registers(desk) }
        </Pane>
    }
}

fn sentence(processes: &Family) -> String {
    let alive = processes.by_pid.values().filter(|process| process.life.is_alive()).count();
    let known = processes.by_pid.len();
    let on = |(hart, pid): (&u32, &u32)| {
        let process = processes.by_pid.get(pid).map_or_else(|| format!("pid {pid}"), Process::label);
        format!("{process} has hart {hart}")
    };
    let running: Vec<String> = processes.running.iter().map(on).collect();
    match (running.as_slice(), processes.current()) {
        ([], _) if known == 0 => "No process is known.".into(),
        ([], _) => format!("Processes alive: {alive} of {known}. Running: nobody."),
        ([_], Some(one)) => format!("Processes alive: {alive} of {known}. Running: {}.", one.label()),
        (several, _) => format!("Processes alive: {alive} of {known}. {}.", several.join(", ")),
    }
}

/// Each process under its parent, with how deep it stands.
fn family(processes: &Family) -> Vec<(usize, &Process)> {
    let is_root = |process: &&Process| {
        u32::try_from(process.parent).map_or(true, |parent| !processes.by_pid.contains_key(&parent))
    };
    let mut waiting: Vec<(usize, &Process)> =
        processes.by_pid.values().filter(is_root).map(|process| (0, process)).rev().collect();
    let mut all = Vec::new();
    while let Some((depth, process)) = waiting.pop() {
        all.push((depth, process));
        let children = processes
            .by_pid
            .values()
            .filter(|each| each.parent == u64::from(process.pid) && each.pid != process.pid);
        waiting.extend(children.rev().map(|child| (depth + 1, child)));
    }
    all
}

/// `frames` has how many frames belong to each process.
fn row(desk: &Desk, process: &Process, depth: usize, frames: &BTreeMap<u32, usize>) -> Html {
    let pages = frames.get(&process.pid).copied().unwrap_or_default();
    html! {
        <tr key={process.pid} class={classes!((process.life == Life::Running).then_some("current"))}>
            <td>{ format!("{}{}", "└ ".repeat(depth.min(6)), process.pid) }</td>
            <td>
                <button type="button" class="link" title="Show its address space and page table"
                    onclick={desk.command(Command::Watch(Watch::Root(Some(process.root))))}>{ process.name.clone() }</button>
            </td>
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
            if snapshot.harts > 1 {
                { harts(desk, snapshot) }
            }
            <p class="next">
                <span class="hint">{ "Next instruction: " }</span>
                <code>{ format!("{} {} {next}", snapshot.registers.mode.letter(), snapshot.registers.pc) }</code>
                if let Some(symbol) = &snapshot.symbol {
                    <span class="hint">{ " in " }<code>{ symbol.clone() }</code></span>
                }
            </p>
            <details>
                <summary>{ "All registers" }</summary>
                <dl class="registers">{ for all(&snapshot.registers).enumerate().map(|(number, (name, value))| html! {
                    <div><dt>{ register(desk, number, name) }</dt><dd>{ format!("{value:#x}") }</dd></div>
                }) }</dl>
            </details>
        </>
    }
}

/// Which hart to show: the one that moves, or one of them.
fn harts(desk: &Desk, snapshot: &Snapshot) -> Html {
    let choose = {
        let send = desk.send.clone();
        Callback::from(move |event: Event| {
            let index = event.target_unchecked_into::<web_sys::HtmlSelectElement>().selected_index();
            send.emit(Command::Watch(Watch::Hart(
                index.checked_sub(1).and_then(|hart| hart.try_into().ok()),
            )));
        })
    };
    let option = |hart: u32| {
        let chosen = snapshot.watched_hart == Some(hart);
        html! { <option selected={chosen}>{ format!("hart {hart}") }</option> }
    };
    html! {
        <label class="field">
            <span>{ "Registers of " }</span>
            <select id="harts" onchange={choose}>
                <option selected={snapshot.watched_hart.is_none()}>{ format!("the hart that moves: {}", snapshot.hart) }</option>
                { for (0..snapshot.harts).map(option) }
            </select>
        </label>
    }
}

/// Its name, which leads back to the instruction that set it.
fn register(desk: &Desk, number: usize, name: String) -> Html {
    let hart = desk.model.snapshot.as_ref().map_or(0, |snapshot| snapshot.hart);
    if !(1..NAMES.len()).contains(&number) {
        return html! { { name } };
    }
    html! {
        <button type="button" class="term" id={format!("set-{name}")} title="Back to the instruction that set it"
            disabled={!desk.model.is_ready()} onclick={desk.searching(format!("{name}@{hart}"), Direction::Back)}>{ name }</button>
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
