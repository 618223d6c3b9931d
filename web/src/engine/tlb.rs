//! A modelled TLB beside the run: what one of some shape would hold at the present.

use std::collections::BTreeMap;

use faultline_machine::observer::NoObserver;
use faultline_machine::session::Session;
use faultline_machine::statistics::{Counted, Statistics};
use faultline_machine::translations::{Geometry, TlbModel};

use crate::snapshot::{Tlb, TlbEntry};

/// Machine steps between two models that are kept.
const STRIDE: u64 = 1 << 18;
/// When there are this many, every second is dropped.
const KEPT_MAX: usize = 128;
/// Entries that are shown.
const ENTRIES_MAX: usize = 1024;

/// What a TLB of some shape held at some steps.
pub(super) struct Watched {
    kept: BTreeMap<u64, TlbModel>,
}

impl Watched {
    /// Watches a TLB of this shape.
    ///
    /// # Errors
    /// What is wrong with the shape.
    pub(super) fn new(shape: &str) -> Result<Self, String> {
        let shape: Geometry = shape.parse()?;
        Ok(Self { kept: [(0, TlbModel::new(shape))].into() })
    }

    /// Forgets what it held after this step: the run goes on differently there.
    pub(super) fn forget_after(&mut self, step: u64) {
        self.kept.retain(|&at, _| at <= step);
    }

    /// Goes on for at most `budget` steps towards the session's position, which stays the same. The
    /// TLB there, once that is reached.
    pub(super) fn advance(&mut self, session: &mut Session, budget: u64) -> Option<Tlb> {
        let here = session.position().step;
        let (&from, model) = self.kept.range(..=here).next_back()?;
        let mut statistics = Statistics::default();
        statistics.tlb = Some(model.clone());
        let end = here.min(from.saturating_add(budget));
        let mut at = from;
        while at < end {
            let to = end.min((at / STRIDE + 1) * STRIDE);
            let inner = NoObserver;
            session.observe(at, to, &mut Counted::<_, true> { inner, statistics: &mut statistics });
            at = to;
            self.keep(at, statistics.tlb.as_ref()?);
        }
        if from < end {
            session.seek_step(here);
        }
        (at == here).then(|| statistics.tlb.as_ref().map(shown)).flatten()
    }

    fn keep(&mut self, step: u64, model: &TlbModel) {
        if step.is_multiple_of(STRIDE)
            || self.kept.range(..=step).next_back().is_none_or(|(&at, _)| at < step)
        {
            self.kept.insert(step, model.clone());
        }
        if self.kept.len() > KEPT_MAX {
            let mut n = 0;
            self.kept.retain(|_, _| {
                n += 1;
                n % 2 == 1
            });
        }
    }
}

fn shown(model: &TlbModel) -> Tlb {
    let Geometry { sets, ways, .. } = model.geometry();
    let entry = |entry: faultline_machine::translations::TlbEntry| TlbEntry {
        set: entry.set,
        asid: entry.asid,
        page: entry.page,
        leaf: entry.leaf,
        level: entry.level,
    };
    Tlb {
        sets,
        ways,
        entries: model.entries().map(entry).take(ENTRIES_MAX).collect(),
        hits: model.counts.hits,
        fills: model.counts.fills,
        evictions: model.counts.evictions,
        stale: model.counts.stale,
        flushed: model.counts.flushed,
    }
}
