//! The events around the present: who says what, in order.

use faultline_machine::event::{Event, Source};
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::pane::Pane;
use crate::protocol::{Command, Target};
use crate::words;

/// Events shown before the present, and after it.
const AROUND: (usize, usize) = (8, 5);

/// A window on the stream of events.
#[component]
pub(super) fn Events(PaneProps { desk }: &PaneProps) -> Html {
    let model = &desk.model;
    let so_far = model.events_so_far();
    let from = so_far.saturating_sub(AROUND.0);
    let to = (so_far + AROUND.1).min(model.history.events.len());
    let window = model.history.events.get(from..to).unwrap_or(&[]);
    html! {
        <Pane id="events" aside="what the machine and the kernel report" sentence={format!("Event {so_far} of {}.", model.history.events.len())}>
            <ol class="events">
                { for window.iter().zip(from..).map(|(event, n)| line(desk, event, n, so_far)) }
            </ol>
        </Pane>
    }
}

fn line(desk: &Desk, event: &Event, n: usize, so_far: usize) -> Html {
    let told = words::happened(&event.what, &desk.model.view.processes);
    let class = classes!((n >= so_far).then_some("coming"), (n + 1 == so_far).then_some("now"));
    let current = (n + 1 == so_far).then_some("step");
    html! {
        <li key={n} {class} aria-current={current}>
            <button type="button" onclick={desk.command(Command::Seek(Target::Event(n)))}>
                <span class="number">{ n }</span>
                <span class={classes!("source", source(event))} title={spoken(event)}>{ letter(event) }</span>
                <span>{ told.what }</span>
            </button>
        </li>
    }
}

fn source(event: &Event) -> &'static str {
    match event.what.source() {
        Source::Machine => "machine",
        Source::Kernel => "kernel",
        Source::Program => "program",
    }
}

fn letter(event: &Event) -> &'static str {
    match event.what.source() {
        Source::Machine => "hw",
        Source::Kernel => "kernel",
        Source::Program => "program",
    }
}

fn spoken(event: &Event) -> String {
    format!(
        "reported by the {}, in mode {}, at instruction count {}",
        source(event),
        event.mode.letter(),
        event.instret
    )
}
