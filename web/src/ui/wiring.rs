//! What the page's callbacks do: commands to the worker, wishes of keys, a new start.

use std::rc::Rc;

use yew::prelude::*;

use super::desk::Desk;
use super::keys::{Way, Wish};
use super::link::WorkerLink;
use super::painting::with_next_frame;
use super::shell::Shell;
use super::transport::pace;
use super::whole::announce_shown;
use crate::arrangement::Change;
use crate::linked::linked;
use crate::model::{Action, Link, Model};
use crate::protocol::{Command, Load, Target, Watch};

/// The desk on which this model lies.
pub(super) fn desk(model: Rc<Model>, link: &Rc<WorkerLink>, report: &Callback<Action>) -> Desk {
    let linked = Rc::new(linked(model.selection, model.table()));
    let (link, asked) = (link.clone(), report.clone());
    let send = Callback::from(move |command: Command| match command {
        // A new machine gets a new worker: whatever the old one was doing ends at once.
        Command::Load(load) => {
            asked.emit(Action::Asked(load.clone()));
            link.start(Command::Load(load), asked.clone());
        }
        other => link.send(other),
    });
    Desk { model, linked, send, act: report.clone() }
}

/// Does what a key asks for.
pub(super) fn wishes(desk: &Desk, shell: &Shell) -> Callback<Wish> {
    let (desk, change) = (desk.clone(), shell.change.clone());
    Callback::from(move |wish: Wish| {
        let model = &desk.model;
        let command = match wish {
            Wish::Restore => {
                change.emit(Change::Restore);
                None
            }
            Wish::RunOrPause if model.is_running() => Some(Command::Pause),
            Wish::RunOrPause => Some(Command::Run(pace())),
            Wish::Answer => model.card.as_ref().and_then(|card| card.end).map(to_event),
            Wish::Note(way) => note(model, way).map(to_event),
            other => other.command(),
        };
        if let Some(command) = command.filter(|_| model.is_ready()) {
            desk.send.emit(command);
        }
    })
}

fn to_event(event: usize) -> Command {
    Command::Seek(Target::Event(event))
}

/// The event of the next note, or of the one before the present.
fn note(model: &Model, way: Way) -> Option<usize> {
    let so_far = model.events_so_far();
    let stop = match way {
        Way::On => model.stops.iter().find(|stop| stop.event >= so_far),
        Way::Back => model.stops.iter().rev().find(|stop| stop.event + 1 < so_far),
    };
    stop.map(|stop| stop.event)
}

/// Starts the scenario again, as it stands, at the position that was shown last.
pub(super) fn restart(desk: &Desk) -> Callback<()> {
    let desk = desk.clone();
    Callback::from(move |()| {
        let at = desk.model.snapshot.as_ref().map(|snapshot| snapshot.step);
        desk.send.emit(Command::Load(Load { at, ..desk.model.as_it_stands() }));
    })
}

/// Tells the worker once the page has shown what it reported, so that it reports no more than can be seen; and
/// the script that started the page, which then loads what was not needed so far.
#[hook]
pub(super) fn use_flow_control(desk: &Desk) {
    let model = &desk.model;
    let (running, send) = (model.is_running(), desk.send.clone());
    let shown = model.snapshot.as_ref().map(|snapshot| snapshot.step);
    let has_failed = model.failure.is_some() || matches!(model.link, Link::Lost(_));
    use_effect_with((running, shown, has_failed), move |&(_, shown, has_failed)| {
        if shown.is_some() || has_failed {
            with_next_frame(move || {
                send.emit(Command::Watch(Watch::Shown));
                announce_shown();
            });
        }
    });
}
