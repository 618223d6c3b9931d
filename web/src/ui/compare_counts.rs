//! What differs, counted, and in sentences.

use std::rc::Rc;

use faultline_machine::compare::Quantity;
use yew::prelude::*;

use super::timeline::grouped;
use crate::comparison::Comparison;

/// What is counted, and what the sides are called.
#[derive(Clone, Properties)]
pub(super) struct Props {
    /// The comparison.
    pub comparison: Rc<Comparison>,
    /// The names.
    pub names: [String; 2],
}

impl PartialEq for Props {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.comparison, &other.comparison) && self.names == other.names
    }
}

/// A table of the counts, up to here and of the whole runs, and the differences in words.
#[component]
pub(super) fn Counts(props: &Props) -> Html {
    let [left, right] = &props.names;
    let told = props.comparison.differences();
    html! {
        <section class="pane" id="compare-counts" aria-labelledby="compare-counts-title">
            <header><h2 id="compare-counts-title">{ "What differs" }</h2></header>
            <div class="body">
                <ul class="compare-told" id="compare-told">
                    { for told.iter().map(|each| html! { <li>{ each.sentence(left, right) }</li> }) }
                    if told.is_empty() { <li>{ "The two runs do not differ in anything that is counted." }</li> }
                </ul>
                <div class="scroll" tabindex="0" role="group" aria-label="Counts of both runs">
                    <table>
                        <thead>
                            <tr><td></td><th scope="colgroup" colspan="2">{ "up to here" }</th><th scope="colgroup" colspan="2">{ "whole run" }</th></tr>
                            <tr><th scope="col">{ "counted" }</th>{ for [left, right, left, right].map(|name| html! { <th scope="col"><code>{ name.clone() }</code></th> }) }</tr>
                        </thead>
                        <tbody>{ for props.comparison.counts().into_iter().map(row) }</tbody>
                    </table>
                </div>
            </div>
        </section>
    }
}

fn row((quantity, here, whole): (Quantity, [u64; 2], [u64; 2])) -> Html {
    let cells = |pair: [u64; 2]| {
        let class = (pair[0] != pair[1]).then_some("differs");
        let sign = if pair[0] == pair[1] { "" } else { " ≠" };
        pair.into_iter().enumerate().map(move |(side, count)| {
            html! { <td class={classes!("number", class)}>{ grouped(count) }{ if side == 0 { sign } else { "" } }</td> }
        })
    };
    html! { <tr><th scope="row">{ quantity.words() }</th>{ for cells(here) }{ for cells(whole) }</tr> }
}
