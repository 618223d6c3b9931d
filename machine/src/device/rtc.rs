//! The real-time clock: a goldfish RTC, as on QEMU's `virt`.
//!
//! It shows what the machine's own time is since a fixed moment, never the host's: the same run
//! sees the same date.

use crate::bus::{BusError, Width};

/// When every run begins: midnight of the first of January 2026, UTC, in nanoseconds since 1970.
pub const EPOCH_NANOSECONDS: u64 = 1_767_225_600_000_000_000;
/// Nanoseconds in a tick of the machine's clock.
const NANOSECONDS_PER_TICK: u64 = 1_000_000_000 / faultline_abi::board::TIMEBASE_HZ;

mod register {
    pub(super) const TIME_LOW: u64 = 0x00;
    pub(super) const TIME_HIGH: u64 = 0x04;
    pub(super) const ALARM_LOW: u64 = 0x08;
    pub(super) const ALARM_HIGH: u64 = 0x0c;
    pub(super) const IRQ_ENABLED: u64 = 0x10;
    pub(super) const CLEAR_ALARM: u64 = 0x14;
    pub(super) const ALARM_STATUS: u64 = 0x18;
    pub(super) const CLEAR_INTERRUPT: u64 = 0x1c;
}

/// The clock and its one alarm. `ticks` is always the machine's clock, counted from its start.
#[derive(Clone, Debug)]
pub struct Rtc {
    /// Nanoseconds between the machine's start and what the guest takes for 1970, wrapping.
    base: u64,
    /// The upper half that belongs to the lower half read last.
    high: u32,
    /// The alarm's time in nanoseconds.
    alarm: u64,
    running: bool,
    pending: bool,
    enabled: bool,
}

impl Default for Rtc {
    fn default() -> Self {
        let base = EPOCH_NANOSECONDS;
        Self { base, high: 0, alarm: 0, running: false, pending: false, enabled: false }
    }
}

impl Rtc {
    /// Whether the interrupt line is raised.
    #[must_use]
    pub const fn interrupt(&self) -> bool {
        self.pending && self.enabled
    }

    /// The tick at which the alarm goes off, while it is set.
    #[must_use]
    pub fn due(&self) -> Option<u64> {
        self.running.then(|| self.alarm.wrapping_sub(self.base).div_ceil(NANOSECONDS_PER_TICK))
    }

    /// It is `ticks` now: an alarm that is due goes off.
    pub fn time_passed(&mut self, ticks: u64) {
        if self.due().is_some_and(|due| due <= ticks) {
            self.running = false;
            self.pending = true;
        }
    }

    /// Reads a register. The lower half of the time must be read first.
    ///
    /// # Errors
    /// Where the access is no word.
    pub fn load(&mut self, offset: u64, width: Width, ticks: u64) -> Result<u64, BusError> {
        words_only(width)?;
        Ok(match offset {
            register::TIME_LOW => {
                let now = self.now(ticks);
                self.high = half(now >> 32);
                now & 0xffff_ffff
            }
            register::TIME_HIGH => self.high.into(),
            register::ALARM_LOW => self.alarm & 0xffff_ffff,
            register::ALARM_HIGH => self.alarm >> 32,
            register::IRQ_ENABLED => self.enabled.into(),
            register::ALARM_STATUS => self.running.into(),
            _ => 0,
        })
    }

    /// Writes a register. Writing the lower half of the alarm sets it.
    ///
    /// # Errors
    /// Where the access is no word.
    pub fn store(&mut self, offset: u64, width: Width, value: u64, ticks: u64) -> Result<(), BusError> {
        words_only(width)?;
        let value = half(value);
        match offset {
            register::TIME_LOW => self.set_time(with_low(self.now(ticks), value), ticks),
            register::TIME_HIGH => self.set_time(with_high(self.now(ticks), value), ticks),
            register::ALARM_LOW => {
                self.alarm = with_low(self.alarm, value);
                self.set_alarm(ticks);
            }
            register::ALARM_HIGH => self.alarm = with_high(self.alarm, value),
            register::IRQ_ENABLED => self.enabled = value & 1 == 1,
            register::CLEAR_ALARM => self.running = false,
            register::CLEAR_INTERRUPT => self.pending = false,
            _ => {}
        }
        Ok(())
    }

    const fn now(&self, ticks: u64) -> u64 {
        self.base.wrapping_add(ticks.wrapping_mul(NANOSECONDS_PER_TICK))
    }

    fn set_time(&mut self, now: u64, ticks: u64) {
        self.base = now.wrapping_sub(ticks.wrapping_mul(NANOSECONDS_PER_TICK));
    }

    /// An alarm in the past goes off at once.
    fn set_alarm(&mut self, ticks: u64) {
        self.running = self.alarm > self.now(ticks);
        self.pending |= !self.running;
    }
}

fn words_only(width: Width) -> Result<(), BusError> {
    if width == Width::Word { Ok(()) } else { Err(BusError) }
}

#[expect(clippy::cast_possible_truncation, reason = "a half is wanted")]
const fn half(value: u64) -> u32 {
    value as u32
}

fn with_low(value: u64, low: u32) -> u64 {
    value & !0xffff_ffff | u64::from(low)
}

fn with_high(value: u64, high: u32) -> u64 {
    value & 0xffff_ffff | u64::from(high) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(rtc: &mut Rtc, ticks: u64) -> u64 {
        let low = rtc.load(register::TIME_LOW, Width::Word, ticks).unwrap();
        let high = rtc.load(register::TIME_HIGH, Width::Word, ticks + 1_000_000_000).unwrap();
        high << 32 | low
    }

    fn store(rtc: &mut Rtc, offset: u64, value: u64, ticks: u64) {
        rtc.store(offset, Width::Word, value, ticks).unwrap();
    }

    #[test]
    fn time_begins_at_a_fixed_date_and_follows_the_machine() {
        let mut rtc = Rtc::default();
        assert_eq!(time(&mut rtc, 0), EPOCH_NANOSECONDS);
        assert_eq!(time(&mut rtc, 10_000_000), EPOCH_NANOSECONDS + 1_000_000_000);
    }

    #[test]
    fn the_guest_may_set_the_time() {
        let mut rtc = Rtc::default();
        store(&mut rtc, register::TIME_HIGH, 5, 70);
        store(&mut rtc, register::TIME_LOW, 9, 70);
        assert_eq!(time(&mut rtc, 70), 5 << 32 | 9);
        assert_eq!(time(&mut rtc, 71), (5 << 32) + 109);
    }

    #[test]
    fn an_alarm_goes_off_at_its_tick_and_not_before() {
        let mut rtc = Rtc::default();
        let at = EPOCH_NANOSECONDS + 1950;
        store(&mut rtc, register::IRQ_ENABLED, 1, 0);
        store(&mut rtc, register::ALARM_HIGH, at >> 32, 0);
        store(&mut rtc, register::ALARM_LOW, at & 0xffff_ffff, 0);
        assert_eq!(rtc.due(), Some(20));
        rtc.time_passed(19);
        assert!(!rtc.interrupt());
        assert_eq!(rtc.load(register::ALARM_STATUS, Width::Word, 19), Ok(1));
        rtc.time_passed(20);
        assert!(rtc.interrupt());
        assert_eq!((rtc.due(), rtc.load(register::ALARM_STATUS, Width::Word, 20)), (None, Ok(0)));
        store(&mut rtc, register::CLEAR_INTERRUPT, 1, 20);
        assert!(!rtc.interrupt());
    }

    #[test]
    fn an_alarm_in_the_past_goes_off_at_once_and_a_cleared_one_never() {
        let mut rtc = Rtc::default();
        store(&mut rtc, register::IRQ_ENABLED, 1, 0);
        store(&mut rtc, register::ALARM_LOW, 1, 0);
        assert!(rtc.interrupt());
        store(&mut rtc, register::CLEAR_INTERRUPT, 0, 0);
        store(&mut rtc, register::ALARM_HIGH, u64::MAX, 0);
        store(&mut rtc, register::ALARM_LOW, 1, 0);
        store(&mut rtc, register::CLEAR_ALARM, 1, 0);
        rtc.time_passed(u64::MAX);
        assert!(!rtc.interrupt());
    }

    #[test]
    fn only_words_are_answered() {
        for width in [Width::Byte, Width::Half, Width::Double] {
            assert_eq!(Rtc::default().load(0, width, 0), Err(BusError));
            assert_eq!(Rtc::default().store(0, width, 0, 0), Err(BusError));
        }
        assert_eq!(Rtc::default().load(0xffc, Width::Word, 0), Ok(0));
    }
}
