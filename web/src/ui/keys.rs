//! Keys: none of the browser's own, and none while the user types.

use wasm_bindgen::{JsCast, prelude::Closure};
use web_sys::KeyboardEvent;
use yew::prelude::*;

use crate::protocol::{Command, Target, Until};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A step forwards.
    Step(Until),
    /// A step backwards.
    Back(Until),
    /// Another place.
    Seek(Target),
    /// Run, or pause.
    RunOrPause,
    /// To the end of the kernel's answer.
    Answer,
    /// To the next note of the tour, or back to the one before.
    Note(Way),
    /// Gives the pane that fills the page back its place.
    Restore,
}

/// Forwards or backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Forwards.
    On,
    /// Backwards.
    Back,
}

impl Wish {
    /// What this key asks for.
    #[must_use]
    pub(super) fn of_key(key: &str, shift: bool) -> Option<Self> {
        Some(match (key, shift) {
            ("ArrowRight", false) => Self::Step(Until::Fault),
            ("ArrowLeft", false) => Self::Back(Until::Fault),
            ("ArrowRight", true) => Self::Step(Until::Event),
            ("ArrowLeft", true) => Self::Back(Until::Event),
            (".", _) => Self::Step(Until::Instruction),
            (",", _) => Self::Back(Until::Instruction),
            ("Home", _) => Self::Seek(Target::Start),
            ("End", _) => Self::Seek(Target::End),
            ("r" | "R", _) => Self::Seek(Target::FirstFault),
            ("a" | "A", _) => Self::Answer,
            (" ", _) => Self::RunOrPause,
            ("n" | "N", _) => Self::Note(Way::On),
            ("b" | "B", _) => Self::Note(Way::Back),
            ("Escape", _) => Self::Restore,
            _ => return None,
        })
    }

    /// The command, where the wish is one whatever the state.
    #[must_use]
    pub(super) const fn command(self) -> Option<Command> {
        match self {
            Self::Step(until) => Some(Command::Step(until)),
            Self::Back(until) => Some(Command::Back(until)),
            Self::Seek(target) => Some(Command::Seek(target)),
            Self::RunOrPause | Self::Answer | Self::Note(_) | Self::Restore => None,
        }
    }
}

/// Whether keys that type a character are shortcuts too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Characters {
    /// They are.
    On,
    /// Only arrows, Home and End are: speech input and stray fingers type characters.
    Off,
}

impl Characters {
    /// Whether the key is a shortcut.
    pub(super) fn admit(self, key: &str) -> bool {
        self == Self::On || key.chars().count() > 1
    }
}

/// Listens to the keyboard of the whole page.
#[hook]
pub(super) fn use_keys(wish: Callback<Wish>, characters: Characters) {
    use_effect_with((wish, characters), |(wish, characters)| {
        let (wish, characters) = (wish.clone(), *characters);
        let listener = Closure::<dyn Fn(KeyboardEvent)>::new(move |event: KeyboardEvent| {
            if let Some(wished) = wished(&event).filter(|_| characters.admit(&event.key())) {
                event.prevent_default();
                wish.emit(wished);
            }
        });
        let document = web_sys::window().and_then(|window| window.document());
        if let Some(document) = &document {
            let _ = document.add_event_listener_with_callback("keydown", listener.as_ref().unchecked_ref());
        }
        move || {
            if let Some(document) = document {
                let _ = document
                    .remove_event_listener_with_callback("keydown", listener.as_ref().unchecked_ref());
            }
        }
    });
}

fn wished(event: &KeyboardEvent) -> Option<Wish> {
    if event.ctrl_key() || event.alt_key() || event.meta_key() || event.default_prevented() {
        return None;
    }
    let tag = pressed_on(event);
    let wish = Wish::of_key(&event.key(), event.shift_key())?;
    (!belongs_to(&tag, wish)).then_some(wish)
}

/// The name of the element that has the focus; a box to tick is as good as a button.
pub(super) fn pressed_on(event: &KeyboardEvent) -> String {
    let target: Option<web_sys::Element> = event.target().and_then(|target| target.dyn_into().ok());
    target.map_or_else(String::new, |target| match target.get_attribute("type").as_deref() {
        Some("checkbox") => "BUTTON".into(),
        _ => target.tag_name(),
    })
}

/// Whether the focused element has its own use for the key.
fn belongs_to(tag: &str, wish: Wish) -> bool {
    match tag {
        "INPUT" | "SELECT" | "TEXTAREA" => true,
        "BUTTON" | "SUMMARY" => wish == Wish::RunOrPause,
        // A scrolling text moves with the keys of the page.
        "PRE" => matches!(wish, Wish::Seek(Target::Start | Target::End)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_step_by_faults_and_with_shift_by_events() {
        assert_eq!(Wish::of_key("ArrowRight", false), Some(Wish::Step(Until::Fault)));
        assert_eq!(Wish::of_key("ArrowLeft", true), Some(Wish::Back(Until::Event)));
        assert_eq!(Wish::of_key("Tab", false), None);
    }

    #[test]
    fn character_keys_can_be_switched_off() {
        for (key, admitted) in [(".", false), (" ", false), ("a", false), ("ArrowRight", true), ("End", true)]
        {
            assert_eq!(Characters::Off.admit(key), admitted, "{key}");
            assert!(Characters::On.admit(key));
        }
    }

    #[test]
    fn space_on_a_button_presses_the_button() {
        assert!(belongs_to("BUTTON", Wish::RunOrPause));
        assert!(!belongs_to("BUTTON", Wish::Step(Until::Fault)));
        assert!(belongs_to("SELECT", Wish::Step(Until::Fault)));
    }
}
