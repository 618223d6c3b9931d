//! Where things stand.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The root of the workspace: the folder above this crate's, or the one Cargo names at run time,
/// should the checkout have moved since xtask was built.
pub(crate) fn root() -> PathBuf {
    let xtask =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    xtask.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Cargo's target folder for this workspace.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// The guest images, for every other command to find. `FAULTLINE_GUEST` moves them; Cargo's
/// target folder does not, because `faultline run` looks for them without Cargo.
pub(crate) fn guest_images() -> PathBuf {
    env::var_os("FAULTLINE_GUEST").map_or_else(|| root().join("target/guest"), |folder| root().join(folder))
}

/// Build folder of the guest. It is apart from Cargo's own because there `target/guest` would be
/// the build scripts of profile `guest`, and because another compiler may build it.
pub(crate) fn guest_build() -> PathBuf {
    target().join("guest-build")
}

/// Build folder of the page, apart for the same reason.
pub(crate) fn web_build() -> PathBuf {
    target().join("web-build")
}

/// The page, ready to be served.
pub(crate) fn dist() -> PathBuf {
    target().join("dist")
}

/// The built-in scenarios.
pub(crate) fn scenarios() -> PathBuf {
    root().join("static/scenarios")
}

/// The path relative to the current folder where that is shorter to read.
pub(crate) fn shown(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}
