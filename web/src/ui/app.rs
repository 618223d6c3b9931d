//! The application: one state, one worker, and the panes.

use std::rc::Rc;

use yew::prelude::*;

use super::about::About;
use super::console::Console;
use super::desk::Desk;
use super::events::Events;
use super::fault_card::FaultCard;
use super::frames::Frames;
use super::header::Header;
use super::help::{self, Help};
use super::keys::{Wish, use_keys};
use super::link::WorkerLink;
use super::notice::Notices;
use super::now::Now;
use super::processes::Processes;
use super::space::AddressSpace;
use super::timeline::Timeline;
use super::transport::Transport;
use super::tree::PageTable;
use crate::catalogue;
use crate::linked::linked;
use crate::model::{Action, Model};
use crate::protocol::{Command, Load, Pace, Target};

/// The model as Yew's reducer.
#[derive(Clone)]
struct Store(Rc<Model>);

impl Reducible for Store {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        Rc::new(Self(Rc::new((*self.0).clone().after(action))))
    }
}

/// The page.
#[component]
pub fn App() -> Html {
    let store = use_reducer(|| Store(Rc::new(Model::default())));
    let link = use_memo((), |()| WorkerLink::default());
    let report = {
        let dispatcher = store.dispatcher();
        use_callback((), move |action: Action, ()| dispatcher.dispatch(action))
    };
    let desk = desk(&store, &link, &report);
    use_first_load(&desk);
    let characters = use_state_eq(help::remembered);
    use_keys(wishes(&desk), *characters);
    let choose = {
        let characters = characters.clone();
        Callback::from(move |chosen| characters.set(chosen))
    };
    let restart = restart(&desk, &link, &report);
    html! {
        <>
            <a class="skip" href="#fault-card">{ "Skip to the page fault" }</a>
            <div class="top">
                <Header desk={desk.clone()} />
                <div class="bar controls">
                    <Transport desk={desk.clone()} />
                    <Timeline desk={desk.clone()} />
                </div>
            </div>
            <p class="visually-hidden" aria-live="polite" id="live">{ desk.model.sentence() }</p>
            <div class="notices"><Notices desk={desk.clone()} {restart} dismiss={report.reform(|()| Action::Dismiss)} /></div>
            { panes(&desk) }
            <footer>
                <Help characters={*characters} {choose} />
                <p>{ "Every number on this page comes from a RISC-V machine that executed a real kernel, here in your browser." }</p>
            </footer>
        </>
    }
}

fn panes(desk: &Desk) -> Html {
    html! {
        <main id="panes">
            <div class="column story">
                <Now desk={desk.clone()} />
                <FaultCard desk={desk.clone()} />
                <Events desk={desk.clone()} />
            </div>
            <div class="column">
                <AddressSpace desk={desk.clone()} />
                <PageTable desk={desk.clone()} />
                <Frames desk={desk.clone()} />
            </div>
            <div class="column">
                <Console desk={desk.clone()} />
                <Processes desk={desk.clone()} />
                <About desk={desk.clone()} />
            </div>
        </main>
    }
}

fn desk(store: &UseReducerHandle<Store>, link: &Rc<WorkerLink>, report: &Callback<Action>) -> Desk {
    let model = store.0.clone();
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
    Desk { model, linked, send, select: report.reform(Action::Select) }
}

#[hook]
fn use_first_load(desk: &Desk) {
    let send = desk.send.clone();
    use_effect_with((), move |()| {
        send.emit(Command::Load(Load { scenario: catalogue::FIRST.into(), ..Load::default() }));
    });
}

fn wishes(desk: &Desk) -> Callback<Wish> {
    let desk = desk.clone();
    Callback::from(move |wish: Wish| {
        let model = &desk.model;
        let command = match wish {
            Wish::RunOrPause if model.is_running() => Some(Command::Pause),
            Wish::RunOrPause => Some(Command::Run(Pace::EventsPerSecond(4))),
            Wish::Answer => {
                model.card.as_ref().and_then(|card| card.end).map(|end| Command::Seek(Target::Event(end)))
            }
            other => other.command(),
        };
        if let Some(command) = command.filter(|_| model.is_ready()) {
            desk.send.emit(command);
        }
    })
}

/// Starts the scenario again, at the position that was shown last.
fn restart(desk: &Desk, link: &Rc<WorkerLink>, report: &Callback<Action>) -> Callback<()> {
    let (desk, link, report) = (desk.clone(), link.clone(), report.clone());
    Callback::from(move |()| {
        let at = desk.model.snapshot.as_ref().map(|snapshot| snapshot.step);
        let load = Load { at, ..desk.model.request.clone() };
        report.emit(Action::Asked(load.clone()));
        link.start(Command::Load(load), report.clone());
    })
}
