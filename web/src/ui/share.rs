//! Links: a scenario as it stands, with the position and the panes, in the fragment of the address.

use faultline_abi::scenario::{Scenario, Start};
use faultline_machine::link::{FRAGMENT_CHARS, Link, LinkError};
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::files::save;
use super::modes::fragment;
use super::shell::{Shell, use_shell};
use crate::arrangement::{Arrangement, Change};
use crate::catalogue;
use crate::model::Action;
use crate::modes::without_modes;
use crate::protocol::{Command, Load};
use crate::tour::anchor;

/// What names a scenario that comes with the page, in the fragment.
const BUILT_IN: &str = "#scenario=";

/// A button that puts the link into the address, and onto the clipboard.
#[component]
pub(super) fn Share(PaneProps { desk }: &PaneProps) -> Html {
    let shell = use_shell();
    let said = use_state_eq(|| AttrValue::from(""));
    let share = {
        let (desk, said) = (desk.clone(), said.clone());
        Callback::from(move |_: MouseEvent| match link(&desk, &shell).as_ref().map(Link::encode) {
            Some(Ok(fragment)) => {
                set_fragment(&fragment, Entry::Instead);
                copy_address();
                said.set(
                    "The link stands in the address bar, and on the clipboard where the browser allows it."
                        .into(),
                );
            }
            Some(Err(LinkError::TooLong(characters))) => {
                save(&desk);
                said.set(format!("Saved as a file: a link has at most {FRAGMENT_CHARS} characters, and this would have {characters}.").into());
            }
            Some(Err(why)) => desk.act.emit(Action::Failed(format!("There is no link for this: {why}."))),
            None => {}
        })
    };
    html! {
        <>
            <button type="button" class="button" id="share" disabled={desk.model.explored.is_none()}
                title="Makes a link to this scenario, at this moment, with these panes" onclick={share}>{ "Link to this moment" }</button>
            <span class="hint" role="status" id="share-said">{ &*said }</span>
        </>
    }
}

fn link(desk: &Desk, shell: &Shell) -> Option<Link> {
    let scenario = desk.model.scenario()?;
    let here = desk.model.events_so_far().checked_sub(1);
    let position = here.and_then(|here| anchor(&desk.model.history.events, here)).map(Start::Event);
    let layout = shell.arrangement.to_text();
    Some(Link { scenario, position, layout })
}

/// How an address goes into the browser's history.
#[derive(Clone, Copy)]
enum Entry {
    /// In place of the present one.
    Instead,
    /// As a further one, from which "back" leads here.
    Further,
}

/// Changes the fragment without following it.
fn set_fragment(fragment: &str, entry: Entry) {
    let Some(history) = web_sys::window().and_then(|window| window.history().ok()) else { return };
    let (state, url) = (JsValue::NULL, format!("#{fragment}"));
    // A page that was opened from a file has no history to change; then there is just no link.
    let _ = match entry {
        Entry::Instead => history.replace_state_with_url(&state, "", Some(&url)),
        Entry::Further => history.push_state_with_url(&state, "", Some(&url)),
    };
}

fn copy_address() {
    if let Some(window) = web_sys::window()
        && let Ok(address) = window.location().href()
    {
        // Where the browser forbids it, the address bar still has the link.
        let _ = window.navigator().clipboard().write_text(&address);
    }
}

/// Puts the name of a scenario of the page into the address, so that "back" leads back to the one before.
pub(super) fn name_in_address(file: &str) {
    set_fragment(&format!("{}{file}", &BUILT_IN[1..]), Entry::Further);
}

/// What the fragment asks for.
pub(super) enum Asked {
    /// Nothing that is understood.
    Nothing,
    /// To load this, with the panes like this.
    Load(Load, Option<Arrangement>),
    /// The same, from elsewhere.
    Bring(Load, Box<Scenario>, Arrangement),
    /// Something that is no link; why.
    Refused(String),
}

/// Reads the fragment of the address.
pub(super) fn asked() -> Asked {
    let fragment = format!("#{}", without_modes(&fragment()));
    if let Some(file) = fragment.strip_prefix(BUILT_IN) {
        let known = catalogue::built_in().scenarios().any(|entry| entry.file == file);
        return match known {
            true => Asked::Load(Load { scenario: file.into(), ..Load::default() }, None),
            false => Asked::Refused(format!("The address names a scenario that is not here: {file}")),
        };
    }
    if !fragment.starts_with("#s1.") {
        return Asked::Nothing;
    }
    match Link::decode(&fragment) {
        Ok(link) => brought(link),
        Err(error) => Asked::Refused(format!("The address holds no link that can be opened: {error}.")),
    }
}

fn brought(link: Link) -> Asked {
    let start = link.position.or_else(|| link.scenario.start.clone());
    let scenario = Box::new(Scenario { start, ..link.scenario });
    let text = serde_json::to_string(&scenario).expect("a scenario has only strings for keys");
    let load = Load { scenario: "link.json".into(), text: Some(text), ..Load::default() };
    Asked::Bring(load, scenario, Arrangement::from_text(&link.layout))
}

fn first() -> Load {
    Load { scenario: catalogue::FIRST.into(), ..Load::default() }
}

/// Loads what the fragment asks for, now and whenever it changes; otherwise what comes first.
#[hook]
pub(super) fn use_address(desk: &Desk, shell: &Shell) {
    let latest = use_mut_ref(|| desk.clone());
    latest.replace(desk.clone());
    let change = shell.change.clone();
    use_effect_with((), move |()| {
        let follow = move || {
            let is_open = latest.borrow().model.loaded.is_some();
            let (load, arrangement, refused) = match asked() {
                Asked::Load(load, arrangement) => (load, arrangement, None),
                Asked::Bring(load, scenario, arrangement) => {
                    if latest.borrow().model.request != load {
                        latest.borrow().bring(load, &scenario);
                    }
                    change.emit(Change::All(Box::new(arrangement)));
                    if scenario.files.is_empty() || is_open {
                        return;
                    }
                    (first(), None, None)
                }
                Asked::Nothing => (first(), None, None),
                Asked::Refused(why) if is_open => return latest.borrow().act.emit(Action::Failed(why)),
                Asked::Refused(why) => (first(), None, Some(why)),
            };
            if latest.borrow().model.request != load {
                latest.borrow().send.emit(Command::Load(load));
            }
            refused.into_iter().for_each(|why| latest.borrow().act.emit(Action::Failed(why)));
            arrangement.into_iter().for_each(|all| change.emit(Change::All(Box::new(all))));
        };
        follow();
        let listener = Closure::<dyn Fn()>::new(follow);
        if let Some(window) = web_sys::window() {
            let _ = window.add_event_listener_with_callback("hashchange", listener.as_ref().unchecked_ref());
        }
        move || drop(listener)
    });
}
