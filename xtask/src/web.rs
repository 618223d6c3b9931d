//! The page: compiled, bound to JavaScript and put together in one folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use wasm_bindgen_cli_support::Bindgen;

use crate::{
    artifacts::{Binary, binaries},
    first, glue, guest,
    html::{self, Link},
    opening::{self, Opening},
    process,
    relocated::without_relocations,
    site,
    toolchain::{self, Target},
    ui, workspace,
};

/// How the page is compiled.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// As it is published: small and fast, and what is not needed at first in files of its own.
    Published,
    /// The same in whole files: what is needed at first takes a while to find out.
    Whole,
    /// For whoever works on the page: compiled again in seconds, larger and slower.
    Quick,
}

impl Profile {
    const fn name(self) -> &'static str {
        match self {
            Self::Published | Self::Whole => "web",
            Self::Quick => "web-quick",
        }
    }
}

/// Builds guest and page and puts everything the page needs into one folder.
pub(crate) fn build(profile: Profile) -> Result<PathBuf> {
    build_keeping(profile, None)
}

/// The same, with the images of a site that was published earlier.
pub(crate) fn build_keeping(profile: Profile, earlier: Option<&Path>) -> Result<PathBuf> {
    guest::build()?;
    let chromium = match profile {
        Profile::Published => first::visitor(),
        Profile::Whole | Profile::Quick => None,
    };
    let names = if chromium.is_some() { Names::Kept } else { Names::Gone };
    let programs: Vec<Program> = ui::step("Building the page and its worker for the browser", || {
        ["worker", "app"].into_iter().map(|name| Program::new(&compile(name, profile)?, names)).collect()
    })?;
    let opening = match profile {
        Profile::Published => Some(opening::images()?),
        Profile::Whole | Profile::Quick => None,
    };
    let programs = match (chromium, &opening) {
        (Some(chromium), Some(opening)) => first::in_parts(programs, opening, &chromium)?,
        _ => programs,
    };
    ui::step("Putting the page together", || assemble(&programs, opening.as_ref(), earlier))
}

/// A program of the page, bound to JavaScript.
pub(crate) struct Program {
    pub(crate) name: String,
    /// The folder with its WebAssembly and its script.
    pub(crate) folder: PathBuf,
    /// As it came from the linker.
    pub(crate) linked: PathBuf,
}

impl Program {
    fn new(binary: &Binary, names: Names) -> Result<Self> {
        Ok(Self { name: binary.name.clone(), folder: bound(binary, names)?, linked: binary.file.clone() })
    }

    /// Its WebAssembly, or the first part of it.
    pub(crate) fn wasm(&self) -> PathBuf {
        self.folder.join(format!("{}_bg.wasm", self.name))
    }

    /// The file name of the second part of a program.
    pub(crate) fn rest(name: &str) -> String {
        format!("{name}{}", site::REST)
    }

    fn has_rest(&self) -> bool {
        self.folder.join(Self::rest(&self.name)).exists()
    }
}

/// A program of the page on its own, bound to JavaScript, in a folder with an empty page.
pub(crate) fn build_alone(name: &str) -> Result<PathBuf> {
    let binary = ui::step(&format!("Building {name} for the browser"), || compile(name, Profile::Whole))?;
    let folder = bound(&binary, Names::Gone)?;
    fs::write(folder.join("index.html"), "<!doctype html><title>Faultline</title>")?;
    Ok(folder)
}

/// What of the machine the page itself uses runs rarely: reading files, telling events. There it is built
/// for size, too; in the worker it is built for speed.
const FOR_SIZE: [&str; 2] = [
    r#"profile.web.package.faultline-machine.opt-level="z""#,
    r#"profile.web.package.faultline-abi.opt-level="z""#,
];

fn compile(program: &str, profile: Profile) -> Result<Binary> {
    let compiler = toolchain::ensure(Target::Web)?;
    let mut cargo = compiler.cargo(Target::Web);
    cargo.args(["rustc", "--profile", profile.name(), "--target", Target::Web.triple()]);
    cargo.args(["--package", "faultline-web", "--bin", program]);
    if program == "app" && !matches!(profile, Profile::Quick) {
        for setting in FOR_SIZE {
            cargo.args(["--config", setting]);
        }
    }
    cargo.arg("--target-dir").arg(workspace::web_build());
    cargo.args(["--message-format", "json-render-diagnostics"]).stdin(Stdio::null());
    if matches!(profile, Profile::Published) {
        // They say who refers to which data: what is needed at first is found with them.
        cargo.args(["--", "-C", "link-arg=--emit-relocs"]);
    }
    let binaries = binaries(&process::stdout_of(&mut cargo)?)?;
    let binary = binaries.into_iter().find(|binary| binary.name == program);
    binary.with_context(|| format!("faultline-web has no binary `{program}`"))
}

/// Everything is written beside the old folder, which is then replaced: a page that is open meanwhile
/// never sees half of a build.
fn assemble(programs: &[Program], opening: Option<&Opening>, earlier: Option<&Path>) -> Result<PathBuf> {
    let (dist, new) = (workspace::dist(), workspace::target().join("dist.new"));
    remove(&new)?;
    let page = new.join("page");
    let html = put_together(&page, programs, opening)?;
    if let Some(earlier) = earlier {
        let kept = site::keep_images(&new, &page, earlier)?;
        ui::note(&format!("{kept} images of {} are kept", earlier.display()));
    }
    site::publish(&new, &page, &html, &text(&source().join("sw.js"))?)?;
    remove(&dist)?;
    fs::rename(&new, &dist).with_context(|| format!("replacing {}", dist.display()))?;
    Ok(dist)
}

/// Puts everything that the page needs into a folder, except `index.html`, which it returns.
pub(crate) fn put_together(page: &Path, programs: &[Program], opening: Option<&Opening>) -> Result<String> {
    fs::create_dir_all(page).with_context(|| format!("creating {}", page.display()))?;
    let source = source();
    let assembly = Assembly { source: &source, dist: page, programs, opening: opening.is_some() };
    let html = html::replace_links(&text(&source.join("index.html"))?, |link| assembly.add(link))?;
    guest::copy_for_page(&page.join("images"), opening)?;
    if opening.is_some() {
        for name in STRIPPED {
            let new = if name.ends_with(".css") { glue::squeezed } else { glue::stripped };
            rewrite(&page.join(name), new)?;
        }
    }
    Ok(html)
}

/// What a published page holds without comments and indentation; a program's script, where it is cut in two.
const STRIPPED: [&str; 5] = ["start.js", "rest.js", site::FIRST_STYLE, site::STYLE, "modes.css"];

/// Sections of the page's style that are about what is not drawn at first.
const LATER_SECTIONS: [&str; 11] = [
    "Timeline",
    "Address space",
    "Page-table tree",
    "Frames",
    "Console, processes, registers",
    "Menus",
    "Frames on a canvas",
    "Eviction",
    "TLB",
    "Plots",
    "Console line, listing, pages of rows",
];

/// Writes a file anew, if there is one.
fn rewrite(file: &Path, new: impl Fn(&str) -> String) -> Result<()> {
    if !file.exists() {
        return Ok(());
    }
    fs::write(file, new(&text(file)?)).with_context(|| format!("writing {}", file.display()))
}

/// Where the page's source stands.
fn source() -> PathBuf {
    workspace::root().join("web")
}

fn text(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
}

/// Removes a folder, if there is one.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// The page while its links are worked through.
struct Assembly<'a> {
    source: &'a Path,
    dist: &'a Path,
    programs: &'a [Program],
    /// Whether there are images that serve what the page opens with.
    opening: bool,
}

impl Assembly<'_> {
    /// Adds what the link asks for and returns what stands in the page in its stead. The subset of
    /// Trunk's links that the page uses; file names carry no hash, as `Trunk.toml` has it too, and the
    /// site's version stands in the folder's name.
    fn add(&self, link: &Link) -> Result<String> {
        match link.need("rel")? {
            "rust" => self.add_program(link).map(|()| String::new()),
            "css" => self.add_style(link),
            "icon" => self.copy(link).map(|name| format!(r#"<link rel="icon" href="./{name}" />"#)),
            "copy-file" | "copy-dir" => self.copy(link).map(|_| String::new()),
            other => bail!(
                "index.html: `rel=\"{other}\"` is not known to `cargo xtask`; add it in xtask/src/web.rs"
            ),
        }
    }

    fn add_style(&self, link: &Link) -> Result<String> {
        let name = self.copy(link)?;
        let style = |rel: &str, name: &str| format!(r#"<link rel="{rel}" href="./{name}" />"#);
        if !(self.is_cut() && site::LATER_STYLES.contains(&&*name)) {
            return Ok(style("stylesheet", &name));
        }
        // A relation that no browser knows: the page's script makes it a style when there is time.
        let later = style("later", &name);
        if name != site::STYLE {
            return Ok(later);
        }
        let first = glue::without_sections(&text(&self.dist.join(&name))?, &LATER_SECTIONS);
        fs::write(self.dist.join(site::FIRST_STYLE), first)?;
        Ok(style("stylesheet", site::FIRST_STYLE) + &later)
    }

    /// Whether what is not needed at first comes later.
    fn is_cut(&self) -> bool {
        self.programs.iter().all(Program::has_rest)
    }

    /// Copies a file or folder under its own name.
    fn copy(&self, link: &Link) -> Result<String> {
        let href = link.need("href")?;
        let from = self.source.join(href);
        let name = from.file_name().with_context(|| format!("index.html: `{href}` names no file"))?;
        copy_all(&from, &self.dist.join(name))?;
        Ok(name.to_string_lossy().into_owned())
    }

    fn add_program(&self, link: &Link) -> Result<()> {
        let name = link.need("data-bin")?;
        let program = self.programs.iter().find(|program| program.name == name);
        let program = program.with_context(|| format!("index.html: faultline-web has no binary `{name}`"))?;
        copy_all(&program.folder, self.dist)?;
        if link.get("data-loader-shim").is_some() {
            fs::write(self.dist.join(format!("{name}_loader.js")), loader(program, self.opening))?;
        }
        Ok(())
    }
}

/// The script that starts a worker. When the page shows its first page fault the worker's second part comes, and then
/// whatever else it did not need until then.
fn loader(program: &Program, opening: bool) -> String {
    let name = &program.name;
    let opening = if opening { OPENING } else { "" };
    if program.has_rest() {
        format!(
            "import init, {{ ahead, loadRest }} from './{name}.js';{opening}const whole = () => dispatchEvent(new Event('whole'));addEventListener('shown', () => loadRest().then(whole, () => {{}}));await ahead();await init();"
        )
    } else {
        format!(
            "import init from './{name}.js';{opening}addEventListener('shown', () => dispatchEvent(new Event('whole')));await init();"
        )
    }
}

/// Tells the worker where the page's opening lies.
pub(crate) const OPENING: &str = "self.opening = 'images/first';";

/// Whether the names of its functions stay with a program.
#[derive(Clone, Copy, Debug)]
enum Names {
    Kept,
    Gone,
}

/// How the program is bound; part of what says whether it has to be bound anew.
const SETTINGS: &str = "web, without relocations";

/// The folder with the program's WebAssembly and the JavaScript that binds it to the browser; made
/// anew only when the program changed.
fn bound(binary: &Binary, names: Names) -> Result<PathBuf> {
    let folder = workspace::web_build().join("bound").join(&binary.name);
    let stamp = folder.with_extension("sha256");
    let wasm = fs::read(&binary.file).with_context(|| format!("reading {}", binary.file.display()))?;
    let digest = format!("{:x} {SETTINGS} {names:?}", Sha256::digest(&wasm));
    if fs::read_to_string(&stamp).is_ok_and(|old| old == digest) {
        return Ok(folder);
    }
    remove(&folder)?;
    let mut bindgen = Bindgen::new();
    bindgen.input_bytes(&binary.name, without_relocations(&wasm)?).web(true)?.typescript(false);
    // The names of functions weigh as much as half of the code. Only who cuts the program reads them.
    bindgen.remove_name_section(matches!(names, Names::Gone)).remove_producers_section(true);
    // The library, unlike the command, would leave it to the caller to say where the WebAssembly lies.
    bindgen.omit_default_module_path(false);
    bindgen.generate(&folder).with_context(|| format!("binding {} to JavaScript", binary.name))?;
    fs::write(&stamp, digest)?;
    Ok(folder)
}

/// Copies a file, or a folder with everything in it.
pub(crate) fn copy_all(from: &Path, to: &Path) -> Result<()> {
    if from.is_file() {
        fs::copy(from, to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
        return Ok(());
    }
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
