//! A worker that the browser ends says nothing. So it is asked now and then whether it is there.

use std::cell::Cell;
use std::rc::Rc;

use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use web_sys::Worker;

use crate::protocol::PULSE;

/// Milliseconds between two questions.
const EVERY: i32 = 2500;
/// Questions without an answer after which it is given up. They are counted, not timed: a computer that
/// was asleep has asked only one.
const PATIENCE: u32 = 4;

/// Questions to one worker, until it is dropped.
pub(super) struct Pulse {
    timer: i32,
    unanswered: Rc<Cell<u32>>,
    _ask: Closure<dyn Fn()>,
}

impl Pulse {
    /// Asks from now on; `silent` is told, once, that no answer comes.
    pub(super) fn new(worker: Worker, silent: impl Fn() + 'static) -> Option<Self> {
        let unanswered = Rc::new(Cell::new(0));
        let count = unanswered.clone();
        let ask = Closure::<dyn Fn()>::new(move || {
            count.set(count.get() + 1);
            if count.get() == PATIENCE {
                silent();
            }
            let _ = worker.post_message(&JsValue::from_str(PULSE));
        });
        let window = web_sys::window()?;
        let function = ask.as_ref().unchecked_ref();
        let timer = window.set_interval_with_callback_and_timeout_and_arguments_0(function, EVERY).ok()?;
        Some(Self { timer, unanswered, _ask: ask })
    }

    /// It has said something.
    pub(super) fn heard(&self) {
        self.unanswered.set(0);
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        if let Some(window) = web_sys::window() {
            window.clear_interval_with_handle(self.timer);
        }
    }
}
