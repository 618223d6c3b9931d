//! What to say and what to ask, bound to events, so that it survives a rebuilt kernel.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{Anchor, Unknown};

/// A sentence bound to an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Note {
    /// The event.
    pub at: Anchor,
    /// What to say to everybody; may be empty where there are speaker notes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 8192)))]
    pub text: String,
    /// What only the person at the lectern sees.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 8192)))]
    pub speaker: String,
    /// Fields of a later version.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// A question, asked just before an event becomes visible or, for choices, at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Question {
    /// The event.
    pub at: Anchor,
    /// What is asked.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 8192)))]
    pub question: String,
    /// What kind of answer is wanted, and which is right.
    pub ask: Ask,
    /// Why; shown with the answer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 8192)))]
    pub explanation: String,
    /// Fields of a later version.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// What kind of answer is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// One of several.
    Choices(Choices),
    /// A number that the run is about to show.
    Predict(Prediction),
}

/// Answers to choose from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Choices {
    /// The answers, two to twenty.
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 20)))]
    pub of: Vec<String>,
    /// Which is right, counted from 0.
    pub right: u32,
    /// Fields of a later version.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// A number that the run is about to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Prediction {
    /// What is to be predicted.
    pub what: Quantity,
    /// The right answer. Where absent, the run gives it, whatever the kernel's build.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::hex::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::Hexadecimal>"))]
    pub answer: Option<u64>,
    /// Fields of a later version.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// What can be predicted: where the run shows it, counted from the question's event on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// `scause` of the next page fault.
    Cause,
    /// The address of the next page fault (`stval`).
    Address,
    /// The level at which the walk of the next page fault ends.
    Level,
    /// The frame that is evicted next.
    VictimFrame,
    /// The page-table entry after the next page fault is resolved.
    PteAfter,
    /// The reference count that the next frame event tells.
    References,
    /// How many page faults there are from here to the end of the run.
    PageFaults,
}

impl Quantity {
    /// Every quantity.
    pub const ALL: [Self; 7] = [
        Self::Cause,
        Self::Address,
        Self::Level,
        Self::VictimFrame,
        Self::PteAfter,
        Self::References,
        Self::PageFaults,
    ];
}
