//! What the guest has printed, and a line to type to it.

use yew::prelude::*;

use super::console_line::Line;
use super::desk::{Desk, PaneProps};
use super::painting::with_next_frame;
use super::pane::Pane;

/// The console.
#[component]
pub(super) fn Console(PaneProps { desk }: &PaneProps) -> Html {
    let screen = use_node_ref();
    let text = desk.model.snapshot.as_ref().map_or_else(String::new, |snapshot| snapshot.console.clone());
    use_effect_with((screen.clone(), text.len()), |(screen, _)| {
        if let Some(screen) = screen.cast::<web_sys::Element>() {
            with_next_frame(move || screen.set_scroll_top(screen.scroll_height()));
        }
    });
    html! {
        <Pane id="console" aside="what the programs and the kernel print" sentence={sentence(desk, &text)}>
            <pre class="console" id="console-text" ref={screen} tabindex="0" role="log" aria-label="Console output">{ text }</pre>
            <Line desk={desk.clone()} />
        </Pane>
    }
}

fn sentence(desk: &Desk, text: &str) -> String {
    let waits = desk.model.snapshot.as_ref().is_some_and(|snapshot| snapshot.waits);
    let last = text.lines().last().map_or_else(
        || "Nothing was printed yet.".into(),
        |last| format!("Lines printed: {}. The last one: {last}", text.lines().count()),
    );
    if waits { format!("The guest waits for a line. {last}") } else { last }
}
