//! Which modes are on, for every component that asks, and in an attribute that the style sheet reads.

use yew::prelude::*;

use super::keys::Characters;
use crate::modes::{Modes, Switch};

/// The modes, and how to switch one.
#[derive(Clone, PartialEq)]
pub(super) struct ModeSwitch {
    /// The modes in force.
    pub modes: Modes,
    /// Switches one.
    pub switch: Callback<Switch>,
    /// Whether keys that type a character are shortcuts.
    pub characters: Characters,
}

struct Store(Modes);

impl Reducible for Store {
    type Action = Switch;

    fn reduce(self: std::rc::Rc<Self>, switch: Switch) -> std::rc::Rc<Self> {
        std::rc::Rc::new(Self(self.0.after(switch)))
    }
}

/// The modes of the whole page, beginning with what the address asks for.
#[hook]
pub(super) fn use_new_modes(characters: Characters) -> ModeSwitch {
    let store = use_reducer(|| Store(Modes::of_fragment(&fragment())));
    let modes = store.0;
    use_effect_with(modes, |modes| mark(modes.names()));
    let dispatcher = store.dispatcher();
    let switch = use_callback((), move |switch: Switch, ()| dispatcher.dispatch(switch));
    ModeSwitch { modes, switch, characters }
}

/// The modes around a component.
#[hook]
pub(super) fn use_modes() -> ModeSwitch {
    let outside =
        || ModeSwitch { modes: Modes::default(), switch: Callback::noop(), characters: Characters::Off };
    use_context::<ModeSwitch>().unwrap_or_else(outside)
}

/// What stands behind `#` in the address.
pub(super) fn fragment() -> String {
    web_sys::window().and_then(|window| window.location().hash().ok()).unwrap_or_default()
}

fn mark(names: String) {
    let root = web_sys::window().and_then(|window| window.document()?.document_element());
    if let Some(root) = root {
        // The attribute's name is a valid one, so this cannot fail.
        let _ = root.set_attribute("data-modes", &names);
    }
}
