//! The list of the scenarios that come with the project: `static/scenarios/index.json`, in the order of
//! a course. The page's picker, the tests and `cargo xtask` take it from there and from nowhere else.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

/// The scenarios, by topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// The topics, in the order of a course.
    pub topics: Vec<Topic>,
}

/// A heading with the scenarios under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// The heading.
    pub title: String,
    /// Its scenarios, in order.
    pub scenarios: Vec<Entry>,
}

/// A scenario in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The file's name, beside the list.
    pub file: String,
    /// The scenario's title. `cargo xtask bless` copies it from the file.
    #[serde(default)]
    pub title: String,
}

impl Catalogue {
    /// Every scenario, in order.
    pub fn scenarios(&self) -> impl Iterator<Item = &Entry> {
        self.topics.iter().flat_map(|topic| &topic.scenarios)
    }
}
