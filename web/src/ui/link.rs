//! The worker, seen from the page.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};
use yew::prelude::*;

use super::pulse::Pulse;
use super::site;
use crate::model::Action;
use crate::protocol::{self, Command, Update};

/// Beside the script that starts the page.
const SCRIPT: &str = "worker_loader.js";

/// What is said of a worker that does not answer.
const SILENT: &str = "Its worker does not answer any more; the browser may have ended it for want of memory.";

/// A worker, its listeners, and the commands given before it listened.
struct Running {
    worker: Worker,
    waiting: Option<Vec<Command>>,
    /// Feels whether it is alive, once it listens.
    pulse: Option<Pulse>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(web_sys::Event)>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // What it has posted may still come after its end, when nobody is there to hear it.
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

/// A handle on the worker; clones share it.
#[derive(Clone, Default)]
pub(super) struct WorkerLink {
    running: Rc<RefCell<Option<Running>>>,
}

impl PartialEq for WorkerLink {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.running, &other.running)
    }
}

impl WorkerLink {
    /// Starts a worker, in place of the one before, and gives it this command first.
    pub(super) fn start(&self, first: Command, report: Callback<Action>) {
        self.running.replace(None);
        match self.spawn(first, report.clone()) {
            Ok(running) => drop(self.running.replace(Some(running))),
            Err(error) => report
                .emit(Action::Crashed(format!("The browser refuses to start a worker: {}", told(&error)))),
        }
    }

    /// Ends the worker.
    pub(super) fn stop(&self) {
        self.running.replace(None);
    }

    /// Gives the worker a command.
    pub(super) fn send(&self, command: Command) {
        if let Some(running) = self.running.borrow_mut().as_mut() {
            match &mut running.waiting {
                Some(waiting) => waiting.push(command),
                None => post(&running.worker, &command),
            }
        }
    }

    fn spawn(&self, first: Command, report: Callback<Action>) -> Result<Running, JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(&site::url(SCRIPT), &options)?;
        let on_message = self.listener(report.clone());
        let on_error = Closure::<dyn FnMut(web_sys::Event)>::new(move |event: web_sys::Event| {
            let told = event.dyn_ref::<web_sys::ErrorEvent>().map(web_sys::ErrorEvent::message);
            let why = told
                .filter(|why| !why.is_empty())
                .unwrap_or_else(|| format!("{SCRIPT} could not be loaded."));
            report.emit(Action::Crashed(why));
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Running {
            worker,
            waiting: Some(vec![first]),
            pulse: None,
            _on_message: on_message,
            _on_error: on_error,
        })
    }

    fn listener(&self, report: Callback<Action>) -> Closure<dyn FnMut(MessageEvent)> {
        let link = self.clone();
        Closure::new(move |message: MessageEvent| {
            link.heard();
            match protocol::read::<Vec<Update>>(&bytes(&message)) {
                Ok(updates) => {
                    if updates.contains(&Update::Ready) {
                        link.deliver(&report);
                    }
                    if !updates.is_empty() {
                        report.emit(Action::Updates(updates));
                    }
                }
                Err(error) => report.emit(Action::Crashed(format!(
                    "Page and worker do not understand each other ({error}); they may be of different versions. Reload the page."
                ))),
            }
        })
    }

    /// The worker has said something.
    fn heard(&self) {
        if let Some(pulse) = self.running.borrow().as_ref().and_then(|running| running.pulse.as_ref()) {
            pulse.heard();
        }
    }

    /// Sends what was waiting for the worker to listen, and feels its pulse from now on.
    fn deliver(&self, report: &Callback<Action>) {
        if let Some(running) = self.running.borrow_mut().as_mut() {
            let (worker, report) = (running.worker.clone(), report.clone());
            running.pulse = Pulse::new(worker, move || report.emit(Action::Crashed(SILENT.into())));
            for command in running.waiting.take().unwrap_or_default() {
                post(&running.worker, &command);
            }
        }
    }
}

/// What a message holds; nothing where it holds something else.
fn bytes(message: &MessageEvent) -> Vec<u8> {
    message.data().dyn_ref::<Uint8Array>().map(Uint8Array::to_vec).unwrap_or_default()
}

fn post(worker: &Worker, command: &Command) {
    // Fails only for a worker that is gone, and that is reported by its error event.
    let _ = worker.post_message(&Uint8Array::from(&*protocol::written(command)));
}

fn told(error: &JsValue) -> String {
    error
        .dyn_ref::<js_sys::Error>()
        .map_or_else(|| format!("{error:?}"), |error| String::from(error.message()))
}
