//! The reference workloads in WebAssembly, for `cargo xtask bench`. The page holds nothing else: the
//! driver (`web/examples/measure.rs`) calls what is exported here and reads the browser's clocks.

#![cfg_attr(not(target_arch = "wasm32"), allow(unused, reason = "on the host it is only checked"))]
#![allow(unreachable_pub, reason = "what JavaScript calls must be public")]

use faultline_machine::bench::journey::{Alone, Journey, Program};
use faultline_machine::bench::{Counts, Listening, Run, Workload};
use faultline_web::heap::Heap;
use wasm_bindgen::prelude::wasm_bindgen;

#[global_allocator]
static HEAP: Heap = Heap;

/// A machine at work.
#[wasm_bindgen]
pub struct Bench {
    run: Run,
    steps: u64,
}

#[wasm_bindgen]
impl Bench {
    /// A machine with a workload by its name, and somebody who listens.
    #[wasm_bindgen(constructor)]
    pub fn new(workload: &str, listening: &str) -> Result<Self, String> {
        let workload: Workload = workload.parse()?;
        let listening: Listening = listening.parse()?;
        Ok(Self { run: Run::new(workload, listening), steps: workload.steps() })
    }

    /// Gives up what was recorded.
    pub fn forget(&mut self) {
        self.run.forget();
    }

    /// Runs for a while. Returns what came of it: instructions,
    /// traps and events.
    pub fn advance(&mut self) -> Vec<u64> {
        let Counts { instructions, traps, events } = self.run.advance(self.steps);
        vec![instructions, traps, events]
    }
}

/// A long run, and somebody who walks through it.
#[wasm_bindgen]
pub struct Walk {
    alone: Alone,
    journey: Journey,
}

#[wasm_bindgen]
impl Walk {
    /// A program by its name, about to begin.
    #[wasm_bindgen(constructor)]
    pub fn new(program: &str) -> Result<Self, String> {
        let program: Program = program.parse()?;
        Ok(Self { alone: Alone::new(program), journey: Journey::new(program) })
    }

    /// Runs a part of it with nobody listening.
    pub fn alone(&mut self) -> bool {
        self.alone.advance()
    }

    /// Records a part of it.
    pub fn record(&mut self) -> bool {
        self.journey.record()
    }

    /// Page faults, events, keyframes, and the bytes that they take.
    pub fn counts(&self) -> Vec<u64> {
        self.journey.counts().to_vec()
    }

    /// Stands somewhere.
    pub fn prepare(&mut self) {
        self.journey.prepare();
    }

    /// Makes a move by its name; whether it came where it was meant to.
    pub fn make(&mut self, step: &str) -> Result<bool, String> {
        Ok(self.journey.make(step.parse()?))
    }
}

fn main() {
    console_error_panic_hook::set_once();
}
