//! Light, dark, or as the system says; remembered where the browser lets us.

use yew::prelude::*;

use super::storage;

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

    const fn label(self) -> &'static str {
        match self {
            Self::System => "System colours",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }

    fn remembered() -> Self {
        let name = storage::get(KEY);
        Self::ALL.into_iter().find(|theme| name.as_deref() == Some(theme.name())).unwrap_or(Self::System)
    }

    /// Sets `data-theme` on the root element, which the style sheet reads.
    fn apply(self) {
        let root = web_sys::window().and_then(|window| window.document()?.document_element());
        let Some(root) = root else { return };
        // Neither call can fail: the attribute's name is a valid one.
        let _ = match self {
            Self::System => root.remove_attribute("data-theme"),
            Self::Light => root.set_attribute("data-theme", "light"),
            Self::Dark => root.set_attribute("data-theme", "dark"),
        };
    }
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
            storage::set(KEY, chosen.name());
            theme.set(chosen);
        })
    };
    html! {
        <label class="field">
            <span class="visually-hidden">{ "Colours" }</span>
            <select id="theme" onchange={choose}>
                { for Theme::ALL.iter().map(|&each| html! {
                    <option selected={each == *theme}>{ each.label() }</option>
                }) }
            </select>
        </label>
    }
}
