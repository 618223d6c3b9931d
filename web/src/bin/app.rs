//! The page's entry point.

fn main() {
    console_error_panic_hook::set_once();
    yew::Renderer::<faultline_web::ui::App>::new().render();
}
