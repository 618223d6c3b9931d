//! What every pane gets: the model to draw, and how to ask for something.

use std::rc::Rc;

use faultline_abi::scenario::Scenario;
use faultline_machine::session::Direction;
use yew::prelude::*;

use crate::linked::{Linked, Selection};
use crate::model::{Action, Model};
use crate::protocol::{Command, Load, Search, Target};

/// The model, and the two things a pane can do.
#[derive(Clone)]
pub(super) struct Desk {
    /// What there is to draw.
    pub model: Rc<Model>,
    /// What the selection touches in all panes.
    pub linked: Rc<Linked>,
    /// Asks the worker for something.
    pub send: Callback<Command>,
    /// Changes what the page itself knows.
    pub act: Callback<Action>,
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

    /// A callback that goes to just after this event.
    pub(super) fn to_event<E>(&self, event: usize) -> Callback<E> {
        self.command(Command::Seek(Target::Event(event)))
    }

    /// A callback that goes to where this condition holds.
    pub(super) fn searching<E>(&self, until: String, direction: Direction) -> Callback<E> {
        self.command(Command::Search(Search { until, direction }))
    }

    /// Loads a scenario; one that brings files of its own, which could be programs, waits until somebody says that it
    /// may run.
    pub(super) fn bring(&self, load: Load, scenario: &Scenario) {
        match scenario.files.is_empty() {
            true => self.send.emit(Command::Load(load)),
            false => self.act.emit(Action::Brought(Some(load))),
        }
    }

    /// A callback that does this to the model.
    pub(super) fn action<E>(&self, action: Action) -> Callback<E> {
        let act = self.act.clone();
        Callback::from(move |_| act.emit(action.clone()))
    }

    /// A callback that selects this.
    pub(super) fn selecting<E>(&self, selection: Selection) -> Callback<E> {
        self.action(Action::Select(selection))
    }
}
