//! A mark for each page fault on the line of the run.

use std::rc::Rc;

use yew::prelude::*;

use super::shapes::{class, outline};
use crate::layout::Tick;
use crate::protocol::{Command, Target};

/// The marks, the ordinal of the page fault that was last, and who goes to another one.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The marks.
    pub marks: Rc<Vec<Tick>>,
    /// The page fault that was last.
    pub current: Option<usize>,
    /// Goes to the event of a mark that is pressed.
    pub send: Callback<Command>,
}

/// The marks. Between two page faults they stay as they are.
#[component]
pub(super) fn Marks(Props { marks, current, send }: &Props) -> Html {
    html! {
        <svg role="group" aria-label="Page faults of this run">
            { for marks.iter().map(|tick| mark(tick, tick.ordinal.is_some() && tick.ordinal == *current, send)) }
        </svg>
    }
}

fn mark(tick: &Tick, now: bool, send: &Callback<Command>) -> Html {
    let label = match tick.ordinal {
        Some(ordinal) => format!("Page fault {}, event {}", ordinal + 1, tick.event),
        None => format!("Page found missing by the kernel itself, event {}", tick.event),
    };
    let class = classes!("tick", class(tick.shape), now.then_some("now"));
    let event = tick.event;
    let go = send.reform(move |_: MouseEvent| Command::Seek(Target::Event(event)));
    html! {
        <svg x={format!("{:.3}%", tick.percent)} y="15" overflow="visible" key={event} onclick={go}>
            <title>{ label }</title>
            <path {class} d={outline(tick.shape)} />
        </svg>
    }
}
