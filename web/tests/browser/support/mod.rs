//! A browser with the page in it, driven through WebDriver.

mod driver;
pub(crate) mod host;
pub(crate) mod native;
pub(crate) mod picture;

use std::future::Future;
use std::time::{Duration, Instant};

use fantoccini::Locator;
use serde_json::{Value, json};

pub(crate) use driver::Browser;

/// How long the page may take to get somewhere.
const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps what breaks the content security policy, beside the browser's own log of it.
const VIOLATIONS: &str = "window.violations = []; document.addEventListener('securitypolicyviolation',
    event => violations.push(event.violatedDirective + ' ' + event.blockedURI));";

/// Where the page is served, and what to compare it with.
pub(crate) struct Bench {
    /// The page's address.
    pub(crate) url: String,
    /// The native command.
    pub(crate) faultline: std::path::PathBuf,
    /// The folder of the page.
    pub(crate) dist: std::path::PathBuf,
    /// axe-core's script, where it is installed.
    pub(crate) axe: Option<std::path::PathBuf>,
}

impl Bench {
    /// The bench that the environment describes; `None`, said loudly, where it describes none and
    /// nobody asks for one.
    fn find() -> Option<Self> {
        let get = std::env::var_os;
        let found = (get("FAULTLINE_URL"), get("FAULTLINE_BIN"), get("CHROMEDRIVER"), get("CHROMIUM"));
        let (Some(url), Some(faultline), Some(_), Some(_)) = found else {
            assert!(get("CI").is_none(), "no browser bench; run `cargo xtask test web`");
            eprintln!("SKIPPED: no browser bench in the environment; run `cargo xtask test web`");
            return None;
        };
        let dist = get("FAULTLINE_DIST").unwrap_or_default().into();
        let axe = get("FAULTLINE_AXE").map(Into::into);
        Some(Self {
            url: url.into_string().expect("an address is text"),
            faultline: faultline.into(),
            dist,
            axe,
        })
    }
}

/// Runs a test on the page, in a browser of its own; whatever the page logs as an error fails it.
pub(crate) fn on_the_page<F, Done>(test: F)
where
    F: FnOnce(Page, Bench) -> Done,
    Done: Future<Output = Page>,
{
    let Some(bench) = Bench::find() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let browser = Browser::start().await;
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": VIOLATIONS})).await;
        let page = Page { browser, url: bench.url.clone(), expected_errors: false };
        let page = test(page, bench).await;
        assert_eq!(page.eval("window.violations ?? []").await, json!([]), "the page breaks its own policy");
        let complaints = page.browser.complaints().await;
        assert!(page.expected_errors || complaints.is_empty(), "the browser complains: {complaints:#?}");
        page.browser.stop().await;
    });
}

/// The page.
pub(crate) struct Page {
    pub(crate) browser: Browser,
    /// Where it is.
    pub(crate) url: String,
    /// Whether the test makes the browser complain.
    pub(crate) expected_errors: bool,
}

impl Page {
    /// Loads the page and waits for its first page fault.
    pub(crate) async fn open(&self) {
        self.load().await;
        self.until("the first page fault", "!!document.querySelector('#check')").await;
        self.until("its line of source", "!!document.querySelector('#source-line')").await;
    }

    /// Loads the page.
    pub(crate) async fn load(&self) {
        self.browser.client.goto(&self.url).await.expect("the page loads");
    }

    /// The value of an expression in the page.
    pub(crate) async fn eval(&self, expression: &str) -> Value {
        let script = format!("return {expression}");
        self.browser
            .client
            .execute(&script, Vec::new())
            .await
            .unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// The text of an element; empty where there is none.
    pub(crate) async fn text(&self, css: &str) -> String {
        let value = self.eval(&format!("document.querySelector({})?.textContent ?? ''", json!(css))).await;
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression holds.
    pub(crate) async fn until(&self, what: &str, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.eval(&format!("!!({expression})")).await != json!(true) {
            if Instant::now() > deadline {
                let text = self.eval("document.body.innerText").await;
                panic!("waited in vain for {what}; the page shows: {text}");
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Waits until panes out of sight are drawn, too: the browser does that when it is idle.
    pub(crate) async fn caught_up(&self) {
        const LATER: &str = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => requestIdleCallback(() => setTimeout(done, 10)))))";
        self.eval(LATER).await;
    }

    /// Does something that moves the machine, and waits until it has arrived.
    pub(crate) async fn moved(&self, action: impl Future<Output = ()>) {
        let before = self.text("#position").await;
        action.await;
        self.until(
            "another position",
            &format!("document.querySelector('#position').textContent !== {}", json!(before)),
        )
        .await;
        self.caught_up().await;
    }

    /// Waits until there is such an element: the first page fault stands there before the rest of the page does.
    async fn there_is(&self, css: &str) {
        self.until(css, &format!("document.querySelector({})", json!(css))).await;
    }

    /// Presses an element as a mouse does.
    pub(crate) async fn click(&self, css: &str) {
        self.there_is(css).await;
        let element =
            self.browser.client.find(Locator::Css(css)).await.unwrap_or_else(|_| panic!("no {css}"));
        element.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Presses a button and waits until the machine has arrived.
    pub(crate) async fn press(&self, id: &str) {
        self.moved(self.click(&format!("#{id}"))).await;
    }

    /// Types a key and waits until the machine has arrived.
    pub(crate) async fn key(&self, key: &str) {
        self.moved(self.browser.key(key)).await;
    }

    /// Chooses a scenario by its file's name; nothing where it is the present one.
    pub(crate) async fn choose_scenario(&self, file: &str) {
        self.there_is(&format!("#scenario option[value='{file}']")).await;
        self.eval(&format!(
            "(s => {{ if (s.value === {file}) return; s.value = {file}; s.dispatchEvent(new Event('change', {{bubbles: true}})) }})(document.querySelector('#scenario'))",
            file = json!(file)
        ))
        .await;
    }

    /// Chooses an option of a list.
    pub(crate) async fn choose(&self, id: &str, option: usize) {
        self.there_is(&format!("#{id} option")).await;
        let list = self.browser.client.find(Locator::Id(id)).await.unwrap_or_else(|_| panic!("no #{id}"));
        list.select_by_index(option).await.unwrap_or_else(|error| panic!("#{id}: {error}"));
    }

    /// Waits until nothing has changed for longer than a pane out of sight may stay behind: 200 ms after a run and
    /// 100 ms until the browser is idle.
    pub(crate) async fn at_ease(&self) {
        const QUIET: &str = "new Promise(done => {
            let timer;
            const wait = () => { clearTimeout(timer); timer = setTimeout(() => { watch.disconnect(); done(true) }, 350) };
            const watch = new MutationObserver(wait);
            watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
            wait();
        })";
        self.eval(QUIET).await;
    }

    /// What the panes show once all have followed, for comparing two visits to the same place: every element with its
    /// attributes in alphabetical order, and every text.
    pub(crate) async fn panes(&self) -> Value {
        const FORM: &str = "(function form(node) {
            if (node.nodeType !== 1) return node.textContent;
            const attributes = [...node.attributes].map(a => `${a.name}=${a.value}`).sort();
            return `<${node.tagName} ${attributes.join(' ')}>${[...node.childNodes].map(form).join('')}`;
        })(document.getElementById(id))";
        let ids =
            ["tour", "fault-card", "address-space", "page-table", "frames", "console", "processes", "events"];
        self.at_ease().await;
        self.eval(&format!("{}.map(id => {FORM})", json!(ids))).await
    }
}

/// Compares what [`Page::panes`] gave on two visits; shows where they part.
pub(crate) fn assert_same(now: &Value, before: &Value) {
    let (now, before) = (now.to_string(), before.to_string());
    let same = now.bytes().zip(before.bytes()).take_while(|(a, b)| a == b).count();
    let around = |text: &str| -> String { text.chars().skip(same.saturating_sub(150)).take(300).collect() };
    assert!(now == before, "the panes differ:\nnow:    {}\nbefore: {}", around(&now), around(&before));
}
