//! What has to wait for the browser to draw.

use wasm_bindgen::{JsCast, prelude::Closure};

/// Does this when the next frame is drawn, just before its layout. Whoever asks for sizes or computed colours earlier
/// makes the browser work them out for a page that is still being changed, and then once more.
pub(super) fn with_next_frame(act: impl FnOnce() + 'static) {
    if let Some(window) = web_sys::window() {
        let act = Closure::once_into_js(act);
        let _ = window.request_animation_frame(JsCast::unchecked_ref(&act));
    }
}
