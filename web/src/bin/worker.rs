//! The worker's entry point: fetches, and runs the engine between messages, away from the page's
//! thread.

#![cfg_attr(not(target_arch = "wasm32"), allow(unused, reason = "on the host it is only checked"))]

use std::cell::{Cell, RefCell};
use std::panic::PanicHookInfo;
use std::rc::Rc;

use faultline_web::engine::{Engine, Fetched, Lack, Manifest, Next, unpack};
use faultline_web::heap::Heap;
use faultline_web::protocol::{self, Command, Course, Load, PULSE, Progress, Stage, Update, Watch};
use js_sys::{Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{DedicatedWorkerGlobalScope, Event, MessageChannel, MessageEvent, MessagePort, Response};

#[global_allocator]
static HEAP: Heap = Heap;

/// What the images beside this script are.
const MANIFEST: &str = "images/manifest.json";
/// Where the script that started the worker says in which folder the page's opening lies, if there is one.
const OPENING: &str = "opening";
/// Says that what was not needed until the page showed something is there.
const WHOLE: &str = "whole";

/// Which images are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Images {
    /// What the run needs to be shown.
    Enough,
    /// All of them.
    Whole,
}

/// Everything the worker holds.
struct Worker {
    scope: DedicatedWorkerGlobalScope,
    /// A message to it comes back as soon as the commands that have arrived are done.
    soon: MessagePort,
    engine: RefCell<Option<Engine>>,
    tick: RefCell<Option<Closure<dyn FnMut()>>>,
    /// The timer that is set.
    timer: Cell<Option<i32>>,
    /// Counts what has been asked for, so that a slice of something older is ignored.
    turn: Cell<u32>,
    /// Whether the whole images are on their way.
    is_completing: Cell<bool>,
}

/// A mistake in the worker itself: the page shows what is said here beside the news that the machine
/// has stopped.
fn report(info: &PanicHookInfo<'_>) {
    console_error_panic_hook::hook(info);
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    tell(&scope, &[Update::Failed(format!("The machine's worker has made a mistake: {info}"))]);
}

fn tell(scope: &DedicatedWorkerGlobalScope, updates: &[Update]) {
    // Fails only when the page is gone, and then nobody listens.
    let _ = scope.post_message(&Uint8Array::from(&*protocol::written(updates)));
}

fn main() {
    std::panic::set_hook(Box::new(report));
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let channel = MessageChannel::new().expect("every browser with workers has message channels");
    let worker = Rc::new(Worker {
        scope,
        soon: channel.port1(),
        engine: RefCell::new(None),
        tick: RefCell::new(None),
        timer: Cell::new(None),
        turn: Cell::new(0),
        is_completing: Cell::new(false),
    });
    listen(&worker, &channel.port2());
    worker.tell(&[Update::Ready]);
}

fn listen(worker: &Rc<Worker>, soon: &MessagePort) {
    let (on_command, on_soon, on_timer) = (worker.clone(), worker.clone(), worker.clone());
    let command = Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| {
        let data = message.data();
        if data.as_string().as_deref() == Some(PULSE) {
            return tell(&on_command.scope, &[]);
        }
        let bytes = data.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec).unwrap_or_default();
        match protocol::read(&bytes) {
            Ok(command) => on_command.command(command),
            Err(error) => {
                on_command.tell(&[Update::Failed(format!("The page asked for something unknown: {error}."))])
            }
        }
    });
    worker.scope.set_onmessage(Some(command.as_ref().unchecked_ref()));
    command.forget();
    let slice = Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| {
        on_soon.slice(message.data().as_f64());
    });
    soon.set_onmessage(Some(slice.as_ref().unchecked_ref()));
    slice.forget();
    let on_whole = worker.clone();
    let whole = Closure::<dyn FnMut()>::new(move || on_whole.complete_soon());
    // It refuses no listener.
    let _ = worker.scope.add_event_listener_with_callback(WHOLE, whole.as_ref().unchecked_ref());
    whole.forget();
    let timer = Closure::<dyn FnMut()>::new(move || on_timer.slice(None));
    worker.tick.replace(Some(timer));
}

impl Worker {
    fn command(self: &Rc<Self>, command: Command) {
        if let Command::Load(load) = command {
            let worker = self.clone();
            spawn_local(async move { worker.load(load, Images::Enough).await });
            return;
        }
        if command == Command::Watch(Watch::Shown) {
            self.shown();
        }
        if matches!(command, Command::Course(Course::Type(_)))
            && let Lack::WholeImages(load) = self.lack()
        {
            let worker = self.clone();
            spawn_local(async move {
                match worker.complete(load).await {
                    Ok(()) => worker.do_command(command),
                    Err(why) => worker.tell(&[Update::Failed(why)]),
                }
            });
            return;
        }
        self.do_command(command);
    }

    /// The page fault is on the screen: there is time for what was not needed until then.
    fn shown(self: &Rc<Self>) {
        if let Ok(event) = Event::new("shown") {
            // The script that started the worker answers with [`WHOLE`].
            let _ = self.scope.dispatch_event(&event);
        }
    }

    fn complete_soon(self: &Rc<Self>) {
        if let Lack::WholeImages(load) = self.lack()
            && !self.is_completing.replace(true)
        {
            let worker = self.clone();
            spawn_local(async move {
                // Without the network the run can be walked through all the same; the next step asks again.
                let _ = worker.complete(load).await;
                worker.is_completing.set(false);
            });
        }
    }

    fn do_command(self: &Rc<Self>, command: Command) {
        let updates = self.engine.borrow_mut().as_mut().map(|engine| engine.command(command));
        self.tell(&updates.unwrap_or_default());
        self.go_on();
    }

    async fn load(self: Rc<Self>, load: Load, images: Images) {
        let booted = match self.fetch_all(&load, images).await {
            Ok(fetched) => Engine::boot(load, fetched),
            Err(why) => Err(why),
        };
        match booted {
            Ok((engine, updates)) => {
                self.engine.replace(Some(engine));
                self.tell(&updates);
                self.go_on();
            }
            Err(why) => self.tell(&[Update::Failed(why)]),
        }
    }

    fn lack(&self) -> Lack {
        self.engine.borrow().as_ref().map_or(Lack::Nothing, Engine::lack)
    }

    /// Fetches the whole images of a run that began without them, and goes on with them.
    async fn complete(self: &Rc<Self>, load: Load) -> Result<(), String> {
        let fetched = self.fetch_all(&load, Images::Whole).await?;
        let updates = self.engine.borrow_mut().as_mut().map(|engine| engine.complete(fetched));
        self.tell(&updates.transpose()?.unwrap_or_default());
        self.go_on();
        Ok(())
    }

    /// Runs a slice; `turn` names the turn that asked for it.
    fn slice(self: &Rc<Self>, turn: Option<f64>) {
        if turn.is_some_and(|turn| turn != f64::from(self.turn.get())) {
            return;
        }
        let updates = self.engine.borrow_mut().as_mut().map(Engine::slice);
        self.tell(&updates.unwrap_or_default());
        self.go_on();
    }

    /// Asks for the next slice, in place of one asked for before.
    fn go_on(self: &Rc<Self>) {
        if let Lack::AnotherStart(load) = self.lack() {
            self.engine.replace(None);
            let worker = self.clone();
            spawn_local(async move { worker.load(load, Images::Whole).await });
            return;
        }
        let next = self.engine.borrow().as_ref().map_or(Next::Command, Engine::next);
        let turn = self.turn.get().wrapping_add(1);
        self.turn.set(turn);
        if let Some(timer) = self.timer.take() {
            self.scope.clear_timeout_with_handle(timer);
        }
        match next {
            Next::Command => {}
            Next::Soon => drop(self.soon.post_message(&JsValue::from_f64(turn.into()))),
            Next::After(milliseconds) => self.after(milliseconds),
        }
    }

    fn after(&self, milliseconds: u32) {
        let tick = self.tick.borrow();
        if let Some(tick) = tick.as_ref() {
            let delay = i32::try_from(milliseconds).unwrap_or(i32::MAX);
            let function = tick.as_ref().unchecked_ref();
            let timer = self.scope.set_timeout_with_callback_and_timeout_and_arguments_0(function, delay);
            self.timer.set(timer.ok());
        }
    }

    fn tell(&self, updates: &[Update]) {
        if updates.is_empty() {
            return;
        }
        tell(&self.scope, updates);
    }

    async fn fetch_all(&self, load: &Load, images: Images) -> Result<Fetched, String> {
        let opening = js_sys::Reflect::get(&self.scope, &OPENING.into()).ok();
        let opening = opening.and_then(|folder| folder.as_string()).filter(|_| images == Images::Enough);
        match opening.filter(|_| load.is_opening()) {
            Some(folder) => self.fetch_opening(&folder).await,
            None => self.fetch_scenario(load, images).await,
        }
    }

    /// What the page opens with, and images that serve its run alone.
    async fn fetch_opening(&self, folder: &str) -> Result<Fetched, String> {
        let [opening, kernel, disk] =
            ["opening", "kernel.elf", "disk.img"].map(|name| self.image(format!("{folder}/{name}.lzma")));
        let opening = protocol::read(&opening.await?).map_err(|error| {
            format!("{folder}/opening.lzma is damaged: {error}. Reload the page to try again.")
        })?;
        self.fetching(1, Images::Enough);
        let kernel = kernel.await?;
        self.fetching(2, Images::Enough);
        let disk = disk.await?;
        self.fetching(3, Images::Enough);
        Ok(Fetched::opening(opening, kernel, Some(disk)))
    }

    async fn fetch_scenario(&self, load: &Load, images: Images) -> Result<Fetched, String> {
        let manifest = self.request(MANIFEST);
        let scenario = match &load.text {
            Some(text) => Fetched::scenario(&load.scenario, text.as_bytes())?,
            None => {
                let file = format!("scenarios/{}", load.scenario);
                Fetched::scenario(&file, &body(&file, self.request(&file)).await?)?
            }
        };
        let manifest = Manifest::read(&body(MANIFEST, manifest).await?)?;
        self.fetching(1, images);
        let kernel = self.image(manifest.place(&scenario.images.kernel));
        let disk = scenario.images.disk.as_ref().map(|disk| self.image(manifest.place(disk)));
        let kernel = kernel.await?;
        self.fetching(2, images);
        let disk = match disk {
            Some(disk) => Some(disk.await?),
            None => None,
        };
        self.fetching(3, images);
        Ok(Fetched::new(scenario, kernel, disk))
    }

    /// Nobody waits for the images that are fetched while the run is shown.
    fn fetching(&self, done: u64, images: Images) {
        if images == Images::Whole {
            return;
        }
        self.tell(&[Update::Progress(Progress { stage: Stage::Fetching, done, of: 3 })]);
    }

    /// Asks for an image at once; the answer can be awaited later.
    fn image(&self, file: String) -> impl Future<Output = Result<Vec<u8>, String>> + use<> {
        let request = self.request(&file);
        async move { unpack(&file, &body(&file, request).await?) }
    }

    /// Asks for a file that lies beside this script.
    fn request(&self, file: &str) -> Promise {
        self.scope.fetch_with_str(file)
    }
}

/// What came of asking for a file.
async fn body(file: &str, request: Promise) -> Result<Vec<u8>, String> {
    let failed = |why: &str| format!("{file} could not be fetched: {why}. Reload the page to try again.");
    let response = JsFuture::from(request).await;
    let response: Response = response.map_err(|_| failed("the server does not answer"))?.unchecked_into();
    if !response.ok() {
        return Err(failed(&format!("the server answers {}", response.status())));
    }
    let buffer = response.array_buffer().map_err(|_| failed("it has no contents"))?;
    let buffer = JsFuture::from(buffer).await.map_err(|_| failed("the connection broke"))?;
    Ok(Uint8Array::new(&buffer).to_vec())
}
