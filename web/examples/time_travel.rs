//! How long it takes to walk back through a long run in a browser. `cargo xtask bench --time-travel` builds and
//! serves the page (`web/src/bin/bench.rs`), says in the environment where it is, and runs this.
//!
//! Prints the same lines of JSON as `machine/examples/time_travel.rs`, by the processor time of the page's own
//! thread. Argument: the number of moves of each kind.

#[cfg(not(target_arch = "wasm32"))]
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/browser_support/driver.rs"]
mod driver;

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let url = std::env::var("FAULTLINE_BENCH_URL").expect("run `cargo xtask bench`");
    let mut arguments = std::env::args().skip(1);
    let moves = arguments.next().and_then(|moves| moves.parse().ok()).expect("the number of moves");
    runtime.block_on(browser::measure(&url, moves));
}

#[cfg(target_arch = "wasm32")]
fn main() {}

#[cfg(not(target_arch = "wasm32"))]
mod browser {
    use faultline_machine::bench::journey::Move;
    use serde_json::{Value, json};

    use super::driver::Browser;

    /// Parts in which the run is made, so that no single call takes long.
    const PARTS: u32 = 20;
    /// Moves before the clock counts, so that the browser has compiled everything for speed.
    const WARM_UP: u32 = 10;

    pub(super) async fn measure(url: &str, moves: u32) {
        let browser = Browser::start().await;
        browser.client.goto(url).await.expect("the page loads");
        browser.devtools("Performance.enable", json!({})).await;
        evaluate(&browser, "import('./bench.js').then(async m => { await m.default(); window.bench = m; })")
            .await;
        evaluate(&browser, "void (window.walk = new bench.Walk())").await;
        let alone = parts(&browser, "alone").await;
        let recorded = parts(&browser, "record").await;
        let counts = evaluate(&browser, "Array.from(walk.counts(), Number)").await;
        let [faults, events, keyframes, bytes] =
            [0, 1, 2, 3].map(|at| counts[at].as_u64().unwrap_or_default());
        println!(
            r#"{{"host":"chromium","alone":{alone},"recorded":{recorded},"faults":{faults},"events":{events},"keyframes":{keyframes},"bytes":{bytes}}}"#
        );
        for step in Move::ALL {
            measure_move(&browser, step.name(), moves).await;
        }
        browser.stop().await;
    }

    /// The time of the whole run.
    async fn parts(browser: &Browser, call: &str) -> u128 {
        let mut time = 0;
        for _ in 0..PARTS {
            time += timed(browser, &format!("walk.{call}({PARTS})")).await;
        }
        time
    }

    async fn measure_move(browser: &Browser, name: &str, moves: u32) {
        for n in 0..WARM_UP + moves {
            evaluate(browser, "void walk.prepare()").await;
            let nanoseconds = timed(browser, &format!("walk.make('{name}')")).await;
            if n >= WARM_UP {
                println!(r#"{{"host":"chromium","move":"{name}","nanoseconds":{nanoseconds}}}"#);
            }
        }
    }

    /// Nanoseconds that the page's thread computes for a call that must say that it came through; the time of an
    /// empty one is part of it.
    async fn timed(browser: &Browser, call: &str) -> u128 {
        let before = thread_time(browser).await;
        assert_eq!(evaluate(browser, call).await, true, "{call}");
        thread_time(browser).await - before
    }

    /// The value of an expression in the page, awaited.
    async fn evaluate(browser: &Browser, expression: &str) -> Value {
        let request = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = browser.devtools("Runtime.evaluate", request).await;
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Nanoseconds that the page's thread has computed.
    async fn thread_time(browser: &Browser) -> u128 {
        let answer = browser.devtools("Performance.getMetrics", json!({})).await;
        let metrics = answer["metrics"].as_array().cloned().unwrap_or_default();
        let time = metrics.iter().find(|metric| metric["name"] == "ThreadTime");
        let seconds = time.and_then(|time| time["value"].as_f64());
        std::time::Duration::from_secs_f64(seconds.expect("Chromium measures its threads")).as_nanos()
    }
}
