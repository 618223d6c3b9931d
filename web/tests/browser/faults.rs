//! Page faults, and the ways through a run, compared with the native command.

use crate::support::native::{Run, run};
use crate::support::{Bench, Page, assert_same, on_the_page};
use faultline_web::catalogue;
use serde_json::json;

/// The registers on the fault card and the check that failed, which may be drawn later where it is out of sight.
async fn card(page: &Page) -> [String; 4] {
    page.at_ease().await;
    let first_word = |text: String| text.split_whitespace().next().unwrap_or_default().to_owned();
    let mut found = [const { String::new() }; 4];
    for (slot, id) in found.iter_mut().zip(["#scause", "#stval", "#sepc", "#check"]) {
        *slot = page.text(id).await;
    }
    let [scause, stval, sepc, check] = found;
    [first_word(scause), stval, sepc, check]
}

fn expect_card(run: &Run, fault: usize, card: &[String; 4]) {
    let expected = &run.faults[fault];
    assert_eq!(card[..3], [expected.scause.to_string(), expected.stval.clone(), expected.sepc.clone()]);
    assert!(card[3].contains(expected.check), "{card:?}");
}

#[test]
fn every_fault_card_shows_what_the_native_command_reports() {
    on_the_page(async |page: Page, bench: Bench| {
        let run = run(&bench.faultline, "lazy-sbrk.json");
        page.open().await;
        for fault in 0..run.faults.len() {
            expect_card(&run, fault, &card(&page).await);
            // The button and the key do the same.
            match fault % 2 {
                _ if fault + 1 == run.faults.len() => {}
                0 => page.press("next-fault").await,
                _ => page.key("ArrowRight").await,
            }
        }
        page
    });
}

#[test]
fn previous_returns_to_the_identical_panes() {
    on_the_page(async |page: Page, _| {
        page.open().await;
        let first = page.panes().await;
        page.press("next-fault").await;
        let second = page.panes().await;
        assert_ne!(first, second);
        page.press("previous-fault").await;
        assert_same(&page.panes().await, &first);
        page.key("ArrowRight").await;
        page.key("Shift+ArrowRight").await;
        page.key("Shift+ArrowLeft").await;
        page.press("next-instruction").await;
        page.press("previous-instruction").await;
        assert_same(&page.panes().await, &second);
        page
    });
}

#[test]
fn the_page_table_shows_the_new_entry_once_the_kernel_has_answered() {
    on_the_page(async |page: Page, bench: Bench| {
        let fault = run(&bench.faultline, "lazy-sbrk.json").faults.remove(0);
        page.open().await;
        let entry = format!("[data-pte='{}']", fault.pte_addr);
        let cell = format!("[data-va='{}']", fault.stval);
        assert!(page.text(&entry).await.contains("walk stopped"));
        assert_eq!(
            page.eval(&format!("document.querySelector({}).classList.contains('lazy')", json!(cell))).await,
            true
        );
        let checks = page.text("#answer .checks").await;
        for check in ["in the heap, which may be written", "The entry is not valid", "Its bytes are zeros"] {
            assert!(checks.contains(check), "{checks}");
        }
        page.press("let-it").await;
        assert!(page.text(&entry).await.contains("new"), "{}", page.text(&entry).await);
        assert_eq!(
            page.eval(&format!("document.querySelector({}).classList.contains('resident')", json!(cell)))
                .await,
            true
        );
        assert_eq!(page.text("#card-state").await, "resolved");
        page
    });
}

#[test]
fn a_pressed_entry_or_page_keeps_the_focus_over_a_step() {
    on_the_page(async |page: Page, bench: Bench| {
        let fault = run(&bench.faultline, "lazy-sbrk.json").faults.remove(0);
        page.open().await;
        let buttons = [
            format!("#page-table [data-pte='{}'] .slot", fault.pte_addr),
            format!("#address-space [data-va='{}']", fault.stval),
        ];
        for button in &buttons {
            let has_focus = format!("document.activeElement?.matches({})", json!(button));
            page.eval(&format!(
                "(it => (it.focus(), it.click(), 0))(document.querySelector({}))",
                json!(button)
            ))
            .await;
            let selected = format!("!!document.querySelector({}).closest('.selected')", json!(button));
            page.until("the selection", &selected).await;
            assert_eq!(page.eval(&has_focus).await, true, "{button} after it was pressed");
            // The answer maps the page: its cell and its row look different.
            page.key("a").await;
            assert_eq!(page.eval(&has_focus).await, true, "{button} after a step");
            page.key("ArrowLeft").await;
            page.click("#selected-clear").await;
        }
        page
    });
}

#[test]
fn the_guard_page_ends_the_program_and_not_the_kernel() {
    on_the_page(async |page: Page, bench: Bench| {
        let run = run(&bench.faultline, "guard-page.json");
        page.open().await;
        page.choose_scenario("guard-page.json").await;
        page.until(
            "the guard page's fault",
            "document.querySelector('#falls-into')?.textContent.includes('guard page')",
        )
        .await;
        expect_card(&run, 0, &card(&page).await);
        page.press("let-it").await;
        assert!(page.text("#headline").await.starts_with("The kernel killed program guard"), "it was killed");
        assert!(page.text("#processes").await.contains("killed, scause 15"));
        page.press("to-end").await;
        let console = page.text("#console-text").await;
        assert!(console.contains("killed") && console.contains("hello: "), "{console}");
        assert_eq!(page.text("#card-state").await, "process killed");
        page
    });
}

#[test]
fn eager_allocation_leaves_no_page_fault_to_show() {
    on_the_page(async |page: Page, _| {
        page.open().await;
        page.click("#sbrk-eager").await;
        page.until("a run without faults", "!!document.querySelector('#no-faults')").await;
        assert_eq!(page.eval("document.querySelectorAll('.cell.lazy:not(.sample)').length").await, 0);
        page.click("#sbrk-lazy").await;
        page.until("the fault again", "!!document.querySelector('#check')").await;
        page
    });
}

#[test]
fn run_pause_scrub_reset_and_the_ends() {
    on_the_page(async |page: Page, _| {
        page.open().await;
        let first = page.panes().await;
        page.press("to-start").await;
        assert!(page.text("#position").await.starts_with("event 0 of"));
        page.press("run").await;
        page.moved(async {}).await;
        page.click("#run").await;
        page.until("a pause", "document.querySelector('#run').textContent.startsWith('Run')").await;
        page.key("End").await;
        assert!(page.text("#headline").await.starts_with("The run has ended"));
        page.moved(async {
            page.eval("(s => { s.value = 50; s.dispatchEvent(new Event('input', {bubbles: true})) })(document.querySelector('#scrubber'))").await;
        })
        .await;
        assert!(page.text("#position").await.starts_with("event 50 of"), "{}", page.text("#position").await);
        page.press("reset").await;
        assert_same(&page.panes().await, &first);
        page
    });
}

#[test]
fn the_run_in_the_browser_has_the_digests_of_the_native_run() {
    on_the_page(async |page: Page, bench: Bench| {
        page.open().await;
        for entry in catalogue::built_in().scenarios() {
            let scenario = &entry.file;
            let run = run(&bench.faultline, scenario);
            page.choose_scenario(scenario).await;
            page.until(
                "the whole run",
                &format!(
                    "document.querySelector('#semantic-digest')?.textContent === {}",
                    json!(run.semantic)
                ),
            )
            .await;
            assert_eq!(page.text("#exact-digest").await, run.exact, "{scenario}");
            assert!(page.text("#digest-verdict").await.starts_with("the same"), "{scenario}");
        }
        page
    });
}

#[test]
fn no_size_and_no_theme_overflows_or_has_a_target_that_is_too_small() {
    const SMALL: &str = "[...document.querySelectorAll('button, select, input, summary')]
        .filter(e => e.checkVisibility() && (e.offsetWidth < 24 || e.offsetHeight < 24))
        .map(e => e.id || e.className)";
    on_the_page(async |page: Page, _| {
        page.open().await;
        for size in [(360, 740), (1024, 768), (1280, 900), (1920, 1080), (3840, 2160)] {
            for scheme in ["light", "dark"] {
                page.browser.appear(size, scheme).await;
                let overflow = page.eval("document.documentElement.scrollWidth - innerWidth").await;
                assert_eq!(overflow, 0, "{size:?} {scheme}");
                assert_eq!(page.eval(SMALL).await, json!([]), "{size:?} {scheme}");
            }
        }
        let colour = "getComputedStyle(document.body).backgroundColor";
        let dark = page.eval(colour).await;
        page.choose("theme", 1).await;
        assert_ne!(page.eval(colour).await, dark);
        page.load().await;
        page.until("the theme again", "document.documentElement.dataset.theme === 'light'").await;
        page
    });
}

#[test]
fn a_worker_that_cannot_start_is_said_and_can_be_started_again() {
    on_the_page(async |mut page: Page, _| {
        page.expected_errors = true;
        // A page whose worker's script is missing as long as `broken` holds.
        let script = "window.broken = true; const Real = Worker; window.Worker = class extends Real {
            constructor(url, options) { super(window.broken ? 'missing.js' : url, options) } }";
        page.browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": script})).await;
        page.load().await;
        page.until("the bad news", "!!document.querySelector('#lost')").await;
        page.eval("window.broken = false").await;
        page.click("#lost button").await;
        page.until("the first page fault", "!!document.querySelector('#check')").await;
        page
    });
}
