//! Compare: the choice of two configurations, and below it their machines.

use yew::prelude::*;

use super::compare_stage::Stage;
use super::desk::PaneProps;
use super::modes::use_modes;
use crate::comparison::{OPTIONS, Setup, choices};
use crate::modes::Switch;

/// What is compared, chosen at the top, and the comparison under it.
#[component]
pub(super) fn Compare(PaneProps { desk }: &PaneProps) -> Html {
    let setup = use_state_eq(|| Setup::of(desk.model.loaded.as_ref().map(|loaded| &loaded.scenario)));
    let modes = use_modes();
    let set = {
        let setup = setup.clone();
        Callback::from(move |new: Setup| setup.set(new))
    };
    let base = desk.model.as_it_stands();
    // Another choice is another pair of machines, from the start.
    let key = format!("{}{:?}", setup.names().join(" "), base.scenario);
    html! {
        <main id="compare" aria-labelledby="compare-title">
            <div class="pane compare-setup">
                <h2 id="compare-title">{ "The same program, two configurations" }</h2>
                { choosers(&setup, &set) }
                <button type="button" class="button" id="compare-leave" onclick={modes.switch.reform(|_| Switch::Compare)}>{ "Back to one machine" }</button>
            </div>
            <Stage {key} setup={(*setup).clone()} {base} />
        </main>
    }
}

fn choosers(setup: &Setup, set: &Callback<Setup>) -> Html {
    let values = choices(&setup.key);
    let keys: Vec<&str> = OPTIONS.iter().map(|option| option.0).collect();
    let about = OPTIONS.iter().find(|option| option.0 == setup.key).map_or("", |option| option.1);
    let key = {
        let (set, keys) = (set.clone(), keys.clone());
        Callback::from(move |index: usize| {
            set.emit(Setup::of_option(keys.get(index).copied().unwrap_or("sbrk")))
        })
    };
    let value = |side: usize| {
        let (set, setup) = (set.clone(), setup.clone());
        Callback::from(move |index: usize| {
            let mut setup = setup.clone();
            setup.values[side] = values.get(index).copied().unwrap_or_default().into();
            set.emit(setup);
        })
    };
    html! {
        <>
            { chooser("compare-option", "Option", &keys, &setup.key, key) }
            { chooser("compare-left", "left", values, &setup.values[0], value(0)) }
            { chooser("compare-right", "right", values, &setup.values[1], value(1)) }
            <span class="hint">{ about }</span>
        </>
    }
}

fn chooser(
    id: &'static str,
    label: &'static str,
    all: &[&'static str],
    now: &str,
    chosen: Callback<usize>,
) -> Html {
    let choose = chosen.reform(|event: Event| {
        let index = event.target_unchecked_into::<web_sys::HtmlSelectElement>().selected_index();
        usize::try_from(index).unwrap_or(0)
    });
    let option =
        |each: &&'static str| html! { <option value={*each} selected={*each == now}>{ *each }</option> };
    html! {
        <label class="field">{ label }<select {id} onchange={choose}>{ for all.iter().map(option) }</select></label>
    }
}
