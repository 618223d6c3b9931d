//! Menus close when something else is pressed, and by Escape.

use wasm_bindgen::{JsCast, prelude::Closure};
use web_sys::{Document, Element, KeyboardEvent, MouseEvent, Node};
use yew::prelude::*;

/// Closes every menu that was not pressed.
#[hook]
pub(super) fn use_closing_menus() {
    use_effect_with((), |()| {
        let document = web_sys::window().and_then(|window| window.document());
        let watched = document.clone();
        let pressed = Closure::<dyn Fn(MouseEvent)>::new(move |event: MouseEvent| {
            let target: Option<Node> = event.target().and_then(|target| target.dyn_into().ok());
            if let Some(document) = &watched {
                let _ = close_others(document, target.as_ref());
            }
        });
        if let Some(document) = &document {
            let _ = document.add_event_listener_with_callback("click", pressed.as_ref().unchecked_ref());
        }
        let key = Closure::<dyn Fn(KeyboardEvent)>::new(|event: KeyboardEvent| {
            // Before it means anything else.
            if event.key() == "Escape" && close_all() {
                event.prevent_default();
                event.stop_propagation();
            }
        });
        let window = web_sys::window();
        if let Some(window) = &window {
            let function = key.as_ref().unchecked_ref();
            let _ = window.add_event_listener_with_callback_and_bool("keydown", function, true);
        }
        move || drop((pressed, key))
    });
}

/// Closes every menu; whether one was open.
pub(super) fn close_all() -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    document.is_some_and(|document| close_others(&document, None))
}

/// Closes every menu that does not contain this; whether one was open.
fn close_others(document: &Document, target: Option<&Node>) -> bool {
    let Ok(menus) = document.query_selector_all("details.menu[open]") else { return false };
    let all =
        (0..menus.length()).filter_map(|n| menus.item(n)).filter_map(|menu| menu.dyn_into::<Element>().ok());
    for menu in all.filter(|menu| !menu.contains(target)) {
        // It has the attribute, or it would not have been found.
        let _ = menu.remove_attribute("open");
    }
    menus.length() > 0
}
