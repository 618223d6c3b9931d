//! How much room an element has, as long as it is on the page.

use wasm_bindgen::{JsCast, prelude::Closure};
use web_sys::{Element, ResizeObserver};
use yew::prelude::*;

use crate::layout::Room;

/// The room of the element; while it is hidden, the one that it had.
#[hook]
pub(super) fn use_room(element: NodeRef) -> Room {
    let room = use_state_eq(Room::default);
    let report = room.setter();
    use_effect_with((), move |()| {
        let observed = element.cast::<Element>();
        let measured = observed.clone();
        let resized = Closure::<dyn Fn()>::new(move || {
            let now = measured.as_ref().map_or(0, Element::client_width);
            if now == 0 {
                return;
            }
            report.set(Room { width: u32::try_from(now).unwrap_or(0), rem: rem().unwrap_or(16) });
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
    *room
}

/// The size of the root's letters, which grow with the screen.
fn rem() -> Option<u32> {
    let window = web_sys::window()?;
    let style = window.get_computed_style(&window.document()?.document_element()?).ok()??;
    let size: f64 = style.get_property_value("font-size").ok()?.trim_end_matches("px").parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size of letters")]
    let pixels = size.clamp(1.0, 200.0) as u32;
    Some(pixels)
}
