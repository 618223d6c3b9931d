//! The list of the scenarios that come with the page.

use faultline_abi::catalogue::{Entry, Topic};
use yew::prelude::*;

use super::share::name_in_address;
use crate::catalogue;
use crate::protocol::{Command, Load};

/// What is chosen, and who loads something else.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The file of the scenario that was loaded last.
    pub current: String,
    /// The title of one that does not come with the page, where that is loaded.
    pub own: Option<String>,
    /// Loads another one.
    pub send: Callback<Command>,
}

/// The list. It is made anew only when another scenario is loaded, not at every step.
#[component]
pub(super) fn Picker(Props { current, own, send }: &Props) -> Html {
    let send = send.clone();
    let choose = Callback::from(move |event: Event| {
        let select: web_sys::HtmlSelectElement = event.target_unchecked_into();
        if !select.value().is_empty() {
            name_in_address(&select.value());
            // The arrows step from here on; in the list they would choose the next scenario.
            let _ = select.blur();
            send.emit(Command::Load(Load { scenario: select.value(), ..Load::default() }));
        }
    });
    let option = |Entry { file, title }: &Entry| {
        html! { <option value={file.clone()} selected={file == current && own.is_none()}>{ title.clone() }</option> }
    };
    let group = |topic: &Topic| {
        html! { <optgroup label={topic.title.clone()}>{ for topic.scenarios.iter().map(option) }</optgroup> }
    };
    html! {
        <label class="field">
            <span class="roomy">{ "Topic" }</span>
            <select id="scenario" aria-label="Topic: the scenario" onchange={choose}>
                { for catalogue::built_in().topics.iter().map(group) }
                if let Some(own) = own { <option value="" selected=true>{ own.clone() }</option> }
            </select>
        </label>
    }
}
