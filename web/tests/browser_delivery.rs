//! The page on a plain static host: from a sub-path, without our headers, without a network.
#![cfg(not(target_arch = "wasm32"))]
#![allow(dead_code, reason = "each test file uses a part of what they share")]

mod browser_support;

use browser_support::host::Host;
use browser_support::{Bench, Page, on_the_page};

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
        browser_support::assert_same(&page.panes().await, &first);
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
    return keys.some(url => url.endsWith('guard-page.json')) && keys.some(url => url.endsWith('disk.img.lzma'));
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
