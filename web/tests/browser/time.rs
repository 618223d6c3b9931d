//! Back and forth through the run, and sharing it, in a real browser.

use std::path::PathBuf;

use fantoccini::Locator;
use serde_json::json;

use crate::panes::scenario_file;
use crate::support::{Page, on_the_page};

impl Page {
    /// Searches by a button and says what came of it.
    async fn search(&self, button: &str) -> String {
        self.press(button).await;
        self.until("what came of it", "!!document.querySelector('#searched')").await;
        self.text("#searched").await
    }

    /// A file that is dropped on the page.
    async fn drop_file(&self, name: &str, text: &str) {
        self.eval(&format!(
            "document.body.dispatchEvent((t => (t.items.add(new File([{}], {})), new DragEvent('drop', {{dataTransfer: t, bubbles: true, cancelable: true}})))(new DataTransfer()))",
            json!(text),
            json!(name)
        ))
        .await;
    }

    /// Presses a button of the menu of files.
    async fn of_files(&self, id: &str) {
        self.eval("document.querySelector('#file-menu').open = true").await;
        self.click(id).await;
    }
}

#[test]
fn the_menus_of_entries_pages_frames_and_registers_lead_back_to_what_happened() {
    on_the_page(async |page: Page, _| {
        page.open().await;
        let stval = page.text("#stval").await;
        let entry = "document.querySelector('.row.stopped')?.dataset.pte";
        let entry = page.eval(entry).await.as_str().expect("the walk stopped at an entry").to_owned();
        page.press("let-it").await;
        page.press("next-fault").await;
        // The page of the first fault: last written by the store that faulted.
        page.click(&format!("[data-va='{stval}']")).await;
        assert!(page.search("last-store").await.starts_with("Found: "));
        assert!(page.text("#processes .next code").await.contains(" s"), "a store comes next");
        page.press("next-fault").await;
        assert!(page.search("last-access").await.starts_with("Found: "));
        page.press("to-end").await;
        page.click("#selected-clear").await;
        page.press("previous-fault").await;
        page.click(&format!("[data-pte='{entry}'] .slot")).await;
        assert!(page.search("last-write").await.starts_with("Found: "));
        page.press("to-start").await;
        assert!(page.search("next-write").await.starts_with("Found: "));
        page.click("#selected-clear").await;
        page.press("next-fault").await;
        page.click("#satp button").await;
        for button in ["last-allocated", "next-freed"] {
            assert!(page.search(button).await.starts_with("Found: "), "{button}");
        }
        page.click("#last-shared").await;
        page.until(
            "an answer",
            "document.querySelector('#searched')?.textContent.includes('nothing like that')",
        )
        .await;
        // The bar of the selection lies over the foot of the page.
        page.click("#selected-clear").await;
        page.eval("document.querySelector('#processes details').open = true").await;
        assert!(page.search("set-sp").await.starts_with("Found: "));
        assert!(page.text("#processes .next code").await.contains("sp"));
        page
    });
}

#[test]
fn run_until_takes_what_only_the_machine_can_find() {
    on_the_page(async |page: Page, _| {
        page.open().await;
        let sepc = page.text("#sepc").await;
        page.press("to-end").await;
        page.click("#run-until summary").await;
        let options = "[...document.querySelector('#until-what').options].map(o => o.textContent)";
        let options = page.eval(options).await;
        let place = |words: &str| {
            let options = options.as_array().expect("a list");
            options
                .iter()
                .position(|option| option == words)
                .unwrap_or_else(|| panic!("{words}: {options:?}"))
        };
        page.choose("until-what", place("this instruction")).await;
        page.write("#until-value", &sepc, "input").await;
        assert!(page.search("until-previous").await.starts_with("Found: "));
        assert!(page.text("#processes .next code").await.contains(&sepc));
        page.choose("until-what", place("this register set")).await;
        page.write("#until-value", "a7", "input").await;
        assert!(page.search("until-next").await.starts_with("Found: "));
        page.choose("until-what", place("a store to this page")).await;
        page.write("#until-value", "there", "input").await;
        page.click("#until-next").await;
        page.shows("#searched", "`page=there:store` is no condition").await;
        page
    });
}

#[test]
fn typing_in_the_past_keeps_the_future_that_was_known() {
    on_the_page(async |page: Page, _| {
        page.open().await;
        page.boot(&[("init", "sh")]).await;
        page.press("to-end").await;
        page.shows("#headline", "waits for somebody to type").await;
        let waits = page.eval("document.querySelector('#scrubber').value").await;
        page.write("#console-input", "echo the first", "input").await;
        page.click("#console-send").await;
        page.shows("#console-text", "\nthe first").await;
        page.moved(page.write("#scrubber", waits.as_str().expect("a number of events"), "input")).await;
        page.write("#console-input", "echo the second", "input").await;
        page.click("#console-send").await;
        page.shows("#console-text", "\nthe second").await;
        page.shows("#futures", "Another future from step").await;
        page.shows("#futures", "“echo the first” was typed").await;
        page.click("#futures .return").await;
        page.shows("#futures", "“echo the second” was typed").await;
        page.until("a chance to go on", "!document.querySelector('#to-end').disabled").await;
        page.press("to-end").await;
        page.shows("#console-text", "\nthe first").await;
        assert!(!page.text("#console-text").await.contains("the second"));
        page.click("#futures .drop").await;
        page.until("no other future", "!document.querySelector('#futures')").await;
        page
    });
}

#[test]
fn what_was_saved_can_be_opened_again_by_the_button() {
    on_the_page(async |page: Page, _| {
        page.open().await;
        let folder = Folder::new();
        let setting = json!({"behavior": "allow", "downloadPath": folder.0});
        page.browser.devtools("Browser.setDownloadBehavior", setting).await;
        page.click("#edit-tour").await;
        page.write("#note-text", "A note of mine.", "change").await;
        page.of_files("#save").await;
        let file = folder.0.join("lazy-sbrk.json");
        for _ in 0..200 {
            if std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with("}\n")) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert!(std::fs::read_to_string(&file).expect("it was saved").contains("A note of mine."));
        // What is saved is not offered again.
        page.open().await;
        assert_eq!(page.eval("!!document.querySelector('#unsaved')").await, false);
        page.choose_scenario("guard-page.json").await;
        page.shows("#falls-into", "guard page").await;
        let field = page.browser.client.find(Locator::Css("#open-file")).await.expect("a field for files");
        field.send_keys(file.to_str().expect("a path is text")).await.expect("it takes a file");
        page.shows("#note", "A note of mine.").await;
        page
    });
}

#[test]
fn what_cannot_be_loaded_names_its_field_and_leaves_everything_as_it_is() {
    on_the_page(async |page: Page, _| {
        page.open().await;
        page.press("next-fault").await;
        let before = page.panes().await;
        for (text, says) in [
            (r#"{"faultline": 1, "title": "x", "machine": {"memory_mib": 1}}"#, "machine.memory_mib"),
            (r#"{"faultline": 1, "title": "x", "inputs": [{"instret": 5}]}"#, "line 1"),
            ("no scenario at all", "bad.json"),
        ] {
            page.drop_file("bad.json", text).await;
            page.shows("#failure", says).await;
            page.shows("#failure", "Nothing was changed").await;
            page.click("#failure button").await;
            assert_eq!(page.panes().await, before, "{text}");
        }
        // A broken link, too, once there is something that it could spoil.
        page.eval("location.hash = '#s1.bm90IGEgbGluaw'").await;
        page.shows("#failure", "The address holds no link that can be opened").await;
        page
    });
}

#[test]
fn programs_from_elsewhere_start_only_when_somebody_says_so() {
    on_the_page(async |page: Page, _| {
        page.open().await;
        let file = std::fs::read_to_string(scenario_file("guard-page.json")).expect("it is there");
        let foreign = file.replacen('{', r#"{"files": [{"name": "mine.elf", "text": "x"}],"#, 1);
        let before = page.panes().await;
        page.drop_file("foreign.json", &foreign).await;
        page.shows("#brought", "foreign.json brings files of its own").await;
        assert_eq!(page.panes().await, before);
        page.click("#brought-decline").await;
        page.until("it is gone", "!document.querySelector('#brought')").await;
        page.drop_file("foreign.json", &foreign).await;
        page.until("the question", "!!document.querySelector('#brought-run')").await;
        page.click("#brought-run").await;
        page.shows("#falls-into", "guard page").await;
        page.until("no question", "!document.querySelector('#brought')").await;
        // The same by a link, in a page that has nothing open yet.
        page.until("the whole run", "!document.querySelector('#share').disabled").await;
        page.of_files("#share").await;
        page.until("a link", "location.hash.startsWith('#s1.')").await;
        let link = page.eval("location.href").await;
        page.browser.client.goto("about:blank").await.expect("an empty page");
        page.browser.client.goto(link.as_str().expect("an address")).await.expect("the page loads");
        page.shows("#brought", "link.json brings files of its own").await;
        page.shows("#falls-into", "heap").await;
        page.click("#brought-run").await;
        page.shows("#falls-into", "guard page").await;
        page
    });
}

#[test]
fn what_is_too_long_for_a_link_becomes_a_file() {
    on_the_page(async |page: Page, _| {
        page.open().await;
        let folder = Folder::new();
        let setting = json!({"behavior": "allow", "downloadPath": folder.0});
        page.browser.devtools("Browser.setDownloadBehavior", setting).await;
        // Noise: it cannot be compressed.
        let noise = "(n => { let s = '', x = 7; while (s.length < n) { x = x * 48271 % 2147483647; s += (x % 36).toString(36) } return s })(8000)";
        page.click("#edit-tour").await;
        for _ in 0..2 {
            page.click("#add-note").await;
            let text = page.eval(noise).await;
            page.write("#note-text", text.as_str().expect("a text"), "change").await;
            page.press("next-event").await;
        }
        page.of_files("#share").await;
        page.shows("#share-said", "Saved as a file: a link has at most 8192 characters").await;
        for _ in 0..200 {
            if folder.0.join("lazy-sbrk.json").exists() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert!(folder.0.join("lazy-sbrk.json").exists(), "it is saved");
        page
    });
}

/// A folder for what the browser saves.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let nanos = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |time| time.as_nanos());
        let folder = std::env::temp_dir().join(format!("faultline-shared-{}-{nanos}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for what is saved");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
