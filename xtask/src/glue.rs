//! The scripts that bind programs to JavaScript, and what else travels as text, made smaller.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

/// How far the functions are indented that a program imports.
const INDENT: &str = "        ";

/// A script of wasm-bindgen in which the functions that a program imports have other names; those without one are
/// left out.
pub(crate) fn renamed(script: &str, names: &BTreeMap<String, String>) -> Result<String> {
    let (mut renamed, mut found, mut is_kept) = (String::new(), 0, true);
    for line in script.lines() {
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
";

    #[test]
    fn imported_functions_are_renamed_and_left_out() {
        let names = BTreeMap::from([("__wbg_b_34".to_owned(), "a".to_owned())]);
        let expected = "function imports() {\n    return {\n        a: function() {\n            return 2;\n        },\n    };\n}\n";
        assert_eq!(renamed(SCRIPT, &names).unwrap(), expected);
        let unknown = BTreeMap::from([("__wbg_c_56".to_owned(), "a".to_owned())]);
        assert!(renamed(SCRIPT, &unknown).is_err());
    }

    #[test]
    fn comments_and_indentation_go() {
        assert_eq!(
            stripped("/* One\n   two. */\n/* 0 */ a {\n  b: c; /* d */\n}\n\n// e\nf();\n"),
            "a {\nb: c; /* d */\n}\nf();\n"
        );
    }
}
