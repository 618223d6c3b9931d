//! Export: panes as SVG and PNG, the trace as JSON and CSV.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{CanvasRenderingContext2d, Document, HtmlAnchorElement, HtmlCanvasElement, HtmlImageElement};
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::files::offer;
use super::picture::{Picture, picture};
use crate::arrangement::PANES;
use crate::export::{csv, json};
use crate::model::Action;

/// Pixels of a PNG for each of the page's.
const SCALE: f64 = 2.0;

/// The choice of a pane, and the buttons that save.
#[component]
pub(super) fn Export(PaneProps { desk }: &PaneProps) -> Html {
    let chosen = use_state_eq(|| 0_usize);
    let choose = {
        let chosen = chosen.clone();
        Callback::from(move |event: Event| {
            let index = event.target_unchecked_into::<web_sys::HtmlSelectElement>().selected_index();
            chosen.set(usize::try_from(index).unwrap_or(0).min(PANES.len() - 1));
        })
    };
    let save = |id: &'static str, label: &'static str, save: fn(&Desk, usize)| {
        let (desk, chosen) = (desk.clone(), *chosen);
        let press = Callback::from(move |_: MouseEvent| save(&desk, chosen));
        html! { <button type="button" class="button" {id} onclick={press}>{ label }</button> }
    };
    let option = |(i, pane): (usize, &crate::arrangement::PaneKind)| {
        html! { <option value={pane.id} selected={i == *chosen}>{ pane.title }</option> }
    };
    html! {
        <div class="export" role="group" aria-label="Export">
            <label class="field">{ "This pane" }
                <select id="export-pane" onchange={choose}>{ for PANES.iter().enumerate().map(option) }</select>
            </label>
            <span class="export-buttons">{ save("export-svg", "SVG", save_svg) }{ save("export-png", "PNG", save_png) }</span>
            <span class="field">{ "All events" }</span>
            <span class="export-buttons">{ save("export-json", "JSON", save_json) }{ save("export-csv", "CSV", save_csv) }</span>
        </div>
    }
}

fn save_svg(desk: &Desk, pane: usize) {
    match taken(pane) {
        Ok(picture) => told(desk, offer(&format!("{}.svg", PANES[pane].id), "image/svg+xml", &picture.svg)),
        Err(why) => desk.act.emit(Action::Failed(why)),
    }
}

fn save_png(desk: &Desk, pane: usize) {
    match taken(pane) {
        Ok(picture) => {
            let desk = desk.clone();
            spawn_local(
                async move { told(&desk, offer_png(&format!("{}.png", PANES[pane].id), &picture).await) },
            );
        }
        Err(why) => desk.act.emit(Action::Failed(why)),
    }
}

fn taken(pane: usize) -> Result<Picture, String> {
    let kind = PANES[pane];
    picture(kind.id, kind.title).ok_or_else(|| format!("The pane “{}” is not on the page.", kind.title))
}

fn save_json(desk: &Desk, _: usize) {
    if let Some(loaded) = &desk.model.loaded {
        let text = json(&loaded.scenario, &desk.model.history.events);
        told(desk, offer("trace.json", "application/json", &text));
    }
}

fn save_csv(desk: &Desk, _: usize) {
    told(desk, offer("trace.csv", "text/csv", &csv(&desk.model.history.events)));
}

fn told(desk: &Desk, outcome: Result<(), JsValue>) {
    if outcome.is_err() {
        desk.act.emit(Action::Failed("The browser refuses to save this; try another format.".into()));
    }
}

/// Draws the SVG onto a canvas and offers what comes out.
async fn offer_png(name: &str, picture: &Picture) -> Result<(), JsValue> {
    let document = web_sys::window().and_then(|window| window.document()).ok_or(JsValue::NULL)?;
    let image: HtmlImageElement = document.create_element("img")?.unchecked_into();
    let encoded = String::from(js_sys::encode_uri_component(&picture.svg));
    image.set_src(&format!("data:image/svg+xml,{encoded}"));
    JsFuture::from(image.decode()).await?;
    let canvas = painted(&document, &image, picture)?;
    let anchor: HtmlAnchorElement = document.create_element("a")?.unchecked_into();
    anchor.set_href(&canvas.to_data_url()?);
    anchor.set_download(name);
    anchor.click();
    Ok(())
}

fn painted(
    document: &Document,
    image: &HtmlImageElement,
    picture: &Picture,
) -> Result<HtmlCanvasElement, JsValue> {
    let canvas: HtmlCanvasElement = document.create_element("canvas")?.unchecked_into();
    let (width, height) = (picture.width * SCALE, picture.height * SCALE);
    canvas.set_width(whole(width));
    canvas.set_height(whole(height));
    let context = canvas.get_context("2d")?.ok_or(JsValue::NULL)?;
    let context: CanvasRenderingContext2d = context.unchecked_into();
    context.draw_image_with_html_image_element_and_dw_and_dh(image, 0.0, 0.0, width, height)?;
    Ok(canvas)
}

/// Pixels as a whole number; a canvas has at most 16,384 on a side.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
const fn whole(pixels: f64) -> u32 {
    pixels.clamp(1.0, 16_384.0) as u32
}
