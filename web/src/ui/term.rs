//! A word with an explanation: pressing it shows one sentence and the place in the specification.

use yew::prelude::*;

use crate::words::Explained;

/// What is explained.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The explanation.
    pub explained: Explained,
    /// The words to show, where the explanation's own label does not fit.
    #[prop_or_default]
    pub label: Option<AttrValue>,
}

/// The word, and its explanation while it is open.
#[component]
pub(super) fn Term(props: &Props) -> Html {
    let open = use_state_eq(|| false);
    let toggle = {
        let open = open.clone();
        Callback::from(move |_: MouseEvent| open.set(!*open))
    };
    let Explained { short, sentence, .. } = props.explained;
    let label = props.label.clone().unwrap_or(AttrValue::Static(short));
    html! {
        <>
            <button type="button" class="term" title={sentence} aria-expanded={open.to_string()} onclick={toggle}>
                { label }
            </button>
            if *open {
                { explanation(props.explained) }
            }
        </>
    }
}

/// The sentence, and where the specification says so.
pub(super) fn explanation(explained: Explained) -> Html {
    let Explained { short, sentence, source } = explained;
    html! {
        <span class="explained"><strong>{ short }</strong>{ ": " }{ sentence }<cite>{ source }</cite></span>
    }
}
