//! How wide an element is, as long as it is on the page.

use wasm_bindgen::{JsCast, prelude::Closure};
use web_sys::{Element, ResizeObserver};
use yew::prelude::*;

/// The width of the element in CSS pixels; 0 before it is known.
#[hook]
pub(super) fn use_width(element: NodeRef) -> u32 {
    let width = use_state_eq(|| 0_u32);
    let report = width.setter();
    use_effect_with((), move |()| {
        let observed = element.cast::<Element>();
        let measured = observed.clone();
        let resized = Closure::<dyn Fn()>::new(move || {
            let now = measured.as_ref().map_or(0, Element::client_width);
            report.set(u32::try_from(now).unwrap_or(0));
        });
        let observer = ResizeObserver::new(resized.as_ref().unchecked_ref()).ok();
        if let (Some(observer), Some(element)) = (&observer, &observed) {
            observer.observe(element);
        }
        move || {
            if let Some(observer) = observer {
                observer.disconnect();
            }
            drop(resized);
        }
    });
    *width
}
