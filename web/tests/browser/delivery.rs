//! The page on a plain static host: from a sub-path, without our headers, without a network.

use crate::support::host::Host;
use crate::support::{Bench, Page, assert_same, on_the_page};

#[test]
fn the_page_works_from_a_sub_path_and_offline_after_the_first_visit() {
    on_the_page(async |mut page: Page, bench: Bench| {
        let host = Host::start(bench.dist);
        page.url = host.url();
        page.open().await;
        let first = page.panes().await;
        kept(&page).await;
        let sent = host.sent();
        host.go_away();
        page.open().await;
        assert_same(&page.panes().await, &first);
        page.press("next-fault").await;
        assert_eq!(host.sent(), sent);
        // Scenarios that were never looked at are there too.
        page.choose_scenario("guard-page.json").await;
        page.until(
            "the other scenario",
            "document.querySelector('#falls-into')?.textContent.includes('guard page')",
        )
        .await;
        page
    });
}

/// Whether the service worker has the page and what is loaded later.
const KEPT: &str = "(async () => {
    if (!navigator.serviceWorker.controller) return false;
    const caches_ = await Promise.all((await caches.keys()).map(name => caches.open(name)));
    const keys = (await Promise.all(caches_.map(cache => cache.keys()))).flat().map(request => request.url);
    const late = ['guard-page.json', 'images/disk.img.lzma', 'app_rest.wasm', 'worker_rest.wasm'];
    return late.every(end => keys.some(url => url.endsWith(end)));
})()";

/// What the host has sent once it sends no more.
async fn settled(host: &Host) -> usize {
    let mut sent = 0;
    while sent != host.sent() {
        sent = host.sent();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    sent
}

async fn kept(page: &Page) {
    for _ in 0..600 {
        if page.eval(KEPT).await == true {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the service worker does not keep the page");
}

/// How the page asked for its second part, and whether it asked only after it had drawn the page fault.
const REST: &str = "(() => {
    const asked = performance.getEntriesByType('resource').filter(entry => entry.name.endsWith('app_rest.wasm'));
    const drawn = performance.getEntriesByName('first-fault')[0]?.startTime ?? Infinity;
    return asked.map(entry => `${entry.initiatorType} ${entry.startTime >= drawn ? 'behind' : 'before'}`);
})()";

#[test]
fn what_is_not_needed_at_first_comes_behind_the_first_page_fault() {
    on_the_page(async |page: Page, _| {
        let mark = "addEventListener('shown', () => {
            if (document.querySelector('#check')) performance.mark('first-fault');
        })";
        let source = serde_json::json!({ "source": mark });
        page.browser.devtools("Page.addScriptToEvaluateOnNewDocument", source).await;
        page.open().await;
        assert_eq!(page.eval(REST).await, serde_json::json!(["fetch behind"]));
        page
    });
}

#[test]
fn a_part_that_does_not_come_is_told_and_can_be_asked_for_again() {
    on_the_page(async |mut page: Page, _| {
        page.expected_errors = true;
        page.browser.devtools("Network.enable", serde_json::json!({})).await;
        let block = |urls: &[&str]| serde_json::json!({ "urls": urls });
        page.browser.devtools("Network.setBlockedURLs", block(&["*app_rest.wasm"])).await;
        page.load().await;
        page.until("the notice", "document.querySelector('#rest-failed[open]')").await;
        assert!(page.text("#rest-failed").await.starts_with("A part of Faultline could not be loaded"));
        page.until("the page fault all the same", "document.querySelector('#check')?.textContent").await;
        page.browser.devtools("Network.setBlockedURLs", block(&[])).await;
        page.click("#rest-failed button").await;
        page.until("the whole page", "document.querySelector('#timeline, #scrubber')").await;
        page.press("next-fault").await;
        assert_eq!(page.eval("document.querySelector('#rest-failed')").await, serde_json::Value::Null);
        page
    });
}

#[test]
fn a_second_visit_asks_only_for_the_page_itself() {
    on_the_page(async |mut page: Page, bench: Bench| {
        let host = Host::start(bench.dist);
        page.url = host.url();
        page.open().await;
        kept(&page).await;
        let sent = settled(&host).await;
        page.open().await;
        // The page and the service worker's script are asked for each time; nothing else is.
        let again = settled(&host).await - sent;
        assert!(again < 60_000, "{again} bytes were asked for again");
        page
    });
}

#[test]
fn a_browser_that_forbids_service_workers_only_needs_the_network() {
    on_the_page(async |page: Page, _| {
        let script = "Object.defineProperty(Navigator.prototype, 'serviceWorker', { get() {
            return { register: () => Promise.reject(new DOMException('forbidden', 'SecurityError')) } } })";
        let source = serde_json::json!({ "source": script });
        page.browser.devtools("Page.addScriptToEvaluateOnNewDocument", source).await;
        page.open().await;
        page.press("next-fault").await;
        page
    });
}
