//! A bar for work that takes longer than a second, where somebody watches.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How long work may take before it gets a bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// Work under way. Where stderr is no terminal nothing is ever drawn.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    what: String,
    of: u64,
    since: Instant,
    watched: bool,
}

impl Progress {
    /// Work of so many instructions at most.
    pub(crate) fn new(what: &str, of: u64) -> Self {
        Self { bar: None, what: what.into(), of, since: Instant::now(), watched: stderr().is_terminal() }
    }

    /// So many are done.
    pub(crate) fn at(&mut self, done: u64) {
        if !self.watched || self.since.elapsed() < PATIENCE {
            return;
        }
        self.bar.get_or_insert_with(|| bar(&self.what, self.of)).set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &str, of: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(of), ProgressDrawTarget::stderr());
    let style = "{msg} [{bar:30}] {human_pos} of at most {human_len} instructions, {elapsed}";
    // Without a style the bar has its own.
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}
