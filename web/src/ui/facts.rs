//! The registers of a page fault, each explained on request.

use std::rc::Rc;

use faultline_machine::hart::Privilege;
use yew::prelude::*;

use super::desk::Desk;
use super::origin::Origin;
use super::term::explanation;
use super::whole::{Extent, use_extent};
use crate::card::{Card, Place};
use crate::linked::Selection;
use crate::words::{self, Explained, Field, area_name, field_in};

/// The desk, and a card once there is one.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The desk.
    pub desk: Desk,
    /// The card; before the first page fault it stands there without values.
    pub card: Option<Rc<Card>>,
}

/// The registers in a grid, and below them the explanation of the one that was pressed.
#[component]
pub(super) fn Facts(Props { desk, card }: &Props) -> Html {
    let (open, extent) = (use_state_eq(|| None::<Field>), use_extent());
    let card = card.as_deref();
    let to = card.map_or(Privilege::Supervisor, |card| card.trap.to);
    let fact = |which: Field, id: &'static str, value: &dyn Fn(&Card) -> Html| {
        let value = card.map_or_else(|| html! { <span class="words">{ "–" }</span> }, value);
        html! { <div><dt>{ label(&open, field_in(which, to), which) }</dt><dd {id}>{ value }</dd></div> }
    };
    html! {
        <div class="facts-box">
            <dl class="facts">
                { fact(Field::Scause, "scause", &scause) }
                { fact(Field::Stval, "stval", &|card| stval(desk, card)) }
                { fact(Field::Sepc, "sepc", &|card| html! { card.trap.sepc.to_string() }) }
                { fact(Field::Instruction, "instruction", &|_| instruction(desk)) }
                { fact(Field::Mode, "mode", &|card| mode(desk, card)) }
                { fact(Field::Process, "process", &process) }
                { fact(Field::Area, "falls-into", &place) }
                { fact(Field::Satp, "satp", &|card| root(desk, card)) }
            </dl>
            if let Some(card) = card.filter(|_| extent == Extent::Whole) {
                <Origin program={program(card)} pc={card.trap.sepc} />
            }
            if let Some(which) = *open {
                { explanation(field_in(which, to)) }
            } else if extent == Extent::Whole {
                <p class="hint">{ "A dotted word explains itself when it is pressed." }</p>
            }
        </div>
    }
}

fn label(open: &UseStateHandle<Option<Field>>, explained: Explained, which: Field) -> Html {
    let is_open = **open == Some(which);
    let toggle = {
        let open = open.clone();
        Callback::from(move |_: MouseEvent| open.set((!is_open).then_some(which)))
    };
    let Explained { short, sentence, .. } = explained;
    html! {
        <button type="button" class="term" title={sentence} aria-expanded={is_open.to_string()} onclick={toggle}>{ short }</button>
    }
}

/// Whose instruction it was.
fn program(card: &Card) -> Option<String> {
    match card.mode {
        Privilege::User => card.process.as_ref().map(|process| process.name.clone()),
        Privilege::Supervisor => Some("kernel".into()),
        Privilege::Machine => None,
    }
}

fn process(card: &Card) -> Html {
    let name = card.process.as_ref().map_or_else(|| "unknown".into(), crate::state::Process::label);
    html! { { name } }
}

fn scause(card: &Card) -> Html {
    let trap = &card.trap;
    html! {
        <>{ format!("{} ({:#x})", trap.scause, trap.scause) }<span class="words">{ format!(" {}", trap.cause) }</span></>
    }
}

fn mode(desk: &Desk, card: &Card) -> Html {
    let hart = match desk.model.harts() {
        1 => String::new(),
        harts => format!(", on hart {} of {harts}", card.hart),
    };
    html! { <>{ card.mode.letter() }<span class="words">{ format!(" {}{hart}", words::mode(card.mode)) }</span></> }
}

fn stval(desk: &Desk, card: &Card) -> Html {
    let va = faultline_abi::VirtAddr::new(card.trap.stval);
    html! {
        <button type="button" class="link" onclick={desk.selecting(Selection::Page(va.page_down()))}>{ va.to_string() }</button>
    }
}

fn root(desk: &Desk, card: &Card) -> Html {
    let root = card.root();
    html! {
        <>
            <span class="words">{ "root table at " }</span>
            <button type="button" class="link" onclick={desk.selecting(Selection::Frame(root))}>{ root.to_string() }</button>
            <span class="words">{ format!(", {}", desk.model.root_name(root)) }</span>
        </>
    }
}

fn instruction(desk: &Desk) -> Html {
    let faulting = desk.model.snapshot.as_ref().and_then(|snapshot| snapshot.faulting.as_ref());
    match faulting {
        Some(instruction) => {
            html! { <span title={format!("{:#x}", instruction.bits)}>{ instruction.text.clone() }</span> }
        }
        None => html! { <span class="words">{ "cannot be read" }</span> },
    }
}

fn place(card: &Card) -> Html {
    let words = match &card.place {
        Place::In(area) => format!("{}, {} to {}", area_name(area.kind), area.start, area.end),
        Place::Between(Some(below), Some(above)) => {
            format!("no area: above the {}, below the {}", area_name(below.kind), area_name(above.kind))
        }
        Place::Between(None, Some(above)) => format!("no area: below the {}", area_name(above.kind)),
        Place::Between(Some(below), None) => format!("no area: above the {}", area_name(below.kind)),
        Place::Between(None, None) | Place::Unknown => "unknown".into(),
    };
    html! { <span class="words">{ words }</span> }
}
