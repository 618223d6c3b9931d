//! Trunk's links in `index.html`: `<link data-trunk rel="…" …>`.
//!
//! Trunk and this crate build the page from the same file. Here each link is replaced by what the
//! caller makes of it; anything else in the file stays as it is.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

/// The attributes of one `<link data-trunk …>`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link(BTreeMap<String, String>);

impl Link {
    /// An attribute's value; empty where it stands without one.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// An attribute that the link cannot do without.
    pub(crate) fn need(&self, name: &str) -> Result<&str> {
        self.get(name).with_context(|| format!("a link in index.html lacks `{name}`: {self:?}"))
    }
}

/// The file with every Trunk link replaced by what `replace` returns for it.
pub(crate) fn replace_links(html: &str, mut replace: impl FnMut(&Link) -> Result<String>) -> Result<String> {
    let mut output = String::new();
    let mut rest = html;
    while let Some(start) = rest.find("<link") {
        let (before, tag) = rest.split_at(start);
        let (attributes, after) = attributes(&tag["<link".len()..])?;
        output += before;
        if attributes.contains_key("data-trunk") {
            output += &replace(&Link(attributes))?;
        } else {
            output += &tag[..tag.len() - after.len()];
        }
        rest = after;
    }
    Ok(output + rest)
}

/// Reads attributes up to the `>` that ends the tag, and returns what follows it.
fn attributes(tag: &str) -> Result<(BTreeMap<String, String>, &str)> {
    let mut found = BTreeMap::new();
    let mut rest = tag.trim_start();
    loop {
        rest = rest.trim_start_matches('/').trim_start();
        if let Some(after) = rest.strip_prefix('>') {
            return Ok((found, after));
        }
        let end = rest.find(|c: char| c.is_whitespace() || "=/>".contains(c));
        let Some(end @ 1..) = end else { bail!("a <link> in index.html does not end: {tag:.60}") };
        let (name, after) = rest.split_at(end);
        let (value, after) = value(after)?;
        found.insert(name.to_ascii_lowercase(), value.to_owned());
        rest = after.trim_start();
    }
}

/// The value after an attribute's name, empty without `=`, and what follows it.
fn value(rest: &str) -> Result<(&str, &str)> {
    let Some(value) = rest.trim_start().strip_prefix('=') else { return Ok(("", rest)) };
    let value = value.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let Some(quote) = quote else { bail!("index.html: an attribute's value stands in quotes: {rest:.40}") };
    value[1..].split_once(quote).with_context(|| format!("index.html: a quote is not closed: {rest:.40}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(html: &str) -> (Vec<String>, String) {
        let mut rels = Vec::new();
        let output = replace_links(html, |link| {
            rels.push(format!("{} {}", link.need("rel")?, link.get("href").unwrap_or("-")));
            Ok("<!-- gone -->".into())
        });
        (rels, output.unwrap())
    }

    #[test]
    fn only_trunk_links_are_replaced() {
        let html = "a<link rel=\"help\" href=\"x\">b\n<link\n data-trunk rel='css' href=\"s>t.css\"\n/>c";
        let (rels, output) = seen(html);
        assert_eq!(rels, ["css s>t.css"]);
        assert_eq!(output, "a<link rel=\"help\" href=\"x\">b\n<!-- gone -->c");
    }

    #[test]
    fn an_attribute_may_stand_without_a_value() {
        let (rels, _) = seen("<link rel=\"rust\" data-loader-shim data-trunk>");
        assert_eq!(rels, ["rust -"]);
    }

    #[test]
    fn broken_links_are_named() {
        for html in ["<link data-trunk rel=\"css", "<link data-trunk rel=css>", "<link data-trunk", "<link ="]
        {
            assert!(replace_links(html, |_| Ok(String::new())).is_err(), "{html}");
        }
    }
}
