//! The frame around every pane: its title, what it says in a sentence, and how it is shown.

use yew::prelude::*;

use super::shell::{Shell, use_shell};
use crate::arrangement::{Change, PANES, Showing};

/// Panes whose contents begin with what their sentence says: it is there to be heard only.
const SAID: [&str; 4] = ["tour", "fault-card", "console", "about"];

/// Whether a pane has a table besides its picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Views {
    /// One view.
    #[default]
    One,
    /// A picture, and the same as a table.
    PictureAndTable,
}

/// A pane's title and contents.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The id of its region, which tests and links use.
    pub id: &'static str,
    /// Its title, where that is not always the same.
    #[prop_or_default]
    pub title: Option<AttrValue>,
    /// What stands at the right of the title.
    #[prop_or_default]
    pub aside: Html,
    /// What it shows now, in a sentence.
    #[prop_or_default]
    pub sentence: AttrValue,
    /// Whether it has a table.
    #[prop_or_default]
    pub views: Views,
    /// Further classes.
    #[prop_or_default]
    pub class: Classes,
    /// The contents; not drawn while the pane is folded.
    pub children: Html,
}

/// A titled region.
#[component]
pub(super) fn Pane(props: &Props) -> Html {
    let shell = use_shell();
    let id = props.id;
    let (heading, spoken) = (format!("{id}-title"), format!("{id}-sentence"));
    let showing = shell.arrangement.showing(id);
    let is_max = shell.arrangement.maximised() == Some(id);
    let class = classes!(
        "pane",
        props.class.clone(),
        is_max.then_some("max"),
        (showing == Showing::Folded).then_some("folded"),
    );
    let unseen = showing == Showing::Folded || props.sentence.is_empty() || SAID.contains(&id);
    let live = if is_max { "polite" } else { "off" };
    html! {
        <section {id} {class} aria-labelledby={heading.clone()} aria-describedby={spoken.clone()}>
            <header>
                <h2>{ fold(&shell, props, heading, showing) }</h2>
                <span class="aside">{ props.aside.clone() }</span>
                { tools(&shell, props, showing) }
            </header>
            <p class={classes!("sentence", unseen.then_some("visually-hidden"))}
                id={spoken} aria-live={live}>{ props.sentence.clone() }</p>
            if showing != Showing::Folded {
                <div class="body">{ props.children.clone() }</div>
            }
        </section>
    }
}

fn title(props: &Props) -> AttrValue {
    let usual = || PANES.iter().find(|pane| pane.id == props.id).map_or("", |pane| pane.title).into();
    props.title.clone().unwrap_or_else(usual)
}

fn fold(shell: &Shell, props: &Props, heading: String, showing: Showing) -> Html {
    let open = showing != Showing::Folded;
    html! {
        <button type="button" class="fold" id={heading} aria-expanded={open.to_string()}
            onclick={shell.change.reform({ let id = props.id; move |_| Change::Fold(id) })}>
            <span aria-hidden="true">{ if open { "▾" } else { "▸" } }</span>{ title(props) }
        </button>
    }
}

fn tools(shell: &Shell, props: &Props, showing: Showing) -> Html {
    let id = props.id;
    let is_max = shell.arrangement.maximised() == Some(id);
    let (label, sign) = if is_max { ("Give back its place", "⤡") } else { ("Maximise", "⤢") };
    let is_table = showing == Showing::Table;
    html! {
        <span class="tools">
            if props.views == Views::PictureAndTable && showing != Showing::Folded {
                <button type="button" class="tool" id={format!("{id}-table")} aria-pressed={is_table.to_string()}
                    title="The same as a table" aria-label={format!("{}: as a table", title(props))}
                    onclick={shell.change.reform(move |_| Change::Table(id))}>{ "▤" }</button>
            }
            <button type="button" class="tool" id={format!("{id}-max")} aria-pressed={is_max.to_string()}
                title={label} aria-label={format!("{label}: {}", title(props))}
                onclick={shell.change.reform(move |_| Change::Maximise(id))}>{ sign }</button>
        </span>
    }
}
