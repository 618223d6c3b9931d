//! The frame around every pane.

use yew::prelude::*;

/// A pane's title and contents.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// Its title.
    pub title: AttrValue,
    /// The id of its region, which tests and links use.
    pub id: AttrValue,
    /// What stands at the right of the title.
    #[prop_or_default]
    pub aside: Html,
    /// Further classes.
    #[prop_or_default]
    pub class: Classes,
    /// The contents.
    pub children: Html,
}

/// A titled region.
#[component]
pub(super) fn Pane(props: &Props) -> Html {
    let heading = format!("{}-title", props.id);
    html! {
        <section id={props.id.clone()} class={classes!("pane", props.class.clone())} aria-labelledby={heading.clone()}>
            <header>
                <h2 id={heading}>{ props.title.clone() }</h2>
                <span class="aside">{ props.aside.clone() }</span>
            </header>
            <div class="body">{ props.children.clone() }</div>
        </section>
    }
}
