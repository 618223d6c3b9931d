//! What Cargo built, as it reports it with `--message-format json-render-diagnostics`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;

/// An executable that Cargo built.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Binary {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
}

/// The part of Cargo's messages that matters here.
#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// The executables in Cargo's messages, one JSON object a line.
pub(crate) fn binaries(messages: &str) -> Result<Vec<Binary>> {
    let mut found = Vec::new();
    for line in messages.lines() {
        let message: Message =
            serde_json::from_str(line).with_context(|| format!("reading Cargo's message {line}"))?;
        if let (Some(target), Some(file)) = (message.target, message.executable) {
            found.push(Binary { name: target.name, file });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_read_from_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"fdt"},"executable":null,"fresh":true}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"lazy"},"executable":"/t/lazy"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        let expected = Binary { name: "lazy".into(), file: "/t/lazy".into() };
        assert_eq!(binaries(messages).unwrap(), [expected]);
        assert!(binaries("no json").is_err());
    }
}
