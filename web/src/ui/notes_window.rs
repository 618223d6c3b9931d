//! A window that only the person at the lectern sees: the speaker notes, while the page is on the projector.
//!
//! It is an empty page of the same origin; what stands in it is drawn from here, so it needs no program
//! and no messages of its own. Keys that are pressed there count here.

use wasm_bindgen::{JsCast, prelude::Closure};
use web_sys::{Document, Element, KeyboardEvent, KeyboardEventInit, Window};
use yew::prelude::*;

/// The window's name: a second request finds the same one.
const NAME: &str = "faultline-notes";
/// What it looks like at first.
const FEATURES: &str = "popup,width=720,height=820";

/// The window while it is open; dropping it closes the window.
pub(super) struct NotesWindow {
    window: Window,
    /// Where to draw.
    pub host: Element,
    _key: Closure<dyn Fn(KeyboardEvent)>,
    gone: Closure<dyn Fn()>,
    unload: Closure<dyn Fn()>,
}

impl PartialEq for NotesWindow {
    fn eq(&self, other: &Self) -> bool {
        self.window == other.window
    }
}

impl Drop for NotesWindow {
    fn drop(&mut self) {
        // Its end is no news when it is this one that ends it.
        let _ =
            self.window.remove_event_listener_with_callback("pagehide", self.gone.as_ref().unchecked_ref());
        if let Some(page) = web_sys::window() {
            let _ =
                page.remove_event_listener_with_callback("pagehide", self.unload.as_ref().unchecked_ref());
        }
        let _ = self.window.close();
    }
}

impl NotesWindow {
    /// Opens the window; `None` where the browser lets the page open none. `gone` is told when somebody closes it.
    pub(super) fn open(gone: Callback<()>) -> Option<Self> {
        let page = web_sys::window()?;
        let window = page.open_with_url_and_target_and_features("", NAME, FEATURES).ok().flatten()?;
        let (here, there) = (page.document()?, window.document()?);
        // What an earlier page left behind.
        let host: Element = there.body()?.unchecked_into();
        host.set_inner_html("");
        dress(&here, &there);
        let key = Closure::<dyn Fn(KeyboardEvent)>::new(move |event: KeyboardEvent| hand_over(&here, &event));
        let _ = there.add_event_listener_with_callback("keydown", key.as_ref().unchecked_ref());
        let gone = Closure::<dyn Fn()>::new(move || gone.emit(()));
        let _ = window.add_event_listener_with_callback("pagehide", gone.as_ref().unchecked_ref());
        let closing = window.clone();
        let unload = Closure::<dyn Fn()>::new(move || drop(closing.close()));
        let _ = page.add_event_listener_with_callback("pagehide", unload.as_ref().unchecked_ref());
        Some(Self { window, host, _key: key, gone, unload })
    }
}

/// Title, language, colours and style of the page.
fn dress(here: &Document, there: &Document) {
    let (Some(from), Some(to)) = (here.document_element(), there.document_element()) else { return };
    for name in ["lang", "data-theme"] {
        let _ = from.get_attribute(name).map(|value| to.set_attribute(name, &value));
    }
    let _ = to.set_attribute("data-modes", "notes");
    let Ok(sheets) = here.query_selector_all("link[rel=stylesheet]") else { return };
    if let Some(head) = there.head() {
        head.set_inner_html("");
        for sheet in (0..sheets.length()).filter_map(|n| sheets.item(n)) {
            // Their addresses are relative, and the new page has the address of this one for its base.
            let copy = there.import_node_with_deep(&sheet, true).ok();
            let _ = copy.map(|copy| head.append_child(&copy));
        }
    }
    there.set_title("Faultline: speaker notes");
}

/// A key that was pressed there, as if it were pressed here.
fn hand_over(here: &Document, event: &KeyboardEvent) {
    if event.ctrl_key() || event.alt_key() || event.meta_key() || event.key() == "Tab" {
        return;
    }
    let init = KeyboardEventInit::new();
    init.set_key(&event.key());
    init.set_shift_key(event.shift_key());
    init.set_bubbles(true);
    init.set_cancelable(true);
    let copy = KeyboardEvent::new_with_keyboard_event_init_dict("keydown", &init);
    if let (Ok(copy), Some(body)) = (copy, here.body())
        && matches!(body.dispatch_event(&copy), Ok(false))
    {
        event.prevent_default();
    }
}
