//! The platform-level interrupt controller (RISC-V Platform-Level Interrupt Controller
//! specification 1.0), laid out as on QEMU's `virt`: one context for M and one for S of each hart.
//!
//! All sources are level-triggered: a source is pending while its line is raised and nobody is
//! serving it, so completing an interrupt whose cause persists raises it again.

use crate::bus::{BusError, Width};

/// Interrupt sources; source 0 means none.
pub const SOURCES: u32 = 96;
/// Highest priority; priorities are `0..=MAX_PRIORITY`, and 0 never interrupts.
const MAX_PRIORITY: u32 = 7;
const WORDS: usize = SOURCES.div_ceil(32) as usize;

const PENDING: u64 = 0x1000;
const ENABLE: u64 = 0x2000;
const ENABLE_STRIDE: u64 = 0x80;
const CONTEXT: u64 = 0x20_0000;
const CONTEXT_STRIDE: u64 = 0x1000;

/// A set of interrupt sources.
type Sources = [u32; WORDS];

/// One target of interrupts: a hart in M-mode or S-mode.
#[derive(Clone, Debug, Default)]
struct Context {
    enabled: Sources,
    threshold: u32,
}

/// The interrupt controller.
#[derive(Clone, Debug)]
pub struct Plic {
    priority: Vec<u32>,
    /// Lines that devices hold raised.
    raised: Sources,
    /// Sources claimed and not yet completed.
    served: Sources,
    contexts: Vec<Context>,
}

/// Where an offset points.
enum Register {
    Priority(usize),
    Pending(usize),
    Enable { context: usize, word: usize },
    Threshold(usize),
    Claim(usize),
    Unused,
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

fn decode(offset: u64, contexts: usize) -> Register {
    let word = |base: u64| index((offset - base) / 4);
    let register = match offset {
        0..PENDING => Register::Priority(word(0)),
        PENDING..ENABLE => Register::Pending(word(PENDING)),
        ENABLE..CONTEXT => Register::Enable {
            context: index((offset - ENABLE) / ENABLE_STRIDE),
            word: index(offset % ENABLE_STRIDE / 4),
        },
        CONTEXT.. => {
            let context = index((offset - CONTEXT) / CONTEXT_STRIDE);
            match offset % CONTEXT_STRIDE {
                0 => Register::Threshold(context),
                4 => Register::Claim(context),
                _ => Register::Unused,
            }
        }
    };
    let exists = match register {
        Register::Priority(source) => source < SOURCES as usize,
        Register::Pending(word) => word < WORDS,
        Register::Enable { context, word } => context < contexts && word < WORDS,
        Register::Threshold(context) | Register::Claim(context) => context < contexts,
        Register::Unused => false,
    };
    if exists { register } else { Register::Unused }
}

fn contains(set: &Sources, source: u32) -> bool {
    set[source as usize / 32] >> (source % 32) & 1 == 1
}

fn change(set: &mut Sources, source: u32, member: Line) {
    let bit = 1 << (source % 32);
    match member {
        Line::Raised => set[source as usize / 32] |= bit,
        Line::Low => set[source as usize / 32] &= !bit,
    }
}

/// The state of an interrupt line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Nothing to report.
    Low,
    /// The device wants attention.
    Raised,
}

impl From<bool> for Line {
    fn from(raised: bool) -> Self {
        if raised { Self::Raised } else { Self::Low }
    }
}

impl Plic {
    /// A controller for this many harts, everything disabled.
    #[must_use]
    pub fn new(harts: u32) -> Self {
        Self {
            priority: vec![0; SOURCES as usize],
            raised: [0; WORDS],
            served: [0; WORDS],
            contexts: vec![Context::default(); harts as usize * 2],
        }
    }

    /// Sets the line of a source; sources that do not exist are nobody's.
    pub fn set_line(&mut self, source: u32, line: Line) {
        if (1..SOURCES).contains(&source) {
            change(&mut self.raised, source, line);
        }
    }

    /// Whether a context (hart × 2, plus 1 for S-mode) is interrupted: an enabled source is pending
    /// with a priority above the threshold.
    #[must_use]
    pub fn interrupt(&self, context: usize) -> bool {
        let Some(target) = self.contexts.get(context) else { return false };
        self.best(target).is_some_and(|source| self.priority[source as usize] > target.threshold)
    }

    /// Reads a register. All are words; what is not implemented reads as zero.
    ///
    /// # Errors
    /// Where the access is no aligned word.
    pub fn load(&mut self, offset: u64, width: Width) -> Result<u64, BusError> {
        word_access(offset, width)?;
        Ok(u64::from(match decode(offset, self.contexts.len()) {
            Register::Priority(source) => self.priority[source],
            Register::Pending(word) => self.pending()[word],
            Register::Enable { context, word } => self.contexts[context].enabled[word],
            Register::Threshold(context) => self.contexts[context].threshold,
            Register::Claim(context) => self.claim(context),
            Register::Unused => 0,
        }))
    }

    /// Writes a register. Writes to what is read-only or not implemented change nothing.
    ///
    /// # Errors
    /// Where the access is no aligned word.
    pub fn store(&mut self, offset: u64, width: Width, value: u64) -> Result<(), BusError> {
        word_access(offset, width)?;
        #[expect(clippy::cast_possible_truncation, reason = "a word was stored")]
        let value = value as u32;
        match decode(offset, self.contexts.len()) {
            Register::Priority(0) | Register::Pending(_) | Register::Unused => {}
            Register::Priority(source) => self.priority[source] = value & MAX_PRIORITY,
            // Source 0 does not exist, so its enable bit is hard-wired to zero.
            Register::Enable { context, word: 0 } => self.contexts[context].enabled[0] = value & !1,
            Register::Enable { context, word } => self.contexts[context].enabled[word] = value,
            Register::Threshold(context) => self.contexts[context].threshold = value & MAX_PRIORITY,
            Register::Claim(context) => self.complete(context, value),
        }
        Ok(())
    }

    fn pending(&self) -> Sources {
        std::array::from_fn(|i| self.raised[i] & !self.served[i])
    }

    /// The pending, enabled source of highest priority; the lowest number among equals.
    fn best(&self, target: &Context) -> Option<u32> {
        let pending = self.pending();
        let candidates = pending.iter().zip(&target.enabled).map(|(pending, enabled)| pending & enabled);
        candidates
            .zip((0..).step_by(32))
            .flat_map(|(word, base)| bits(word).map(move |bit| base + bit))
            .filter(|&source| self.priority[source as usize] > 0)
            .min_by_key(|&source| (MAX_PRIORITY - self.priority[source as usize], source))
    }

    fn claim(&mut self, context: usize) -> u32 {
        let Some(source) = self.best(&self.contexts[context]) else { return 0 };
        change(&mut self.served, source, Line::Raised);
        source
    }

    /// Completing a source that is not enabled for the context is ignored (specification,
    /// "Interrupt Completion").
    fn complete(&mut self, context: usize, source: u32) {
        if source < SOURCES && contains(&self.contexts[context].enabled, source) {
            change(&mut self.served, source, Line::Low);
        }
    }
}

fn word_access(offset: u64, width: Width) -> Result<(), BusError> {
    if width == Width::Word && offset.is_multiple_of(4) { Ok(()) } else { Err(BusError) }
}

/// The numbers of the bits that are set, lowest first.
fn bits(mut word: u32) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        if bit == 32 {
            return None;
        }
        word &= word - 1;
        Some(bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const S_ENABLE: u64 = ENABLE + ENABLE_STRIDE;
    const S_THRESHOLD: u64 = CONTEXT + CONTEXT_STRIDE;
    const S_CLAIM: u64 = S_THRESHOLD + 4;

    fn store(plic: &mut Plic, offset: u64, value: u64) {
        plic.store(offset, Width::Word, value).unwrap();
    }

    fn load(plic: &mut Plic, offset: u64) -> u64 {
        plic.load(offset, Width::Word).unwrap()
    }

    fn enabled(sources: &[(u64, u64)]) -> Plic {
        let mut plic = Plic::new(1);
        let mut words = [0u64; WORDS];
        for &(source, priority) in sources {
            store(&mut plic, source * 4, priority);
            words[index(source / 32)] |= 1 << (source % 32);
        }
        for (word, offset) in words.into_iter().zip((S_ENABLE..).step_by(4)) {
            store(&mut plic, offset, word);
        }
        plic
    }

    #[test]
    fn a_raised_line_interrupts_the_enabled_context_until_claimed() {
        let mut plic = enabled(&[(10, 1)]);
        plic.set_line(10, Line::Raised);
        assert!(plic.interrupt(1) && !plic.interrupt(0));
        assert_eq!(load(&mut plic, PENDING), 1 << 10);
        assert_eq!(load(&mut plic, S_CLAIM), 10);
        assert!(!plic.interrupt(1));
        assert_eq!(load(&mut plic, S_CLAIM), 0);
    }

    #[test]
    fn completing_while_the_line_is_still_raised_interrupts_again() {
        let mut plic = enabled(&[(10, 1)]);
        plic.set_line(10, Line::Raised);
        load(&mut plic, S_CLAIM);
        store(&mut plic, S_CLAIM, 10);
        assert!(plic.interrupt(1));
        plic.set_line(10, Line::Low);
        assert!(!plic.interrupt(1));
    }

    #[test]
    fn the_highest_priority_wins_and_the_lowest_number_among_equals() {
        let mut plic = enabled(&[(3, 1), (40, 7), (41, 7)]);
        for source in [3, 40, 41] {
            plic.set_line(source, Line::Raised);
        }
        assert_eq!([(); 4].map(|()| load(&mut plic, S_CLAIM)), [40, 41, 3, 0]);
    }

    #[test]
    fn priority_zero_and_the_threshold_mask() {
        let mut plic = enabled(&[(1, 0), (2, 3)]);
        plic.set_line(1, Line::Raised);
        assert!(!plic.interrupt(1));
        assert_eq!(load(&mut plic, S_CLAIM), 0);
        plic.set_line(2, Line::Raised);
        store(&mut plic, S_THRESHOLD, 3);
        assert!(!plic.interrupt(1));
        store(&mut plic, S_THRESHOLD, 2);
        assert!(plic.interrupt(1));
    }

    #[test]
    fn a_completion_from_a_context_that_did_not_enable_the_source_is_ignored() {
        let mut plic = enabled(&[(10, 1)]);
        plic.set_line(10, Line::Raised);
        load(&mut plic, S_CLAIM);
        store(&mut plic, CONTEXT + 4, 10);
        store(&mut plic, S_CLAIM, u64::MAX);
        assert!(!plic.interrupt(1));
    }

    #[test]
    fn any_offset_and_value_is_safe_and_only_words_are_accessible() {
        let mut plic = Plic::new(8);
        for offset in (0..0x60_0000).step_by(4) {
            store(&mut plic, offset, u64::MAX);
            load(&mut plic, offset);
        }
        assert_eq!(load(&mut plic, S_ENABLE) & 1, 0, "source 0 does not exist");
        assert_eq!(load(&mut plic, S_THRESHOLD), 7);
        assert_eq!(plic.load(4, Width::Double), Err(BusError));
        assert_eq!(plic.load(2, Width::Word), Err(BusError));
        plic.set_line(0, Line::Raised);
        plic.set_line(u32::MAX, Line::Raised);
        assert_eq!(load(&mut plic, PENDING), 0);
    }
}
