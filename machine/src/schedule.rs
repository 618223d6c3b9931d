//! Whose turn it is: harts take turns, each for a fixed number of steps.
//!
//! The turn is part of the machine's state, so that the interleaving follows from image and inputs
//! alone, however a run is divided. A hart that waits for an interrupt gives its turn away.
//!
//! A reservation ends with the turn. So an SC can only succeed if no other hart has executed anything
//! since its LR, and the stores of others need not be watched. The specification allows it ("Eventual
//! Success of Store-Conditional Instructions"): a constrained loop is far shorter than a turn, so
//! its second attempt succeeds.

/// Steps of a turn. A prime, so that no loop of a guest keeps step with it.
const STEPS: u64 = 509;

/// Whose turn it is, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) hart: usize,
    /// Steps left of the turn.
    pub(crate) left: u64,
}

/// Whether a turn goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TurnIs {
    Running,
    Over,
}

impl Schedule {
    /// The first turn of a machine with this many harts. A single hart's never ends.
    pub(crate) fn new(harts: usize) -> Self {
        Self { hart: 0, left: if harts > 1 { STEPS } else { u64::MAX } }
    }

    /// The hart whose turn it is has made so many steps.
    pub(crate) fn spend(&mut self, steps: u64) -> TurnIs {
        self.left = self.left.saturating_sub(steps);
        if self.left == 0 { TurnIs::Over } else { TurnIs::Running }
    }

    /// From here on it is the turn of `hart`.
    pub(crate) fn give_to(&mut self, hart: usize) {
        *self = Self { hart, left: STEPS };
    }
}
