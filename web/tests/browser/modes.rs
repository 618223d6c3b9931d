//! The page's modes in a real browser: predict, compare, presenter, embed, export, print.

use std::path::PathBuf;

use crate::support::{Bench, Page, on_the_page};
use serde_json::{Value, json};

/// Opens the menu of the modes and presses one of its buttons.
async fn mode(page: &Page, id: &str) {
    page.eval("document.querySelector('#modes').open = true").await;
    page.click(id).await;
    page.eval("document.querySelector('#modes').open = false").await;
}

async fn whole_run(page: &Page) {
    page.open().await;
    page.until("the whole run", "!document.querySelector('#mode-compare').disabled").await;
    // What is still being drawn moves the buttons, and a press that ends on another place is none.
    page.at_ease().await;
}

#[test]
fn a_step_waits_until_its_question_is_answered() {
    on_the_page(async |page: Page, _| {
        whole_run(&page).await;
        assert_eq!(page.eval("document.querySelector('#predict')").await, Value::Null);
        mode(&page, "#mode-predict").await;
        let before = page.text("#position").await;
        page.click("#next-fault").await;
        page.until("a question", "!!document.querySelector('#predict')").await;
        assert_eq!(page.text("#position").await, before);
        // A second press does not slip past the question.
        page.browser.key("ArrowRight").await;
        assert_eq!(page.text("#position").await, before);
        page.key("1").await;
        let score = page.text("#predict-score").await;
        assert!(score.ends_with("of 1 right"), "{score}");
        let right = page.eval("document.querySelectorAll('.quiz-answers .right').length").await;
        assert_eq!(right, 1, "the right answer is marked");
        assert!(!page.text("#predict-verdict").await.is_empty());
        // The same seed at the same place asks the same.
        let question = page.text("#predict-question").await;
        page.click("#previous-fault").await;
        page.until(
            "the place before",
            &format!("document.querySelector('#position').textContent === {}", json!(before)),
        )
        .await;
        page.click("#next-fault").await;
        page.until("the question again", "!!document.querySelector('#predict-skip')").await;
        assert_eq!(page.text("#predict-question").await, question);
        page.moved(page.click("#predict-skip")).await;
        mode(&page, "#mode-predict").await;
        page
    });
}

/// What the table of the comparison says of a quantity in the whole runs.
async fn whole(page: &Page, quantity: &str) -> Value {
    let row = format!(
        "[...document.querySelectorAll('#compare-counts tbody tr')].find(r => r.cells[0].textContent === {})",
        json!(quantity)
    );
    page.eval(&format!("(row => row && [3, 4].map(i => parseInt(row.cells[i].textContent.replace(/[^0-9]/g, ''))))({row}) ?? null"))
        .await
}

#[test]
fn lazy_and_eager_run_side_by_side_and_their_differences_are_counted() {
    on_the_page(async |page: Page, _| {
        whole_run(&page).await;
        let faults = page.eval("document.querySelectorAll('.timeline .tick').length").await;
        mode(&page, "#mode-compare").await;
        page.until("both runs", "!!document.querySelector('#compare-counts')").await;
        assert_eq!(page.text("#compare-side-left h3").await, "sbrk=lazy");
        let counted = whole(&page, "page faults").await;
        assert!(counted[0].as_u64() > Some(0) && counted[1].as_u64() == Some(0), "{counted} of {faults}");
        let told = page.text("#compare-told").await;
        assert!(
            told.contains("sbrk=lazy has") && told.contains("page faults more than sbrk=eager"),
            "{told}"
        );
        // It stands at the first difference: the lazy run faults, and the eager one does nothing there.
        page.until(
            "the first difference",
            "document.querySelector('#compare-side-right').classList.contains('absent')",
        )
        .await;
        page.until("a page that differs", "!!document.querySelector('#compare-side-left .cell.changed')")
            .await;
        let here = page.text("#compare-position").await;
        page.browser.key("Shift+ArrowRight").await;
        page.until(
            "the next difference",
            &format!("document.querySelector('#compare-position').textContent !== {}", json!(here)),
        )
        .await;
        page.browser.key("Home").await;
        page.until(
            "the start",
            "document.querySelector('#compare-position').textContent.startsWith('step 0 of')",
        )
        .await;
        page.browser.key("End").await;
        page.until("the end of both", "[...document.querySelectorAll('.compare-sides .headline')].every(h => !h.textContent.includes('switched on'))")
            .await;
        page.click("#compare-leave").await;
        page.until("one machine", "!!document.querySelector('#fault-card')").await;
        page
    });
}

#[test]
fn the_presenter_has_one_key_a_clicker_and_notes() {
    on_the_page(async |page: Page, _| {
        whole_run(&page).await;
        let size = "parseFloat(getComputedStyle(document.querySelector('#headline')).fontSize)";
        let small = page.eval(size).await.as_f64();
        page.browser.key("p").await;
        page.until("the presenter", "!!document.querySelector('#presenter')").await;
        assert!(page.eval(size).await.as_f64() > small);
        let before = page.text("#live").await;
        page.browser.key("PageDown").await;
        page.until(
            "the next event",
            &format!("document.querySelector('#live').textContent !== {}", json!(before)),
        )
        .await;
        page.browser.key("PageUp").await;
        page.until(
            "the event before",
            &format!("document.querySelector('#live').textContent === {}", json!(before)),
        )
        .await;
        // Where no second window may be opened, the notes stand on the page, and it says why.
        page.eval("(window.open = () => null)").await;
        page.browser.key("s").await;
        page.until("the notes", "!!document.querySelector('#speaker-notes')").await;
        assert!(page.text("#notes-blocked").await.contains("Allow pop-ups"));
        page.browser.key("p").await;
        page.until("no presenter", "!document.querySelector('#presenter')").await;
        page
    });
}

#[test]
fn speaker_notes_have_a_window_that_only_the_lecturer_sees() {
    on_the_page(async |page: Page, bench: Bench| {
        whole_run(&page).await;
        page.browser.key("p").await;
        page.until("the presenter", "!!document.querySelector('#presenter')").await;
        let client = &page.browser.client;
        let projector = client.window().await.expect("a window");
        page.click("#presenter-notes").await;
        let mut lectern = None;
        for _ in 0..200 {
            lectern = client.windows().await.expect("windows").into_iter().find(|each| *each != projector);
            if lectern.is_some() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let lectern = lectern.expect("a second window");
        assert_eq!(
            page.eval("!!document.querySelector('#speaker-notes')").await,
            false,
            "the class sees no notes"
        );
        client.switch_to_window(lectern.clone()).await.expect("it is open");
        page.until(
            "the notes",
            "document.querySelector('#speaker-notes')?.textContent.includes('note 3 of')",
        )
        .await;
        page.until(
            "its style",
            "getComputedStyle(document.querySelector('.speaker')).borderLeftStyle === 'solid'",
        )
        .await;
        assert_eq!(findings(&page, &bench, "html").await, Vec::<String>::new());
        // The clicker works whichever of the windows is in front.
        page.eval("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'n', bubbles: true, cancelable: true}))").await;
        page.until(
            "the next note",
            "document.querySelector('#speaker-notes').textContent.includes('note 4 of')",
        )
        .await;
        let told = page.text("#speaker-notes .speaker").await;
        assert!(told.contains("va < p->sz"), "{told}");
        client.switch_to_window(projector.clone()).await.expect("it is there");
        page.key("PageUp").await;
        // Closed by hand, it can be opened again; it goes when the presenter goes.
        client.switch_to_window(lectern).await.expect("it is open");
        client.close_window().await.expect("it closes");
        client.switch_to_window(projector).await.expect("it is there");
        let pressed = |on: bool| format!("document.querySelector('#presenter-notes').ariaPressed === '{on}'");
        page.until("no notes", &pressed(false)).await;
        page.click("#presenter-notes").await;
        page.until("notes again", &pressed(true)).await;
        page.browser.key("p").await;
        page.until("no presenter", "!document.querySelector('#presenter')").await;
        for _ in 0..200 {
            if client.windows().await.expect("windows").len() == 1 {
                return page;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("the window with the notes is still there");
    });
}

/// Walks through a scenario by page fault with Predict on, and answers: the scenario's questions as they were asked,
/// with the order of their answers.
async fn asked(
    page: &Page,
    scenario: &faultline_abi::scenario::Scenario,
    right: bool,
) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    page.key("Home").await;
    for _ in 0..60 {
        if page.eval("document.querySelector('#next-fault').disabled").await == true {
            break;
        }
        let before = page.text("#position").await;
        page.browser.key("ArrowRight").await;
        let moved = format!(
            "document.querySelector('#predict-skip') || document.querySelector('#position').textContent !== {}",
            json!(before)
        );
        page.until("a question or a step", &moved).await;
        page.at_ease().await;
        while page.eval("!!document.querySelector('#predict-skip')").await == true {
            let text = page.text("#predict-question").await;
            let Some(question) = scenario.quiz.iter().find(|each| each.question == text) else {
                page.click("#predict-skip").await;
                page.at_ease().await;
                continue;
            };
            found.push((
                text,
                page.eval("[...document.querySelectorAll('.quiz-answers button')].map(b => b.textContent)")
                    .await,
            ));
            let wanted = match &question.ask {
                faultline_abi::scenario::Ask::Choices(choices) => {
                    choices.of.iter().position(|_| true).map(|_| choices.of[choices.right as usize].clone())
                }
                faultline_abi::scenario::Ask::Predict(_) => None,
            };
            let choose = match wanted {
                Some(wanted) => format!(
                    "[...document.querySelectorAll('.quiz-answers button')].find(b => b.textContent.includes({}) === {right})",
                    json!(wanted)
                ),
                None => "document.querySelector('.quiz-answers button')".into(),
            };
            let is_choice = matches!(question.ask, faultline_abi::scenario::Ask::Choices(_));
            page.eval(&format!("{choose}.click()")).await;
            page.until("the verdict", "!!document.querySelector('#predict-close')").await;
            let verdict = page.text("#predict-verdict").await;
            assert!(verdict.contains(&question.explanation), "{verdict}");
            if is_choice {
                let begins = if right { "Right. " } else { "Not so. The answer is: " };
                assert!(verdict.starts_with(begins), "{verdict}");
            }
            page.at_ease().await;
            if verdict.contains("one more question") {
                page.browser.key("ArrowRight").await;
                page.at_ease().await;
            }
        }
    }
    found
}

#[test]
fn the_scenarios_own_questions_are_asked_where_it_says_and_scored() {
    on_the_page(async |page: Page, _| {
        page.open().await;
        for file in ["lazy-sbrk.json", "cow-fork.json", "belady-four.json"] {
            let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../static/scenarios").join(file);
            let scenario = faultline_machine::scenario::parse(&std::fs::read(path).expect("it is there"))
                .expect("a scenario");
            page.choose_scenario(file).await;
            let known = format!(
                "document.querySelector('#semantic-digest')?.textContent === {}",
                json!(scenario.digest.semantic)
            );
            page.until("the whole run", &known).await;
            mode(&page, "#mode-predict").await;
            let first = asked(&page, &scenario, true).await;
            let texts: Vec<&String> = first.iter().map(|(text, _)| text).collect();
            let expected: Vec<&String> = scenario.quiz.iter().map(|each| &each.question).collect();
            assert_eq!(texts, expected, "{file}");
            let score = page.text("#modes .hint").await;
            assert!(score.ends_with(&format!("of {} right", expected.len())), "{score}");
            // The same seed asks the same, in the same order; now every choice is answered wrong.
            let again = asked(&page, &scenario, false).await;
            assert_eq!(again, first, "{file}");
            mode(&page, "#mode-predict").await;
        }
        page
    });
}

#[test]
fn an_embedded_page_shows_the_story_and_the_way_to_the_whole() {
    on_the_page(async |mut page: Page, bench: Bench| {
        let whole = page.url.clone();
        page.url = format!("{whole}#embed=1&scenario=guard-page.json");
        // What fades in has no contrast yet.
        page.browser.appear_still((1280, 900), "light").await;
        page.load().await;
        page.until(
            "the guard page",
            "document.querySelector('#falls-into')?.textContent.includes('guard page')",
        )
        .await;
        page.until("the whole page", "document.querySelector('#next-fault')").await;
        let shown = |id: &str| format!("document.querySelector({})?.checkVisibility() ?? false", json!(id));
        for (id, expected) in [
            ("#tour", true),
            ("#fault-card", true),
            ("#next-fault", true),
            ("#frames", false),
            ("#scenario", false),
        ] {
            assert_eq!(page.eval(&shown(id)).await, expected, "{id}");
        }
        assert_eq!(findings(&page, &bench, "body").await, Vec::<String>::new());
        let link = page.eval("document.querySelector('#embed-open').getAttribute('href')").await;
        assert_eq!(link, "/#scenario=guard-page.json");
        page.press("let-it").await;
        page
    });
}

/// A folder for what the browser saves.
struct Downloads(PathBuf);

impl Downloads {
    async fn of(page: &Page) -> Self {
        let folder = std::env::temp_dir().join(format!("faultline-saved-{}-{:p}", std::process::id(), page));
        std::fs::create_dir_all(&folder).expect("a folder for what is saved");
        let setting = json!({"behavior": "allow", "downloadPath": folder});
        page.browser.devtools("Browser.setDownloadBehavior", setting).await;
        Self(folder)
    }

    /// The contents of a file once the browser has saved it.
    async fn file(&self, page: &Page, name: &str) -> Vec<u8> {
        for _ in 0..400 {
            if let Ok(content) = std::fs::read(self.0.join(name))
                && !content.is_empty()
            {
                return content;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let chosen = page.eval("document.querySelector('#export-pane').value").await;
        let told = page.text("[role=alert]").await;
        panic!(
            "{name} was not saved; {chosen} is chosen, the page says {told:?}, saved are {:?}",
            self.names()
        );
    }

    /// The names of what has been saved.
    fn names(&self) -> Vec<String> {
        let files = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        files.map(|file| file.file_name().to_string_lossy().into_owned()).collect()
    }
}

impl Drop for Downloads {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn any_pane_is_saved_as_a_picture_and_the_trace_as_json_and_csv() {
    on_the_page(async |page: Page, _| {
        whole_run(&page).await;
        let saved = Downloads::of(&page).await;
        let panes = page.eval("[...document.querySelector('#export-pane').options].map(o => o.value)").await;
        for (i, pane) in panes.as_array().expect("a list").iter().enumerate() {
            page.eval("document.querySelector('#modes').open = true").await;
            page.choose("export-pane", i).await;
            page.click("#export-svg").await;
            let pane = pane.as_str().unwrap_or_default();
            let svg = String::from_utf8(saved.file(&page, &format!("{pane}.svg")).await).expect("it is text");
            assert!(svg.starts_with("<svg") && svg.contains("<text"), "{pane}: {svg:.300}");
            let valid =
                "new DOMParser().parseFromString(arguments[0], 'image/svg+xml').querySelector('parsererror')";
            let error = page
                .browser
                .client
                .execute(&format!("return {valid}?.textContent ?? ''"), vec![json!(svg)])
                .await;
            assert_eq!(error.expect("it is parsed"), "", "{pane}");
        }
        page.choose("export-pane", 1).await;
        page.click("#export-png").await;
        assert!(saved.file(&page, "fault-card.png").await.starts_with(b"\x89PNG"));
        page.click("#export-json").await;
        let trace: Value =
            serde_json::from_slice(&saved.file(&page, "trace.json").await).expect("it is JSON");
        let events = trace["events"].as_array().expect("a list of events").len();
        page.click("#export-csv").await;
        let csv = String::from_utf8(saved.file(&page, "trace.csv").await).expect("it is text");
        assert!(
            csv.starts_with("n,instret,step,") && csv.matches("\r\n").count() == events + 1,
            "{csv:.200}"
        );
        page
    });
}

#[test]
fn what_is_printed_has_the_panes_and_no_buttons_above_them() {
    on_the_page(async |page: Page, _| {
        page.open().await;
        page.browser.devtools("Emulation.setEmulatedMedia", json!({"media": "print"})).await;
        let shown = "['.top', 'footer', '#fault-card', '#address-space'].map(s => document.querySelector(s).checkVisibility())";
        assert_eq!(page.eval(shown).await, json!([false, false, true, true]));
        let pdf = page.browser.devtools("Page.printToPDF", json!({})).await;
        assert!(pdf["data"].as_str().is_some_and(|data| data.starts_with("JVBERi")), "a PDF");
        page
    });
}

/// axe-core's serious and critical findings about a part of the page as it stands; the panes have a test of
/// their own.
async fn findings(page: &Page, bench: &Bench, part: &str) -> Vec<String> {
    let context = json!(part);
    let Some(axe) = &bench.axe else { return Vec::new() };
    let source = std::fs::read_to_string(axe).expect("axe-core is where the environment says");
    // Injected by the driver, so the page's policy stays as strict as it is.
    let script = format!("{source}; return axe.run({context}, {{resultTypes: ['violations']}})");
    let result = page.browser.client.execute(&script, Vec::new()).await.expect("axe runs");
    let grave = |violation: &&Value| matches!(violation["impact"].as_str(), Some("serious" | "critical"));
    let told = |violation: &Value| {
        let places =
            violation["nodes"].as_array().into_iter().flatten().take(3).map(|node| node["html"].to_string());
        format!("{}: {}: {}", violation["id"], violation["help"], places.collect::<Vec<_>>().join(" "))
    };
    result["violations"].as_array().into_iter().flatten().filter(grave).map(told).collect()
}

#[test]
fn axe_finds_nothing_serious_in_any_mode_and_theme() {
    on_the_page(async |page: Page, bench: Bench| {
        whole_run(&page).await;
        for scheme in ["light", "dark"] {
            page.browser.appear((1280, 900), scheme).await;
            let mut found = Vec::new();
            let mut look = async |what: &str| {
                let each = findings(&page, &bench, what).await;
                found.extend(each.into_iter().map(|finding| format!("{what}, {scheme}: {finding}")));
            };
            mode(&page, "#mode-predict").await;
            page.click("#next-fault").await;
            page.until("a question", "!!document.querySelector('#predict-skip')").await;
            look("#predict").await;
            page.browser.key("1").await;
            page.until("the answer", "!!document.querySelector('#predict-close')").await;
            look("#predict").await;
            page.click("#predict-close").await;
            mode(&page, "#mode-predict").await;
            page.browser.key("p").await;
            page.until("the presenter", "!!document.querySelector('#presenter')").await;
            page.click("#presenter-notes").await;
            look("#presenter").await;
            page.browser.key("p").await;
            mode(&page, "#mode-compare").await;
            page.until("both runs", "!!document.querySelector('#compare-counts')").await;
            look("#compare").await;
            page.click("#compare-leave").await;
            page.until("one machine", "!!document.querySelector('#fault-card')").await;
            page.eval("document.querySelector('#modes').open = true").await;
            look("#modes").await;
            page.eval("document.querySelector('#modes').open = false").await;
            assert!(found.is_empty(), "{found:#?}");
        }
        page
    });
}

#[test]
fn no_mode_overflows_at_any_size() {
    on_the_page(async |page: Page, _| {
        whole_run(&page).await;
        let overflow = "document.documentElement.scrollWidth - innerWidth";
        let sizes = [(360, 740), (1024, 768), (1280, 900), (3840, 2160)];
        for presenter in [true, false] {
            if presenter {
                page.browser.key("p").await;
                page.until("the presenter", "!!document.querySelector('#presenter')").await;
            } else {
                mode(&page, "#mode-compare").await;
                page.until("both runs", "!!document.querySelector('#compare-counts')").await;
            }
            for size in sizes {
                page.browser.appear(size, "light").await;
                assert_eq!(page.eval(overflow).await, 0, "{size:?}, presenter {presenter}");
            }
            page.browser.appear((1280, 900), "light").await;
            if presenter {
                page.browser.key("p").await;
                page.until("no presenter", "!document.querySelector('#presenter')").await;
            }
        }
        page
    });
}
