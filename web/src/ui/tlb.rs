//! A modelled TLB: what it holds at the present, and how often it was of use.

use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::flags::Flags;
use super::pages::PagedTable;
use super::pane::{Pane, Views};
use super::shell::use_showing;
use super::timeline::grouped;
use super::walk::frame_link;
use crate::arrangement::Showing;
use crate::linked::Selection;
use crate::protocol::{Command, Watch};
use crate::snapshot::{Tlb, TlbEntry};

/// The titles of the table's columns.
const COLUMNS: &[&str] = &["set", "ASID", "page", "frame", "flags"];

/// Shapes to choose from: as the machine reads them, and in words.
const SHAPES: [(&str, &str); 7] = [
    ("", "off"),
    ("4", "4 entries, LRU"),
    ("16", "16 entries, LRU"),
    ("32", "32 entries, LRU"),
    ("32,fifo", "32 entries, FIFO"),
    ("64x4", "64 entries, 4 ways, LRU"),
    ("512x8", "512 entries, 8 ways, LRU"),
];

/// The shape, the counts and the entries.
#[component]
pub(super) fn TlbPane(PaneProps { desk }: &PaneProps) -> Html {
    let shape = use_state_eq(|| 2_usize);
    let showing = use_showing("tlb");
    let watched = (showing != Showing::Folded).then(|| SHAPES[*shape].0).filter(|shape| !shape.is_empty());
    let machine = desk.model.loaded.as_ref().map(|loaded| std::rc::Rc::as_ptr(loaded) as usize);
    {
        let send = desk.send.clone();
        use_effect_with((watched, machine), move |&(watched, machine)| {
            if machine.is_some() {
                send.emit(Command::Watch(Watch::Tlb(watched.map(Into::into))));
            }
        });
    }
    let tlb = desk.model.snapshot.as_ref().and_then(|snapshot| snapshot.tlb.as_ref());
    html! {
        <Pane id="tlb" aside={chooser(&shape)} sentence={tlb.map_or_else(String::new, sentence)} views={Views::PictureAndTable}>
            { body(desk, tlb, showing, watched.is_some()) }
        </Pane>
    }
}

fn body(desk: &Desk, tlb: Option<&Tlb>, showing: Showing, wanted: bool) -> Html {
    match (tlb, showing) {
        (_, Showing::Folded) => html! {},
        (None, _) if wanted => {
            html! { <p class="hint">{ "The modelled TLB is being filled up to here…" }</p> }
        }
        (None, _) => {
            html! { <p class="hint">{ "No TLB is modelled. The machine itself has a cache of translations that always agrees with the page tables." }</p> }
        }
        (Some(tlb), Showing::Picture) => html! { <>{ counts(tlb) }{ sets(desk, tlb) }</> },
        (Some(tlb), Showing::Table) => html! { <>{ counts(tlb) }{ table(desk, tlb) }</> },
    }
}

fn chooser(shape: &UseStateHandle<usize>) -> Html {
    let choose = {
        let shape = shape.clone();
        Callback::from(move |event: Event| {
            let chosen = event.target_unchecked_into::<web_sys::HtmlSelectElement>().selected_index();
            shape.set(usize::try_from(chosen).unwrap_or(0).min(SHAPES.len() - 1));
        })
    };
    html! {
        <label class="field">
            <span class="visually-hidden">{ "Shape of the TLB" }</span>
            <select id="tlb-shape" onchange={choose}>
                { for SHAPES.iter().enumerate().map(|(i, (_, words))| html! { <option selected={i == **shape}>{ *words }</option> }) }
            </select>
        </label>
    }
}

fn sentence(tlb: &Tlb) -> String {
    let all = tlb.hits + tlb.fills;
    let rate = if all == 0 { 0.0 } else { percent(tlb.hits, all) };
    let stale = match tlb.stale {
        0 => String::new(),
        stale => format!(
            " {} hits were stale: the entry had changed, and no sfence.vma came between.",
            grouped(stale)
        ),
    };
    format!(
        "{} of {} entries hold a translation; {rate:.2} % of all accesses hit.{stale}",
        tlb.entries.len(),
        tlb.sets * tlb.ways
    )
}

#[expect(clippy::cast_precision_loss, reason = "a rate of two digits")]
fn percent(part: u64, of: u64) -> f64 {
    100.0 * part as f64 / of as f64
}

fn counts(tlb: &Tlb) -> Html {
    let count = |id: &'static str, label: &'static str, value: u64| {
        html! { <div><dt>{ label }</dt><dd {id}>{ grouped(value) }</dd></div> }
    };
    html! {
        <dl class="facts">
            { count("tlb-hits", "hits", tlb.hits) }
            { count("tlb-misses", "misses", tlb.fills) }
            { count("tlb-flushed", "flushed by sfence.vma", tlb.flushed) }
            { count("tlb-stale", "stale hits", tlb.stale) }
        </dl>
    }
}

/// Small TLBs as rows of cells, a row for each set.
fn sets(desk: &Desk, tlb: &Tlb) -> Html {
    let row = |set: usize| {
        let entries = tlb.entries.iter().filter(|entry| entry.set == set);
        html! { <li class="tlb-set">{ for entries.map(|each| cell(desk, each)) }</li> }
    };
    html! {
        <ol class="tlb-sets" aria-label="Sets of the TLB; in each, the entry that goes next stands first">
            { for (0..tlb.sets.min(64)).map(row) }
        </ol>
    }
}

fn cell(desk: &Desk, entry: &TlbEntry) -> Html {
    let label =
        format!("page {}, address space {}, to frame {}", entry.page, entry.asid, entry.leaf.ppn().base());
    let selected = desk.linked.pages.contains(&entry.page).then_some("selected");
    html! {
        <button type="button" class={classes!("entry", selected)} title={label.clone()} aria-label={label}
            onclick={desk.selecting(Selection::Page(entry.page))}>{ format!("{:x}", entry.page.get() >> 12) }</button>
    }
}

fn table(desk: &Desk, tlb: &Tlb) -> Html {
    let entries = tlb.entries.clone();
    let count = entries.len();
    let row = {
        let desk = desk.clone();
        Callback::from(move |n: usize| entries.get(n).map_or_else(Html::default, |entry| row(&desk, entry)))
    };
    html! {
        <PagedTable id="tlb-rows" caption="Entries of the TLB" {count} {row} columns={COLUMNS} />
    }
}

fn row(desk: &Desk, entry: &TlbEntry) -> Html {
    html! {
        <tr>
            <td>{ entry.set }</td>
            <td>{ entry.asid }</td>
            <td><button type="button" class="link" onclick={desk.selecting(Selection::Page(entry.page))}>{ entry.page.to_string() }</button></td>
            <td>{ frame_link(desk, entry.leaf.ppn().base()) }</td>
            <td><Flags pte={entry.leaf} /></td>
        </tr>
    }
}
