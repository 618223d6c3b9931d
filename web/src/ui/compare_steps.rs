//! The way through a comparison: from landmark to landmark, or from difference to difference.

use std::rc::Rc;

use yew::prelude::*;

use super::mode_keys::use_mode_keys;
use crate::comparison::Comparison;
use crate::words::happened;
use faultline_machine::compare::{Side, Stop};

/// Rows shown before and after the present one.
const AROUND: usize = 4;

/// What the steps show, and how to go somewhere.
#[derive(Clone, Properties)]
pub(super) struct Props {
    /// The comparison.
    pub comparison: Rc<Comparison>,
    /// Goes to a stop.
    pub go: Callback<usize>,
}

impl PartialEq for Props {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.comparison, &other.comparison)
    }
}

/// Buttons, a slider, and the landmarks around the present one.
#[component]
pub(super) fn Steps(props: &Props) -> Html {
    let comparison = &props.comparison;
    use_mode_keys(keys(props));
    let (at, of) = (comparison.at, comparison.stops().len());
    let differing = comparison.stops().iter().filter(|stop| stop.side != Side::Both).count();
    let slide = props.go.reform(|event: InputEvent| {
        event.target_unchecked_into::<web_sys::HtmlInputElement>().value().parse().unwrap_or(0)
    });
    html! {
        <section class="pane" aria-label="Steps of both">
            <div class="body">
                <div class="transport">
                    { button(props, "compare-previous", "Previous step", "←", at.checked_sub(1)) }
                    { button(props, "compare-next", "Next step", "→", (at < of).then_some(at + 1)) }
                    { button(props, "compare-previous-difference", "Previous difference", "⇧←", comparison.difference(false)) }
                    { button(props, "compare-next-difference", "Next difference", "⇧→", comparison.difference(true)) }
                    <span class="position" id="compare-position">{ format!("step {at} of {of}, {differing} of them on one side only") }</span>
                </div>
                <input type="range" id="compare-scrubber" min="0" max={of.to_string()} value={at.to_string()} oninput={slide}
                    aria-label="Position in both runs, in steps of the program" />
                { rows(props) }
            </div>
        </section>
    }
}

fn button(
    props: &Props,
    id: &'static str,
    label: &'static str,
    key: &'static str,
    to: Option<usize>,
) -> Html {
    let press = to.map_or_else(Callback::noop, |to| props.go.reform(move |_: MouseEvent| to));
    html! {
        <button type="button" class="button" {id} disabled={to.is_none()} onclick={press}>{ label }<kbd aria-hidden="true">{ key }</kbd></button>
    }
}

fn rows(props: &Props) -> Html {
    let comparison = &props.comparison;
    let first = comparison.at.saturating_sub(AROUND + 1);
    let shown = comparison.stops().iter().enumerate().skip(first).take(2 * AROUND + 1);
    html! {
        <div class="scroll" tabindex="0" role="group" aria-label="Steps of both runs">
            <table class="compare-steps">
                <thead><tr><th scope="col">{ "step" }</th><th scope="col">{ "left" }</th><th scope="col">{ "right" }</th></tr></thead>
                <tbody>{ for shown.map(|(n, stop)| row(props, n, stop)) }</tbody>
            </table>
        </div>
    }
}

fn row(props: &Props, n: usize, stop: &Stop) -> Html {
    let comparison = &props.comparison;
    let is_now = comparison.at == n + 1;
    let told = |side: usize, event: Option<usize>, absent: Side| {
        let model = &comparison.models[side];
        let event = event.filter(|_| stop.side != absent).and_then(|event| model.history.events.get(event));
        let words = event.map(|event| happened(&event.what, &model.view.processes).what);
        html! { <td>{ words.unwrap_or_else(|| "— does not happen here".into()) }</td> }
    };
    html! {
        <tr key={n} class={classes!((stop.side != Side::Both).then_some("differs"), is_now.then_some("current"))} aria-current={is_now.then_some("step")}>
            <td><button type="button" class="link" onclick={props.go.reform(move |_: MouseEvent| n + 1)}>{ n + 1 }</button></td>
            { told(0, stop.left, Side::Right) }
            { told(1, stop.right, Side::Left) }
        </tr>
    }
}

/// The page's own keys for stepping, which lead both machines here.
fn keys(props: &Props) -> Callback<String, bool> {
    let props = props.clone();
    Callback::from(move |key: String| {
        let comparison = &props.comparison;
        let to = match key.as_str() {
            "ArrowLeft" => Some(comparison.at.saturating_sub(1)),
            "ArrowRight" => Some(comparison.at + 1),
            "Shift+ArrowLeft" => comparison.difference(false),
            "Shift+ArrowRight" => comparison.difference(true),
            "Home" => Some(0),
            "End" => Some(usize::MAX),
            // Keys that would move the machine that is not shown.
            "." | "," | " " | "r" | "R" | "a" | "A" | "n" | "N" | "b" | "B" => None,
            _ => return false,
        };
        if let Some(to) = to {
            props.go.emit(to);
        }
        true
    })
}
