//! The grid of frames on a canvas: tens of thousands of cells, of which only those that have changed are
//! painted again.

use std::collections::BTreeSet;
use std::rc::Rc;

use faultline_abi::PhysAddr;
use web_sys::HtmlCanvasElement;
use yew::prelude::*;

use super::desk::Desk;
use super::frame_painter::Painter;
use super::frames::{KINDS, mappers};
use super::shell::use_shell;
use super::size::use_room;
use crate::layout::{Grid, Look, Looks, Place};
use crate::linked::Selection;
use crate::words::{frame_kind, name};

/// How high the grid is to be at most, in CSS pixels at the usual size of letters: in its place, and when it fills the page.
const HEIGHTS: [u32; 2] = [360, 900];

/// The cells and the desk.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The desk.
    pub desk: Desk,
    /// What stands in each cell.
    pub places: Rc<Vec<Place>>,
    /// Whether it is not to be seen. It keeps its pixels then: for another canvas they have to be found and painted anew.
    pub hidden: bool,
}

/// The canvas, and a line that tells of the cell under the pointer or the cursor.
#[component]
pub(super) fn FrameCanvas(Props { desk, places, hidden }: &Props) -> Html {
    let (surface, canvas) = (use_node_ref(), use_node_ref());
    let room = use_room(surface.clone());
    let is_max = use_shell().arrangement.maximised() == Some("frames");
    let cursor = use_state_eq(|| None::<usize>);
    let grid = Grid::fitting(places.len(), room, HEIGHTS[usize::from(is_max)]);
    let painter = use_mut_ref(Painter::default);
    let is_seen = !hidden && room.width > 0;
    {
        let (canvas, cursor) = (canvas.clone(), *cursor);
        let looks = if is_seen { looks(desk, places) } else { Vec::new() };
        use_effect(move || {
            if let Some(canvas) = canvas.cast::<HtmlCanvasElement>().filter(|_| is_seen) {
                painter.borrow_mut().paint(&canvas, grid, &looks, cursor);
            }
        });
    }
    let under = cursor.and_then(|at| places.get(at).copied());
    html! {
        <div class="frames" ref={surface} hidden={*hidden}>
            <span hidden=true class="palette">
                { for KINDS.iter().map(|&(_, class, _)| html! { <i class={classes!("cell", class)}></i> }) }
                <i class="cell free"></i><i class="cell selected-sample"></i><i class="cell fresh-sample"></i>
            </span>
            <canvas ref={canvas} id="frame-grid" tabindex="0" role="application"
                data-frames={places.len().to_string()}
                aria-label="Grid of physical frames. Arrows move, Enter selects."
                aria-describedby="frame-under"
                onmousemove={pointed(&cursor, grid)} onclick={clicked(desk, places, grid)}
                onkeydown={typed(desk, places, &cursor, grid)} />
            <p class="hint under" id="frame-under" aria-live="polite">{ told(desk, under) }</p>
        </div>
    }
}

/// What is said of the cell under the pointer.
fn told(desk: &Desk, under: Option<Place>) -> String {
    match under {
        Some(place) => label(desk, place),
        None if !desk.linked.frames.is_empty() => String::new(),
        None => "Point at a frame to see who has it; press it to see what became of it.".into(),
    }
}

fn looks(desk: &Desk, places: &[Place]) -> Vec<Look> {
    let none = BTreeSet::new();
    let mapped = desk.model.snapshot.as_ref().map_or(&[][..], |snapshot| &snapshot.mapped);
    let fresh_from = desk.model.current_episode().map_or(usize::MAX, |_| desk.model.entered());
    let selected = if desk.linked.frames.is_empty() { &none } else { &desk.linked.frames };
    Looks { view: &desk.model.view, mapped, selected, fresh_from }.of(places)
}

/// The cell under the pointer.
fn cell(event: &MouseEvent, grid: Grid) -> Option<usize> {
    let at = |offset: i32| u32::try_from(offset).ok();
    grid.at(at(event.offset_x())?, at(event.offset_y())?)
}

fn pointed(cursor: &UseStateHandle<Option<usize>>, grid: Grid) -> Callback<MouseEvent> {
    let cursor = cursor.clone();
    Callback::from(move |event: MouseEvent| cursor.set(cell(&event, grid)))
}

fn clicked(desk: &Desk, places: &Rc<Vec<Place>>, grid: Grid) -> Callback<MouseEvent> {
    let (desk, places) = (desk.clone(), places.clone());
    Callback::from(move |event: MouseEvent| {
        if let Some(Place::Frame(frame)) = cell(&event, grid).and_then(|at| places.get(at)) {
            desk.selecting(Selection::Frame(*frame)).emit(());
        }
    })
}

fn typed(
    desk: &Desk,
    places: &Rc<Vec<Place>>,
    cursor: &UseStateHandle<Option<usize>>,
    grid: Grid,
) -> Callback<KeyboardEvent> {
    let (desk, places, cursor) = (desk.clone(), places.clone(), cursor.clone());
    Callback::from(move |event: KeyboardEvent| {
        let at = cursor.unwrap_or(0);
        let to = match event.key().as_str() {
            "ArrowRight" => at + 1,
            "ArrowLeft" => at.saturating_sub(1),
            "ArrowDown" => at + grid.columns,
            "ArrowUp" => at.saturating_sub(grid.columns),
            "Home" => 0,
            "End" => places.len(),
            "Enter" => {
                if let Some(Place::Frame(frame)) = places.get(at) {
                    desk.selecting(Selection::Frame(*frame)).emit(());
                }
                at
            }
            _ => return,
        };
        event.prevent_default();
        cursor.set(Some(to.min(places.len().saturating_sub(1))));
    })
}

fn label(desk: &Desk, place: Place) -> String {
    match place {
        Place::Gap(count) => format!("{count} frames that were never in use"),
        Place::Frame(address) => frame_label(desk, address),
    }
}

fn frame_label(desk: &Desk, address: PhysAddr) -> String {
    let Some(frame) = desk.model.view.frames.get(address) else {
        return format!("frame {address}: the kernel has told nothing of it");
    };
    if frame.refs == 0 {
        return format!("frame {address}: free again");
    }
    let owner = name(&desk.model.view.processes, frame.owner);
    let mapped = mappers(desk, address).join(", ");
    let mapped = if mapped.is_empty() { String::new() } else { format!("; mapped by {mapped}") };
    format!("frame {address}: {} of {owner}, references {}{mapped}", frame_kind(frame.kind), frame.refs)
}
