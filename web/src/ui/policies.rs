//! What the run's touches would cost with so many frames under each policy, and what they did cost.

use faultline_abi::trace::{FrameKind, Resolution};
use faultline_machine::event::{Event, What};
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::pane::{Pane, Views};
use super::shell::use_showing;
use super::timeline::grouped;
use crate::arrangement::Showing;
use crate::protocol::{Command, Policies, Question};
use crate::replacement::Policy;

/// The drawing's size.
const BOX: (f64, f64) = (600.0, 260.0);

/// A button that counts, and then the curves.
#[component]
pub(super) fn PoliciesPane(PaneProps { desk }: &PaneProps) -> Html {
    let showing = use_showing("policies");
    let known = desk.model.policies.as_ref();
    let body = match (known, showing) {
        (_, Showing::Folded) => html! {},
        (None, _) => html! { <p>{ count_button(desk) }</p> },
        (Some(known), Showing::Picture) => picture(desk, known),
        (Some(known), Showing::Table) => table(known),
    };
    html! {
        <Pane id="policies" sentence={known.map_or_else(|| "What would other policies have cost, and other numbers of frames?".into(), |known| sentence(known))} views={Views::PictureAndTable}>
            { body }
        </Pane>
    }
}

fn count_button(desk: &Desk) -> Html {
    html! {
        <button type="button" class="button" id="count-policies" disabled={!desk.model.is_ready() || desk.model.explored.is_none()}
            onclick={desk.command(Command::Ask(Question::Policies))}>{ "Record what the programs touch, and count" }</button>
    }
}

fn sentence(known: &Policies) -> String {
    let cut = if known.cut { ", the rest is left out" } else { "" };
    let done = if known.done { "" } else { " Counting…" };
    format!("The programs touch {} pages, {} times{cut}.{done}", known.pages, grouped(known.touches as u64))
}

/// What happened in this run: the most frames that held pages, and how often a page had to be brought in.
fn actual(events: &[Event]) -> Option<(usize, u64)> {
    let (mut resident, mut most, mut brought) = (std::collections::BTreeSet::new(), 0, 0);
    for event in events {
        match &event.what {
            What::Frame { frame, refs, usage: FrameKind::User | FrameKind::Cache, .. } => {
                if *refs > 0 {
                    resident.insert(*frame)
                } else {
                    resident.remove(frame)
                };
                most = most.max(resident.len());
            }
            What::Resolved { how, .. } => brought += u64::from(is_brought(*how)),
            _ => {}
        }
    }
    (most > 0).then_some((most, brought))
}

const fn is_brought(how: Resolution) -> bool {
    matches!(
        how,
        Resolution::Zeroed
            | Resolution::SharedZero
            | Resolution::ReadFile
            | Resolution::ReadSwap
            | Resolution::Shared
    )
}

fn picture(desk: &Desk, known: &Policies) -> Html {
    let actual = actual(&desk.model.history.events);
    let most_frames = known.pages.max(actual.map_or(1, |(frames, _)| frames)) + 1;
    let least_useful =
        known.faults.values().flatten().filter(|(frames, _)| *frames > 1).map(|&(_, faults)| faults).max();
    let top = least_useful.unwrap_or(1).max(actual.map_or(1, |(_, faults)| faults)).max(1);
    let plane = Plane { frames: most_frames, faults: top };
    html! {
        <figure class="plot tall">
            <figcaption>{ "Page faults against frames" }<span class="hint">{ format!(" 1 to {most_frames} frames, up to {} faults", grouped(top)) }</span></figcaption>
            <svg viewBox={format!("-6 -6 {} {}", BOX.0 + 12.0, BOX.1 + 12.0)} role="img" aria-label="Page faults against number of frames, a curve for each policy">
                { for Policy::ALL.iter().enumerate().map(|(i, policy)| curve(known, *policy, i, &plane)) }
                { for actual.map(|(frames, faults)| here(&plane, frames, faults)) }
            </svg>
            <div class="legend">
                { for Policy::ALL.iter().enumerate().map(|(i, policy)| key(*policy, i)) }
                { for actual.map(|(frames, faults)| html! {
                    <span id="policies-actual">{ format!("✱ this run: at most {frames} frames with pages, {} times a page was brought in", grouped(faults)) }</span>
                }) }
            </div>
        </figure>
    }
}

/// Where a count stands in the drawing.
struct Plane {
    frames: usize,
    faults: u64,
}

impl Plane {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    fn point(&self, frames: usize, faults: u64) -> (f64, f64) {
        let x = BOX.0 * frames as f64 / self.frames.max(1) as f64;
        (x, BOX.1 - BOX.1 * faults.min(self.faults) as f64 / self.faults as f64)
    }
}

fn curve(known: &Policies, policy: Policy, style: usize, plane: &Plane) -> Html {
    let Some(points) = known.faults.get(&policy) else { return html! {} };
    let path: String = points
        .iter()
        .enumerate()
        .map(|(i, &(frames, faults))| {
            let (x, y) = plane.point(frames, faults);
            format!("{}{x:.1} {y:.1}", if i == 0 { "M" } else { "L" })
        })
        .collect();
    html! { <path class={format!("curve c{style}")} d={path} /> }
}

fn here(plane: &Plane, frames: usize, faults: u64) -> Html {
    let (x, y) = plane.point(frames, faults);
    html! { <path class="actual" d={format!("M{x:.1} {y:.1}m-7 0h14m-7 -7v14m-5 -12l10 10m0 -10l-10 10")} /> }
}

fn key(policy: Policy, style: usize) -> Html {
    html! {
        <span>
            <svg viewBox="0 0 24 8" aria-hidden="true"><path class={format!("curve c{style}")} d="M0 4H24" /></svg>
            { policy.name() }
        </span>
    }
}

fn table(known: &Policies) -> Html {
    let counts: Vec<usize> =
        known.faults.get(&Policy::Fifo).into_iter().flatten().map(|&(frames, _)| frames).collect();
    let cell = |policy: &Policy, frames: usize| {
        let found = known.faults.get(policy).and_then(|points| points.iter().find(|point| point.0 == frames));
        html! { <td>{ found.map_or_else(String::new, |&(_, faults)| faults.to_string()) }</td> }
    };
    html! {
        <div class="scroll" tabindex="0" role="group" aria-label="Page faults for each number of frames">
            <table id="policies-rows">
                <caption class="visually-hidden">{ "Page faults for each number of frames and each policy" }</caption>
                <thead><tr><th scope="col">{ "frames" }</th>{ for Policy::ALL.iter().map(|policy| html! { <th scope="col">{ policy.name() }</th> }) }</tr></thead>
                <tbody>
                    { for counts.into_iter().map(|frames| html! {
                        <tr key={frames}><th scope="row">{ frames }</th>{ for Policy::ALL.iter().map(|policy| cell(policy, frames)) }</tr>
                    }) }
                </tbody>
            </table>
        </div>
    }
}
