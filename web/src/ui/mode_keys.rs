//! Keys of a mode. They are heard before the page's own, so that a mode may give a key another meaning.

use wasm_bindgen::{JsCast, prelude::Closure};
use web_sys::KeyboardEvent;
use yew::prelude::*;

use super::keys::pressed_on;
use super::modes::use_modes;

/// Listens to the keyboard. The callback gets a key's name, `Shift+ArrowRight` where an arrow comes with Shift,
/// and says whether the key is the mode's own; then the page does not hear it. Keys with a modifier, and those typed into a field, are left alone.
#[hook]
pub(super) fn use_mode_keys(own: Callback<String, bool>) {
    let characters = use_modes().characters;
    use_effect_with((own, characters), |(own, characters)| {
        let (own, characters) = (own.clone(), *characters);
        let listener = Closure::<dyn Fn(KeyboardEvent)>::new(move |event: KeyboardEvent| {
            if is_free(&event) && characters.admit(&event.key()) && own.emit(name(&event)) {
                event.prevent_default();
                event.stop_propagation();
            }
        });
        let window = web_sys::window();
        if let Some(window) = &window {
            let function = listener.as_ref().unchecked_ref();
            let _ = window.add_event_listener_with_callback_and_bool("keydown", function, true);
        }
        move || {
            if let Some(window) = window {
                let function = listener.as_ref().unchecked_ref();
                let _ = window.remove_event_listener_with_callback_and_bool("keydown", function, true);
            }
        }
    });
}

fn is_free(event: &KeyboardEvent) -> bool {
    let typed = matches!(&*pressed_on(event), "INPUT" | "SELECT" | "TEXTAREA");
    !(typed || event.ctrl_key() || event.alt_key() || event.meta_key() || event.default_prevented())
}

fn name(event: &KeyboardEvent) -> String {
    let key = event.key();
    if event.shift_key() && key.starts_with("Arrow") { format!("Shift+{key}") } else { key }
}
