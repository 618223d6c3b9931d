//! The table at the end.

use std::time::Duration;

use super::{Outcome, Suite, results::Count};
use crate::ui;

/// One suite's line.
pub(super) struct Row {
    pub(super) suite: Suite,
    pub(super) outcome: Outcome,
    pub(super) time: Duration,
}

/// What became of all suites.
pub(super) struct Report {
    rows: Vec<Row>,
}

impl Report {
    pub(super) const fn new(rows: Vec<Row>) -> Self {
        Self { rows }
    }

    pub(super) fn print(&self) {
        println!("\n{:<8} {:>7} {:>7} {:>13}", "suite", "passed", "failed", "time");
        for row in &self.rows {
            println!("{}", row.text());
        }
        let Count { passed, failed, failures, unsteady } = self.total();
        for name in unsteady {
            println!("UNSTEADY: {name} failed and passed when it was run again alone");
        }
        for failure in failures {
            println!("FAILED: {failure}");
        }
        println!("\n{passed} passed, {failed} failed");
    }

    /// Nothing failed. What was skipped stands in the table and was said aloud.
    pub(super) fn is_good(&self) -> bool {
        self.total().failed == 0
    }

    fn total(&self) -> Count {
        let mut total = Count::default();
        for row in &self.rows {
            if let Outcome::Ran(count) = &row.outcome {
                total += count.clone();
            }
        }
        total
    }
}

impl Row {
    fn text(&self) -> String {
        let (suite, time) = (format!("{:?}", self.suite).to_lowercase(), ui::seconds(self.time));
        match &self.outcome {
            Outcome::Ran(Count { passed, failed, .. }) => {
                format!("{suite:<8} {passed:>7} {failed:>7} {time:>13}")
            }
            Outcome::Skipped(reason) => format!("{suite:<8} {:>15} {time:>13}  {reason}", "SKIPPED"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_suites_count_neither_way() {
        let row = |outcome| Row { suite: Suite::Web, outcome, time: Duration::ZERO };
        let ran = |passed, failed| row(Outcome::Ran(Count { passed, failed, ..Count::default() }));
        let report = Report::new(vec![ran(3, 0), row(Outcome::Skipped("no browser".into()))]);
        assert_eq!((report.total().passed, report.total().failed), (3, 0));
        assert!(report.is_good());
        assert!(report.rows[1].text().ends_with("no browser"));
        assert!(!Report::new(vec![ran(3, 0), ran(0, 1)]).is_good());
    }
}
