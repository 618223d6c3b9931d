//! Compare: two machines in two workers, led from landmark to landmark of what the program does.

use std::rc::Rc;

use yew::prelude::*;

use super::compare_counts::Counts;
use super::compare_side::SideOf;
use super::compare_steps::Steps;
use super::desk::PaneProps;
use super::link::WorkerLink;
use super::modes::use_modes;
use crate::comparison::{Action, Comparison, Hand, OPTIONS, Setup, choices};
use crate::modes::Switch;
use crate::protocol::{Command, Load};

struct Store(Rc<Comparison>);

impl Reducible for Store {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        Rc::new(Self(Rc::new((*self.0).clone().after(action))))
    }
}

/// What is compared, chosen at the top, and the comparison under it.
#[component]
pub(super) fn Compare(PaneProps { desk }: &PaneProps) -> Html {
    let setup = use_state_eq(|| Setup::of(desk.model.loaded.as_ref().map(|loaded| &loaded.scenario)));
    let modes = use_modes();
    let set = {
        let setup = setup.clone();
        Callback::from(move |new: Setup| setup.set(new))
    };
    let base = desk.model.as_it_stands();
    // Another choice is another pair of machines, from the start.
    let key = format!("{}{:?}", setup.names().join(" "), base.scenario);
    html! {
        <main id="compare" aria-labelledby="compare-title">
            <div class="pane compare-setup">
                <h2 id="compare-title">{ "The same program, two configurations" }</h2>
                { choosers(&setup, &set) }
                <button type="button" class="button" id="compare-leave" onclick={modes.switch.reform(|_| Switch::Compare)}>{ "Back to one machine" }</button>
            </div>
            <Stage {key} setup={(*setup).clone()} {base} />
        </main>
    }
}

fn choosers(setup: &Setup, set: &Callback<Setup>) -> Html {
    let values = choices(&setup.key);
    let keys: Vec<&str> = OPTIONS.iter().map(|option| option.0).collect();
    let about = OPTIONS.iter().find(|option| option.0 == setup.key).map_or("", |option| option.1);
    let key = {
        let (set, keys) = (set.clone(), keys.clone());
        Callback::from(move |index: usize| {
            set.emit(Setup::of_option(keys.get(index).copied().unwrap_or("sbrk")))
        })
    };
    let value = |side: usize| {
        let (set, setup) = (set.clone(), setup.clone());
        Callback::from(move |index: usize| {
            let mut setup = setup.clone();
            setup.values[side] = values.get(index).copied().unwrap_or_default().into();
            set.emit(setup);
        })
    };
    html! {
        <>
            { chooser("compare-option", "Option", &keys, &setup.key, key) }
            { chooser("compare-left", "left", values, &setup.values[0], value(0)) }
            { chooser("compare-right", "right", values, &setup.values[1], value(1)) }
            <span class="hint">{ about }</span>
        </>
    }
}

fn chooser(
    id: &'static str,
    label: &'static str,
    all: &[&'static str],
    now: &str,
    chosen: Callback<usize>,
) -> Html {
    let choose = chosen.reform(|event: Event| {
        let index = event.target_unchecked_into::<web_sys::HtmlSelectElement>().selected_index();
        usize::try_from(index).unwrap_or(0)
    });
    let option =
        |each: &&'static str| html! { <option value={*each} selected={*each == now}>{ *each }</option> };
    html! {
        <label class="field">{ label }<select {id} onchange={choose}>{ for all.iter().map(option) }</select></label>
    }
}

#[derive(Clone, PartialEq, Properties)]
struct StageProps {
    setup: Setup,
    base: Load,
}

/// The two machines of one choice.
#[component]
fn Stage(props: &StageProps) -> Html {
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
fn use_start(props: &StageProps, links: &Rc<[WorkerLink; 2]>, report: &Callback<Action>) {
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
