//! How the page looks: its main states at four sizes and in both themes, beside pictures of how it looked when
//! somebody had looked. `cargo xtask bless --screens` takes them anew.
//!
//! Another machine has other fonts, so lines are longer or shorter there and things lie a little lower or higher.
//! What is compared is therefore coarse: the mean colour of squares of 16 pixels, each of which may lie two squares away.
//! What it finds is a style sheet that is missing, a pane that is gone or has another colour, a column that
//! wraps, a theme that does not hold.

use std::path::{Path, PathBuf};

use crate::support::picture::Picture;
use crate::support::{Bench, Page, on_the_page};
use serde_json::json;

/// A phone, a projector, a laptop, a screen with four times as many pixels as most.
const SIZES: [(u32, u32); 4] = [(360, 740), (1024, 768), (1280, 900), (3840, 2160)];
/// Of the squares, those that may differ.
const TOLERANCE: f64 = 0.15;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/screens")
}

/// Takes the page's picture at every size and in both themes; those that differ from the reference.
async fn looks(page: &Page, state: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (width, height) in SIZES {
        for scheme in ["light", "dark"] {
            page.browser.appear_still((width, height), scheme).await;
            page.eval("scrollTo(0, 0)").await;
            // To measure what other fonts do: `FAULTLINE_SCREENS_FONT=serif`.
            if let Ok(font) = std::env::var("FAULTLINE_SCREENS_FONT") {
                page.eval(&format!("document.documentElement.style.setProperty('--sans', {})", json!(font)))
                    .await;
            }
            page.at_ease().await;
            let png = page.browser.client.screenshot().await.expect("a picture");
            let name = format!("{state}-{width}-{scheme}");
            if let Some(whole) = std::env::var_os("FAULTLINE_SCREENS_WHOLE") {
                std::fs::write(Path::new(&whole).join(format!("{name}.png")), &png)
                    .expect("a folder to write to");
            }
            wrong.extend(judged(&name, &Picture::of_png(&png).eighth()));
        }
    }
    wrong
}

/// What is wrong with a picture, seen beside its reference; takes it for the reference where that is asked for.
fn judged(name: &str, now: &Picture) -> Option<String> {
    let file = folder().join(format!("{name}.png"));
    if std::env::var_os("FAULTLINE_BLESS_SCREENS").is_some() {
        std::fs::write(&file, now.to_png()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        return None;
    }
    let reference = std::fs::read(&file)
        .unwrap_or_else(|error| panic!("{}: {error}; `cargo xtask bless --screens`", file.display()));
    let differing = now.differing(&Picture::of_png(&reference));
    println!("{name}: {:.1} % of the squares differ", differing * 100.0);
    (differing > TOLERANCE).then(|| format!("{name}: {:.0} % of the squares differ", differing * 100.0))
}

async fn open(page: &mut Page, fragment: &str) {
    let whole = page.url.clone();
    page.url = format!("{whole}{fragment}");
    page.browser.client.goto("about:blank").await.expect("an empty page");
    page.load().await;
    page.until("the whole run", "document.querySelector('#mode-compare')?.disabled === false").await;
    page.url = whole;
}

/// Goes to a note of the tour.
async fn to_note(page: &Page, number: usize) {
    let there = format!("document.querySelector('#tour-progress').textContent.startsWith('note {number} ')");
    for _ in 0..60 {
        if page.eval(&there).await == true {
            return;
        }
        page.key("n").await;
    }
    panic!("there is no note {number}");
}

#[test]
fn the_page_looks_as_it_did_when_it_opens_and_when_it_compares() {
    on_the_page(async |mut page: Page, _: Bench| {
        open(&mut page, "").await;
        let mut wrong = looks(&page, "opening").await;
        page.browser.appear_still((1280, 900), "light").await;
        page.eval("document.querySelector('#mode-compare').click()").await;
        page.until("both runs", "!!document.querySelector('#compare-counts')").await;
        wrong.extend(looks(&page, "compare").await);
        assert!(wrong.is_empty(), "{wrong:#?}");
        page
    });
}

#[test]
fn the_page_looks_as_it_did_at_a_copy_and_at_an_eviction() {
    on_the_page(async |mut page: Page, _: Bench| {
        open(&mut page, "#scenario=cow-fork.json").await;
        to_note(&page, 10).await;
        let mut wrong = looks(&page, "copy").await;
        page.browser.appear_still((1280, 900), "light").await;
        open(&mut page, "#scenario=eviction.json").await;
        to_note(&page, 8).await;
        page.eval("document.querySelector('#eviction-max').click()").await;
        wrong.extend(looks(&page, "eviction").await);
        assert!(wrong.is_empty(), "{wrong:#?}");
        page
    });
}

#[test]
fn the_page_looks_as_it_did_when_it_asks_and_in_front_of_a_class() {
    on_the_page(async |mut page: Page, _: Bench| {
        open(&mut page, "").await;
        page.eval("document.querySelector('#mode-predict').click()").await;
        page.until("the announcement", "!!document.querySelector('#predict-on')").await;
        page.eval("document.querySelector('#next-fault').click()").await;
        page.until("a question", "!!document.querySelector('#predict')").await;
        let mut wrong = looks(&page, "predict").await;
        page.browser.appear_still((1280, 900), "light").await;
        open(&mut page, "#scenario=cow-fork.json").await;
        to_note(&page, 9).await;
        page.eval("document.querySelector('#mode-presenter').click()").await;
        page.until("the presenter", "!!document.querySelector('#presenter')").await;
        wrong.extend(looks(&page, "presenter").await);
        assert!(wrong.is_empty(), "{wrong:#?}");
        page
    });
}

/// The measure itself: it must see what a person would see at once, and overlook what another font does.
#[test]
fn a_page_without_its_style_is_noticed_and_one_with_another_font_is_not() {
    on_the_page(async |mut page: Page, _: Bench| {
        open(&mut page, "").await;
        let take = async || {
            page.at_ease().await;
            Picture::of_png(&page.browser.client.screenshot().await.expect("a picture")).eighth()
        };
        page.browser.appear_still((1280, 900), "light").await;
        let usual = take().await;
        page.eval(
            "document.documentElement.style.setProperty('--sans', 'DejaVu Serif, Liberation Serif, serif')",
        )
        .await;
        let other_font = take().await.differing(&usual);
        page.eval("document.documentElement.style.removeProperty('--sans')").await;
        page.browser.appear_still((1280, 900), "dark").await;
        let other_theme = take().await.differing(&usual);
        page.browser.appear_still((1280, 900), "light").await;
        page.eval("document.querySelector('.column.story').remove()").await;
        let no_story = take().await.differing(&usual);
        page.eval("document.querySelectorAll('link[rel=stylesheet]').forEach(each => each.remove())").await;
        let no_style = take().await.differing(&usual);
        println!(
            "{}",
            json!({"font": other_font, "theme": other_theme, "story": no_story, "style": no_style})
        );
        assert!(other_font < TOLERANCE, "another font: {other_font}");
        for (what, differing) in [("theme", other_theme), ("story", no_story), ("style", no_style)] {
            assert!(differing > TOLERANCE, "{what}: {differing}");
        }
        // Yew's picture of the page is not the browser's any more.
        page.browser.client.goto("about:blank").await.expect("an empty page");
        page
    });
}
