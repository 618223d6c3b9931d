//! The choice of the page tables to show.

use faultline_abi::PhysAddr;
use yew::prelude::*;

use super::desk::PaneProps;
use crate::protocol::{Command, Watch};

/// Which root to show: that of the program that runs, one that `satp` has held, or one that the kernel names.
#[component]
pub(super) fn Roots(PaneProps { desk }: &PaneProps) -> Html {
    let Some(snapshot) = &desk.model.snapshot else { return html! {} };
    let chosen = snapshot.watched;
    let known = desk.model.roots();
    let choose = {
        let (known, send) = (known.clone(), desk.send.clone());
        Callback::from(move |event: Event| {
            let index = event.target_unchecked_into::<web_sys::HtmlSelectElement>().selected_index();
            let root = usize::try_from(index).ok().and_then(|i| known.get(i.checked_sub(1)?)).copied();
            send.emit(Command::Watch(Watch::Root(root)));
        })
    };
    let option = |&root: &PhysAddr| {
        let name = format!("{}, {root}", desk.model.root_name(root));
        html! { <option selected={chosen == Some(root)}>{ name }</option> }
    };
    html! {
        <label class="field">
            <span class="visually-hidden">{ "Which page tables" }</span>
            <select id="roots" onchange={choose}>
                <option selected={chosen.is_none()}>{ "the program that ran last" }</option>
                { for known.iter().map(option) }
            </select>
        </label>
    }
}
