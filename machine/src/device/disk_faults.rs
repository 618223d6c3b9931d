//! A disk that fails on purpose: how an operating system takes it is worth a test, and a failure that
//! comes at the same request every time can be tested for every request.
//!
//! Requests are counted from 1, reads and writes apart; to discard sectors or to write zeros is to write.

/// Which requests of one kind fail, with an I/O error and no other effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failing {
    /// None.
    #[default]
    Never,
    /// The one with this number.
    At(u64),
    /// Each whose number is a multiple of this, which is not zero.
    Every(u64),
}

impl Failing {
    const fn hits(self, number: u64) -> bool {
        match self {
            Self::Never => false,
            Self::At(at) => number == at,
            Self::Every(every) => number.is_multiple_of(every),
        }
    }
}

/// What goes wrong with a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskFaults {
    /// Reads that fail.
    pub reads: Failing,
    /// Writes that fail.
    pub writes: Failing,
    /// The power goes when so many sectors have been written: the next one is not, and the board is off.
    /// So each sector is as it was or as it was to be.
    pub cut_at: Option<u64>,
}

/// What a disk has been asked for so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounts {
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
    /// Sectors written.
    pub sectors_written: u64,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is done.
    Done,
    /// It fails.
    Fails,
    /// So many of its sectors are written, and then the power is gone.
    CutAfter(u64),
}

/// The faults of a disk, and how far it has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Record {
    faults: DiskFaults,
    counts: DiskCounts,
    off: bool,
}

impl Record {
    pub(super) const fn new(faults: DiskFaults) -> Self {
        let counts = DiskCounts { reads: 0, writes: 0, sectors_written: 0 };
        Self { faults, counts, off: false }
    }

    pub(super) const fn counts(&self) -> DiskCounts {
        self.counts
    }

    /// Whether the power has gone.
    pub(super) const fn is_off(&self) -> bool {
        self.off
    }

    /// A request to read comes.
    pub(super) const fn read(&mut self) -> Verdict {
        self.counts.reads += 1;
        if self.off || self.faults.reads.hits(self.counts.reads) { Verdict::Fails } else { Verdict::Done }
    }

    /// A request to write so many sectors comes.
    pub(super) fn write(&mut self, sectors: u64) -> Verdict {
        self.counts.writes += 1;
        if self.off || self.faults.writes.hits(self.counts.writes) {
            return Verdict::Fails;
        }
        let room = self.faults.cut_at.map_or(u64::MAX, |cut| cut.saturating_sub(self.counts.sectors_written));
        self.off = room < sectors;
        self.counts.sectors_written += sectors.min(room);
        if self.off { Verdict::CutAfter(room) } else { Verdict::Done }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(faults: DiskFaults) -> Record {
        Record::new(faults)
    }

    #[test]
    fn requests_fail_by_number_and_reads_are_no_writes() {
        let mut record =
            record(DiskFaults { reads: Failing::At(2), writes: Failing::Every(3), ..DiskFaults::default() });
        let reads: Vec<_> = (0..4).map(|_| record.read()).collect();
        let writes: Vec<_> = (0..6).map(|_| record.write(1)).collect();
        let (done, fails) = (Verdict::Done, Verdict::Fails);
        assert_eq!(reads, [done, fails, done, done]);
        assert_eq!(writes, [done, done, fails, done, done, fails]);
        assert_eq!(record.counts(), DiskCounts { reads: 4, writes: 6, sectors_written: 4 });
    }

    #[test]
    fn the_power_goes_in_the_middle_of_a_request_and_does_not_come_back() {
        let mut record = record(DiskFaults { cut_at: Some(5), ..DiskFaults::default() });
        assert_eq!([record.write(4), record.write(4)], [Verdict::Done, Verdict::CutAfter(1)]);
        assert!(record.is_off());
        assert_eq!([record.read(), record.write(1)], [Verdict::Fails; 2]);
        assert_eq!(record.counts().sectors_written, 5);
    }

    #[test]
    fn a_cut_at_the_end_of_a_request_comes_with_the_next() {
        let mut record = record(DiskFaults { cut_at: Some(4), ..DiskFaults::default() });
        assert_eq!([record.write(4), record.write(1)], [Verdict::Done, Verdict::CutAfter(0)]);
    }
}
