//! Every tour from its first note to its last, by the page's own keys. What a note says is checked against the
//! tables of the panes at that moment: the claims stand in `tours/`, a file for each scenario.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::{Bench, Page, on_the_page};
use faultline_abi::scenario::{Note, Scenario};
use faultline_web::catalogue;
use serde_json::json;

/// How the panes stand: with their tables, and those open that are folded at first.
const PANES: &str = "eviction;fault-card,address-space,page-table,frames,eviction;";

/// Headings of the lecture, and the tours about them.
const HEADINGS: [(&str, &[&str]); 17] = [
    ("isolation", &["isolation"]),
    ("level of indirection: trampoline", &["trampoline"]),
    ("level of indirection: guard page", &["guard-page"]),
    ("static mapping", &["static-mapping"]),
    ("page fault: address, type, instruction", &["page-fault", "three-kinds"]),
    ("eager allocation", &["eager-sbrk"]),
    ("lazy allocation", &["lazy-sbrk"]),
    ("zero fill on demand", &["zero-fill"]),
    ("copy-on-write fork", &["cow-fork"]),
    ("demand paging", &["demand-paging"]),
    ("out of memory: evict by PTE_A", &["eviction"]),
    ("memory-mapped files", &["mmap"]),
    ("what goes wrong: null pointer", &["null-pointer"]),
    ("what goes wrong: write to text", &["write-to-text"]),
    ("what goes wrong: stack overflow", &["stack-overflow"]),
    ("what goes wrong: jump to data", &["jump-to-data"]),
    ("benefits: sparse address spaces", &["sparse-array"]),
];

/// Expressions over `panes.js`, by the anchor of their note.
type Claims = BTreeMap<String, Vec<String>>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/tours")
}

fn scenario(file: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../static/scenarios").join(file);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    faultline_machine::scenario::parse(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn anchor(note: &Note) -> String {
    format!("{} {}", note.at.kind, note.at.ordinal)
}

/// The claims of a tour: a line that names an anchor, and below it, indented, what must hold there.
fn claims(file: &str) -> Claims {
    let path = folder().join(file.replace(".json", ".claims"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut claims = Claims::new();
    let mut at = String::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("  ") {
            Some(claim) => claims.get_mut(&at).expect("an anchor comes first").push(claim.to_owned()),
            None => {
                line.clone_into(&mut at);
                claims.insert(at.clone(), Vec::new());
            }
        }
    }
    claims
}

/// The number that a text itself brings along: `new 4096: the size of a page`. No pane has to show it.
fn brought(claim: &str) -> Option<&str> {
    claim.strip_prefix("new ")?.split(':').next()
}

/// A claim for the page: `left == right`, or one that is to be true.
fn call(claim: &str) -> String {
    let (left, right) = claim.split_once(" == ").unwrap_or((claim, "true"));
    let left = if right == "true" { format!("!!({left})") } else { left.to_owned() };
    format!("claim({}, () => [({left}), ({right})]);", json!(claim))
}

/// What of a note does not hold at the present moment.
async fn wrong(page: &Page, note: &Note, claims: &[String]) -> Vec<String> {
    let library = include_str!("tours/panes.js");
    let calls: String =
        claims.iter().filter(|claim| brought(claim).is_none()).map(|claim| call(claim)).collect();
    let new: Vec<&str> = claims.iter().filter_map(|claim| brought(claim)).collect();
    let (note, new) = (json!(note.text.replace('`', "")), json!(new));
    let script = format!(
        "{library}; return (async () => {{ await gather(); {calls}
            failed.push(...unseen({note}).filter(each => !{new}.includes(each)).map(each => `no pane shows ${{each}}`)); return failed; }})()"
    );
    let found = page.browser.client.execute(&script, Vec::new()).await;
    let found = found.unwrap_or_else(|error| panic!("{script}: {error}"));
    serde_json::from_value(found).expect("a list of sentences")
}

/// Loads a scenario and waits until its whole run is known.
async fn load(page: &Page, file: &str, scenario: &Scenario) {
    page.choose_scenario(file).await;
    let digest = json!(scenario.digest.semantic);
    let known = format!("document.querySelector('#semantic-digest')?.textContent === {digest}");
    page.until(&format!("the whole run of {file}"), &known).await;
    page.until("a place to stand", "!document.querySelector('#busy')").await;
    page.eval("window.kept = {}").await;
    if page.eval("document.querySelector('#to-start').disabled").await == false {
        page.key("Home").await;
    }
}

/// Walks a tour to its end; what does not hold, in sentences.
async fn walked(page: &Page, file: &str) -> Vec<String> {
    let (scenario, mut claims) = (scenario(file), claims(file));
    load(page, file, &scenario).await;
    let mut found = Vec::new();
    let mut left: Vec<&Note> = scenario.narration.iter().collect();
    for step in 1..=scenario.narration.len() {
        page.key("n").await;
        let (shown, progress) = (page.text("#note").await, page.text("#tour-progress").await);
        let expected = format!("note {step} of {}", scenario.narration.len());
        assert_eq!(progress, expected, "{file}: {shown}");
        let at = left.iter().position(|note| note.text.replace('`', "").trim() == shown.trim());
        let note = left.remove(at.unwrap_or_else(|| panic!("{file}: no such note is left: {shown}")));
        let anchor = anchor(note);
        let of_note = claims.remove(&anchor).unwrap_or_default();
        if of_note.is_empty() {
            found.push(format!("{file}, {anchor}: nothing is claimed of “{}”", note.text));
        }
        let wrong = wrong(page, note, &of_note).await;
        found.extend(wrong.into_iter().map(|each| format!("{file}, {anchor}: {each}")));
    }
    found.extend(claims.keys().map(|anchor| format!("{file}: there is no note at {anchor}")));
    found
}

/// Every `of`th tour, from number `first` on; all of them where `FAULTLINE_TOUR` names one.
fn walk(first: usize, of: usize) {
    let wanted = std::env::var("FAULTLINE_TOUR").ok();
    let files: Vec<String> = catalogue::built_in().scenarios().map(|entry| entry.file.clone()).collect();
    let files = files.into_iter().enumerate().filter(|(n, _)| n % of == first).map(|(_, file)| file);
    let files: Vec<String> =
        files.filter(|file| wanted.as_ref().is_none_or(|wanted| file.starts_with(&**wanted))).collect();
    if files.is_empty() {
        return;
    }
    on_the_page(async |page: Page, _: Bench| {
        // The page writes down how its panes stand when it begins: what is set earlier would be lost.
        page.open().await;
        page.eval(&format!("localStorage.setItem('faultline-panes', {})", json!(PANES))).await;
        page.open().await;
        let mut found = Vec::new();
        for file in files {
            found.extend(walked(&page, &file).await);
        }
        assert!(found.is_empty(), "{} claims do not hold:\n{}", found.len(), found.join("\n"));
        page
    });
}

#[test]
fn tours_hold_what_they_say_one_half() {
    walk(0, 2);
}

#[test]
fn tours_hold_what_they_say_other_half() {
    walk(1, 2);
}

#[test]
fn every_heading_of_the_lecture_has_a_tour_in_its_order() {
    let listed: Vec<String> = catalogue::built_in().scenarios().map(|entry| entry.file.clone()).collect();
    let place = |name: &str| {
        listed.iter().position(|file| *file == format!("{name}.json")).unwrap_or_else(|| panic!("no {name}"))
    };
    let places: Vec<usize> =
        HEADINGS.iter().flat_map(|(_, tours)| tours.iter().map(|tour| place(tour))).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn every_tour_has_its_claims_and_no_claim_is_about_nothing() {
    for entry in catalogue::built_in().scenarios() {
        let (notes, claims) = (scenario(&entry.file).narration, claims(&entry.file));
        let anchors: Vec<String> = notes.iter().map(anchor).collect();
        for (at, said) in &claims {
            assert!(anchors.contains(at) && !said.is_empty(), "{}: {at}", entry.file);
        }
        assert_eq!(anchors.len(), claims.len(), "{}: {anchors:?}", entry.file);
    }
}
