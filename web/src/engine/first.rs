//! The first run begins with images that hold only what it reads. Until the whole images are there, nothing is
//! done that could read more.

use faultline_machine::session::{Goal, Session};

use super::{Engine, Fetched, Work};
use crate::protocol::{Load, Update};

/// What is known of a run whose images serve no other.
#[derive(Clone, Debug)]
pub(super) struct Provisional {
    /// SHA-256 over every event that the run must have.
    exact: String,
    /// What was asked for.
    load: Load,
    /// Whether the run turned out to be another.
    is_other: bool,
}

/// What the engine still needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Lack {
    /// Nothing.
    Nothing,
    /// The whole images, before something is typed.
    WholeImages(Load),
    /// Another start with the whole images: what was shown is not this run.
    AnotherStart(Load),
}

impl Provisional {
    pub(super) const fn new(exact: String, load: Load) -> Self {
        Self { exact, load, is_other: false }
    }

    /// Whether a run with this digest is the one that the images serve.
    pub(super) fn fits(&mut self, exact: Option<&str>) -> bool {
        self.is_other |= exact != Some(&*self.exact);
        !self.is_other
    }
}

impl Engine {
    /// What the engine still needs to do everything.
    #[must_use]
    pub fn lack(&self) -> Lack {
        match &self.first {
            None => Lack::Nothing,
            Some(first) if first.is_other => Lack::AnotherStart(first.load.clone()),
            Some(first) => Lack::WholeImages(first.load.clone()),
        }
    }

    /// Goes on with the whole images, at the same place of the same run.
    ///
    /// # Errors
    /// Where they do not boot. Where their run is another one, [`Self::lack`] says so.
    pub fn complete(&mut self, fetched: Fetched) -> Result<Vec<Update>, String> {
        let Some(mut first) = self.first.take() else { return Ok(Vec::new()) };
        let (_, boot) = fetched.boot(&first.load)?;
        let mut session = Session::load(boot).map_err(|error| error.to_string())?;
        session.forward(Goal::End, u64::MAX);
        if !first.fits(session.digests().exact.as_deref()) {
            self.first = Some(first);
            return Ok(Vec::new());
        }
        session.seek_step(self.session.position().step);
        self.session = session;
        Ok(if self.work == Work::Idle { self.look() } else { Vec::new() })
    }
}
