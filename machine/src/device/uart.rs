//! The serial port: a 16550A, as QEMU's `virt` board has it (National Semiconductor PC16550D data
//! sheet; register names are the data sheet's).
//!
//! Transmission takes no time: a byte stored to THR is on the wire at once, so THRE and TEMT are
//! always set. What the host types waits in a queue of its own and moves into the receive FIFO as
//! the guest makes room, so a fast typist never overruns it, and so nothing is lost that is typed
//! before a driver has set the port up: what it clears away unread has not been sent yet.

use std::collections::VecDeque;

use crate::bus::{BusError, Width};

/// Bytes of the receive FIFO when it is enabled; without it there is one holding register.
const FIFO_BYTES: usize = 16;
/// Bytes that may wait on the host's side; what is typed beyond them is refused.
pub const HOST_QUEUE_BYTES: usize = 64 * 1024;
/// Registers; offsets beyond them belong to nobody.
const REGISTERS: u64 = 8;

mod ier {
    pub(super) const RECEIVED: u8 = 1 << 0;
    pub(super) const THR_EMPTY: u8 = 1 << 1;
    pub(super) const LINE_STATUS: u8 = 1 << 2;
    /// The bits that can be set.
    pub(super) const MASK: u8 = 0x0f;
}

mod iir {
    pub(super) const NONE: u8 = 0x01;
    pub(super) const THR_EMPTY: u8 = 0x02;
    pub(super) const RECEIVED: u8 = 0x04;
    pub(super) const LINE_STATUS: u8 = 0x06;
    pub(super) const TIMEOUT: u8 = 0x0c;
    pub(super) const FIFO_ENABLED: u8 = 0xc0;
}

mod lsr {
    pub(super) const DATA_READY: u8 = 1 << 0;
    pub(super) const OVERRUN: u8 = 1 << 1;
    pub(super) const THR_EMPTY: u8 = 1 << 5;
    pub(super) const TRANSMITTER_EMPTY: u8 = 1 << 6;
}

mod fcr {
    pub(super) const ENABLE: u8 = 1 << 0;
    pub(super) const CLEAR_RECEIVER: u8 = 1 << 1;
}

const LCR_DLAB: u8 = 1 << 7;
const MCR_LOOPBACK: u8 = 1 << 4;
/// Carrier, data set ready and clear to send: somebody is listening.
const MSR_CONNECTED: u8 = 0xb0;

/// A 16550A.
#[derive(Clone, Debug)]
pub struct Uart {
    ier: u8,
    fcr: u8,
    lcr: u8,
    mcr: u8,
    scr: u8,
    divisor: u16,
    overrun: bool,
    /// The transmitter became empty, or its interrupt was just enabled, and nobody asked since.
    thr_empty_pending: bool,
    received: VecDeque<Received>,
    host: VecDeque<u8>,
}

/// A byte in the receive FIFO, by where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Received {
    Typed(u8),
    Looped(u8),
}

impl Default for Uart {
    fn default() -> Self {
        Self {
            ier: 0,
            fcr: 0,
            lcr: 0,
            mcr: 0x08,
            scr: 0,
            divisor: 0x0c,
            overrun: false,
            thr_empty_pending: false,
            received: VecDeque::new(),
            host: VecDeque::new(),
        }
    }
}

impl Uart {
    /// Reads a register; a wide access reads the one register at its address.
    ///
    /// # Errors
    /// Where no register is.
    pub fn load(&mut self, offset: u64, _width: Width) -> Result<u64, BusError> {
        let value = match (offset, self.divisor_selected()) {
            (0, true) => self.divisor.to_le_bytes()[0],
            (1, true) => self.divisor.to_le_bytes()[1],
            (0, false) => self.read_receiver(),
            (1, false) => self.ier,
            (2, _) => self.read_interrupt_identification(),
            (3, _) => self.lcr,
            (4, _) => self.mcr,
            (5, _) => self.read_line_status(),
            (6, _) => self.modem_status(),
            (7, _) => self.scr,
            (REGISTERS.., _) => return Err(BusError),
        };
        Ok(value.into())
    }

    /// Writes a register; the byte that goes out on the wire, if this was a transmission.
    ///
    /// # Errors
    /// Where no register is.
    pub fn store(&mut self, offset: u64, _width: Width, value: u64) -> Result<Option<u8>, BusError> {
        let value = value.to_le_bytes()[0];
        let [low, high] = self.divisor.to_le_bytes();
        match (offset, self.divisor_selected()) {
            (0, true) => self.divisor = u16::from_le_bytes([value, high]),
            (1, true) => self.divisor = u16::from_le_bytes([low, value]),
            (0, false) => return Ok(self.transmit(value)),
            (1, false) => self.write_interrupt_enable(value),
            (2, _) => self.write_fifo_control(value),
            (3, _) => self.lcr = value,
            (4, _) => self.write_modem_control(value),
            (5 | 6, _) => {}
            (7, _) => self.scr = value,
            (REGISTERS.., _) => return Err(BusError),
        }
        Ok(None)
    }

    /// Types `bytes` at the console; how many of them found room.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room());
        self.host.extend(&bytes[..taken]);
        self.refill();
        taken
    }

    /// How many more bytes can be typed.
    #[must_use]
    pub fn room(&self) -> usize {
        HOST_QUEUE_BYTES.saturating_sub(self.host.len())
    }

    /// Whether the interrupt line is raised.
    #[must_use]
    pub fn interrupt(&self) -> bool {
        self.pending() != iir::NONE
    }

    /// The highest-priority interrupt that is enabled and pending, as IIR's low four bits say it.
    fn pending(&self) -> u8 {
        if self.ier & ier::LINE_STATUS != 0 && self.overrun {
            iir::LINE_STATUS
        } else if self.ier & ier::RECEIVED != 0 && !self.received.is_empty() {
            // Characters below the trigger level count as timed out at once: time on the line is
            // not modelled, and every driver treats the two alike.
            if self.received.len() >= self.trigger() { iir::RECEIVED } else { iir::TIMEOUT }
        } else if self.ier & ier::THR_EMPTY != 0 && self.thr_empty_pending {
            iir::THR_EMPTY
        } else {
            iir::NONE
        }
    }

    fn divisor_selected(&self) -> bool {
        self.lcr & LCR_DLAB != 0
    }

    fn fifo_enabled(&self) -> bool {
        self.fcr & fcr::ENABLE != 0
    }

    fn capacity(&self) -> usize {
        if self.fifo_enabled() { FIFO_BYTES } else { 1 }
    }

    fn trigger(&self) -> usize {
        if !self.fifo_enabled() {
            return 1;
        }
        [1, 4, 8, 14][usize::from(self.fcr >> 6)]
    }

    fn is_looped(&self) -> bool {
        self.mcr & MCR_LOOPBACK != 0
    }

    /// In loopback the receiver is not connected to the line (data sheet, MCR bit 4).
    fn refill(&mut self) {
        while !self.is_looped() && self.received.len() < self.capacity() {
            match self.host.pop_front() {
                Some(byte) => self.received.push_back(Received::Typed(byte)),
                None => break,
            }
        }
    }

    fn read_receiver(&mut self) -> u8 {
        let byte = match self.received.pop_front() {
            Some(Received::Typed(byte) | Received::Looped(byte)) => byte,
            None => 0,
        };
        self.refill();
        byte
    }

    /// Empties the receiver. When a byte arrives on the line is not modelled, so one that was typed and that nobody
    /// has read arrives after this: a guest that sets the port up would lose it, and whoever typed it not know why.
    fn clear_receiver(&mut self) {
        while let Some(last) = self.received.pop_back() {
            if let Received::Typed(byte) = last {
                self.host.push_front(byte);
            }
        }
    }

    fn write_modem_control(&mut self, value: u8) {
        self.mcr = value & 0x1f;
        self.refill();
    }

    fn read_interrupt_identification(&mut self) -> u8 {
        let pending = self.pending();
        if pending == iir::THR_EMPTY {
            self.thr_empty_pending = false;
        }
        if self.fifo_enabled() { pending | iir::FIFO_ENABLED } else { pending }
    }

    fn read_line_status(&mut self) -> u8 {
        let mut status = lsr::THR_EMPTY | lsr::TRANSMITTER_EMPTY;
        if !self.received.is_empty() {
            status |= lsr::DATA_READY;
        }
        if std::mem::take(&mut self.overrun) {
            status |= lsr::OVERRUN;
        }
        status
    }

    /// In loopback the four modem outputs are the four modem inputs (data sheet, MCR bit 4).
    fn modem_status(&self) -> u8 {
        if !self.is_looped() {
            return MSR_CONNECTED;
        }
        (self.mcr & 0x0c) << 4 | (self.mcr & 0x02) << 3 | (self.mcr & 0x01) << 5
    }

    fn transmit(&mut self, byte: u8) -> Option<u8> {
        self.thr_empty_pending = true;
        if !self.is_looped() {
            return Some(byte);
        }
        if self.received.len() < self.capacity() {
            self.received.push_back(Received::Looped(byte));
        } else {
            self.overrun = true;
        }
        None
    }

    fn write_interrupt_enable(&mut self, value: u8) {
        let newly = value & !self.ier;
        self.ier = value & ier::MASK;
        if newly & ier::THR_EMPTY != 0 {
            self.thr_empty_pending = true;
        }
    }

    fn write_fifo_control(&mut self, value: u8) {
        let toggled = (value ^ self.fcr) & fcr::ENABLE != 0;
        if toggled || value & fcr::CLEAR_RECEIVER != 0 {
            self.clear_receiver();
        }
        self.fcr = value & (fcr::ENABLE | 0xc0);
        self.refill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RBR: u64 = 0;
    const THR: u64 = 0;
    const IER: u64 = 1;
    const IIR: u64 = 2;
    const FCR: u64 = 2;
    const LCR: u64 = 3;
    const MCR: u64 = 4;
    const LSR: u64 = 5;
    const MSR: u64 = 6;
    const SCR: u64 = 7;

    fn load(uart: &mut Uart, offset: u64) -> u64 {
        uart.load(offset, Width::Byte).unwrap()
    }

    fn store(uart: &mut Uart, offset: u64, value: u64) -> Option<u8> {
        uart.store(offset, Width::Byte, value).unwrap()
    }

    #[test]
    fn a_stored_byte_goes_out_and_the_transmitter_is_always_ready() {
        let mut uart = Uart::default();
        assert_eq!(store(&mut uart, THR, u64::from(b'x')), Some(b'x'));
        assert_eq!(load(&mut uart, LSR), 0x60);
    }

    #[test]
    fn typed_bytes_arrive_in_order_and_raise_the_interrupt_while_any_is_left() {
        let mut uart = Uart::default();
        store(&mut uart, FCR, 1);
        store(&mut uart, IER, 1);
        assert!(!uart.interrupt());
        assert_eq!(uart.receive(b"ab"), 2);
        assert!(uart.interrupt());
        assert_eq!(load(&mut uart, IIR), 0xc4);
        assert_eq!(load(&mut uart, LSR) & 1, 1);
        assert_eq!(load(&mut uart, RBR), u64::from(b'a'));
        assert_eq!(load(&mut uart, RBR), u64::from(b'b'));
        assert!(!uart.interrupt());
        assert_eq!(load(&mut uart, IIR), 0xc1);
        assert_eq!(load(&mut uart, RBR), 0);
    }

    #[test]
    fn more_than_the_fifo_holds_waits_on_the_host_side() {
        let mut uart = Uart::default();
        store(&mut uart, FCR, 1);
        let typed: Vec<u8> = (0..100).collect();
        assert_eq!(uart.receive(&typed), 100);
        let read: Vec<u8> = (0..100).map(|_| load(&mut uart, RBR).to_le_bytes()[0]).collect();
        assert_eq!(read, typed);
        assert_eq!(load(&mut uart, LSR), 0x60);
    }

    #[test]
    fn what_is_typed_before_the_port_is_set_up_arrives_afterwards() {
        let mut uart = Uart::default();
        uart.receive(b"ls\n");
        assert_eq!(load(&mut uart, LSR) & 1, 1, "the holding register has the first");
        store(&mut uart, FCR, 7);
        store(&mut uart, IER, 1);
        assert!(uart.interrupt());
        let read: Vec<u8> = (0..3).map(|_| load(&mut uart, RBR).to_le_bytes()[0]).collect();
        assert_eq!(read, b"ls\n");
        store(&mut uart, FCR, 7);
        assert_eq!(load(&mut uart, LSR) & 1, 0, "what was read does not come again");
    }

    #[test]
    fn a_loop_is_cut_off_from_the_line_and_cleared_for_good() {
        let mut uart = Uart::default();
        store(&mut uart, FCR, 1);
        store(&mut uart, MCR, 0x10);
        uart.receive(b"a");
        store(&mut uart, THR, 7);
        assert_eq!(load(&mut uart, RBR), 7, "what is typed waits");
        store(&mut uart, THR, 8);
        store(&mut uart, FCR, 3);
        store(&mut uart, MCR, 0);
        assert_eq!(load(&mut uart, RBR), u64::from(b'a'));
        assert_eq!(load(&mut uart, LSR) & 1, 0);
    }

    #[test]
    fn the_host_queue_has_a_limit() {
        let mut uart = Uart::default();
        let much = vec![0; HOST_QUEUE_BYTES + 5];
        assert_eq!(uart.receive(&much), HOST_QUEUE_BYTES);
        assert_eq!(uart.receive(b"x"), 1, "one byte moved into the holding register");
        assert_eq!(uart.receive(b"x"), 0);
    }

    #[test]
    fn below_the_trigger_level_the_identification_is_a_timeout() {
        let mut uart = Uart::default();
        store(&mut uart, FCR, 0x81);
        store(&mut uart, IER, 1);
        uart.receive(b"1234567");
        assert_eq!(load(&mut uart, IIR), 0xcc);
        uart.receive(b"8");
        assert_eq!(load(&mut uart, IIR), 0xc4);
    }

    #[test]
    fn transmitter_empty_interrupts_once_per_enabling_or_byte() {
        let mut uart = Uart::default();
        store(&mut uart, IER, 2);
        assert!(uart.interrupt(), "enabling it with THR empty raises it");
        assert_eq!(load(&mut uart, IIR), 2);
        assert!(!uart.interrupt(), "reading the identification clears it");
        store(&mut uart, THR, 0);
        assert!(uart.interrupt());
        store(&mut uart, IER, 0);
        assert!(!uart.interrupt());
    }

    #[test]
    fn the_divisor_hides_behind_dlab() {
        let mut uart = Uart::default();
        store(&mut uart, LCR, 0x83);
        assert_eq!(store(&mut uart, 0, 0x34), None);
        store(&mut uart, 1, 0x12);
        assert_eq!((load(&mut uart, 0), load(&mut uart, 1)), (0x34, 0x12));
        store(&mut uart, LCR, 3);
        assert_eq!(load(&mut uart, IER), 0);
    }

    #[test]
    fn loopback_returns_bytes_and_modem_lines_and_overruns() {
        let mut uart = Uart::default();
        assert_eq!(load(&mut uart, MSR), 0xb0);
        store(&mut uart, MCR, 0x1f);
        assert_eq!(load(&mut uart, MSR), 0xf0);
        assert_eq!(store(&mut uart, THR, 7), None);
        assert_eq!(store(&mut uart, THR, 8), None);
        assert_eq!(load(&mut uart, LSR), 0x63);
        assert_eq!(load(&mut uart, LSR), 0x61, "reading clears the overrun");
        assert_eq!(load(&mut uart, RBR), 7);
    }

    #[test]
    fn the_scratch_register_remembers_and_nothing_lies_beyond_it() {
        let mut uart = Uart::default();
        store(&mut uart, SCR, 0x1a5);
        assert_eq!(load(&mut uart, SCR), 0xa5);
        assert_eq!(uart.load(8, Width::Byte), Err(BusError));
        assert_eq!(uart.store(u64::MAX, Width::Double, 0), Err(BusError));
    }
}
