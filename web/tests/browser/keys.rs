//! Every key and every button: each is pressed, and each does something.

use crate::support::{Bench, Page, on_the_page};
use serde_json::{Value, json};

/// A key as the help names it: how it is typed, what must be done before it means anything, and what
/// shows that it did something.
struct Key {
    named: &'static str,
    typed: &'static str,
    before: &'static str,
    shows: &'static str,
}

const POSITION: &str = "document.querySelector('#position').textContent";

const fn key(named: &'static str, typed: &'static str, before: &'static str, shows: &'static str) -> Key {
    Key { named, typed, before, shows }
}

const PRESENTING: &str = "document.documentElement.dataset.modes";
const NONE: &str = "";
const TO_FAULT: &str = "document.querySelector('#next-fault').click()";
const FURTHER: &str = "document.querySelector('#next-note').click()";

/// Every key that the help names.
const KEYS: [Key; 24] = [
    key("→", "ArrowRight", NONE, POSITION),
    key("←", "ArrowLeft", TO_FAULT, POSITION),
    key("⇧→", "Shift+ArrowRight", NONE, POSITION),
    key("⇧←", "Shift+ArrowLeft", NONE, POSITION),
    key(".", ".", NONE, POSITION),
    key(",", ",", NONE, POSITION),
    key("A", "a", NONE, POSITION),
    key("N", "n", NONE, POSITION),
    key("B", "b", FURTHER, POSITION),
    key("Space", " ", NONE, POSITION),
    key("R", "r", TO_FAULT, POSITION),
    key("Home", "Home", NONE, POSITION),
    key("End", "End", NONE, POSITION),
    key(
        "Esc",
        "Escape",
        "document.querySelector('#frames-max').click()",
        "document.querySelectorAll('.max').length",
    ),
    key("P", "p", NONE, PRESENTING),
    key("Page Down", "PageDown", "document.querySelector('#mode-presenter').click()", POSITION),
    key("Page Up", "PageUp", "document.querySelector('#mode-presenter').click()", POSITION),
    key(
        "S",
        "s",
        "(window.open = () => null, document.querySelector('#mode-presenter').click())",
        "!!document.querySelector('#speaker-notes')",
    ),
    key("1", "1", ASKED, ANSWERED),
    key("2", "2", ASKED, ANSWERED),
    key("3", "3", ASKED, ANSWERED),
    key("4", "4", ASKED, ANSWERED),
    key("to", "", NONE, NONE),
    key("Tab", "Tab", NONE, "document.activeElement.outerHTML"),
];

const ASKED: &str = "(document.querySelector('#mode-predict').click(), new Promise(done => setTimeout(() => {
    document.querySelector('#next-fault').click(); done() }, 100)))";
const ANSWERED: &str = "document.querySelector('#predict-score')?.textContent";

/// The page as it is when it has been opened and the whole run is known.
async fn fresh(page: &Page) {
    page.open().await;
    page.until("the whole run", "!document.querySelector('#mode-compare').disabled").await;
}

#[test]
fn every_key_that_the_help_names_does_something() {
    on_the_page(async |page: Page, _: Bench| {
        fresh(&page).await;
        let names = page
            .eval("[...document.querySelectorAll('#help kbd')].flatMap(k => k.textContent.split(' '))")
            .await;
        let text = page.text("#help").await;
        for name in names.as_array().expect("a list") {
            let known = KEYS.iter().any(|key| key.named == name.as_str().unwrap_or_default());
            assert!(known, "the help names {name}, which no test presses");
        }
        for key in KEYS.iter().filter(|key| !key.typed.is_empty()) {
            let is_digit = key.named.starts_with(|named: char| named.is_ascii_digit());
            assert!(is_digit || text.contains(key.named), "the help does not name {}", key.named);
            fresh(&page).await;
            if !key.before.is_empty() {
                let position = page.eval(POSITION).await;
                page.eval(key.before).await;
                if [TO_FAULT, FURTHER].contains(&key.before) {
                    page.until("another position", &format!("({POSITION}) !== {position}")).await;
                }
                page.at_ease().await;
            }
            let was = page.eval(key.shows).await;
            page.browser.key(key.typed).await;
            let changed = format!("({}) !== {was}", key.shows);
            page.until(&format!("what {} does", key.named), &changed).await;
        }
        page
    });
}

#[test]
fn shortcuts_can_be_switched_off_and_the_arrows_stay() {
    on_the_page(async |page: Page, _: Bench| {
        fresh(&page).await;
        page.eval("document.querySelector('#help').open = true").await;
        page.click("#character-keys").await;
        page.load().await;
        fresh(&page).await;
        let panes = page.panes().await;
        for key in [".", ",", "a", "n", "b", "r", "p", "s", " "] {
            page.browser.key(key).await;
        }
        page.at_ease().await;
        assert!(page.panes().await == panes, "a letter did something");
        assert_eq!(page.eval(PRESENTING).await, "");
        page.key("ArrowRight").await;
        page.eval("document.querySelector('#help').open = true").await;
        page.click("#character-keys").await;
        page.key(".").await;
        page
    });
}

#[test]
fn the_keys_of_the_browser_stay_the_browsers() {
    const LEFT_ALONE: &str = "(() => {
        const plain = ['Tab', 'Enter', 'Backspace', 'Delete', 'PageUp', 'PageDown', 'ArrowUp', 'ArrowDown', '/', \"'\",
            'ContextMenu', ...Array.from({length: 12}, (_, i) => `F${i + 1}`)];
        const held = ['ArrowRight', 'ArrowLeft', 'Home', 'End', ' ', '.', ',', 'a', 'b', 'n', 'p', 'r', 's', 'f', 'l', 't', 'w', '+', '-', '0', '1'];
        const modifiers = ['ctrlKey', 'altKey', 'metaKey'];
        const all = [...plain.map(key => ({key})), ...held.flatMap(key => modifiers.map(held => ({key, [held]: true})))];
        return all.filter(each => !document.body.dispatchEvent(
            new KeyboardEvent('keydown', {...each, bubbles: true, cancelable: true})));
    })()";
    on_the_page(async |page: Page, _: Bench| {
        fresh(&page).await;
        let position = page.text("#position").await;
        assert_eq!(page.eval(LEFT_ALONE).await, json!([]));
        page.at_ease().await;
        assert_eq!(page.text("#position").await, position);
        // What is typed into a field belongs to the field.
        page.click("#console-input").await;
        for key in ["a", ".", "ArrowLeft", "Home", " "] {
            page.browser.key(key).await;
        }
        page.at_ease().await;
        assert_eq!(page.text("#position").await, position);
        page
    });
}

/// Presses everything there is until nothing is left that was not pressed, and gives what did nothing; where
/// something was left over by an earlier visit, only until that is pressed.
async fn press_everything(page: &Page, left_over: &Value) -> Value {
    let script = format!("{}; return pressEverything({left_over})", include_str!("support/crawl.js"));
    page.browser.devtools("Page.setDownloadBehavior", json!({"behavior": "deny"})).await;
    let client = &page.browser.client;
    client
        .update_timeouts(fantoccini::wd::TimeoutConfiguration::new(
            Some(std::time::Duration::from_secs(240)),
            None,
            None,
        ))
        .await
        .expect("more time");
    client.execute(&script, Vec::new()).await.expect("the script runs")
}

/// What can be pressed for a moment only, the walk may have been elsewhere with; it comes first in the next visit.
const VISITS: u32 = 3;

/// Presses all of it on one scenario.
fn crawl(scenario: &'static str) {
    on_the_page(async |mut page: Page, _: Bench| {
        page.url = format!("{}#scenario={scenario}", page.url);
        let mut left_over = json!([]);
        for visit in 1..=VISITS {
            // An address with a fragment is not loaded anew where the page is there already.
            page.browser.client.goto("about:blank").await.expect("it goes away");
            page.load().await;
            page.until("the whole run", "document.querySelector('#mode-compare')?.disabled === false").await;
            let found = press_everything(&page, &left_over).await;
            let pressed = found["pressed"].as_array().expect("a list");
            println!(
                "{scenario}: visit {visit} presses {} kinds of buttons and leaves {}",
                pressed.len(),
                found["never"]
            );
            assert!(visit > 1 || pressed.len() > 90, "{pressed:?}");
            assert_eq!(found["dead"], json!([]), "these did nothing when they were pressed");
            left_over = found["never"].clone();
            if left_over == json!([]) {
                return page;
            }
        }
        panic!("these could never be pressed: {left_over}");
    });
}

#[test]
fn every_button_does_something_in_a_run_with_fork() {
    crawl("cow-fork.json");
}

#[test]
fn every_button_does_something_in_a_run_with_eviction() {
    crawl("dirty-victims.json");
}
