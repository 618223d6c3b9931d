//! The guest images and the scenarios, for tests.

use std::path::{Path, PathBuf};

use faultline_web::engine::Fetched;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The scenario with its images; `None`, said loudly, where the images are not built and nobody
/// asks for them to be there.
pub(crate) fn fetched(scenario: &str) -> Option<Fetched> {
    let folder =
        std::env::var_os("FAULTLINE_GUEST").map_or_else(|| root().join("target/guest"), PathBuf::from);
    let (kernel, disk) = (folder.join("kernel.elf"), folder.join("disk.img"));
    if !kernel.exists() || !disk.exists() {
        let required = ["CI", "FAULTLINE_REQUIRE_GUEST"].iter().any(|name| std::env::var_os(name).is_some());
        assert!(!required, "no guest images in {}; run `cargo xtask guest`", folder.display());
        eprintln!("SKIPPED: no guest images in {}; run `cargo xtask guest`", folder.display());
        return None;
    }
    let file = root().join("static/scenarios").join(scenario);
    let text = std::fs::read(&file).expect("the scenario is in static/scenarios");
    let scenario = Fetched::scenario(scenario, &text).expect("the scenario is valid");
    let read = |path: &Path| std::fs::read(path).expect("the image was there a moment ago");
    Some(Fetched::new(scenario, read(&kernel), Some(read(&disk))))
}
