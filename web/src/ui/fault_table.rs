//! The page faults of the run as a table: what the marks of the timeline say.

use std::rc::Rc;

use faultline_machine::event::What;
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::pages::PagedTable;
use super::shapes::LEGEND;
use crate::layout::shape;

/// The titles of the table's columns.
const COLUMNS: &[&str] = &["fault", "event", "cause", "address", "instruction", "what it is"];

/// A row for each page fault; its event leads there.
#[component]
pub(super) fn FaultTable(PaneProps { desk }: &PaneProps) -> Html {
    let episodes: Rc<[_]> = desk.model.history.episodes.iter().copied().collect();
    let count = episodes.len();
    let row = {
        let desk = desk.clone();
        Callback::from(move |n: usize| {
            episodes.get(n).map_or_else(Html::default, |episode| row(&desk, n, episode))
        })
    };
    html! { <PagedTable id="timeline-rows" caption="Page faults of this run" {count} {row} columns={COLUMNS} /> }
}

fn row(desk: &Desk, n: usize, episode: &crate::episode::Episode) -> Html {
    let history = &desk.model.history;
    let Some(What::Trap(trap)) = history.events.get(episode.trap).map(|event| &event.what) else {
        return html! {};
    };
    let shape = shape(history, episode);
    let words = LEGEND.iter().find(|(known, _)| *known == shape).map_or("", |(_, words)| words);
    let current = desk.model.current_episode().is_some_and(|(ordinal, _)| ordinal == n);
    html! {
        <tr key={n} class={classes!(current.then_some("current"))} aria-current={current.then_some("step")}>
            <td>{ n + 1 }</td>
            <td><button type="button" class="link" onclick={desk.to_event(episode.trap)}>{ episode.trap }</button></td>
            <td>{ format!("{}, {}", trap.scause, trap.cause) }</td>
            <td><code>{ format!("{:#x}", trap.stval) }</code></td>
            <td><code>{ trap.sepc.to_string() }</code></td>
            <td>{ words }</td>
        </tr>
    }
}
