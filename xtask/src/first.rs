//! Which functions the page and its worker need until the first page fault is on the screen: a first visit
//! in Chromium, with programs that mark what they run, tells.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::{
    browser, glue, guest,
    http::{Reply, Server},
    opening::Opening,
    process,
    relocated::References,
    server::Site,
    split::{self, Needed, Twins},
    ui,
    web::{self, Program},
    workspace,
};

/// How long a first visit may take, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// A first visit.
struct Visit {
    /// How long each file takes to come. What is told of progress is drawn only where it is slow, and what asks now
    /// and then whether the worker is there does so after seconds.
    pace: Duration,
    /// How many milliseconds it takes to look at the clock. Yew does that between two tasks, and after 16 ms puts the
    /// others off; messages come meanwhile.
    slow: u64,
    /// Of the browser's window.
    size: &'static str,
    /// What else the browser is told.
    more: &'static [&'static str],
}

impl Visit {
    const fn new(milliseconds: u64, slow: u64, size: &'static str, more: &'static [&'static str]) -> Self {
        Self { pace: Duration::from_millis(milliseconds), slow, size, more }
    }
}

/// What runs differs a little from visit to visit.
const VISITS: [Visit; 6] = [
    Visit::new(0, 0, "1280,900", &[]),
    Visit::new(700, 0, "1280,900", &[]),
    Visit::new(100, 0, "360,740", &["--force-prefers-reduced-motion"]),
    Visit::new(20, 0, "1920,1200", &["--force-dark-mode"]),
    Visit::new(0, 20, "1280,900", &[]),
    Visit::new(50, 9, "1280,900", &[]),
];

/// Where the programs say what has run; the name of the program follows.
const RAN: &str = "/ran/";

/// Starts the page, and some time behind its first page fault tells what has run.
const START: &str = "import init from './app.js';
import { tell } from './ran.js';
const slow = Number(new URLSearchParams(location.search).get('slow'));
const now = Date.now;
Date.now = () => {
  for (const start = now(); now() - start < slow;);
  return now();
};
tell('app', init);
";

/// The same for the worker, which is never told that there is time for what it did not need.
const LOADER: &str = "import init from './worker.js';
import { tell } from './ran.js';
";

/// What both have in common. What runs shortly behind the first page fault is needed at first, too.
const TELL: &str = "export async function tell(name, init) {
  const shown = new Promise((done) => addEventListener('shown', done, { once: true }));
  const wasm = await init();
  await shown;
  await new Promise((done) => setTimeout(done, 1500));
  const ran = Object.keys(wasm).filter((key) => /^ran[0-9]+[.][0-9]+$/.test(key) && wasm[key].value === 1);
  await fetch(new URL('/ran/' + name, location.href), { method: 'POST', body: ran.join(' ') });
}
";

/// The browser that visits the page; nothing where there is none.
pub(crate) fn visitor() -> Option<PathBuf> {
    let browser = browser::find();
    if browser.is_none() {
        ui::warn("without Chromium nobody can tell what of the page is needed first: it is loaded whole");
    }
    browser.map(|browser| browser.chromium)
}

/// The programs, each in two parts.
pub(crate) fn in_parts(programs: Vec<Program>, opening: &Opening, chromium: &Path) -> Result<Vec<Program>> {
    let stamp = stamp(&programs)?;
    let folder = workspace::web_build().join("parts");
    let known = folder.join("stamp");
    if !fs::read_to_string(&known).is_ok_and(|old| old == stamp) {
        web::remove(&folder)?;
        let needed = ui::step("Looking which functions a first visit needs", || {
            first_visits(&programs, opening, chromium)
        })?;
        for program in &programs {
            let needed =
                needed.get(&program.name).with_context(|| format!("{} told nothing", program.name))?;
            cut(program, needed, &folder.join(&program.name))?;
        }
        fs::write(&known, &stamp)?;
    }
    let in_parts = |program: Program| Program { folder: folder.join(&program.name), ..program };
    Ok(programs.into_iter().map(in_parts).collect())
}

/// Changes with everything that decides what runs.
fn stamp(programs: &[Program]) -> Result<String> {
    let mut digest = Sha256::new();
    let mut add = |file: &Path| -> Result<()> {
        digest.update(fs::read(file).with_context(|| format!("reading {}", file.display()))?);
        Ok(())
    };
    programs.iter().try_for_each(|program| add(&program.wasm()))?;
    for (image, _) in guest::PAGE_IMAGES {
        add(&workspace::guest_images().join(image))?;
    }
    digest.update(concat!(
        include_str!("cold.rs"),
        include_str!("glue.rs"),
        include_str!("relocated.rs"),
        include_str!("split.rs"),
        include_str!("first.rs"),
    ));
    Ok(format!("{:x}", digest.finalize()))
}

/// Writes the program's parts to a folder.
fn cut(program: &Program, needed: &Needed, folder: &Path) -> Result<()> {
    web::copy_all(&program.folder, folder)?;
    let references = References::of(&fs::read(&program.linked)?)
        .with_context(|| format!("looking who refers to which data of {}", program.name))?;
    let parts = split::in_two(&fs::read(program.wasm())?, needed, references.as_ref(), twins(program))
        .with_context(|| format!("cutting {} in two", program.name))?;
    let name = &program.name;
    fs::write(folder.join(format!("{name}_bg.wasm")), parts.first)?;
    fs::write(folder.join(Program::rest(name)), parts.rest)?;
    let script = folder.join(format!("{name}.js"));
    let joined = joined(&glue::renamed(&fs::read_to_string(&script)?, &parts.names)?, name)?;
    fs::write(&script, glue::stripped(&joined)).with_context(|| format!("writing {}", script.display()))
}

/// The worker computes; what the page does is done in a moment.
fn twins(program: &Program) -> Twins {
    if program.name == "worker" { Twins::All } else { Twins::None }
}

/// Where the script of a program has its functions and starts it.
const BEGINS: &str = "wasm.__wbindgen_start();";

/// The script that binds a program to JavaScript, with a way to its second part.
fn joined(script: &str, name: &str) -> Result<String> {
    let imports = format!("\"./{name}_bg.js\": import0,");
    if !script.contains(&imports) || !script.contains(BEGINS) {
        bail!("{name}.js passes its imports or starts in a way that is not known here");
    }
    let (module, function) = split::ASK;
    let with_ours =
        script.replace(&imports, &format!("{imports}\n        {module}: {{ {function}: part.now }},"));
    let with_ours = with_ours.replace(BEGINS, &format!("part.begins();\n    {BEGINS}"));
    let rest = Program::rest(name);
    Ok(format!(
        "import {{ rest }} from './rest.js';\nconst part = rest('{rest}', () => wasm);\nexport const {{ load: loadRest, ahead }} = part;\n{with_ours}"
    ))
}

/// Opens the page for each visit and listens to what each program says has run.
fn first_visits(
    programs: &[Program],
    opening: &Opening,
    chromium: &Path,
) -> Result<BTreeMap<String, Needed>> {
    let site = workspace::web_build().join("first-visit");
    web::remove(&site)?;
    let marked: Vec<Program> =
        programs.iter().map(|program| marked(program, &site)).collect::<Result<_>>()?;
    let page = site.join("page");
    let html = web::put_together(&page, &marked, Some(opening))?;
    let loader = format!("{LOADER}{}tell('worker', init);\n", web::OPENING);
    for (name, text) in
        [("index.html", &*html), ("start.js", START), ("worker_loader.js", &*loader), ("ran.js", TELL)]
    {
        fs::write(page.join(name), text)?;
    }
    let mut needed = BTreeMap::<_, Needed>::new();
    for (number, visit) in VISITS.iter().enumerate() {
        let profile = site.join(format!("browser-{number}"));
        for (name, more) in visited(&page, programs.len(), chromium, &profile, visit)? {
            let known = needed.entry(name).or_default();
            for (function, places) in more {
                known.entry(function).or_default().extend(places);
            }
        }
    }
    Ok(needed)
}

/// Opens the page once and listens to what each program says has run.
fn visited(
    page: &Path,
    programs: usize,
    chromium: &Path,
    profile: &PathBuf,
    visit: &Visit,
) -> Result<BTreeMap<String, Needed>> {
    let (files, (tell, told)) = (Site::new(page), channel());
    let pace = visit.pace;
    let server = Server::start(0, move |request| {
        if request.method != "POST" {
            thread::sleep(pace);
            return files.answer(request);
        }
        // Nobody listens any more where all have told.
        let _ = tell.send((request.url.clone(), String::from_utf8_lossy(&request.body).into_owned()));
        Reply::new(204, [])
    })
    .context("no port is free")?;
    let url = format!("http://{}/?slow={}", server.address(), visit.slow);
    let _visitor = Visitor::new(chromium, profile, visit, &url)?;
    listen(&told, programs)
}

fn marked(program: &Program, site: &Path) -> Result<Program> {
    let folder = site.join(&program.name);
    web::copy_all(&program.folder, &folder)?;
    let marked = Program { name: program.name.clone(), folder, linked: program.linked.clone() };
    fs::write(marked.wasm(), split::marked(&fs::read(program.wasm())?)?)?;
    Ok(marked)
}

/// Waits until so many programs have told what they ran.
fn listen(told: &Receiver<(String, String)>, programs: usize) -> Result<BTreeMap<String, Needed>> {
    let (mut needed, end) = (BTreeMap::new(), Instant::now() + PATIENCE);
    while needed.len() < programs {
        let left = end.saturating_duration_since(Instant::now());
        let silent = || format!("the page did not show its first page fault within {} s", PATIENCE.as_secs());
        let (url, marks) = told.recv_timeout(left).with_context(silent)?;
        let name = url.strip_prefix(RAN).with_context(|| format!("nobody asked for {url}"))?;
        needed.insert(name.to_owned(), split::needed(&marks)?);
    }
    Ok(needed)
}

/// A browser that looks at the page; it ends when this is dropped.
struct Visitor(Child);

impl Visitor {
    fn new(chromium: &Path, profile: &PathBuf, visit: &Visit, url: &str) -> Result<Self> {
        let mut command = Command::new(chromium);
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"]);
        command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
        command.arg("--hide-scrollbars").arg(format!("--window-size={}", visit.size)).args(visit.more);
        let mut user_data = std::ffi::OsString::from("--user-data-dir=");
        user_data.push(profile);
        command.arg(user_data).arg(url);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child =
            command.spawn().with_context(|| format!("cannot start `{}`", process::shown(&command)))?;
        Ok(Self(child))
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
