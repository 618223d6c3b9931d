//! What keeps the page's source easy to find one's way in, checked on the text of the source.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file with a component, at most.
const COMPONENT_LINES: usize = 200;
/// Variants of a message, at most.
const MESSAGE_VARIANTS: usize = 10;
/// The enums by which parts of the page speak to each other.
const MESSAGES: [(&str, &str); 9] = [
    ("protocol.rs", "Command"),
    ("protocol.rs", "Update"),
    ("model.rs", "Action"),
    ("comparison.rs", "Action"),
    ("arrangement.rs", "Change"),
    ("predict.rs", "Change"),
    ("modes.rs", "Switch"),
    ("tour.rs", "Edit"),
    ("ui/keys.rs", "Wish"),
];
/// What only components and the two programs may name.
const BROWSER: [&str; 4] = ["yew", "web_sys", "js_sys", "wasm_bindgen"];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file: its path below `src`, and its text.
fn files() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![source()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the source is here").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(source()).expect("it lies there").to_string_lossy().into_owned();
                found.push((name, fs::read_to_string(&path).expect("it is text")));
            }
        }
    }
    assert!(found.len() > 80, "{}", found.len());
    found
}

#[test]
fn a_component_has_a_file_of_its_own_and_fits_on_a_few_screens() {
    let components: Vec<(String, usize, usize)> = files()
        .into_iter()
        .map(|(name, text)| (name, text.matches("#[component]").count(), text.lines().count()))
        .filter(|(_, components, _)| *components > 0)
        .collect();
    assert!(components.len() > 40, "{}", components.len());
    let wrong =
        |&&(_, components, lines): &&(String, usize, usize)| components > 1 || lines > COMPONENT_LINES;
    let wrong: Vec<_> = components.iter().filter(wrong).collect();
    assert!(wrong.is_empty(), "file, components, lines: {wrong:?}");
}

#[test]
fn no_message_is_forgotten() {
    for (name, text) in files() {
        for rest in text.split("type Action = ").skip(1) {
            let message = rest.split(';').next().expect("it ends");
            let known = MESSAGES.iter().any(|(_, known)| *known == message);
            assert!(known, "{name} is told of {message}, whose variants nobody counts");
        }
    }
}

#[test]
fn no_message_has_many_variants() {
    for (file, name) in MESSAGES {
        let text = fs::read_to_string(source().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let (_, body) =
            text.split_once(&format!("enum {name} {{\n")).unwrap_or_else(|| panic!("{file}: no {name}"));
        let (body, _) = body.split_once("\n}").expect("it ends");
        // As rustfmt sets them: what is indented once and begins with a capital.
        let is_variant =
            |line: &&str| line.strip_prefix("    ").is_some_and(|rest| rest.starts_with(char::is_uppercase));
        let variants = body.lines().filter(is_variant).count();
        assert!((1..=MESSAGE_VARIANTS).contains(&variants), "{file}: {name} has {variants} variants");
    }
}

#[test]
fn what_decides_names_neither_browser_nor_framework() {
    for (name, text) in files() {
        if ["ui/", "ui.rs", "bin/"].iter().any(|drawn| name.starts_with(drawn)) {
            continue;
        }
        for word in BROWSER {
            let named = text.contains(&format!("{word}::")) || text.contains(&format!("use {word}"));
            assert!(!named, "{name} names {word}");
        }
    }
}
