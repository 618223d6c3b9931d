//! Light, dark, or as the system says; remembered where the browser lets us.

use wasm_bindgen::JsValue;
use yew::prelude::*;

const KEY: &str = "faultline-theme";

/// The user's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Theme {
    System,
    Light,
    Dark,
}

impl Theme {
    const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    const fn name(self) -> &'static str {
        match self {
            Self::System => "System",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }

    fn remembered() -> Self {
        let name = storage().and_then(|storage| storage.get_item(KEY).ok().flatten());
        Self::ALL.into_iter().find(|theme| name.as_deref() == Some(theme.name())).unwrap_or(Self::System)
    }

    /// Keeps the choice; a browser that forbids storage only forgets it.
    fn remember(self) {
        if let Some(storage) = storage() {
            let _ = storage.set_item(KEY, self.name());
        }
    }

    /// Sets `data-theme` on the root element, which the style sheet reads.
    fn apply(self) {
        let dark = match self {
            Self::System => system_is_dark(),
            Self::Light => false,
            Self::Dark => true,
        };
        let root = web_sys::window().and_then(|window| window.document()?.document_element());
        if let Some(root) = root {
            let _ = root.set_attribute("data-theme", if dark { "dark" } else { "light" });
        }
    }
}

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok().flatten()
}

fn system_is_dark() -> bool {
    let query = || -> Result<Option<web_sys::MediaQueryList>, JsValue> {
        web_sys::window().map_or(Ok(None), |window| window.match_media("(prefers-color-scheme: dark)"))
    };
    query().ok().flatten().is_some_and(|list| list.matches())
}

/// The choice of colours.
#[component]
pub(super) fn ThemeSwitch() -> Html {
    let theme = use_state_eq(Theme::remembered);
    use_effect_with(*theme, |theme| theme.apply());
    let choose = {
        let theme = theme.clone();
        Callback::from(move |event: Event| {
            let index = event.target_unchecked_into::<web_sys::HtmlSelectElement>().selected_index();
            let chosen = usize::try_from(index).ok().and_then(|index| Theme::ALL.get(index).copied());
            let chosen = chosen.unwrap_or(Theme::System);
            chosen.remember();
            theme.set(chosen);
        })
    };
    html! {
        <label class="field">
            { "Colours" }
            <select id="theme" onchange={choose}>
                { for Theme::ALL.iter().map(|&each| html! {
                    <option selected={each == *theme}>{ each.name() }</option>
                }) }
            </select>
        </label>
    }
}
