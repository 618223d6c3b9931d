//! What the page does when the browser refuses it something: storage, a worker, an address that leads nowhere.

use crate::support::{Bench, Page, assert_same, on_the_page};
use serde_json::json;

/// A script that runs in every page before its own.
async fn before(page: &Page, script: &str) {
    page.browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": script})).await;
}

/// The page with a storage that refuses: it works, and says it once.
async fn works_without_storage(page: &Page, script: &str) {
    before(page, script).await;
    page.open().await;
    page.until("word of it", "!!document.querySelector('#forgetful')").await;
    assert_eq!(page.eval("document.querySelectorAll('#forgetful').length").await, 1);
    page.click("#forgetful-dismiss").await;
    page.until("silence", "!document.querySelector('#forgetful')").await;
    // All of these would keep something.
    page.choose("theme", 2).await;
    page.until("the theme", "document.documentElement.dataset.theme === 'dark'").await;
    page.click("#events .fold").await;
    page.choose("speed", 2).await;
    page.press("next-fault").await;
    page.press("let-it").await;
    page.click("#edit-tour").await;
    page.eval("(e => { e.value = 'Mine.'; e.dispatchEvent(new Event('change', {bubbles: true})) })(document.querySelector('#note-text'))").await;
    page.click("#edit-tour").await;
    page.until("the note", "document.querySelector('#note').textContent.includes('Mine.')").await;
    page.choose_scenario("guard-page.json").await;
    page.until(
        "another scenario",
        "document.querySelector('#falls-into')?.textContent.includes('guard page')",
    )
    .await;
    assert_eq!(page.eval("!!document.querySelector('#forgetful, #failure, #lost')").await, false);
}

#[test]
fn a_browser_that_forbids_storage_is_said_once_and_the_page_works() {
    on_the_page(async |page: Page, _: Bench| {
        let script = "for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches'])
            Object.defineProperty(window, name, { get() { throw new DOMException('forbidden', 'SecurityError') } });";
        works_without_storage(&page, script).await;
        page
    });
}

#[test]
fn a_storage_that_is_full_is_said_once_and_the_page_works() {
    on_the_page(async |page: Page, _: Bench| {
        let script =
            "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') };";
        works_without_storage(&page, script).await;
        page
    });
}

#[test]
fn a_worker_that_is_killed_in_the_middle_is_missed_and_the_place_restored() {
    on_the_page(async |page: Page, _: Bench| {
        let script = "window.workers = []; const Real = Worker;
            window.Worker = class extends Real { constructor(...all) { super(...all); workers.push(this) } };";
        before(&page, script).await;
        page.open().await;
        page.press("next-fault").await;
        page.press("next-event").await;
        let panes = page.panes().await;
        page.eval("workers.at(-1).terminate()").await;
        page.until("the bad news", "!!document.querySelector('#lost')").await;
        let told = page.text("#lost").await;
        assert!(told.contains("does not answer"), "{told}");
        page.click("#lost button").await;
        page.until("the machine again", "!document.querySelector('#lost, #busy')").await;
        assert_same(&page.panes().await, &panes);
        page.press("next-event").await;
        page
    });
}

#[test]
fn an_address_that_leads_nowhere_is_said_and_the_page_opens() {
    on_the_page(async |mut page: Page, _: Bench| {
        let whole = page.url.clone();
        for (fragment, words) in [
            ("#scenario=no-such.json", "no-such.json"),
            ("#s1.AAAA", "no link that can be opened"),
            ("#s1.%00%ff", "no link that can be opened"),
        ] {
            page.url = format!("{whole}{fragment}");
            page.browser.client.goto("about:blank").await.expect("an empty page");
            page.open().await;
            let told = page.text("#failure").await;
            assert!(told.contains(words), "{fragment}: {told}");
            page.click("#failure button").await;
            page.press("next-event").await;
        }
        // An anchor of the page itself is no scenario.
        page.url = format!("{whole}#fault-card");
        page.browser.client.goto("about:blank").await.expect("an empty page");
        page.open().await;
        assert_eq!(page.text("#failure").await, "");
        page
    });
}

#[test]
fn a_named_scenario_opens_from_its_address() {
    on_the_page(async |mut page: Page, _: Bench| {
        page.url = format!("{}#scenario=fork-exec.json", page.url);
        page.load().await;
        page.until("the scenario", "document.querySelector('#scenario')?.value === 'fork-exec.json'").await;
        page.until("its start", "document.querySelector('#tour-progress')?.textContent.startsWith('note 2')")
            .await;
        page
    });
}
