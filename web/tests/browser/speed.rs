//! How fast the page is for its user: the first page fault on the screen, a step, pictures a second.
//!
//! The figures are printed; the bounds are several times what an idle machine needs, so that a busy one passes.

use crate::support::{Bench, Page, on_the_page};
use serde_json::{Value, json};

/// Milliseconds from the start of the navigation until the first page fault stands on the fault card.
const FIRST_FAULT: &str = "new Promise(done => {
    const seen = () => document.querySelector('#check')
        ? requestAnimationFrame(() => done(performance.now())) : setTimeout(seen, 5);
    seen();
})";

/// Milliseconds of each of forty steps, from the key to the frame that shows the new place.
const STEPS: &str = "(async () => {
    const text = () => document.querySelector('#position').textContent;
    const times = [];
    for (let i = 0; i < 40; i += 1) {
        const before = text(), start = performance.now();
        document.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', shiftKey: true, bubbles: true }));
        while (text() === before && performance.now() - start < 5000) {
            await new Promise(requestAnimationFrame);
        }
        times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b);
})()";

/// Frames drawn in a second while the machine runs.
const FRAMES: &str = "(async () => {
    document.querySelector('#run').click();
    let frames = 0;
    const start = performance.now();
    while (performance.now() - start < 1000) {
        await new Promise(requestAnimationFrame);
        frames += 1;
    }
    return frames * 1000 / (performance.now() - start);
})()";

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

#[test]
fn the_first_fault_a_step_and_a_picture_come_soon() {
    on_the_page(async |page: Page, _: Bench| {
        // Once to warm the server and the browser's cache of compiled code.
        page.open().await;
        let mut loads = Vec::new();
        for _ in 0..5 {
            page.load().await;
            loads.push(number(&page.eval(FIRST_FAULT).await));
        }
        loads.sort_by(f64::total_cmp);
        page.until("the whole run", "!document.querySelector('#mode-compare').disabled").await;
        let steps: Vec<f64> = page.eval(STEPS).await.as_array().expect("a list").iter().map(number).collect();
        page.choose("speed", 3).await;
        let frames = number(&page.eval(FRAMES).await);
        let (p50, p95) = (steps[20], steps[38]);
        println!(
            "{}",
            json!({"first_fault_ms": loads, "step_p50_ms": p50, "step_p95_ms": p95, "frames_per_second": frames})
        );
        assert!(loads[2] < 6000.0, "the first page fault takes {} ms", loads[2]);
        assert!(p95 < 500.0, "a step takes {p95} ms");
        assert!(frames > 5.0, "{frames} frames a second");
        page
    });
}
