//! The browser's storage; one that forbids it, or is full, only forgets.

use std::cell::Cell;

thread_local! {
    /// Whether it has refused to keep something.
    static REFUSED: Cell<bool> = const { Cell::new(false) };
}

/// Whether it has refused to keep something since the page was opened.
pub(super) fn has_refused() -> bool {
    REFUSED.get()
}

/// What is kept under this key.
pub(super) fn get(key: &str) -> Option<String> {
    storage()?.get_item(key).ok().flatten()
}

/// Keeps a value.
pub(super) fn set(key: &str, value: &str) {
    let kept = storage().is_some_and(|storage| storage.set_item(key, value).is_ok());
    if !kept {
        REFUSED.set(true);
    }
}

/// Forgets a value.
pub(super) fn remove(key: &str) {
    if let Some(storage) = storage() {
        let _ = storage.remove_item(key);
    }
}

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok().flatten()
}
