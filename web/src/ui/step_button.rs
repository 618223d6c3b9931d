//! A button that moves the machine.

use yew::prelude::*;

use super::desk::Desk;
use crate::protocol::Command;

/// What the button says and asks for.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The desk.
    pub desk: Desk,
    /// Its id.
    pub id: AttrValue,
    /// What stands on it.
    pub label: AttrValue,
    /// What is read out, where the label is too short for that.
    #[prop_or_default]
    pub spoken: Option<AttrValue>,
    /// The key that does the same.
    pub key_hint: AttrValue,
    /// What it asks for.
    pub command: Command,
    /// Whether it cannot be pressed now.
    pub disabled: bool,
    /// Further classes.
    #[prop_or_default]
    pub class: Classes,
}

/// A button that sends one command.
#[component]
pub(super) fn StepButton(props: &Props) -> Html {
    let spoken = props.spoken.clone().unwrap_or_else(|| props.label.clone());
    html! {
        <button
            type="button"
            id={props.id.clone()}
            class={classes!("button", props.class.clone())}
            title={format!("{spoken} ({})", props.key_hint)}
            aria-label={spoken}
            disabled={props.disabled}
            onclick={props.desk.command(props.command.clone())}
        >
            { props.label.clone() }<kbd aria-hidden="true">{ props.key_hint.clone() }</kbd>
        </button>
    }
}
