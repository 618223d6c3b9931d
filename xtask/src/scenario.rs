//! The built-in scenarios, as far as they matter for booting the same thing elsewhere.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use faultline_abi::{catalogue::Catalogue, scenario::Scenario};

use crate::workspace;

/// The built-in scenarios, in the order of their list.
pub(crate) fn built_in() -> Result<Vec<PathBuf>> {
    let folder = workspace::scenarios();
    Ok(catalogue()?.scenarios().map(|entry| folder.join(&entry.file)).collect())
}

/// The list of the built-in scenarios.
fn catalogue() -> Result<Catalogue> {
    let file = index();
    let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no list of scenarios", file.display()))
}

fn index() -> PathBuf {
    workspace::scenarios().join("index.json")
}

/// Copies the titles of the scenarios into their list.
pub(crate) fn bless_titles() -> Result<()> {
    let mut catalogue = catalogue()?;
    for entry in catalogue.topics.iter_mut().flat_map(|topic| &mut topic.scenarios) {
        entry.title = read(&workspace::scenarios().join(&entry.file))?.title;
    }
    let text = serde_json::to_string_pretty(&catalogue)? + "\n";
    fs::write(index(), text).with_context(|| format!("writing {}", index().display()))
}

/// The name of a built-in scenario.
pub(crate) fn name(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A scenario by file name or by the name of a built-in one.
pub(crate) fn find(name_or_file: &str) -> Result<PathBuf> {
    let built_in = workspace::scenarios().join(format!("{name_or_file}.json"));
    for file in [PathBuf::from(name_or_file), built_in] {
        if file.is_file() {
            return Ok(file);
        }
    }
    let known: Vec<String> = self::built_in()?.iter().map(|file| name(file)).collect();
    bail!("no scenario `{name_or_file}`; built in are {}; or give a file", known.join(", "))
}

/// Reads and checks a scenario.
pub(crate) fn read(file: &Path) -> Result<Scenario> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let scenario: Scenario =
        serde_json::from_str(&text).with_context(|| format!("{} is no scenario", file.display()))?;
    scenario.check().with_context(|| format!("in {}", file.display()))?;
    Ok(scenario)
}
