//! What a page begins with before it has the whole images of a scenario, beside images that serve its run alone.
//! `reads` (`src/bin/reads.rs`) writes it; a page reads it in Borsh's binary form, which takes less code than JSON.

use borsh::{BorshDeserialize, BorshSerialize};
use faultline_abi::scenario::Scenario;

/// A scenario as its images serve it.
#[derive(Clone, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Opening {
    /// The scenario.
    pub scenario: Scenario,
    /// SHA-256 of the whole kernel image.
    pub kernel_sha256: String,
    /// SHA-256 of the whole disk image.
    pub disk_sha256: String,
    /// SHA-256 over every event of the run.
    pub exact: String,
}
