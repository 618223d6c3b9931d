//! What was changed and not saved is kept in the browser, and offered at the next visit.

use serde::{Deserialize, Serialize};
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::forgetful::Forgetful;
use super::storage;
use crate::model::Model;
use crate::protocol::{Command, Load};

const KEY: &str = "faultline-unsaved";

/// What is kept: enough to go on where one was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Unsaved {
    title: String,
    file: String,
    text: String,
    at: u64,
}

impl Unsaved {
    fn of(model: &Model) -> Option<Self> {
        let scenario = model.scenario().filter(|_| model.is_changed())?;
        Some(Self {
            title: scenario.title.clone(),
            file: model.request.scenario.clone(),
            text: serde_json::to_string(&scenario).ok()?,
            at: model.snapshot.as_ref()?.step,
        })
    }

    fn load(&self) -> Load {
        let (scenario, text) = (self.file.clone(), Some(self.text.clone()));
        Load { scenario, text, at: Some(self.at), ..Load::default() }
    }
}

/// What was left unsaved at an earlier visit; read once, before this visit writes.
#[derive(Clone, PartialEq)]
struct Found(Option<Unsaved>);

/// Keeps changes, and offers what an earlier visit left.
#[component]
pub(super) fn Autosave(PaneProps { desk }: &PaneProps) -> Html {
    let found = use_state_eq(|| {
        let kept = storage::get(KEY).and_then(|text| serde_json::from_str(&text).ok());
        Found(kept)
    });
    use_keeping(desk);
    html! {
        <>
            <Forgetful desk={desk.clone()} />
            { offer(desk, &found) }
        </>
    }
}

/// What an earlier visit left, to go on with or to discard.
fn offer(desk: &Desk, found: &UseStateHandle<Found>) -> Html {
    let Some(unsaved) = found.0.clone() else { return html! {} };
    let done = {
        let found = found.clone();
        move || {
            storage::remove(KEY);
            found.set(Found(None));
        }
    };
    let restore = {
        let (desk, load, done) = (desk.clone(), unsaved.load(), done.clone());
        Callback::from(move |_: MouseEvent| {
            desk.send.emit(Command::Load(load.clone()));
            done();
        })
    };
    html! {
        <div class="notice calm" role="status" id="unsaved">
            <p>{ format!("Changes to “{}” were not saved when the page was left.", unsaved.title) }</p>
            <div class="tour-steps">
                <button type="button" class="button" id="unsaved-restore" onclick={restore}>{ "Go on with them" }</button>
                <button type="button" class="button" id="unsaved-discard" onclick={Callback::from(move |_: MouseEvent| done())}>{ "Discard them" }</button>
            </div>
        </div>
    }
}

/// Writes what is changed whenever it or the position differs.
#[hook]
fn use_keeping(desk: &Desk) {
    let model = desk.model.clone();
    let step = model.snapshot.as_ref().filter(|_| !model.is_running()).map(|snapshot| snapshot.step);
    let tour = std::rc::Rc::as_ptr(&model.tour) as usize;
    use_effect_with((tour, model.typed.len(), model.is_saved(), step), move |_| {
        if model.is_saved() {
            return storage::remove(KEY);
        }
        if let Some(text) = Unsaved::of(&model).and_then(|unsaved| serde_json::to_string(&unsaved).ok()) {
            storage::set(KEY, &text);
        }
    });
}
