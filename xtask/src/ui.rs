//! What the user sees: a line when a step begins, a line when it ends with the time it took.
//! All of it goes to stderr, so that stdout carries results only.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use anyhow::Result;

fn paint(code: &str, text: &str) -> String {
    if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// Says what begins and why.
pub(crate) fn begin(what: &str) {
    eprintln!("{} {what}", paint("1;36", "==>"));
}

/// Says something about the step under way.
pub(crate) fn note(what: &str) {
    eprintln!("    {what}");
}

/// Says something the user must not miss.
pub(crate) fn warn(what: &str) {
    eprintln!("{} {what}", paint("1;33", "warning:"));
}

/// Says why the command ends here: the outermost context first, its causes below.
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("{} {error}", paint("1;31", "error:"));
    for cause in error.chain().skip(1) {
        eprintln!("    because: {cause}");
    }
}

/// Runs one step between its two lines.
pub(crate) fn step<T>(what: &str, action: impl FnOnce() -> Result<T>) -> Result<T> {
    begin(what);
    let start = Instant::now();
    let outcome = action()?;
    note(&format!("done in {}", seconds(start.elapsed())));
    Ok(outcome)
}

/// A duration for people: `0.4 s`, `2 min 05 s`.
pub(crate) fn seconds(time: Duration) -> String {
    if time.as_secs() < 60 {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(seconds(Duration::from_millis(420)), "0.4 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 05 s");
    }
}
