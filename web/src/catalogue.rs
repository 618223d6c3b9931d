//! The scenarios that come with the page.

use std::sync::LazyLock;

use faultline_abi::catalogue::Catalogue;

const INDEX: &str = include_str!("../../static/scenarios/index.json");

/// The scenario that the page opens with.
pub const FIRST: &str = "lazy-sbrk.json";

/// The list of the scenarios that come with the page.
#[must_use]
pub fn built_in() -> &'static Catalogue {
    // The text is part of the program, and a test reads it.
    static READ: LazyLock<Catalogue> = LazyLock::new(|| {
        serde_json::from_str(INDEX).unwrap_or_else(|error| unreachable!("the list is valid: {error}"))
    });
    &READ
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_valid_and_has_the_first_scenario() {
        assert!(built_in().scenarios().any(|entry| entry.file == FIRST));
    }
}
