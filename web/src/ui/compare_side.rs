//! One side of a comparison: what happens there, and which pages are in memory.

use std::rc::Rc;

use faultline_machine::compare::Side;
use yew::prelude::*;

use super::page_cell::{letter, state_class, state_words};
use crate::comparison::{Comparison, Hand};
use crate::layout::{Cell, CellState, Row, rows};
use crate::model::Model;
use crate::state::Process;
use crate::words::area_name;

/// Which side of what.
#[derive(Clone, Properties)]
pub(super) struct Props {
    /// The comparison.
    pub comparison: Rc<Comparison>,
    /// The side.
    pub hand: Hand,
    /// What it is called.
    pub name: AttrValue,
}

impl PartialEq for Props {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.comparison, &other.comparison) && self.hand == other.hand && self.name == other.name
    }
}

/// The side.
#[component]
pub(super) fn SideOf(props: &Props) -> Html {
    let (here, there) = match props.hand {
        Hand::Left => (0, 1),
        Hand::Right => (1, 0),
    };
    let (model, other) = (&props.comparison.models[here], &props.comparison.models[there]);
    let absent = matches!(
        (props.comparison.stop().map(|stop| stop.side), props.hand),
        (Some(Side::Left), Hand::Right) | (Some(Side::Right), Hand::Left)
    );
    let id = if here == 0 { "compare-side-left" } else { "compare-side-right" };
    html! {
        <section {id} class={classes!("pane", "present", absent.then_some("absent"))} aria-label={props.name.clone()}>
            <h3><code>{ props.name.clone() }</code></h3>
            <p class="headline">{ if absent { "Nothing happens here at this step.".into() } else { model.sentence() } }</p>
            { memory(model, other) }
        </section>
    }
}

/// The pages of the watched process; those that stand otherwise on the other side are marked.
fn memory(model: &Model, other: &Model) -> Html {
    let Some(process) = model.watched_process() else {
        return html! { <p class="hint">{ "No program is loaded yet." }</p> };
    };
    let theirs = other.watched_process().map(|process| cells(process, other)).unwrap_or_default();
    let all = rows(process, &model.leaves, &model.view, model.scheme());
    html! {
        <>
            <p class="hint">{ process.label() }</p>
            <div class="areas">{ for all.iter().filter_map(|row| area(row, &theirs)) }</div>
            <p class="legend cells-legend"><span><span class="cell sample changed"><small class="sp">{ "≠" }</small></span>{ "stands otherwise on the other side" }</span></p>
        </>
    }
}

fn cells(process: &Process, model: &Model) -> Vec<Cell> {
    let all = rows(process, &model.leaves, &model.view, model.scheme()).into_iter();
    all.flat_map(|row| match row {
        Row::Area { cells, .. } => cells,
        Row::Gap { strays, .. } => strays,
    })
    .collect()
}

fn area(row: &Row, theirs: &[Cell]) -> Option<Html> {
    let Row::Area { area, cells, more } = row else { return None };
    let resident = cells.iter().filter(|cell| is_in_memory(cell.state)).count();
    Some(html! {
        <div class="area">
            <div><span class="name">{ area_name(area.kind) }</span><span class="range">{ format!("{resident} of {} in memory", cells.len() as u64 + more) }</span></div>
            <div class="cells">{ for cells.iter().map(|each| cell(each, theirs)) }</div>
        </div>
    })
}

const fn is_in_memory(state: CellState) -> bool {
    matches!(state, CellState::Resident | CellState::Shared(_) | CellState::Cow(_) | CellState::KernelOnly)
}

fn cell(cell: &Cell, theirs: &[Cell]) -> Html {
    let other = theirs.iter().find(|other| other.va == cell.va);
    let differs = other.is_none_or(|other| other.state != cell.state);
    let addition = if differs { ", otherwise on the other side" } else { "" };
    let label = format!("page {}: {}{addition}", cell.va, state_words(cell.state));
    let class = classes!("cell", state_class(cell.state), differs.then_some("changed"));
    html! {
        <span role="img" {class} title={label.clone()} aria-label={label}>{ letter(cell.state) }if differs { <small class="sp">{ "≠" }</small> }</span>
    }
}
