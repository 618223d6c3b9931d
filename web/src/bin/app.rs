//! The page's entry point.

use std::panic::PanicHookInfo;

fn main() {
    std::panic::set_hook(Box::new(report));
    yew::Renderer::<faultline_web::ui::App>::new().render();
}

/// A mistake in the page itself: says so above whatever still stands, and in the browser's console.
fn report(info: &PanicHookInfo<'_>) {
    console_error_panic_hook::hook(info);
    let Some(document) = web_sys::window().and_then(|window| window.document()) else { return };
    let (Some(body), Ok(notice)) = (document.body(), document.create_element("div")) else { return };
    notice.set_class_name("notice");
    notice.set_text_content(Some(&format!("Faultline has made a mistake and must be reloaded. ({info})")));
    // Nothing is left to do where even this fails.
    let _ = body.insert_before(&notice, body.first_child().as_ref());
}
