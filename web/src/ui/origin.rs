//! The line of source that an instruction comes from.

use faultline_abi::VirtAddr;
use yew::prelude::*;

use super::fetched::{use_lines, use_source};
use super::source::spot;

/// An instruction.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The program that it belongs to, or `kernel`; `None` where nobody knows.
    pub program: Option<String>,
    /// Its address.
    pub pc: VirtAddr,
}

/// Its line, once line table and text are there.
#[component]
pub(super) fn Origin(Props { program, pc }: &Props) -> Html {
    let lines = use_lines(program.clone());
    let spot = spot(lines.as_deref(), *pc);
    let text = use_source(spot.as_ref().and_then(|spot| spot.path.clone()));
    let (Some(spot), Some(text)) = (spot, text) else { return html! {} };
    let line = text.lines().nth(spot.line.saturating_sub(1)).unwrap_or_default().trim().to_owned();
    let file = spot.path.as_deref().and_then(|path| path.rsplit('/').next()).unwrap_or_default().to_owned();
    html! {
        <p class="origin" id="source-line">
            <span class="hint">{ format!("{file}, line {}: ", spot.line) }</span><code>{ line }</code>
        </p>
    }
}
