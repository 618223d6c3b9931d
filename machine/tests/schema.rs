//! `docs/scenario.schema.json` is what the types say.

mod common;

use common::root;

/// Set, it writes the file instead.
const BLESS: &str = "FAULTLINE_BLESS";

#[test]
fn the_schema_in_the_documentation_is_current() {
    let schema = schemars::schema_for!(faultline_abi::scenario::Scenario);
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    let path = root().join("docs/scenario.schema.json");
    if std::env::var_os(BLESS).is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "the types have changed: run `cargo xtask bless`, or this test with {BLESS}=1");
}
