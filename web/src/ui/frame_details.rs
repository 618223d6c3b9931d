//! One frame: who maps it, what became of it, and what stands in it.

use faultline_abi::PhysAddr;
use yew::prelude::*;

use super::desk::Desk;
use super::frames::mappers;
use crate::card::capitalised;
use crate::protocol::{Command, Question};
use crate::story::{CHAPTERS_MAX, Chapter, Happening, story};
use crate::words::{name, resolved};

/// Bytes of a line.
const LINE: usize = 16;

/// A frame and the desk.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The desk.
    pub desk: Desk,
    /// Where the frame starts.
    pub frame: PhysAddr,
}

/// What is known of a frame.
#[component]
pub(super) fn FrameDetails(Props { desk, frame }: &Props) -> Html {
    let past = desk.model.history.events.get(..desk.model.events_so_far()).unwrap_or(&[]);
    let chapters = story(past, *frame);
    html! {
        <div class="details" id="frame-details">
            <h3>{ "Frame " }<code>{ frame.to_string() }</code></h3>
            <p>{ mapped_by(desk, *frame) }</p>
            if chapters.is_empty() {
                <p class="hint">{ "The kernel has told nothing of this frame." }</p>
            } else if chapters.len() == CHAPTERS_MAX {
                <p class="hint">{ format!("Its last {CHAPTERS_MAX} events:") }</p>
            }
            <ol class="history">{ for chapters.iter().map(|each| chapter(desk, each)) }</ol>
            <button type="button" class="button" id="show-bytes" onclick={desk.command(Command::Ask(Question::Bytes(*frame)))}>{ "Show its bytes" }</button>
            { hex(desk, *frame) }
        </div>
    }
}

fn mapped_by(desk: &Desk, frame: PhysAddr) -> String {
    match mappers(desk, frame).as_slice() {
        [] => "No process maps it now.".into(),
        some => format!("Mapped by {}.", some.join(", ")),
    }
}

fn chapter(desk: &Desk, chapter: &Chapter) -> Html {
    let who = |pid| name(&desk.model.view.processes, pid);
    let told = match chapter.what {
        Happening::Handed { op, pid, refs } => format!("{} for {}, references {refs}", op.name(), who(pid)),
        Happening::Answered { how, pid, va } => {
            format!(
                "{} (page {} of {})",
                resolved(how).trim_start_matches("Resolved: "),
                va.page_down(),
                who(pid)
            )
        }
        Happening::Evicted { pid, va, slot: Some(slot) } => {
            format!("page {va} of {} evicted to swap slot {slot}", who(pid))
        }
        Happening::Evicted { pid, va, slot: None } => format!("page {va} of {} evicted, no slot", who(pid)),
    };
    html! {
        <li>
            <button type="button" class="link" onclick={desk.to_event(chapter.event)}>{ format!("event {}", chapter.event) }</button>
            { format!(": {}", capitalised(&told)) }
        </li>
    }
}

/// The bytes of the frame, a line at a time.
fn hex(desk: &Desk, frame: PhysAddr) -> Html {
    let known = desk.model.bytes.as_ref().filter(|known| known.0 == frame.page_down());
    let Some(known) = known else { return html! {} };
    let line = |(i, chunk): (usize, &[u8])| {
        let digits: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = |&byte: &u8| if byte.is_ascii_graphic() { char::from(byte) } else { '·' };
        let text: String = chunk.iter().map(shown).collect();
        format!("{:03x}  {}  {text}\n", i * LINE, digits.join(" "))
    };
    let text: String = known.1.chunks(LINE).enumerate().map(line).collect();
    html! { <pre class="console hex" id="bytes" tabindex="0" aria-label="Bytes of the frame">{ text }</pre> }
}
