//! What has to wait for the browser to draw.

use js_sys::Function;
use wasm_bindgen::{JsCast, prelude::Closure};
use web_sys::IdleRequestOptions;

/// Milliseconds after which something is done though the browser is busy.
const PATIENCE: u32 = 100;

/// Does this when the next frame is drawn, just before its layout. Whoever asks for sizes or computed colours earlier
/// makes the browser work them out for a page that is still being changed, and then once more.
pub(super) fn with_next_frame(act: impl FnOnce() + 'static) {
    if let Some(window) = web_sys::window() {
        let act = Closure::once_into_js(act);
        let _ = window.request_animation_frame(JsCast::unchecked_ref(&act));
    }
}

/// Does this when the browser has nothing else to do; soon, where it does not know when that is.
pub(super) fn when_idle(act: impl FnOnce() + 'static) {
    let options = IdleRequestOptions::new();
    options.set_timeout(PATIENCE);
    let act = Closure::once_into_js(act);
    let act: &Function = act.unchecked_ref();
    if let Some(window) = web_sys::window()
        && window.request_idle_callback_with_options(act, &options).is_err()
    {
        let _ = window.set_timeout_with_callback(act);
    }
}

/// Does this so many milliseconds later.
pub(super) fn after(delay: i32, act: impl FnOnce() + 'static) {
    if let Some(window) = web_sys::window() {
        let act = Closure::once_into_js(act);
        let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(act.unchecked_ref(), delay);
    }
}
