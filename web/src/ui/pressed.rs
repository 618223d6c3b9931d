//! One listener for all the buttons of a pane that has them by the dozen: what each selects stands in an attribute.

use faultline_abi::{PhysAddr, VirtAddr};
use wasm_bindgen::JsCast;
use web_sys::Element;
use yew::prelude::*;

use super::desk::Desk;
use crate::linked::Selection;

/// Selects what the pressed button says: the address in its `data-va`, `data-frame` or `data-entry`.
pub(super) fn selecting(desk: &Desk) -> Callback<MouseEvent> {
    let desk = desk.clone();
    Callback::from(move |event: MouseEvent| {
        if let Some(selection) = button(&event).as_ref().and_then(selection) {
            desk.selecting(selection).emit(());
        }
    })
}

/// The button that was pressed.
pub(super) fn button(event: &MouseEvent) -> Option<Element> {
    event.target()?.dyn_into::<Element>().ok()?.closest("button").ok()?
}

fn selection(button: &Element) -> Option<Selection> {
    let page = || address(button, "data-va").map(|va| Selection::Page(VirtAddr::new(va)));
    let frame = || address(button, "data-frame").map(|frame| Selection::Frame(PhysAddr::new(frame)));
    let entry = || address(button, "data-entry").map(|entry| Selection::Entry(PhysAddr::new(entry)));
    page().or_else(frame).or_else(entry)
}

/// The address in an attribute, as addresses are written everywhere on the page.
pub(super) fn address(button: &Element, attribute: &str) -> Option<u64> {
    u64::from_str_radix(button.get_attribute(attribute)?.strip_prefix("0x")?, 16).ok()
}

/// A frame as a link to all that belongs to it.
pub(super) fn frame_link(desk: &Desk, frame: PhysAddr) -> Html {
    let class = classes!("link", desk.linked.frames.contains(&frame).then_some("selected"));
    let address = AttrValue::from(frame.to_string());
    html! { <button type="button" {class} data-frame={address.clone()}>{ address }</button> }
}

/// A page-table entry as a link to all that belongs to it.
pub(super) fn entry_link(desk: &Desk, entry: PhysAddr) -> Html {
    let class = classes!("link", desk.linked.entries.contains(&entry).then_some("selected"));
    let address = AttrValue::from(entry.to_string());
    html! { <button type="button" {class} data-entry={address.clone()}>{ address }</button> }
}
