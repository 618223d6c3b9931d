//! How fast the machine is in a browser, and how long it takes to walk back through a long run there. `cargo xtask
//! bench` builds and serves the page with the workloads (`web/src/bin/bench.rs`), says in the environment where
//! it is, and runs this.
//!
//! Prints the same lines of JSON as `machine/examples/speed.rs` and `time_travel.rs`. The time is the processor time
//! of the page's own thread, so that other work on the host counts for little; what the browser compiles on
//! other threads is not in it. Arguments: `speed RUNS [WORD...]`, or `time-travel MOVES`.

#[cfg(not(target_arch = "wasm32"))]
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/browser/support/driver.rs"]
mod driver;

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let url = std::env::var("FAULTLINE_BENCH_URL").expect("run `cargo xtask bench`");
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().expect("what to measure");
    let count = arguments.next().and_then(|count| count.parse().ok()).expect("how often");
    let words: Vec<String> = arguments.collect();
    runtime.block_on(async {
        let page = browser::Page::open(&url).await;
        match kind.as_str() {
            "speed" => browser::speed(&page, count, &words).await,
            "time-travel" => browser::time_travel(&page, count).await,
            other => panic!("`{other}` is nothing to measure; give speed or time-travel"),
        }
        page.close().await;
    });
}

#[cfg(target_arch = "wasm32")]
fn main() {}

#[cfg(not(target_arch = "wasm32"))]
mod browser {
    use faultline_machine::bench::journey::{Move, Program, TURNS};
    use faultline_machine::bench::{Counts, Pair, selected};
    use serde_json::{Value, json};

    use super::driver::Browser;

    /// Stretches that are run before the clock counts, so that the browser has compiled everything for
    /// speed. A function that is running is never exchanged, so there are several.
    const WARM_UP: u32 = 4;
    /// The same for moves.
    const MOVES_WARM_UP: u32 = 10;

    /// The page with the workloads.
    pub(super) struct Page(Browser);

    impl Page {
        pub(super) async fn open(url: &str) -> Self {
            let page = Self(Browser::start().await);
            page.0.client.goto(url).await.expect("the page loads");
            page.0.devtools("Performance.enable", json!({})).await;
            page.evaluate("import('./bench.js').then(async m => { await m.default(); window.bench = m; })")
                .await;
            page
        }

        pub(super) async fn close(self) {
            self.0.stop().await;
        }

        /// The value of an expression in the page, awaited.
        async fn evaluate(&self, expression: &str) -> Value {
            let request = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
            let answer = self.0.devtools("Runtime.evaluate", request).await;
            assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
            answer["result"]["value"].clone()
        }

        /// The numbers that an expression gives.
        async fn counts<const N: usize>(&self, expression: &str) -> [u64; N] {
            let counts = self.evaluate(&format!("Array.from({expression}, Number)")).await;
            core::array::from_fn(|at| counts[at].as_u64().unwrap_or_default())
        }

        /// Nanoseconds that the page's thread computes for a call that must say that it came through; the time of
        /// an empty one is part of it.
        async fn timed(&self, call: &str) -> u128 {
            let before = self.thread_time().await;
            assert_eq!(self.evaluate(call).await, true, "{call}");
            self.thread_time().await - before
        }

        /// Nanoseconds that the page's thread has computed.
        async fn thread_time(&self) -> u128 {
            let answer = self.0.devtools("Performance.getMetrics", json!({})).await;
            let metrics = answer["metrics"].as_array().cloned().unwrap_or_default();
            let time = metrics.iter().find(|metric| metric["name"] == "ThreadTime");
            let seconds = time.and_then(|time| time["value"].as_f64());
            std::time::Duration::from_secs_f64(seconds.expect("Chromium measures its threads")).as_nanos()
        }
    }

    /// The reference workloads that these words pick.
    pub(super) async fn speed(page: &Page, runs: u32, words: &[String]) {
        for pair in selected(words) {
            measure_pair(page, pair, runs).await;
        }
    }

    async fn measure_pair(page: &Page, pair: Pair, runs: u32) {
        let (workload, listening) = (pair.0.name(), pair.1.name());
        page.evaluate(&format!("void (window.run = new bench.Bench('{workload}', '{listening}'))")).await;
        for _ in 0..WARM_UP {
            page.evaluate("void (run.forget(), run.advance())").await;
        }
        for _ in 0..runs {
            page.evaluate("run.forget()").await;
            let before = page.thread_time().await;
            let [instructions, traps, events] = page.counts("run.advance()").await;
            let counts = Counts { instructions, traps, events };
            println!("{}", counts.line("chromium", pair, page.thread_time().await - before));
        }
        page.evaluate("run.free()").await;
    }

    /// Recording a long run, and so many moves of each kind in it, for each program.
    pub(super) async fn time_travel(page: &Page, moves: u32) {
        for program in Program::ALL.map(Program::name) {
            // Once for the browser to compile everything for speed.
            page.evaluate(&format!("void (window.walk = new bench.Walk('{program}'))")).await;
            page.evaluate("walk.alone() && walk.record() && walk.free()").await;
            page.evaluate(&format!("void (window.walk = new bench.Walk('{program}'))")).await;
            record(page, program).await;
            for step in Move::ALL {
                measure_move(page, program, step.name(), moves).await;
            }
            page.evaluate("walk.free()").await;
        }
    }

    async fn record(page: &Page, program: &str) {
        let (mut alone, mut recorded) = (0, 0);
        for _ in 0..TURNS {
            alone += page.timed("walk.alone()").await;
            recorded += page.timed("walk.record()").await;
        }
        let [faults, events, keyframes, bytes] = page.counts("walk.counts()").await;
        println!(
            r#"{{"host":"chromium","program":"{program}","alone":{alone},"recorded":{recorded},"faults":{faults},"events":{events},"keyframes":{keyframes},"bytes":{bytes}}}"#
        );
    }

    async fn measure_move(page: &Page, program: &str, step: &str, moves: u32) {
        for n in 0..MOVES_WARM_UP + moves {
            page.evaluate("void walk.prepare()").await;
            let nanoseconds = page.timed(&format!("walk.make('{step}')")).await;
            if n >= MOVES_WARM_UP {
                println!(
                    r#"{{"host":"chromium","program":"{program}","move":"{step}","nanoseconds":{nanoseconds}}}"#
                );
            }
        }
    }
}
