//! How fast the machine is in a browser. `cargo xtask bench` builds and serves the page with the
//! workloads (`web/src/bin/bench.rs`), says in the environment where it is, and runs this.
//!
//! Prints the same lines of JSON as `machine/examples/speed.rs`. The time is the processor time of the
//! page's own thread, so that other work on the host counts for little; what the browser compiles on
//! other threads is not in it. Arguments: the same.

#[cfg(not(target_arch = "wasm32"))]
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/browser_support/driver.rs"]
mod driver;

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let url = std::env::var("FAULTLINE_BENCH_URL").expect("run `cargo xtask bench`");
    let mut arguments = std::env::args().skip(1);
    let runs = arguments.next().and_then(|runs| runs.parse().ok()).expect("the number of runs");
    let words: Vec<String> = arguments.collect();
    runtime.block_on(browser::measure(&url, runs, &words));
}

#[cfg(target_arch = "wasm32")]
fn main() {}

#[cfg(not(target_arch = "wasm32"))]
mod browser {
    use faultline_machine::bench::{Counts, Pair, selected};
    use serde_json::{Value, json};

    use super::driver::Browser;

    /// Stretches that are run before the clock counts, so that the browser has compiled everything for
    /// speed. A function that is running is never exchanged, so there are several.
    const WARM_UP: u32 = 4;

    pub(super) async fn measure(url: &str, runs: u32, words: &[String]) {
        let browser = Browser::start().await;
        browser.client.goto(url).await.expect("the page loads");
        browser.devtools("Performance.enable", json!({})).await;
        evaluate(&browser, "import('./bench.js').then(async m => { await m.default(); window.bench = m; })")
            .await;
        for pair in selected(words) {
            measure_pair(&browser, pair, runs).await;
        }
        browser.stop().await;
    }

    async fn measure_pair(browser: &Browser, pair: Pair, runs: u32) {
        let (workload, listening) = (pair.0.name(), pair.1.name());
        evaluate(browser, &format!("void (window.run = new bench.Bench('{workload}', '{listening}'))")).await;
        for _ in 0..WARM_UP {
            evaluate(browser, "void (run.forget(), run.advance())").await;
        }
        for _ in 0..runs {
            evaluate(browser, "run.forget()").await;
            let before = thread_time(browser).await;
            let counts = evaluate(browser, "Array.from(run.advance(), Number)").await;
            let [instructions, traps, events] = [0, 1, 2].map(|at| counts[at].as_u64().unwrap_or_default());
            let counts = Counts { instructions, traps, events };
            println!("{}", counts.line("chromium", pair, thread_time(browser).await - before));
        }
        evaluate(browser, "run.free()").await;
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
