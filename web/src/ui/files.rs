//! Scenario files: saved, opened, dropped on the page, or pasted into it.

use faultline_abi::scenario::limits;
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, BlobPropertyBag, ClipboardEvent, DragEvent, File, HtmlAnchorElement, Url};
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use crate::engine::Fetched;
use crate::model::Action;
use crate::protocol::Load;

/// [`limits::FILE_BYTES`] as the browser counts.
#[expect(clippy::cast_precision_loss, reason = "a mebibyte")]
const LIMIT: f64 = limits::FILE_BYTES as f64;

/// Buttons that save and open.
#[component]
pub(super) fn Files(PaneProps { desk }: &PaneProps) -> Html {
    let input = use_node_ref();
    let save = {
        let desk = desk.clone();
        Callback::from(move |_: MouseEvent| save(&desk))
    };
    let press = {
        let input = input.clone();
        Callback::from(move |_: MouseEvent| {
            if let Some(input) = input.cast::<web_sys::HtmlElement>() {
                input.click();
            }
        })
    };
    let opened = {
        let desk = desk.clone();
        Callback::from(move |event: Event| {
            let input: web_sys::HtmlInputElement = event.target_unchecked_into();
            if let Some(file) = input.files().and_then(|files| files.get(0)) {
                open(&desk, file);
            }
            input.set_value("");
        })
    };
    html! {
        <>
            <button type="button" class="button" id="save" disabled={desk.model.loaded.is_none()} title="Saves this scenario with its notes, options and input" onclick={save}>{ "Save the scenario" }</button>
            <button type="button" class="button" id="open" title="Opens a scenario; a file can also be dropped on the page, or its text pasted" onclick={press}>{ "Open a scenario" }</button>
            <input type="file" id="open-file" class="visually-hidden" tabindex="-1" accept=".json,application/json" aria-label="Scenario file" ref={input} onchange={opened} />
        </>
    }
}

/// Lets a file be dropped anywhere, and a scenario's text be pasted.
#[hook]
pub(super) fn use_dropped_files(desk: &Desk) {
    let latest = use_mut_ref(|| desk.clone());
    latest.replace(desk.clone());
    use_effect_with((), move |()| {
        let document = web_sys::window().and_then(|window| window.document());
        let over = Closure::<dyn Fn(DragEvent)>::new(|event: DragEvent| event.prevent_default());
        let pasting = latest.clone();
        let dropped = Closure::<dyn Fn(DragEvent)>::new(move |event: DragEvent| {
            event.prevent_default();
            let file = event.data_transfer().and_then(|data| data.files()).and_then(|files| files.get(0));
            if let Some(file) = file {
                open(&latest.borrow(), file);
            }
        });
        let pasted = Closure::<dyn Fn(ClipboardEvent)>::new(move |event: ClipboardEvent| {
            paste(&pasting.borrow(), &event)
        });
        let listeners: [(&str, JsValue); 3] = [
            ("dragover", over.into_js_value()),
            ("drop", dropped.into_js_value()),
            ("paste", pasted.into_js_value()),
        ];
        if let Some(document) = &document {
            for (name, listener) in &listeners {
                let _ = document.add_event_listener_with_callback(name, listener.unchecked_ref());
            }
        }
        move || {
            if let Some(document) = document {
                for (name, listener) in &listeners {
                    let _ = document.remove_event_listener_with_callback(name, listener.unchecked_ref());
                }
            }
        }
    });
}

/// A pasted scenario, unless somebody pastes into a field.
fn paste(desk: &Desk, event: &ClipboardEvent) {
    let target: Option<web_sys::Element> = event.target().and_then(|target| target.dyn_into().ok());
    let into_field =
        target.is_some_and(|target| matches!(&*target.tag_name(), "INPUT" | "TEXTAREA" | "SELECT"));
    let text = event.clipboard_data().and_then(|data| data.get_data("text").ok()).unwrap_or_default();
    if !into_field && text.trim_start().starts_with('{') {
        event.prevent_default();
        load(desk, "pasted.json".into(), text);
    }
}

fn open(desk: &Desk, file: File) {
    let desk = desk.clone();
    spawn_local(async move {
        let name = file.name();
        if file.size() > LIMIT {
            let why = format!("{name} is no scenario: it has more than {} bytes.", limits::FILE_BYTES);
            return desk.act.emit(Action::Failed(why));
        }
        match JsFuture::from(file.text()).await {
            Ok(text) => load(&desk, name, text.as_string().unwrap_or_default()),
            Err(_) => desk.act.emit(Action::Failed(format!("{name} cannot be read; try to open it again."))),
        }
    });
}

/// Loads a scenario's text, if it is one; otherwise says what is wrong, and leaves everything as it is.
pub(super) fn load(desk: &Desk, name: String, text: String) {
    match Fetched::scenario(&name, text.as_bytes()) {
        Ok(scenario) => {
            desk.bring(Load { scenario: name, text: Some(text), ..Load::default() }, &scenario);
        }
        Err(why) => desk.act.emit(Action::Failed(format!("{why}. Nothing was changed."))),
    }
}

/// Saves the scenario as it stands.
pub(super) fn save(desk: &Desk) {
    let Some(scenario) = desk.model.scenario() else { return };
    let text = serde_json::to_string_pretty(&scenario).expect("a scenario has only strings for keys") + "\n";
    let stem = desk.model.request.scenario.trim_end_matches(".json");
    match offer(&format!("{stem}.json"), "application/json", &text) {
        Ok(()) => desk.act.emit(Action::Saved),
        Err(_) => desk.act.emit(Action::Failed("The browser refuses to save a file.".into())),
    }
}

/// Offers a file to be saved.
///
/// # Errors
/// What the browser objects to.
pub(super) fn offer(name: &str, kind: &str, text: &str) -> Result<(), JsValue> {
    let properties = BlobPropertyBag::new();
    properties.set_type(kind);
    let parts = js_sys::Array::of1(&JsValue::from_str(text));
    let blob = Blob::new_with_str_sequence_and_options(&parts, &properties)?;
    let url = Url::create_object_url_with_blob(&blob)?;
    let document = web_sys::window().and_then(|window| window.document()).ok_or(JsValue::NULL)?;
    let anchor: HtmlAnchorElement = document.create_element("a")?.unchecked_into();
    anchor.set_href(&url);
    anchor.set_download(name);
    anchor.click();
    forget_later(url)
}

/// Frees what an address stands for once every browser has begun to save it; some do so only after the click.
fn forget_later(url: String) -> Result<(), JsValue> {
    const MILLISECONDS: i32 = 60_000;
    let forget = Closure::once_into_js(move || Url::revoke_object_url(&url));
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    window.set_timeout_with_callback_and_timeout_and_arguments_0(forget.unchecked_ref(), MILLISECONDS)?;
    Ok(())
}
