//! What every pane gets: the model to draw, and how to ask for something.

use std::rc::Rc;

use yew::prelude::*;

use crate::linked::{Linked, Selection};
use crate::model::Model;
use crate::protocol::Command;

/// The model, and the two things a pane can do.
#[derive(Clone)]
pub(super) struct Desk {
    /// What there is to draw.
    pub model: Rc<Model>,
    /// What the selection touches in all panes.
    pub linked: Rc<Linked>,
    /// Asks the worker for something.
    pub send: Callback<Command>,
    /// Selects something in all panes.
    pub select: Callback<Selection>,
}

impl PartialEq for Desk {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.model, &other.model)
    }
}

impl yew::html::IntoPropValue<Desk> for &Desk {
    fn into_prop_value(self) -> Desk {
        self.clone()
    }
}

/// A pane's properties.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct PaneProps {
    /// The desk.
    pub desk: Desk,
}

impl Desk {
    /// A callback that sends this command.
    pub(super) fn command<E>(&self, command: Command) -> Callback<E> {
        let send = self.send.clone();
        Callback::from(move |_| send.emit(command.clone()))
    }

    /// A callback that selects this.
    pub(super) fn selecting<E>(&self, selection: Selection) -> Callback<E> {
        let select = self.select.clone();
        Callback::from(move |_| select.emit(selection))
    }
}
