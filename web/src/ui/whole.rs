//! Whether the whole page is drawn. Until its first page fault is on the screen the page draws nothing else, so
//! that what draws everything else need not be there yet.

use wasm_bindgen::{JsCast, prelude::Closure};
use yew::prelude::*;

/// Says to the page's script that the page shows its first page fault, or what prevents it.
const SHOWN: &str = "shown";
/// Says to the page that everything that it needs is there.
const WHOLE: &str = "whole";

/// How much of the page is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// The page fault.
    Fault,
    /// Everything.
    Whole,
}

/// How much of the page is to be drawn, from its beginning on.
#[hook]
pub(super) fn use_new_extent() -> Extent {
    let extent = use_state_eq(|| Extent::Fault);
    let grow = extent.setter();
    use_effect_with((), move |()| {
        let listener = Closure::<dyn Fn()>::new(move || grow.set(Extent::Whole));
        if let Some(window) = web_sys::window() {
            let _ = window.add_event_listener_with_callback(WHOLE, listener.as_ref().unchecked_ref());
        }
        move || drop(listener)
    });
    *extent
}

/// How much of the page is drawn around a component.
#[hook]
pub(super) fn use_extent() -> Extent {
    use_context::<Extent>().unwrap_or(Extent::Whole)
}

/// Tells the script that started the page what the page shows.
pub(super) fn announce_shown() {
    if let (Some(window), Ok(event)) = (web_sys::window(), web_sys::Event::new(SHOWN)) {
        let _ = window.dispatch_event(&event);
    }
}
