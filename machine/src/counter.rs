//! The counters `mcycle` and `minstret` (privileged specification, "Hardware Performance Monitor",
//! "Machine Counter-Inhibit (mcountinhibit) Register").
//!
//! A counter does not count by itself: it knows what it differs by from a clock of the machine.

/// What a counter does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Counting {
    #[default]
    Runs,
    /// It is inhibited.
    Stands,
}

/// A counter that a guest can write and stop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// While it counts what is to be added to the clock, while it stands its value.
    base: u64,
    counting: Counting,
}

impl Counter {
    /// Its value while the clock shows `clock`.
    pub(crate) fn value(&self, clock: u64) -> u64 {
        match self.counting {
            Counting::Runs => self.base.wrapping_add(clock),
            Counting::Stands => self.base,
        }
    }

    /// The instruction that begins at `clock` writes it. The write wins over the increment that this
    /// instruction itself would cause.
    pub(crate) fn write(&mut self, value: u64, clock: u64) {
        self.base = match self.counting {
            Counting::Runs => value.wrapping_sub(clock.wrapping_add(1)),
            Counting::Stands => value,
        };
    }

    /// The instruction that begins at `clock` stops it or lets it count. Whether it counts this
    /// instruction was decided before.
    pub(crate) fn set(&mut self, counting: Counting, clock: u64) {
        if counting == self.counting {
            return;
        }
        let behind = clock.wrapping_add(1);
        self.base = match counting {
            Counting::Runs => self.base.wrapping_sub(behind),
            Counting::Stands => self.value(behind),
        };
        self.counting = counting;
    }

    /// Whether it counts.
    pub(crate) fn counting(&self) -> Counting {
        self.counting
    }

    /// The clock went on by `count` for something that is not counted here.
    pub(crate) fn skip(&mut self, count: u64) {
        if self.counting == Counting::Runs {
            self.base = self.base.wrapping_sub(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_counter_keeps_its_value_and_goes_on_from_it() {
        let mut counter = Counter::default();
        assert_eq!(counter.value(7), 7);
        counter.set(Counting::Stands, 10);
        assert_eq!((counter.value(11), counter.value(50)), (11, 11), "the instruction at 10 was counted");
        counter.set(Counting::Runs, 60);
        assert_eq!((counter.value(61), counter.value(65)), (11, 15), "the one at 60 was not");
    }

    #[test]
    fn a_write_is_what_the_next_instruction_reads() {
        let mut counter = Counter::default();
        counter.write(u64::MAX, 100);
        assert_eq!((counter.value(101), counter.value(102)), (u64::MAX, 0));
        counter.set(Counting::Stands, 102);
        counter.write(5, 103);
        assert_eq!(counter.value(200), 5);
    }

    #[test]
    fn what_others_did_is_not_counted() {
        let mut counter = Counter::default();
        counter.skip(10);
        assert_eq!(counter.value(12), 2);
        counter.set(Counting::Stands, 12);
        counter.skip(10);
        assert_eq!(counter.value(40), 3);
    }
}
