//! Two machines in two workers, led from landmark to landmark of what the program does.

use std::rc::Rc;

use yew::prelude::*;

use super::compare_counts::Counts;
use super::compare_side::SideOf;
use super::compare_steps::Steps;
use super::link::WorkerLink;
use crate::comparison::{Action, Comparison, Hand, Setup};
use crate::protocol::{Command, Load};

struct Store(Rc<Comparison>);

impl Reducible for Store {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        Rc::new(Self(Rc::new((*self.0).clone().after(action))))
    }
}

/// What is compared.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The two configurations.
    pub setup: Setup,
    /// What both boot, but for that.
    pub base: Load,
}

/// The two machines of one choice.
#[component]
pub(super) fn Stage(props: &Props) -> Html {
    let store = use_reducer(|| Store(Rc::default()));
    let links = use_memo((), |()| [WorkerLink::default(), WorkerLink::default()]);
    let dispatcher = store.dispatcher();
    let report = use_callback((), move |action: Action, ()| dispatcher.dispatch(action));
    use_start(props, &links, &report);
    let comparison = store.0.clone();
    use_lead(&comparison, &links);
    if let Some(why) = comparison.waiting() {
        return html! { <div class="pane compare-wait" role="status" id="compare-wait"><p>{ why }</p><progress aria-label="Comparing"></progress></div> };
    }
    let names = props.setup.names();
    html! {
        <>
            <Steps comparison={comparison.clone()} go={report.reform(Action::Go)} />
            <div class="compare-sides">
                <SideOf comparison={comparison.clone()} hand={Hand::Left} name={names[0].clone()} />
                <SideOf comparison={comparison.clone()} hand={Hand::Right} name={names[1].clone()} />
            </div>
            <Counts {comparison} {names} />
        </>
    }
}

/// Starts both machines; they end with the stage.
#[hook]
fn use_start(props: &Props, links: &Rc<[WorkerLink; 2]>, report: &Callback<Action>) {
    let (loads, links, report) = (props.setup.loads(&props.base), links.clone(), report.clone());
    use_effect_with((), move |()| {
        for (hand, load) in Hand::BOTH.into_iter().zip(loads) {
            let of_hand = report.reform(move |action| Action::Of(hand, action));
            links[hand as usize].start(Command::Load(load), of_hand);
        }
        move || links.iter().for_each(WorkerLink::stop)
    });
}

/// Sends both machines to where the comparison stands.
#[hook]
fn use_lead(comparison: &Rc<Comparison>, links: &Rc<[WorkerLink; 2]>) {
    let (commands, links) = (comparison.commands(), links.clone());
    use_effect_with((comparison.at, commands.is_some()), move |_| {
        for (link, command) in links.iter().zip(commands.into_iter().flatten()) {
            link.send(command);
        }
    });
}
