//! Time: the count of what was executed, and nothing else.

use faultline_abi::board;

/// Instructions in a second at the board's nominal speed.
const INSTRUCTIONS_PER_SECOND: u64 = 100_000_000;
/// Cycles of the clock in one tick of `mtime`.
const CYCLES_PER_TICK: u64 = INSTRUCTIONS_PER_SECOND / board::TIMEBASE_HZ;

/// No timer fires later than at this cycle, more than a thousand years away, so that counts of cycles
/// never overflow however far a guest sets its timers.
const END_OF_TIME: u64 = 1 << 62;

/// Where a machine stands in its run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    /// Instructions retired.
    pub(crate) instret: u64,
    /// Traps taken.
    pub(crate) traps: u64,
    /// Cycles skipped while nothing but a timer could go on.
    pub(crate) idle: u64,
}

impl Clock {
    /// Instructions retired plus traps taken: the position that names every moment of a run.
    pub(crate) const fn step(&self) -> u64 {
        self.instret.wrapping_add(self.traps)
    }

    /// Cycles since the start.
    pub(crate) const fn cycle(&self) -> u64 {
        self.instret.wrapping_add(self.idle)
    }

    /// `mtime` when the guest has moved it by `offset`.
    pub(crate) const fn mtime(&self, offset: u64) -> u64 {
        (self.cycle() / CYCLES_PER_TICK).wrapping_add(offset)
    }

    /// Cycles until the comparison `mtime >= compare` changes: at least one. `None` for never.
    pub(crate) fn until_edge(&self, offset: u64, compare: u64) -> Option<u64> {
        let now = self.mtime(offset);
        // Once true it stays true until `mtime` wraps.
        let ticks = if now < compare { compare - now } else { (u64::MAX - now).checked_add(1)? };
        let tick = (self.cycle() / CYCLES_PER_TICK).checked_add(ticks)?;
        let edge = tick.checked_mul(CYCLES_PER_TICK).filter(|&edge| edge <= END_OF_TIME)?;
        edge.checked_sub(self.cycle())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_fires_at_the_first_cycle_of_its_tick() {
        let clock = Clock { instret: 25, traps: 3, idle: 0 };
        assert_eq!((clock.mtime(0), clock.step()), (2, 28));
        assert_eq!(clock.until_edge(0, 3), Some(5));
        assert_eq!(clock.until_edge(1, 3), None, "it is true already");
        assert_eq!(clock.until_edge(0, u64::MAX), None, "beyond the end of time");
        assert_eq!(clock.until_edge(0, u64::MAX / 10), None, "beyond the end of time, too");
        assert_eq!(clock.until_edge(0_u64.wrapping_sub(2), 0), None, "zero is reached already");
        assert_eq!(clock.until_edge(0_u64.wrapping_sub(5), 7), Some(25), "mtime wraps to zero");
        let reached = Clock { instret: 30, ..clock };
        assert_eq!(reached.mtime(0), 3);
    }

    #[test]
    fn idle_time_moves_the_clock_but_not_the_position() {
        let clock = Clock { instret: 10, traps: 0, idle: 90 };
        assert_eq!((clock.step(), clock.cycle(), clock.mtime(0)), (10, 100, 10));
    }
}
