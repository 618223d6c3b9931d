//! How fast the page is for its user: how soon the first page fault stands there, how soon a step does, and how many
//! frames are drawn while the machine runs. `cargo xtask bench --web` builds and serves the page, says in the
//! environment where it is, and runs this.
//!
//! Prints a line of JSON for each visit, for the steps of each kind, and for each speed. Argument: how many visits
//! and steps of each kind.

#[cfg(not(target_arch = "wasm32"))]
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/browser/support/mod.rs"]
mod support;

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let url = std::env::var("FAULTLINE_URL").expect("run `cargo xtask bench --web`");
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).expect("how many");
    runtime.block_on(async {
        figures::visits(&url, count).await;
        figures::steps_and_frames(&url, count).await;
    });
}

#[cfg(target_arch = "wasm32")]
fn main() {}

#[cfg(not(target_arch = "wasm32"))]
mod figures {
    use std::time::Duration;

    use fantoccini::wd::TimeoutConfiguration;
    use serde_json::{Value, json};

    use super::support::{Browser, Page};

    /// Milliseconds from the start of the navigation until the first page fault is drawn on its card.
    const FIRST_FAULT: &str = "new Promise(done => {
        const seen = () => document.querySelector('#check')
            ? requestAnimationFrame(() => setTimeout(() => done(performance.now()))) : setTimeout(seen, 2);
        seen();
    })";
    const WHOLE_RUN: &str = "document.querySelector('#mode-compare')?.disabled === false";
    const SPEED: &str = include_str!("page_speed.js");
    /// Steps of each kind before those that count, for the browser to compile what they need.
    const WARM: u32 = 5;
    /// How long all steps of a kind may take on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(300);
    /// Milliseconds of a run whose frames are counted.
    const RUN: u32 = 5000;
    /// The scenario that twenty processes which take turns are made of.
    const SCENARIO: &str = include_str!("../../static/scenarios/lazy-sbrk.json");
    const PROCESSES: usize = 20;
    /// About a second at full speed.
    const INSTRUCTIONS: &str = "0x5f5e100";
    /// A tour in which there is everything to step to.
    const TOUR: &str = "#scenario=cow-fork.json";

    async fn open(url: &str) -> Page {
        let page = Page { browser: Browser::start().await, url: url.into(), expected_errors: false };
        let timeouts = TimeoutConfiguration::new(Some(PATIENCE), None, None);
        page.browser.client.update_timeouts(timeouts).await.expect("it takes them");
        page
    }

    /// First visits, each by a browser of its own, and second ones. The very first warms the server.
    pub(super) async fn visits(url: &str, count: u32) {
        for number in 0..=count.div_ceil(4) {
            let page = open(url).await;
            for visit in ["first", "second"] {
                page.load().await;
                let milliseconds = page.eval(FIRST_FAULT).await;
                if number > 0 {
                    println!("{}", json!({"visit": visit, "milliseconds": milliseconds}));
                }
                // What comes behind the first page fault is kept for the second visit.
                page.until("the whole run", WHOLE_RUN).await;
                page.at_ease().await;
            }
            page.browser.stop().await;
        }
    }

    /// Steps of every kind with all frames of memory on the grid, in a tour and among twenty processes; and the frames
    /// that are drawn while those run.
    pub(super) async fn steps_and_frames(url: &str, count: u32) {
        let mut page = open(url).await;
        page.url = format!("{url}{TOUR}");
        prepare(&page).await;
        steps(&page, "a tour", count).await;
        bring(&page, &twenty_processes()).await;
        steps(&page, "20 processes", count).await;
        for (place, pace) in [(3, "60 events a second"), (4, "full speed")] {
            page.choose("speed", place).await;
            let frames = page.eval(&format!("speed.frames({RUN})")).await;
            let (memory, processes) = (page.eval(CELLS).await, page.eval(ROWS).await);
            println!(
                "{}",
                json!({"pace": pace, "gaps": frames["gaps"], "shown": frames["shown"], "frames": memory, "processes": processes})
            );
        }
        page.browser.stop().await;
    }

    /// Frames of memory on the grid.
    const CELLS: &str = "Number(document.querySelector('#frame-grid').dataset.frames)";
    /// Processes in the table.
    const ROWS: &str = "document.querySelectorAll('#processes-rows tbody tr').length";

    /// A scenario with programs that compute and print, each until its time slice ends.
    fn twenty_processes() -> String {
        let mut scenario: Value = serde_json::from_str(SCENARIO).expect("it is JSON");
        let mut programs = vec!["count"; PROCESSES - 1];
        programs.push("lazy");
        scenario["title"] = json!("Twenty processes");
        scenario["kernel"] = json!({"init": programs.join(","), "quantum": "10000"});
        scenario["machine"]["max_instructions"] = json!(INSTRUCTIONS);
        scenario["narration"] = json!([]);
        scenario["quiz"] = json!([]);
        scenario.as_object_mut().expect("it is an object").remove("digest");
        scenario.to_string()
    }

    /// The page with every frame of memory on the grid, and what takes the figures.
    async fn prepare(page: &Page) {
        page.load().await;
        page.until("the whole run", WHOLE_RUN).await;
        page.click("#frames-all").await;
        page.browser.client.execute(SPEED, Vec::new()).await.expect("the script runs");
        page.at_ease().await;
    }

    async fn steps(page: &Page, run: &str, count: u32) {
        let kinds = page.eval("speed.kinds").await;
        for kind in kinds.as_array().expect("a list") {
            let times = page.eval(&format!("speed.steps({kind}, {count}, {WARM})")).await;
            println!("{}", json!({"run": run, "kind": kind, "milliseconds": times}));
        }
    }

    /// Pastes a scenario into the page, and waits until all of its run is known.
    async fn bring(page: &Page, scenario: &str) {
        let before = page.text("#run-summary").await;
        page.eval(&format!(
            "(text => (text.setData('text', {}), document.body.dispatchEvent(
                new ClipboardEvent('paste', {{clipboardData: text, bubbles: true, cancelable: true}}))))(new DataTransfer())",
            json!(scenario)
        ))
        .await;
        let another = format!(
            "(text => text && text !== {})(document.querySelector('#run-summary')?.textContent)",
            json!(before)
        );
        page.until("another run", &another).await;
        page.until("the whole run", WHOLE_RUN).await;
        page.at_ease().await;
    }
}
