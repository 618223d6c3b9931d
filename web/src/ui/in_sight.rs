//! What nobody sees, a pane or a long part of one, is drawn after what somebody sees, so that a step reaches the screen
//! sooner. On a phone that is nearly all of the page.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use web_sys::{IntersectionObserver, IntersectionObserverEntry, IntersectionObserverInit};
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use super::painting::{after, when_idle, with_next_frame};
use super::whole::{Extent, use_extent};

/// How near the window's edge a pane counts as seen.
const NEAR: &str = "16px";
/// Milliseconds that a pane out of sight waits for more while the machine runs.
const WHILE_RUNNING: i32 = 200;

/// The desk, and the id of the pane's region.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The desk.
    pub desk: Desk,
    /// The id of the region that the pane draws.
    pub id: &'static str,
}

/// The pane `P`, drawn at once where it is in sight and when the browser is idle elsewhere.
#[component]
pub(super) fn InSight<P>(Props { desk, id }: &Props) -> Html
where
    P: BaseComponent<Properties = PaneProps>,
{
    let desk = use_desk_in_sight(desk, id);
    html! { <P {desk} /> }
}

struct Sight {
    is_seen: bool,
    /// What the pane draws.
    drawn: Desk,
    /// What it is to draw.
    latest: Desk,
    /// Whether it will be drawn without anything else happening.
    is_due: bool,
}

impl Sight {
    /// Takes note whether the pane is in sight; whether it has to be drawn for that.
    fn seen(&mut self, is_seen: bool) -> bool {
        self.is_seen = is_seen;
        let behind = is_seen && self.is_behind();
        if behind {
            self.catch_up();
        }
        behind
    }

    fn is_behind(&self) -> bool {
        self.drawn != self.latest
    }

    fn catch_up(&mut self) {
        self.is_due = false;
        self.drawn = self.latest.clone();
    }
}

type Shared = Rc<RefCell<Sight>>;

/// What the pane is to draw now. The first page fault of a visit is drawn whole: there is nothing else yet.
#[hook]
fn use_desk_in_sight(desk: &Desk, id: &'static str) -> Desk {
    let again = use_force_update();
    let first = use_extent() == Extent::Fault;
    let sight =
        use_mut_ref(|| Sight { is_seen: true, drawn: desk.clone(), latest: desk.clone(), is_due: false });
    {
        let mut now = sight.borrow_mut();
        now.latest = desk.clone();
        if now.is_seen || first {
            now.catch_up();
        } else if now.is_behind() && !now.is_due {
            now.is_due = true;
            let delay = if desk.model.is_running() { WHILE_RUNNING } else { 0 };
            catch_up_later(sight.clone(), again.clone(), delay);
        }
    }
    let observed = sight.clone();
    use_effect_with(id, move |id| {
        let observer = observe(id, observed, again);
        move || drop(observer)
    });
    sight.borrow().drawn.clone()
}

/// Draws the pane so many milliseconds after the next frame, when the browser has nothing else to do.
fn catch_up_later(sight: Shared, again: UseForceUpdateHandle, delay: i32) {
    let draw = move || {
        sight.borrow_mut().catch_up();
        again.force_update();
    };
    with_next_frame(move || match delay {
        0 => when_idle(draw),
        _ => after(delay, move || when_idle(draw)),
    });
}

/// Watches whether an element is in sight, until it is dropped.
struct Observer {
    observer: IntersectionObserver,
    _seen: Closure<dyn Fn(js_sys::Array)>,
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}

/// A pane without an observer counts as seen.
fn observe(id: &str, sight: Shared, again: UseForceUpdateHandle) -> Option<Observer> {
    let element = web_sys::window()?.document()?.get_element_by_id(id)?;
    let seen = Closure::<dyn Fn(js_sys::Array)>::new(move |entries: js_sys::Array| {
        let last = entries.at(-1).dyn_into::<IntersectionObserverEntry>();
        let is_seen = last.is_ok_and(|last| last.is_intersecting());
        if sight.borrow_mut().seen(is_seen) {
            again.force_update();
        }
    });
    let options = IntersectionObserverInit::new();
    options.set_root_margin(NEAR);
    let callback: &JsValue = seen.as_ref();
    let observer = IntersectionObserver::new_with_options(callback.unchecked_ref(), &options).ok()?;
    observer.observe(&element);
    Some(Observer { observer, _seen: seen })
}
