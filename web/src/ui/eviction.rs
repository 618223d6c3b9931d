//! The eviction theatre: the hand's way from frame to frame, what went, and where it went.

use faultline_abi::trace::Verdict;
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::pages::PagedTable;
use super::pane::{Pane, Views};
use super::shell::use_showing;
use super::swap::Swap;
use super::walk::frame_link;
use crate::arrangement::Showing;
use crate::linked::Selection;
use crate::sweep::{Gone, Look, Sweep, looks_before, sweep};
use crate::words::name;

/// The titles of the table's columns.
const COLUMNS: &[&str] = &["event", "frame", "A", "verdict"];

/// Looks that are drawn before the present one, and after it.
const AROUND: (usize, usize) = (40, 24);

/// The last sweep of the hand, the swap slots, and the counts.
#[component]
pub(super) fn Eviction(PaneProps { desk }: &PaneProps) -> Html {
    let showing = use_showing("eviction");
    let so_far = desk.model.events_so_far();
    let found = (showing != Showing::Folded).then(|| sweep(&desk.model.history.events, so_far)).flatten();
    let body = match (&found, showing) {
        (_, Showing::Folded) => html! {},
        (None, _) => html! { <p class="hint" id="no-eviction">{ nothing(desk) }</p> },
        (Some(sweep), Showing::Picture) => {
            html! { <>{ strip(desk, sweep, so_far) }{ went(desk, sweep, so_far) }</> }
        }
        (Some(sweep), Showing::Table) => table(desk, sweep),
    };
    html! {
        <Pane id="eviction" sentence={sentence(desk)} views={Views::PictureAndTable}>
            { body }
            if showing != Showing::Folded {
                <Swap desk={desk.clone()} />
            }
        </Pane>
    }
}

fn nothing(desk: &Desk) -> &'static str {
    let events = &desk.model.history.events;
    let comes =
        events.iter().any(|event| matches!(event.what, faultline_machine::event::What::Evicted { .. }));
    if comes {
        "Nothing was evicted yet. “Run until… an eviction” goes to the first time."
    } else {
        "Nothing is evicted in this run: there are frames enough. The kernel option frames= makes them few."
    }
}

fn sentence(desk: &Desk) -> String {
    let reclaim = &desk.model.view.reclaim;
    format!(
        "Pages evicted: {}, of them dropped {}, written out {}. Looks of the hand: {}, second chances: {}.",
        reclaim.evicted,
        reclaim.dropped,
        reclaim.evicted - reclaim.dropped,
        reclaim.looks,
        reclaim.second_chances
    )
}

fn strip(desk: &Desk, sweep: &Sweep, so_far: usize) -> Html {
    let passed = sweep.looks.partition_point(|look| look.event < so_far);
    let from = passed.saturating_sub(AROUND.0);
    let to = (passed + AROUND.1).min(sweep.looks.len());
    let window = sweep.looks.get(from..to).unwrap_or(&[]);
    let cell = |(i, look): (usize, &Look)| {
        let hand = if from + i + 1 == passed { Hand::Here } else { Hand::Elsewhere };
        look_cell(desk, look, so_far, hand)
    };
    html! {
        <>
            <h3>{ "The hand looks for a victim" }</h3>
            if from > 0 { <p class="hint">{ format!("{from} frames before these") }</p> }
            <ol class="sweep" id="sweep">
                { for earlier(desk, sweep, window.len()).iter().map(|look| look_cell(desk, look, so_far, Hand::Earlier)) }
                { for window.iter().enumerate().map(cell) }
            </ol>
            if to < sweep.looks.len() { <p class="hint">{ format!("{} more to come", sweep.looks.len() - to) }</p> }
        </>
    }
}

/// Where the hand is, seen from a look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hand {
    /// At it.
    Here,
    /// At another look of the same sweep.
    Elsewhere,
    /// In a later sweep.
    Earlier,
}

/// Looks of earlier sweeps, as many as there is room for.
fn earlier(desk: &Desk, sweep: &Sweep, taken: usize) -> Vec<Look> {
    let count = AROUND.0.saturating_sub(taken).min(24);
    looks_before(&desk.model.history.events, sweep.first().unwrap_or(0), count)
}

fn look_cell(desk: &Desk, look: &Look, so_far: usize, hand: Hand) -> Html {
    let is_now = hand == Hand::Here;
    let (class, sign, words) = verdict(look);
    let coming = (look.event >= so_far).then_some("coming");
    let earlier = (hand == Hand::Earlier).then_some("earlier");
    let selected = desk.linked.frames.contains(&look.frame).then_some("selected");
    let number = look.frame.page().get();
    let label = format!("frame {}: {words}", look.frame);
    html! {
        <li class={classes!("look", class, coming, earlier, is_now.then_some("now"), selected)} key={look.event}>
            <button type="button" title={label.clone()} aria-label={label} onclick={desk.to_event(look.event)}>
                <span class="hand" aria-hidden="true">{ if is_now { "▼" } else { "" } }</span>
                <span class="number">{ format!("{number:x}") }</span>
                <span class="bit">{ accessed(look) }</span>
                <span class="sign">{ sign }</span>
            </button>
        </li>
    }
}

/// What became of the accessed bit.
const fn accessed(look: &Look) -> &'static str {
    match (look.accessed, look.verdict) {
        (_, Verdict::Skipped) => "A –",
        (true, Verdict::SecondChance) => "A 1→0",
        (true, Verdict::Victim) => "A 1",
        (false, _) => "A 0",
    }
}

const fn verdict(look: &Look) -> (&'static str, &'static str, &'static str) {
    match look.verdict {
        Verdict::SecondChance => {
            ("second", "↻", "accessed since the hand came by; the bit is cleared, a second chance")
        }
        Verdict::Victim if look.accessed => {
            ("victim", "✕", "accessed, but the policy chooses it: the victim")
        }
        Verdict::Victim => ("victim", "✕", "not accessed since the hand came by: the victim"),
        Verdict::Skipped => ("skipped", "–", "in use by the kernel, or without a place to go: skipped"),
    }
}

fn went(desk: &Desk, sweep: &Sweep, so_far: usize) -> Html {
    let line = |gone: &Gone| {
        let coming = (gone.event >= so_far).then_some("coming");
        let who = name(&desk.model.view.processes, gone.pid);
        html! {
            <li class={classes!(coming)} key={gone.event}>
                <button type="button" class="link" onclick={desk.to_event(gone.event)}>{ format!("event {}", gone.event) }</button>
                { ": page " }
                <button type="button" class="link" onclick={desk.selecting(Selection::Page(gone.va))}>{ gone.va.to_string() }</button>
                { format!(" of {who} leaves frame ") }{ frame_link(desk, gone.frame) }{ format!(": {}", fate(gone)) }
            </li>
        }
    };
    html! { <ul class="went" id="went">{ for sweep.gone.iter().map(line) }</ul> }
}

fn fate(gone: &Gone) -> String {
    match (gone.dirty, gone.slot) {
        (true, Some(slot)) => format!("dirty, so it is written to swap slot {slot}."),
        (false, Some(slot)) => format!("it has no copy elsewhere, so it is written to swap slot {slot}."),
        (true, None) => "dirty, so it is written back to its file.".into(),
        (false, None) => "clean, so it is dropped: it can be read again from where it came.".into(),
    }
}

fn table(desk: &Desk, sweep: &Sweep) -> Html {
    let looks = sweep.looks.clone();
    let count = looks.len();
    let row = {
        let desk = desk.clone();
        Callback::from(move |n: usize| {
            looks.get(n).map_or_else(Html::default, |look| {
            html! {
                <tr key={look.event}>
                    <td><button type="button" class="link" onclick={desk.to_event(look.event)}>{ look.event }</button></td>
                    <td>{ frame_link(&desk, look.frame) }</td>
                    <td>{ if look.accessed { "1" } else { "0" } }</td>
                    <td>{ verdict(look).2 }</td>
                </tr>
            }
        })
        })
    };
    html! {
        <PagedTable id="sweep-rows" caption="The hand's looks" {count} {row} columns={COLUMNS} />
    }
}
