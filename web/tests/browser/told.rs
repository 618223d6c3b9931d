//! Every pane says in a sentence what it shows, and what it shows as a picture it also has as a table.

use crate::support::native::run;
use crate::support::{Bench, Page, on_the_page};
use serde_json::{Value, json};

/// The panes that there are, and the timeline, which is none but shows as much.
const SHOWN: &str = "[...document.querySelectorAll('section.pane, .timeline')].map(each => each.id)";

/// What one of them says and has: its sentence; whether it is a picture, before it is asked for its table; and
/// whether there is a table with rows after that.
const TOLD: &str = "(async id => {
    const pane = document.getElementById(id);
    pane.querySelector('.fold[aria-expanded=false]')?.click();
    const settled = () => new Promise(done => setTimeout(done, 50));
    await settled();
    const picture = !!pane.querySelector('canvas, svg:not([aria-hidden]), .cells, .tree, .sweep, .tlb-sets');
    const turn = document.getElementById(`${id}-table`);
    const pressed = () => document.getElementById(`${id}-table`).getAttribute('aria-pressed');
    if (turn && pressed() === 'false') turn.click();
    await settled();
    const rows = pane.querySelectorAll('table tbody tr').length;
    const still = !!pane.querySelector('canvas, .cells .cell:not(.sample), .tree, .sweep, .tlb-sets');
    const text = pane.querySelector('.body')?.innerText ?? '';
    if (turn && pressed() === 'true') turn.click();
    return { sentence: document.getElementById(`${id}-sentence`)?.textContent ?? '', described: pane.getAttribute('aria-describedby'),
        picture, turns: !!turn, rows, still, text };
})";

async fn told(page: &Page, id: &str) -> Value {
    page.eval(&format!("{TOLD}({})", json!(id))).await
}

/// What is wrong with how something tells what it shows.
fn wrong(id: &str, told: &Value) -> Vec<String> {
    let sentence = told["sentence"].as_str().unwrap_or_default();
    let is = |what: &str| told[what] == true;
    let has_rows = told["rows"].as_u64().unwrap_or(0) > 0;
    let mut all = Vec::new();
    let mut expect = |holds: bool, what: &str| {
        if !holds {
            all.push(format!("{id}: {what}: {told}"));
        }
    };
    expect(sentence.trim().ends_with(['.', '!', '?', ')']) || sentence.contains(": "), "no sentence");
    expect(told["described"] == json!(format!("{id}-sentence")), "its sentence is not read out with it");
    expect(!is("picture") || is("turns"), "a picture without a table");
    expect(!is("turns") || has_rows, "a table without rows");
    expect(!(is("turns") && is("still")), "the picture stays where the table should be");
    expect(has_rows || !told["text"].as_str().unwrap_or_default().is_empty(), "neither table nor text");
    all
}

/// A run in which every pane has something to show, at a place where an eviction is over.
async fn open(page: &Page) {
    page.open().await;
    page.until("the whole run", "document.querySelector('#mode-compare')?.disabled === false").await;
    page.choose_scenario("eviction.json").await;
    page.until("the scenario", "document.querySelector('#run-summary')?.textContent.includes('page faults')")
        .await;
    page.until(
        "its story",
        "document.querySelector('.scenario-title').textContent.startsWith('Out of memory')",
    )
    .await;
    page.until("the whole run", "document.querySelector('#mode-compare')?.disabled === false").await;
    // All of it has happened, but that the machine is switched off.
    page.press("to-end").await;
    page.press("previous-fault").await;
    for id in ["policies", "tlb"] {
        page.eval(&format!("document.querySelector('#{id} .fold[aria-expanded=false]')?.click()")).await;
    }
    page.until("the button", "!!document.querySelector('#count-policies')").await;
    page.click("#count-policies").await;
    page.until(
        "what the policies cost",
        "!!document.querySelector('#policies-actual') && !document.querySelector('#policies-sentence').textContent.includes('Counting')",
    )
    .await;
    page.until("the modelled TLB", "parseInt(document.querySelector('#tlb-hits')?.textContent) > 0").await;
}

#[test]
fn every_pane_has_a_sentence_and_every_picture_a_table() {
    on_the_page(async |page: Page, _: Bench| {
        open(&page).await;
        let ids = page.eval(SHOWN).await;
        let ids: Vec<&str> = ids.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        assert!(ids.len() > 10 && !ids.contains(&""), "{ids:?}");
        let mut all = Vec::new();
        for id in ids {
            all.extend(wrong(id, &told(&page, id).await));
        }
        assert!(all.is_empty(), "{all:#?}");
        page
    });
}

/// The first number behind some words of a sentence.
fn number(sentence: &str, behind: &str) -> Option<usize> {
    let (_, rest) = sentence.split_once(behind)?;
    let digits: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '\u{202f}').collect();
    digits.replace('\u{202f}', "").parse().ok()
}

/// Rows of a table, all of its parts together.
async fn rows(page: &Page, pane: &str) -> usize {
    let turn = format!("document.getElementById('{pane}-table')");
    page.eval(&format!("{turn}?.getAttribute('aria-pressed') === 'false' && {turn}.click()")).await;
    let table = format!("document.querySelector('#{pane} table')");
    page.until("the table", &format!("!!{table}")).await;
    let parts = page.text(&format!("#{pane} .pages span")).await;
    let whole = parts.rsplit_once(" of ").and_then(|(_, of)| of.parse().ok());
    let shown = page.eval(&format!("{table}.tBodies[0].rows.length")).await.as_u64().unwrap_or(0);
    page.eval(&format!("{turn}?.click()")).await;
    whole.unwrap_or_else(|| usize::try_from(shown).unwrap_or(0))
}

#[test]
fn sentence_table_and_run_say_the_same() {
    on_the_page(async |page: Page, bench: Bench| {
        let run = run(&bench.faultline, "lazy-sbrk.json");
        page.open().await;
        page.until("the whole run", "document.querySelector('#mode-compare')?.disabled === false").await;
        let sentence = async |id: &str| page.text(&format!("#{id}-sentence")).await;
        for (fault, known) in run.faults.iter().enumerate() {
            let card = sentence("fault-card").await;
            assert!(card.contains(&known.stval), "{card}");
            for (pane, words) in
                [("address-space", "Areas: "), ("page-table", "Entries: "), ("frames", "Frames in use: ")]
            {
                let said = sentence(pane).await;
                assert_eq!(number(&said, words), Some(rows(&page, pane).await), "{said}");
            }
            let (line, of) = (sentence("timeline").await, run.faults.len());
            assert_eq!(number(&line, "Page faults: "), Some(of), "{line}");
            assert!(line.contains(&format!("the last one is number {}", fault + 1)), "{line}");
            let (said, place) = (sentence("events").await, page.text("#position").await);
            assert_eq!(number(&said, "Event "), number(&place, "event "), "{said} {place}");
            let told = sentence("tour").await;
            assert_eq!(told, page.text("#live").await);
            if fault + 1 < run.faults.len() {
                page.press("next-fault").await;
            }
        }
        page
    });
}
