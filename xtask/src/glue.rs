//! The scripts that bind programs to JavaScript, and what else travels as text, made smaller.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

/// How far the functions are indented that a program imports.
const INDENT: &str = "        ";

/// A script of wasm-bindgen in which the functions that a program imports have other names; those without one are
/// left out.
pub(crate) fn renamed(script: &str, names: &BTreeMap<String, String>) -> Result<String> {
    let (mut renamed, mut found, mut is_kept, mut is_sync) = (String::new(), 0, true, false);
    for line in script.lines() {
        // Nobody starts a program by the other way.
        if is_sync || line.starts_with("function initSync(") {
            is_sync = line != "}";
            continue;
        }
        let line = line.replace("export { initSync, ", "export { ");
        let key = line.strip_prefix(INDENT).and_then(key);
        if let Some((key, value)) = key.filter(|(key, _)| key.starts_with("__wb")) {
            let name = names.get(key);
            is_kept = name.is_some();
            if let Some(name) = name {
                found += 1;
                renamed += &format!("{INDENT}{name}:{value}\n");
            }
            continue;
        }
        is_kept |= !line.starts_with(INDENT);
        if is_kept {
            renamed += &format!("{line}\n");
        }
    }
    ensure!(
        found == names.len(),
        "a script names {found} of the {} functions that its program imports",
        names.len()
    );
    Ok(renamed)
}

/// The name and what follows, where a line begins with a name and a colon.
fn key(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!key.is_empty() && key.chars().all(is_name)).then_some((key, value))
}

/// A style without the sections of these names. A section begins with a comment on a line of its own.
pub(crate) fn without_sections(style: &str, names: &[&str]) -> String {
    let (mut kept, mut is_left_out) = (String::new(), false);
    for line in style.lines() {
        if let Some(comment) = line.strip_prefix("/* ") {
            is_left_out = comment.strip_suffix(" */").is_some_and(|name| names.contains(&name));
        }
        if !is_left_out {
            kept += &format!("{line}\n");
        }
    }
    kept
}

/// A script or a style without comments on lines of their own and without indentation. Text over several lines
/// would suffer; ours has none.
pub(crate) fn stripped(text: &str) -> String {
    let (mut stripped, mut in_comment) = (String::new(), false);
    for mut line in text.lines().map(str::trim) {
        in_comment |= line.starts_with("/*");
        if in_comment {
            let Some((_, behind)) = line.split_once("*/") else { continue };
            (in_comment, line) = (false, behind.trim());
        }
        if !line.is_empty() && !line.starts_with("//") {
            stripped += line;
            stripped.push('\n');
        }
    }
    stripped
}

/// A style without spaces either, as far as lines tell.
pub(crate) fn squeezed(style: &str) -> String {
    let mut squeezed = String::new();
    for line in stripped(style).lines() {
        squeezed += &match (line.strip_suffix(" {"), line.split_once(": ")) {
            (Some(selector), _) => format!("{selector}{{"),
            (None, Some((property, value))) if line.ends_with(';') => format!("{property}:{value}"),
            _ => line.to_owned(),
        };
        // A value that goes on in the next line needs the space.
        if !line.ends_with(['{', '}', ';', ',']) {
            squeezed.push('\n');
        }
    }
    squeezed
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "function imports() {
    return {
        __wbg_a_12: function(arg0) {
            // Why.
            return arg0 ? 1 : 2;
        },
        __wbg_b_34: function() {
            return 2;
        },
    };
}
function initSync(module) {
    if (module) {
    }
}
export { initSync, init as default };
";

    #[test]
    fn imported_functions_are_renamed_and_left_out() {
        let names = BTreeMap::from([("__wbg_b_34".to_owned(), "a".to_owned())]);
        let expected = "function imports() {\n    return {\n        a: function() {\n            return 2;\n        },\n    };\n}\nexport { init as default };\n";
        assert_eq!(renamed(SCRIPT, &names).unwrap(), expected);
        let unknown = BTreeMap::from([("__wbg_c_56".to_owned(), "a".to_owned())]);
        assert!(renamed(SCRIPT, &unknown).is_err());
    }

    #[test]
    fn a_style_is_squeezed_line_by_line() {
        let style = "a:hover,\nb {\n  --c: 1px solid;\n  grid:\n    x\n    / y;\n}\n";
        assert_eq!(squeezed(style), "a:hover,b{--c:1px solid;grid:\nx\n/ y;}");
    }

    #[test]
    fn sections_are_left_out_by_name() {
        let style =
            "/* One */\na {}\n/* Two */\nb {}\n@media x {\n  c {}\n}\n/* Three, and\n   more. */\nd {}\n";
        let expected = "/* One */\na {}\n/* Three, and\n   more. */\nd {}\n";
        assert_eq!(without_sections(style, &["Two", "Four"]), expected);
    }

    #[test]
    fn comments_and_indentation_go() {
        assert_eq!(
            stripped("/* One\n   two. */\n/* 0 */ a {\n  b: c; /* d */\n}\n\n// e\nf();\n"),
            "a {\nb: c; /* d */\n}\nf();\n"
        );
    }
}
