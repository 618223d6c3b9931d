//! The line that is typed to the guest.

use yew::prelude::*;

use super::desk::PaneProps;
use crate::model::Action;
use crate::protocol::{Command, Course};

/// Where one types. Input is part of the run: it arrives at this place, and what came after it is kept as
/// another future.
#[component]
pub(super) fn Line(PaneProps { desk }: &PaneProps) -> Html {
    let line = use_node_ref();
    let send = {
        let (desk, line) = (desk.clone(), line.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if let Some(input) = line.cast::<web_sys::HtmlInputElement>().filter(|_| desk.model.is_ready()) {
                let text = input.value() + "\n";
                input.set_value("");
                desk.act.emit(Action::Typed(text.clone()));
                desk.send.emit(Command::Course(Course::Type(text)));
            }
        })
    };
    html! {
        <form class="line" onsubmit={send}>
            <label class="visually-hidden" for="console-input">{ "Type a line to the guest" }</label>
            <span class="prompt" aria-hidden="true">{ "›" }</span>
            <input type="text" id="console-input" ref={line} autocomplete="off" autocapitalize="off" spellcheck="false"
                maxlength="200" placeholder="type to the guest; what came after this moment stays as another future" />
            <button type="submit" class="button" id="console-send" disabled={!desk.model.is_ready()}>{ "Send" }</button>
        </form>
    }
}
