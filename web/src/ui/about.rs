//! What exactly was run: images, digests, length.

use faultline_abi::scenario::Scenario;
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::pane::Pane;
use super::timeline::grouped;

/// Images and digests.
#[component]
pub(super) fn About(PaneProps { desk }: &PaneProps) -> Html {
    html! {
        <Pane id="about" sentence={length(desk)}>
            { summary(desk) }
            <details>
                <summary>{ "Images and digests" }</summary>
                <dl class="about">{ images(desk) }{ digests(desk) }</dl>
            </details>
        </Pane>
    }
}

fn summary(desk: &Desk) -> Html {
    let Some(loaded) = &desk.model.loaded else { return html! {} };
    html! {
        <>
            <p><strong>{ loaded.scenario.title.clone() }</strong>{ ". " }{ loaded.scenario.summary.clone() }</p>
            <p class="hint" id="run-summary">{ length(desk) }</p>
            <p class="hint">{ "Kernel command line: " }<code>{ loaded.scenario.command_line() }</code></p>
        </>
    }
}

/// How long the run is, and how it ends.
fn length(desk: &Desk) -> String {
    let Some(explored) = &desk.model.explored else { return String::new() };
    let (events, faults) = (desk.model.history.events.len(), desk.model.history.episodes.len());
    format!(
        "{} instructions, {events} events, {faults} page faults; {}.",
        grouped(explored.instructions),
        explored.ending
    )
}

fn images(desk: &Desk) -> Html {
    let Some(loaded) = &desk.model.loaded else { return html! {} };
    html! {
        <>
            { entry("kernel-sha256", "Kernel image, SHA-256", &loaded.kernel_sha256) }
            { for loaded.disk_sha256.iter().map(|sha| entry("disk-sha256", "Disk image, SHA-256", sha)) }
        </>
    }
}

fn digests(desk: &Desk) -> Html {
    let Some(explored) = &desk.model.explored else { return html! {} };
    let expected = desk.model.loaded.as_ref().map(|loaded| verdict(&loaded.scenario, &explored.semantic));
    html! {
        <>
            { entry("exact-digest", "All events, SHA-256 (exact)", &explored.exact) }
            { entry("semantic-digest", "What happened, SHA-256 (semantic)", &explored.semantic) }
            <dt>{ "The scenario expects" }</dt>
            <dd id="digest-verdict">{ expected }</dd>
        </>
    }
}

fn verdict(scenario: &Scenario, semantic: &str) -> &'static str {
    match &scenario.digest.semantic {
        Some(expected) if expected == semantic => "the same: this run reproduces the recorded one",
        Some(_) => "another digest: the options or the images differ from the recorded run",
        None => "nothing in particular",
    }
}

fn entry(id: &'static str, label: &'static str, value: &str) -> Html {
    html! { <><dt>{ label }</dt><dd {id} class="mono">{ value.to_owned() }</dd></> }
}
