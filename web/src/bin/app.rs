//! The page's entry point.

use yew::prelude::*;

#[function_component]
fn App() -> Html {
    html! { <main><h1>{ "Faultline" }</h1></main> }
}

fn main() {
    console_error_panic_hook::set_once();
    yew::Renderer::<App>::new().render();
}
