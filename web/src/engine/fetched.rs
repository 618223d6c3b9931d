//! What was fetched, checked before anything is built from it.

use faultline_abi::scenario::Scenario;
use faultline_machine::scenario::parse;
use faultline_machine::session::Boot;
use sha2::{Digest, Sha256};

use crate::protocol::Load;
use faultline_machine::opening::Opening;

/// The images' identities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// SHA-256 of the kernel.
    pub kernel_sha256: String,
    /// SHA-256 of the disk.
    pub disk_sha256: Option<String>,
}

/// A scenario with its images.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The scenario as it was written.
    pub scenario: Scenario,
    /// The kernel.
    pub kernel: Vec<u8>,
    /// The disk.
    pub disk: Option<Vec<u8>>,
    /// What they are.
    pub images: Images,
    /// Where they serve one run only: SHA-256 over every event of it.
    pub exact: Option<String>,
}

impl Fetched {
    /// Reads the text of a scenario.
    ///
    /// # Errors
    /// One sentence that names the file and the field that is wrong.
    pub fn scenario(file: &str, text: &[u8]) -> Result<Scenario, String> {
        parse(text).map_err(|error| format!("{file}: {error}"))
    }

    /// A scenario with the images it names.
    #[must_use]
    pub fn new(scenario: Scenario, kernel: Vec<u8>, disk: Option<Vec<u8>>) -> Self {
        let images = Images { kernel_sha256: sha256(&kernel), disk_sha256: disk.as_deref().map(sha256) };
        Self { scenario, kernel, disk, images, exact: None }
    }

    /// A scenario with images that serve this run alone.
    #[must_use]
    pub fn opening(opening: Opening, kernel: Vec<u8>, disk: Option<Vec<u8>>) -> Self {
        let Opening { scenario, kernel_sha256, disk_sha256, exact } = opening;
        let images = Images { kernel_sha256, disk_sha256: Some(disk_sha256) };
        Self { scenario, kernel, disk, images, exact: Some(exact) }
    }

    /// The page's options that differ from the scenario's own: `fork=copy`.
    #[must_use]
    pub fn other_options(&self, load: &Load) -> Vec<String> {
        let own = |key: &String| self.scenario.kernel.get(key).map_or("", String::as_str);
        let differ = load.options.iter().filter(|(key, value)| own(key) != *value);
        differ
            .map(|(key, value)| format!("{key}={}", if value.is_empty() { "default" } else { value }))
            .collect()
    }

    /// The scenario with the page's options in force, and what boots it. An empty option is none: the kernel
    /// takes its default.
    ///
    /// # Errors
    /// Where an option breaks the scenario's limits.
    pub fn boot(self, load: &Load) -> Result<(Scenario, Boot), String> {
        let mut scenario = self.scenario;
        for (key, value) in &load.options {
            if value.is_empty() {
                scenario.kernel.remove(key);
            } else {
                scenario.kernel.insert(key.clone(), value.clone());
            }
        }
        scenario.check().map_err(|refused| refused.to_string())?;
        let boot = Boot { scenario: scenario.clone(), kernel: self.kernel, disk: self.disk };
        Ok((scenario, boot))
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
