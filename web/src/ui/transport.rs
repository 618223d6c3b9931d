//! The buttons that move through the run.

use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::run_until::RunUntil;
use super::step_button::StepButton;
use super::storage;
use crate::protocol::{Command, Pace, Target, Until};

/// The speeds that can be chosen, with their names.
const PACES: [(&str, Pace); 5] = [
    ("1 event/s", Pace::EventsPerSecond(1)),
    ("4 events/s", Pace::EventsPerSecond(4)),
    ("20 events/s", Pace::EventsPerSecond(20)),
    ("60 events/s", Pace::EventsPerSecond(60)),
    ("full speed", Pace::Full),
];

const KEY: &str = "faultline-pace";

/// The place of the remembered speed among [`PACES`].
fn remembered() -> usize {
    let chosen = storage::get(KEY).and_then(|name| PACES.iter().position(|(known, _)| *known == name));
    chosen.unwrap_or(1)
}

/// The speed that was chosen last.
pub(super) fn pace() -> Pace {
    PACES[remembered()].1
}

/// The buttons in a row.
#[component]
pub(super) fn Transport(PaneProps { desk }: &PaneProps) -> Html {
    let pace = use_state_eq(remembered);
    let model = &desk.model;
    let place = model.place();
    let idle = !model.is_ready();
    let back = idle || place.at_start;
    let forth = idle || place.at_end;
    html! {
        <div class="transport" role="group" aria-label="Move through the run">
            <StepButton {desk} id="previous-fault" label="Previous fault" key_hint="←" command={Command::Back(Until::Fault)} disabled={back} class="fault" />
            <StepButton {desk} id="next-fault" label={next_fault(desk)} key_hint="→" command={Command::Step(Until::Fault)} disabled={forth} class="fault primary" />
            <StepButton {desk} id="previous-event" class="apart" label="− event" spoken="Previous event" key_hint="⇧←" command={Command::Back(Until::Event)} disabled={back} />
            <StepButton {desk} id="next-event" label="+ event" spoken="Next event" key_hint="⇧→" command={Command::Step(Until::Event)} disabled={forth} />
            <StepButton {desk} id="previous-instruction" class="apart" label="− instr" spoken="Previous instruction" key_hint="," command={Command::Back(Until::Instruction)} disabled={back} />
            <StepButton {desk} id="next-instruction" label="+ instr" spoken="Next instruction" key_hint="." command={Command::Step(Until::Instruction)} disabled={forth} />
            { run_button(desk, PACES[*pace].1, forth) }
            { speed(&pace) }
            <RunUntil desk={desk.clone()} />
            <StepButton {desk} id="reset" class="apart" label="First fault" spoken="Back to the first page fault" key_hint="R" command={Command::Seek(Target::FirstFault)} disabled={idle} />
        </div>
    }
}

/// Behind the last page fault there is only the end.
fn next_fault(desk: &Desk) -> &'static str {
    let model = &desk.model;
    let so_far = model.events_so_far();
    let more = model.history.episodes.last().is_some_and(|episode| episode.trap >= so_far);
    let known = model.explored.as_ref().is_some_and(|explored| explored.complete);
    if known && !more { "No more: to the end" } else { "Next fault" }
}

fn run_button(desk: &Desk, pace: Pace, at_end: bool) -> Html {
    let running = desk.model.is_running();
    let (label, command) = if running { ("Pause", Command::Pause) } else { ("Run", Command::Run(pace)) };
    html! {
        <StepButton {desk} id="run" class="apart" {label} key_hint="Space" {command} disabled={at_end && !running} />
    }
}

fn speed(pace: &UseStateHandle<usize>) -> Html {
    let choose = {
        let pace = pace.clone();
        Callback::from(move |event: Event| {
            let select = event.target_unchecked_into::<web_sys::HtmlSelectElement>();
            let chosen = usize::try_from(select.selected_index()).unwrap_or(0).min(PACES.len() - 1);
            let _ = select.blur();
            storage::set(KEY, PACES[chosen].0);
            pace.set(chosen);
        })
    };
    let option = |(i, (name, _)): (usize, &(&'static str, Pace))| {
        html! { <option value={i.to_string()} selected={i == **pace}>{ *name }</option> }
    };
    html! {
        <label class="field">
            <span class="visually-hidden">{ "Speed of Run" }</span>
            <select id="speed" onchange={choose}>{ for PACES.iter().enumerate().map(option) }</select>
        </label>
    }
}
