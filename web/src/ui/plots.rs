//! Memory over time: frames, evictions and faults as curves; a click goes there.

use std::rc::Rc;

use faultline_abi::PAGE_SIZE;
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::pane::{Pane, Views};
use super::shell::use_showing;
use crate::arrangement::Showing;
use crate::layout::{Curve, Curves, curves, percent};

/// The drawing's size; it is stretched to the pane's.
const BOX: (f64, f64) = (600.0, 120.0);

/// A curve with its name and its place among the colours and dashes.
type Named<'a> = (String, &'a Curve, usize);

/// The curves, worked out once for a run.
#[component]
pub(super) fn Plots(PaneProps { desk }: &PaneProps) -> Html {
    let showing = use_showing("plots");
    let is_open = showing != Showing::Folded;
    let history = desk.model.history.clone();
    let key = (
        is_open,
        desk.model.explored.as_ref().map(|explored| Rc::as_ptr(explored) as usize),
        history.events.len(),
    );
    let known =
        use_memo(key, |&(is_open, ..)| if is_open { curves(&history.events) } else { Curves::default() });
    let body = match showing {
        Showing::Folded => html! {},
        Showing::Picture => pictures(desk, &known),
        Showing::Table => table(desk, &known),
    };
    html! {
        <Pane id="plots" sentence={sentence(desk, &known, is_open)} views={Views::PictureAndTable}>{ body }</Pane>
    }
}

fn sentence(desk: &Desk, known: &Curves, is_open: bool) -> String {
    if !is_open {
        return String::new();
    }
    let so_far = desk.model.events_so_far();
    format!(
        "{} of {} frames hold pages of programs or files here. Pages evicted: {}.",
        known.resident.after(so_far),
        frames(desk),
        known.evictions.after(so_far)
    )
}

/// Frames that programs may have: the kernel's option, or all memory.
fn frames(desk: &Desk) -> u64 {
    let given = desk.model.option("frames").and_then(|frames| frames.parse().ok());
    let mib = desk.model.loaded.as_ref().map_or(0, |loaded| loaded.scenario.machine.memory_mib);
    given.unwrap_or((u64::from(mib) << 20) / PAGE_SIZE)
}

fn pictures(desk: &Desk, known: &Curves) -> Html {
    let faults: Vec<Named<'_>> = known
        .faults
        .iter()
        .enumerate()
        .map(|(i, (class, curve))| (class.name().to_owned(), curve, i))
        .collect();
    html! {
        <>
            { picture(desk, known, "Frames", &[("pages of programs and files".into(), &known.resident, 0), ("all that the kernel has taken".into(), &known.in_use, 1)]) }
            { picture(desk, known, "Faults so far, by what the kernel took them for", &faults) }
            { picture(desk, known, "Pages evicted so far", &[("evictions".into(), &known.evictions, 3)]) }
            <p class="hint">{ "Click into a picture to go there." }</p>
        </>
    }
}

fn picture(desk: &Desk, known: &Curves, title: &'static str, named: &[Named<'_>]) -> Html {
    let top = named.iter().map(|(_, curve, _)| curve.max()).max().unwrap_or(0);
    if top == 0 {
        return html! {};
    }
    let (width, height) = BOX;
    let here = width * percent(desk.model.events_so_far(), known.events) / 100.0;
    let line = |(_, curve, style): &Named<'_>| {
        html! { <path class={format!("curve c{}", style % 6)} d={curve.path(known.events, top, width, height)} /> }
    };
    let key = |(name, curve, style): &Named<'_>| {
        let now = curve.after(desk.model.events_so_far());
        html! {
            <span>
                <svg viewBox="0 0 24 8" aria-hidden="true"><path class={format!("curve c{}", style % 6)} d="M0 4H24" /></svg>
                { format!("{name}: {now}") }
            </span>
        }
    };
    html! {
        <figure class="plot">
            <figcaption>{ title }<span class="hint">{ format!(" up to {top}") }</span></figcaption>
            <svg viewBox={format!("0 0 {width} {height}")} preserveAspectRatio="none" role="img" aria-label={title} onclick={seeking(desk, known.events)}>
                { for named.iter().map(line) }
                <path class="here" d={format!("M{here:.1} 0V{height}")} />
            </svg>
            <div class="legend">{ for named.iter().map(key) }</div>
        </figure>
    }
}

/// Goes to the event under the pointer.
fn seeking(desk: &Desk, events: usize) -> Callback<MouseEvent> {
    let desk = desk.clone();
    Callback::from(move |event: MouseEvent| {
        let picture: web_sys::Element =
            event.current_target().map(wasm_bindgen::JsCast::unchecked_into).expect("it has a listener");
        let area = picture.get_bounding_client_rect();
        let part = (f64::from(event.client_x()) - area.left()) / area.width().max(1.0);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place among the events"
        )]
        let target = (part.clamp(0.0, 1.0) * events as f64) as usize;
        desk.to_event(target.min(events.saturating_sub(1))).emit(());
    })
}

fn table(desk: &Desk, known: &Curves) -> Html {
    let so_far = desk.model.events_so_far();
    let row = |name: String, curve: &Curve| {
        html! { <tr><th scope="row">{ name }</th><td>{ curve.after(so_far) }</td><td>{ curve.max() }</td><td>{ curve.after(known.events) }</td></tr> }
    };
    html! {
        <div class="scroll" tabindex="0" role="group" aria-label="Counts of the run">
            <table id="plots-rows">
                <caption class="visually-hidden">{ "Counts of the run" }</caption>
                <thead><tr><th scope="col">{ "what" }</th><th scope="col">{ "here" }</th><th scope="col">{ "most" }</th><th scope="col">{ "at the end" }</th></tr></thead>
                <tbody>
                    { row("frames with pages of programs and files".into(), &known.resident) }
                    { row("frames that the kernel has taken".into(), &known.in_use) }
                    { row("pages evicted".into(), &known.evictions) }
                    { for known.faults.iter().map(|(class, curve)| row(format!("faults: {}", class.name()), curve)) }
                </tbody>
            </table>
        </div>
    }
}
