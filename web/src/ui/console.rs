//! What the guest has printed, and a line to type to it.

use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::pane::Pane;
use crate::model::Action;
use crate::protocol::Command;

/// The console.
#[component]
pub(super) fn Console(PaneProps { desk }: &PaneProps) -> Html {
    let screen = use_node_ref();
    let text = desk.model.snapshot.as_ref().map_or_else(String::new, |snapshot| snapshot.console.clone());
    use_effect_with((screen.clone(), text.len()), |(screen, _)| {
        if let Some(screen) = screen.cast::<web_sys::Element>() {
            screen.set_scroll_top(screen.scroll_height());
        }
    });
    html! {
        <Pane id="console" aside="what the programs and the kernel print" sentence={sentence(desk)}>
            <pre class="console" id="console-text" ref={screen} tabindex="0" role="log" aria-label="Console output">{ text }</pre>
            <Line desk={desk.clone()} />
        </Pane>
    }
}

fn sentence(desk: &Desk) -> &'static str {
    let waits = desk.model.snapshot.as_ref().is_some_and(|snapshot| snapshot.waits);
    if waits { "The guest waits for a line." } else { "" }
}

/// Where one types. Input is part of the run: it arrives at this place, and what came after it is run anew.
#[component]
fn Line(PaneProps { desk }: &PaneProps) -> Html {
    let line = use_node_ref();
    let send = {
        let (desk, line) = (desk.clone(), line.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if let Some(input) = line.cast::<web_sys::HtmlInputElement>().filter(|_| desk.model.is_ready()) {
                let text = input.value() + "\n";
                input.set_value("");
                desk.act.emit(Action::Typed(text.clone()));
                desk.send.emit(Command::Type(text));
            }
        })
    };
    html! {
        <form class="line" onsubmit={send}>
            <label class="visually-hidden" for="console-input">{ "Type a line to the guest" }</label>
            <span class="prompt" aria-hidden="true">{ "›" }</span>
            <input type="text" id="console-input" ref={line} autocomplete="off" autocapitalize="off" spellcheck="false"
                maxlength="200" placeholder="type to the guest; what came after this moment is run anew" />
            <button type="submit" class="button" id="console-send" disabled={!desk.model.is_ready()}>{ "Send" }</button>
        </form>
    }
}
