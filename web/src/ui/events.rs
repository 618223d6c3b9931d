//! The events around the present: who says what, in order.

use faultline_machine::event::{Event, Source};
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::pane::Pane;
use super::quiz::Quiz;
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
    // What is to be predicted must not stand here.
    let predicting = use_context::<Quiz>().is_some_and(|quiz| quiz.predict.on);
    let ahead = if predicting { 0 } else { AROUND.1 };
    let to = (so_far + ahead).min(model.history.events.len());
    let window = model.history.events.get(from..to).unwrap_or(&[]);
    html! {
        <Pane id="events" aside="what the machine and the kernel report" sentence={sentence(desk, so_far, ahead)}>
            <table class="events" id="events-rows">
                <caption class="visually-hidden">{ "Events around the present" }</caption>
                <thead class="visually-hidden"><tr><th scope="col">{ "event" }</th><th scope="col">{ "told by" }</th><th scope="col">{ "what happened" }</th></tr></thead>
                <tbody>{ for window.iter().zip(from..).map(|(event, n)| line(desk, event, n, so_far)) }</tbody>
            </table>
        </Pane>
    }
}

fn sentence(desk: &Desk, so_far: usize, ahead: usize) -> String {
    let events = &desk.model.history.events;
    let next = events
        .get(so_far)
        .filter(|_| ahead > 0)
        .map(|event| words::happened(&event.what, &desk.model.view.processes).what);
    let next = next.map_or_else(String::new, |next| format!(" Next: {next}."));
    format!("Event {so_far} of {}.{next}", events.len())
}

fn line(desk: &Desk, event: &Event, n: usize, so_far: usize) -> Html {
    let told = words::happened(&event.what, &desk.model.view.processes);
    let class = classes!((n >= so_far).then_some("coming"), (n + 1 == so_far).then_some("now"));
    let current = (n + 1 == so_far).then_some("step");
    // As many keys as rows: a row that stays keeps the focus, and one that goes is written anew for one that comes.
    let key = n % (AROUND.0 + AROUND.1);
    html! {
        <tr {key} {class} aria-current={current}>
            <td class="number">{ n }</td>
            <td><span class={classes!("source", source(event))} title={spoken(event)}>{ letter(event) }</span></td>
            <td><button type="button" onclick={desk.command(Command::Seek(Target::Event(n)))}>{ told.what }</button></td>
        </tr>
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
