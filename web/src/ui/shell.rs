//! The arrangement of the panes, shared by all of them and remembered.

use std::rc::Rc;

use yew::prelude::*;

use super::storage;
use crate::arrangement::{Arrangement, Change, Showing};

const KEY: &str = "faultline-panes";
/// A screen with a third column that is high enough to leave some of it empty.
const ROOMY: &str = "(min-width: 1700px) and (min-height: 1000px)";

/// How the panes stand, and how to change that.
#[derive(Clone, PartialEq)]
pub(super) struct Shell {
    /// How they stand.
    pub arrangement: Rc<Arrangement>,
    /// Changes it.
    pub change: Callback<Change>,
}

#[derive(Clone, PartialEq)]
struct Store(Rc<Arrangement>);

impl Reducible for Store {
    type Action = Change;

    fn reduce(self: Rc<Self>, change: Change) -> Rc<Self> {
        Rc::new(Self(Rc::new((*self.0).clone().after(change))))
    }
}

/// The shell of the whole page, remembered from visit to visit.
#[hook]
pub(super) fn use_new_shell() -> Shell {
    let remembered = || storage::get(KEY).map_or_else(at_first, |text| Arrangement::from_text(&text));
    let store = use_reducer_eq(|| Store(Rc::new(remembered())));
    let arrangement = store.0.clone();
    use_effect_with(arrangement.clone(), |arrangement| storage::set(KEY, &arrangement.to_text()));
    let dispatcher = store.dispatcher();
    let change = use_callback((), move |change: Change, ()| dispatcher.dispatch(change));
    Shell { arrangement, change }
}

/// How the panes stand until somebody moves them.
pub(super) fn at_first() -> Arrangement {
    let screen = web_sys::window().and_then(|window| window.match_media(ROOMY).ok()?);
    if screen.is_some_and(|screen| screen.matches()) { Arrangement::roomy() } else { Arrangement::default() }
}

/// The shell around a pane.
#[hook]
pub(super) fn use_shell() -> Shell {
    use_context::<Shell>().unwrap_or_else(|| Shell { arrangement: Rc::default(), change: Callback::noop() })
}

/// How a pane is to show itself.
#[hook]
pub(super) fn use_showing(id: &'static str) -> Showing {
    use_shell().arrangement.showing(id)
}
