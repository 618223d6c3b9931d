//! `faultline show`: a moment of a run as text, in the words of the page.

use std::process::ExitCode;

use faultline_abi::VirtAddr;
use faultline_abi::sv39::{FlagLetters, leaf_size};
use faultline_machine::hart::Privilege;
use faultline_machine::inspect::Mapping;
use faultline_machine::narrate::card::{Card, When};
use faultline_machine::narrate::state::{History, Life, Process, View};
use faultline_machine::narrate::words::{Field, area_name, bytes, check, field_in, frame_kind, happened};
use faultline_machine::recorded::{PageTables, Recorded};
use faultline_machine::session::{Condition, Direction, Progress};
use serde::Serialize;

use crate::failure::Failure;
use crate::source::Sources;
use crate::{ShowArguments, record};

/// Rows of a table that fit on a screen.
const SHOWN: usize = 64;

/// A moment of a run.
#[derive(Serialize)]
struct Moment {
    title: String,
    /// What was looked for, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
    /// Events that have happened, and events of the whole run.
    events: usize,
    of: usize,
    ending: String,
    /// The last thing that happened.
    last: Option<String>,
    processes: Vec<String>,
    pid: Option<u32>,
    areas: Vec<Row>,
    page_table: Vec<Leaf>,
    frames: Vec<Row>,
    fault: Vec<String>,
    notes: Vec<String>,
    console: String,
}

#[derive(Serialize)]
struct Row {
    at: String,
    what: String,
}

#[derive(Serialize)]
struct Leaf {
    va: String,
    level: u32,
    frame: String,
    flags: String,
}

/// `faultline show`.
pub(crate) fn show(arguments: &ShowArguments) -> Result<ExitCode, Failure> {
    let recorded = record::load(&arguments.recording)?;
    let of = recorded.events.len();
    let count = match arguments.at {
        None => of,
        Some(n) if n < of => n + 1,
        Some(n) => return Err(Failure::new(format!("--at {n}: the run has {of} events, counted from 0"))),
    };
    let found = arguments.last.as_ref().map(|last| find(&recorded, arguments, last, count)).transpose()?;
    let (count, found) = found.map_or((count, None), |(count, found)| (count, Some(found)));
    let sources = Sources::of(&arguments.recording, &recorded.images);
    let moment = Moment { found, ..look(recorded, count, arguments.pid, sources.as_ref())? };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&moment).map_err(Failure::new)?);
    } else {
        print!("{}", text(&moment, arguments.all));
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the run again, and goes back in it to where a condition held last, before this many events: how many
/// have happened there, and what was found.
fn find(
    recorded: &Recorded,
    arguments: &ShowArguments,
    condition: &Condition,
    before: usize,
) -> Result<(usize, String), Failure> {
    let mut session = record::session(recorded, &arguments.recording)?;
    session.seek_step(recorded.steps);
    if !recorded.events.iter().eq(session.log().iter().collect::<Vec<_>>().iter()) {
        let why = "the run does not come out as it was recorded; `faultline verify` says where";
        return Err(Failure::file(&arguments.recording.scenario, why));
    }
    if before < recorded.events.len() {
        session.seek_event(before - 1);
    }
    match session.search(condition, Direction::Back, u64::MAX) {
        Progress::Reached => Ok((session.position().events, session.told(condition))),
        _ => {
            Err(Failure::new(format!("--last {condition}: there is nothing like that before event {before}")))
        }
    }
}

fn look(
    mut recorded: Recorded,
    count: usize,
    pid: Option<u32>,
    sources: Option<&Sources>,
) -> Result<Moment, Failure> {
    let mut history = History::default();
    let tables = PageTables::after(&recorded.events, &recorded.tables, count);
    history.learn(0, std::mem::take(&mut recorded.events));
    let view = history.view_after(count);
    let process = process(&view, pid)?;
    let last = count.checked_sub(1).and_then(|last| history.events.get(last));
    let step = history.events.get(count).map_or(u64::MAX, |next| next.step);
    let notes = recorded.scenario.narration.iter().filter(|note| {
        faultline_machine::scenario::find(&history.events, &note.at).is_some_and(|at| at + 1 == count)
    });
    Ok(Moment {
        title: recorded.scenario.title.clone(),
        found: None,
        events: count,
        of: history.events.len(),
        ending: recorded.ending.to_string(),
        last: last.map(|event| happened(&event.what, &view.processes).what),
        processes: view.processes.by_pid.values().map(life).collect(),
        pid: process.map(|process| process.pid),
        areas: process.map(areas).unwrap_or_default(),
        page_table: process.map(|process| leaves(&tables.mappings(process.root.page()))).unwrap_or_default(),
        frames: frames(&view),
        fault: fault(&history, count, recorded.scenario.machine.harts, sources),
        notes: notes.map(|note| note.text.clone()).collect(),
        console: recorded.console_before(step),
    })
}

/// The process that is asked for, or the one that runs.
fn process(view: &View, pid: Option<u32>) -> Result<Option<&Process>, Failure> {
    let Some(pid) = pid else {
        return Ok(view.processes.current().or_else(|| view.processes.by_pid.values().next_back()));
    };
    let known: Vec<String> = view.processes.by_pid.keys().map(ToString::to_string).collect();
    let found = view.processes.by_pid.get(&pid);
    found
        .map(Some)
        .ok_or_else(|| Failure::new(format!("--pid {pid}: there is none; known are {}", known.join(", "))))
}

fn life(process: &Process) -> String {
    let state = match process.life {
        Life::Ready => "ready".into(),
        Life::Running => "running".into(),
        Life::Exited(code) => format!("exited with status {}", code.cast_signed()),
        Life::Killed(cause) => format!("killed for cause {cause}"),
    };
    format!("{}: {state}, root table {}", process.label(), process.root)
}

fn areas(process: &Process) -> Vec<Row> {
    let areas = process.areas.values();
    areas
        .map(|area| Row {
            at: format!("{}–{}", area.start, area.end),
            what: format!("{}, {}", area_name(area.kind), bytes(area.len())),
        })
        .collect()
}

fn leaves(mappings: &[Mapping]) -> Vec<Leaf> {
    let leaf = |mapping: &Mapping| Leaf {
        va: mapping.va.to_string(),
        level: mapping.level,
        frame: mapping.pte.ppn().base().to_string(),
        flags: FlagLetters(mapping.pte).to_string(),
    };
    mappings.iter().map(leaf).collect()
}

fn frames(view: &View) -> Vec<Row> {
    let row = |(at, frame): (faultline_abi::PhysAddr, &faultline_machine::narrate::state::Frame)| Row {
        at: at.to_string(),
        what: format!("{}, owner pid {}, {} references", frame_kind(frame.kind), frame.owner, frame.refs),
    };
    view.frames.used().map(row).collect()
}

/// The line of source that the instruction of a page fault comes from.
fn source_line(card: &Card, sources: &Sources) -> Option<String> {
    let program = match card.mode {
        Privilege::User => card.process.as_ref()?.name.as_str(),
        _ => "kernel",
    };
    sources.line(program, card.trap.sepc.get())
}

/// The address as its scheme splits it: `0x40004123 is VPN[2] 1, VPN[1] 0, VPN[0] 4, offset 0x123`.
fn split(card: &Card) -> String {
    let va = VirtAddr::new(card.trap.stval);
    let indices = (0..card.scheme().levels()).rev().map(|level| format!("VPN[{level}] {}, ", va.vpn(level)));
    format!("{va} is {}offset {:#x}", indices.collect::<String>(), va.page_offset())
}

/// The card of the last page fault: what the hardware left behind, the walk, and the kernel's answer.
fn fault(history: &History, count: usize, harts: u32, sources: Option<&Sources>) -> Vec<String> {
    let ordinal = history.episodes.partition_point(|episode| episode.trap < count);
    let Some(card) = ordinal.checked_sub(1).and_then(|ordinal| Card::new(history, ordinal, count)) else {
        return Vec::new();
    };
    let register = |which| field_in(which, card.trap.to).short;
    let mut lines = vec![
        format!("page fault {} of {}, event {}: {}", card.ordinal + 1, card.of, card.event, card.title()),
        card.headline(),
        format!(
            "{} {:#x}, {} {:#x}, {} {}, satp {:#x}",
            register(Field::Scause),
            card.trap.scause,
            register(Field::Stval),
            card.trap.stval,
            register(Field::Sepc),
            card.trap.sepc,
            card.trap.satp
        ),
    ];
    if harts > 1 {
        lines.push(format!("on hart {} of {harts}", card.hart));
    }
    lines.extend(sources.and_then(|sources| source_line(&card, sources)));
    lines.push(split(&card));
    let step = |step: &faultline_abi::sv39::WalkStep| {
        format!(
            "level {}: entry at {} is {:#x} {}",
            step.level,
            step.pte_addr,
            step.pte.raw(),
            FlagLetters(step.pte)
        )
    };
    lines.extend(card.walk().iter().map(step));
    if let Some(failed) = card.trap.check {
        lines.push(format!("{}: {} ({})", check(failed).short, check(failed).sentence, check(failed).source));
    }
    for step in &card.answer {
        let mark = match step.when {
            When::Passed => "✓",
            When::Now => "▶",
            When::Coming => "·",
        };
        let detail =
            if step.told.detail.is_empty() { String::new() } else { format!(" ({})", step.told.detail) };
        lines.push(format!("{mark} event {}: {}{detail}", step.event, step.told.what));
        lines.extend(step.told.checks.iter().map(|check| format!("    {check}.")));
    }
    if card.is_over {
        lines.push(card.closing());
    }
    lines
}

fn text(moment: &Moment, all: bool) -> String {
    let most = if all { usize::MAX } else { SHOWN };
    let mut text = format!(
        "{}\nafter event {} of {} events; in the end {}\n",
        moment.title,
        moment.events as i128 - 1,
        moment.of,
        moment.ending
    );
    let found = moment.found.iter().cloned().collect::<Vec<_>>();
    section(&mut text, "Found", &found, most);
    let last = moment.last.iter().cloned().collect::<Vec<_>>();
    section(&mut text, "Just now", &last, most);
    section(&mut text, "Notes", &moment.notes, most);
    section(&mut text, "Page fault", &moment.fault, usize::MAX);
    section(&mut text, "Processes", &moment.processes, most);
    let rows = |rows: &[Row]| rows.iter().map(|row| format!("{}  {}", row.at, row.what)).collect::<Vec<_>>();
    let of = moment.pid.map_or(String::new(), |pid| format!(" of pid {pid}"));
    section(&mut text, &format!("Address space{of}"), &rows(&moment.areas), most);
    let leaf =
        |leaf: &Leaf| format!("{}  {}  frame {}{}", leaf.va, leaf.flags, leaf.frame, superpage(leaf.level));
    let leaves: Vec<String> = moment.page_table.iter().map(leaf).collect();
    section(&mut text, &format!("Page table{of}"), &leaves, most);
    section(&mut text, "Frames in use", &rows(&moment.frames), most);
    let console: Vec<String> = moment.console.lines().map(printable).collect();
    let start = console.len().saturating_sub(most);
    section(&mut text, "Console", &console[start..], most);
    text
}

/// What a guest printed reaches the terminal as text only.
fn printable(line: &str) -> String {
    line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// The size of a superpage, which only Sv48 has at level 3.
fn superpage(level: u32) -> String {
    if level == 0 { String::new() } else { format!(", {}", bytes(leaf_size(level))) }
}

fn section(text: &mut String, title: &str, lines: &[String], most: usize) {
    if lines.is_empty() {
        return;
    }
    *text += &format!("\n{title}\n");
    lines.iter().take(most).for_each(|line| *text += &format!("  {line}\n"));
    if lines.len() > most {
        *text += &format!("  … and {} more (--all shows them)\n", lines.len() - most);
    }
}
