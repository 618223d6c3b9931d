//! The application: one state, one worker, and the panes.

use std::rc::Rc;

use yew::prelude::*;

use super::about::About;
use super::autosave::Autosave;
use super::compare::Compare;
use super::console::Console;
use super::desk::Desk;
use super::embed_bar::EmbedBar;
use super::events::Events;
use super::eviction::Eviction;
use super::fault_card::FaultCard;
use super::files::use_dropped_files;
use super::frames::Frames;
use super::header::Header;
use super::help::{self, Help};
use super::in_sight::InSight;
use super::keys::use_keys;
use super::link::WorkerLink;
use super::menus::use_closing_menus;
use super::modes::{ModeSwitch, use_new_modes};
use super::notice::Notices;
use super::plots::Plots;
use super::policies::PoliciesPane;
use super::predict::Questions;
use super::presenter::Presenter;
use super::processes::Processes;
use super::quiz::{Quiz, use_quiz};
use super::selected::Selected;
use super::share::use_address;
use super::shell::{Shell, use_new_shell};
use super::source::SourcePane;
use super::space::AddressSpace;
use super::timeline::Timeline;
use super::tlb::TlbPane;
use super::tour::Tour;
use super::transport::Transport;
use super::tree::PageTable;
use super::whole::{Extent, use_new_extent};
use super::wiring::{desk, restart, use_flow_control, wishes};
use crate::model::{Action, Model};

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
    let extent = use_new_extent();
    let direct = desk(store.0.clone(), &link, &report);
    let (quiz, desk) = use_quiz(&direct);
    let shell = use_new_shell();
    use_address(&desk, &shell);
    use_flow_control(&desk);
    use_dropped_files(&desk);
    use_closing_menus();
    let characters = use_state_eq(help::remembered);
    let modes = use_new_modes(*characters);
    use_keys(wishes(&desk, &shell), *characters);
    let choose = {
        let characters = characters.clone();
        Callback::from(move |chosen| characters.set(chosen))
    };
    html! {
        <ContextProvider<Shell> context={shell.clone()}><ContextProvider<ModeSwitch> context={modes.clone()}><ContextProvider<Quiz> context={quiz.clone()}><ContextProvider<Extent> context={extent}>
            if extent == Extent::Whole { { skip(&modes) } <EmbedBar desk={desk.clone()} /> }
            <div class="top">
                if extent == Extent::Whole { { top(&desk) } }
            </div>
            <p class="visually-hidden" aria-live="polite" id="live">{ desk.model.sentence() }</p>
            <div class="notices">
                if extent == Extent::Whole { <Autosave desk={desk.clone()} /> }
                <Notices desk={desk.clone()} restart={restart(&desk)} dismiss={report.reform(|()| Action::Dismiss)} />
                if extent == Extent::Whole { <Questions {quiz} desk={direct} /> }
            </div>
            if extent == Extent::Whole && modes.modes.compare { <Compare desk={desk.clone()} /> } else { { panes(&desk, &shell, extent) } }
            if extent == Extent::Whole {
                <Selected desk={desk.clone()} />
                <footer>
                    <Help characters={*characters} {choose} />
                    <p>{ "Every number on this page comes from a RISC-V machine that executed a real kernel, here in your browser." }</p>
                </footer>
                <Presenter {desk} />
            }
        </ContextProvider<Extent>></ContextProvider<Quiz>></ContextProvider<ModeSwitch>></ContextProvider<Shell>>
    }
}

fn top(desk: &Desk) -> Html {
    html! {
        <>
            <Header desk={desk.clone()} />
            <div class="bar controls">
                <Transport desk={desk.clone()} />
                <Timeline desk={desk.clone()} />
            </div>
        </>
    }
}

fn skip(modes: &ModeSwitch) -> Html {
    let (target, words) = match modes.modes.compare {
        true => ("#compare", "Skip to the comparison"),
        false => ("#fault-card", "Skip to the page fault"),
    };
    html! { <a class="skip" href={target}>{ words }</a> }
}

fn panes(desk: &Desk, shell: &Shell, extent: Extent) -> Html {
    let maximised = shell.arrangement.maximised().map(|_| "maximised");
    let is_whole = extent == Extent::Whole;
    html! {
        <main id="panes" class={classes!(maximised)}>
            <div class="column story">
                <Tour desk={desk.clone()} />
                <FaultCard desk={desk.clone()} />
                if is_whole { <InSight<SourcePane> desk={desk.clone()} id="source" /><InSight<Events> desk={desk.clone()} id="events" /> }
            </div>
            <div class="column">
                if is_whole { { memory(desk) } }
            </div>
            <div class="column">
                if is_whole { { around(desk) } }
            </div>
        </main>
    }
}

/// The column of memory.
fn memory(desk: &Desk) -> Html {
    html! {
        <>
            <InSight<AddressSpace> desk={desk.clone()} id="address-space" />
            <InSight<PageTable> desk={desk.clone()} id="page-table" />
            <InSight<Frames> desk={desk.clone()} id="frames" />
            <InSight<Eviction> desk={desk.clone()} id="eviction" />
        </>
    }
}

/// The column of what stands around memory.
fn around(desk: &Desk) -> Html {
    html! {
        <>
            <InSight<Console> desk={desk.clone()} id="console" />
            <InSight<Processes> desk={desk.clone()} id="processes" />
            <InSight<TlbPane> desk={desk.clone()} id="tlb" />
            <InSight<Plots> desk={desk.clone()} id="plots" />
            <InSight<PoliciesPane> desk={desk.clone()} id="policies" />
            <About desk={desk.clone()} />
        </>
    }
}
