//! Where the page's files lie: beside the script that started it, in a folder of this version.

use web_sys::{HtmlScriptElement, wasm_bindgen::JsCast};

/// The address of a file of the page.
pub(super) fn url(file: &str) -> String {
    format!("{}{file}", folder())
}

/// The folder with a slash at its end; empty is the page's own.
fn folder() -> String {
    let document = web_sys::window().and_then(|window| window.document());
    let script = document.and_then(|document| document.query_selector("script[type=module]").ok().flatten());
    let script = script.and_then(|script| script.dyn_into::<HtmlScriptElement>().ok());
    let src = script.map(|script| script.src()).unwrap_or_default();
    src.rfind('/').map_or_else(String::new, |slash| src[..=slash].to_owned())
}
