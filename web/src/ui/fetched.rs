//! Files that lie beside the page, fetched when somebody looks at what they say, and kept.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use faultline_machine::lines::{Lines, parse};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::Response;
use yew::prelude::*;

use super::site::url;

thread_local! {
    /// What has been fetched; nothing where a file is missing.
    static KNOWN: RefCell<HashMap<String, Option<Rc<str>>>> = RefCell::default();
}

/// The text of a file beside the page; `None` while it is on its way, and where there is none.
#[hook]
pub(super) fn use_file(path: Option<String>) -> Option<Rc<str>> {
    let arrived = use_force_update();
    use_effect_with(path.clone(), move |path| {
        let wanted = path.clone().filter(|path| KNOWN.with_borrow(|known| !known.contains_key(path)));
        if let Some(path) = wanted {
            spawn_local(async move {
                let text = fetch(&path).await.ok();
                KNOWN.with_borrow_mut(|known| known.insert(path, text));
                arrived.force_update();
            });
        }
    });
    KNOWN.with_borrow(|known| known.get(&path?).cloned().flatten())
}

async fn fetch(path: &str) -> Result<Rc<str>, JsValue> {
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    let response: Response = JsFuture::from(window.fetch_with_str(&url(path))).await?.dyn_into()?;
    if !response.ok() {
        return Err(JsValue::NULL);
    }
    let text = JsFuture::from(response.text()?).await?;
    text.as_string().map(Rc::from).ok_or(JsValue::NULL)
}

/// The line table of a program, or of `kernel`.
#[hook]
pub(super) fn use_lines(program: Option<String>) -> Option<Rc<Lines>> {
    let plain =
        |name: &String| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let text = use_file(program.filter(plain).map(|name| format!("images/lines/{name}.json")));
    let lines =
        use_memo(text, |text| text.as_ref().and_then(|text| parse(text.as_bytes()).ok()).map(Rc::new));
    (*lines).clone()
}

/// A source file of the project, as far as the page has it.
#[hook]
pub(super) fn use_source(path: Option<String>) -> Option<Rc<str>> {
    use_file(path.map(|path| format!("images/source/{path}")))
}
