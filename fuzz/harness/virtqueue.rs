//! The disk behind hostile rings: a driver that has brought the device up as the specification asks,
//! and then writes whatever it likes into descriptors, available ring and registers.

use faultline_abi::board::DRAM_BASE;
use faultline_machine::bus::Width;
use faultline_machine::device::disk_faults::DiskFaults;
use faultline_machine::device::virtio::{Transport, VirtioSlot};
use faultline_machine::device::{Disk, Memory};
use faultline_machine::ram::Ram;

use super::bytes::Bytes;

const MEMORY: usize = 64 << 10;
const SECTORS: usize = 64;
const DESCRIPTORS: u64 = DRAM_BASE;
const AVAILABLE: u64 = DRAM_BASE + 0x1000;
const USED: u64 = DRAM_BASE + 0x2000;
const DATA: u64 = DRAM_BASE + 0x3000;
/// Moves of the driver in one input.
const MOVES_MAX: usize = 512;

/// Registers of the transport, version 2 ("MMIO Device Register Layout").
mod register {
    pub(super) const DRIVER_FEATURES: u64 = 0x20;
    pub(super) const DRIVER_FEATURES_SEL: u64 = 0x24;
    pub(super) const GUEST_PAGE_SIZE: u64 = 0x28;
    pub(super) const QUEUE_NUM: u64 = 0x38;
    pub(super) const QUEUE_ALIGN: u64 = 0x3c;
    pub(super) const QUEUE_PFN: u64 = 0x40;
    pub(super) const QUEUE_READY: u64 = 0x44;
    pub(super) const QUEUE_NOTIFY: u64 = 0x50;
    pub(super) const STATUS: u64 = 0x70;
    pub(super) const QUEUE_DESC_LOW: u64 = 0x80;
    pub(super) const QUEUE_DRIVER_LOW: u64 = 0x90;
    pub(super) const QUEUE_DEVICE_LOW: u64 = 0xa0;
}

struct Driver {
    slot: VirtioSlot,
    memory: Ram,
    size: u16,
    submitted: u16,
}

pub(crate) fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut driver = Driver::new(&mut bytes);
    for _ in 0..MOVES_MAX {
        if bytes.is_empty() {
            return;
        }
        driver.act(&mut bytes);
    }
}

impl Driver {
    fn new(bytes: &mut Bytes<'_>) -> Self {
        let mut slot = VirtioSlot::with_disk(Disk::new(vec![0xa5; SECTORS * 512]), DiskFaults::default());
        let transport = bytes.pick(&[Transport::Modern, Transport::Modern, Transport::Legacy]);
        slot.set_transport(transport);
        let size = bytes.pick(&[8, 1, 2, 64]);
        let mut driver = Self { slot, memory: Ram::new(MEMORY), size, submitted: 0 };
        let features = bytes.word();
        driver.start(transport, features);
        driver
    }

    fn start(&mut self, transport: Transport, features: u32) {
        for status in [0, 1, 3] {
            self.register(register::STATUS, status);
        }
        self.register(register::DRIVER_FEATURES, features.into());
        self.register(register::DRIVER_FEATURES_SEL, 1);
        self.register(register::DRIVER_FEATURES, 1);
        self.register(register::STATUS, 11);
        self.register(register::QUEUE_NUM, self.size.into());
        if transport == Transport::Legacy {
            self.register(register::GUEST_PAGE_SIZE, 4096);
            self.register(register::QUEUE_ALIGN, 4096);
            self.register(register::QUEUE_PFN, DESCRIPTORS >> 12);
        } else {
            let tables = [
                (register::QUEUE_DESC_LOW, DESCRIPTORS),
                (register::QUEUE_DRIVER_LOW, AVAILABLE),
                (register::QUEUE_DEVICE_LOW, USED),
            ];
            for (low, address) in tables {
                self.register(low, address & 0xffff_ffff);
                self.register(low + 4, address >> 32);
            }
            self.register(register::QUEUE_READY, 1);
        }
        self.register(register::STATUS, 15);
    }

    fn register(&mut self, offset: u64, value: u64) {
        self.slot.store(offset, Width::Word, value, &mut self.memory);
    }

    fn act(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.byte() % 8 {
            0 => self.descriptor(bytes),
            1 => self.request(bytes),
            2 | 3 => self.submit(bytes),
            4 => {
                let (at, from) = (bytes.half(), bytes.take(32));
                self.write(DRAM_BASE + u64::from(at), from);
            }
            5 => {
                let (offset, value) = (u64::from(bytes.byte()) & 0xfc, bytes.word());
                self.register(offset, value.into());
            }
            6 => {
                let offset = u64::from(bytes.half() % 0x200);
                let _ = self.slot.load(offset, Width::Word);
                let _ = self.slot.interrupt();
            }
            _ => self.register(register::QUEUE_NOTIFY, 0),
        }
    }

    /// Any descriptor, with addresses and lengths that are often nearly right.
    fn descriptor(&mut self, bytes: &mut Bytes<'_>) {
        let index = u64::from(bytes.byte() % 64);
        let address = match bytes.byte() % 4 {
            0 => bytes.double(),
            1 => DRAM_BASE + (MEMORY as u64) - u64::from(bytes.byte()),
            _ => DATA + u64::from(bytes.half() % 0x8000),
        };
        let length = match bytes.byte() % 4 {
            0 => bytes.word(),
            1 => 1,
            _ => u32::from(bytes.byte() % 5) * 512,
        };
        let (flags, next) = (u16::from(bytes.byte() % 8), u16::from(bytes.byte() % 66));
        self.write_descriptor(index, address, length, flags, next);
    }

    fn write_descriptor(&mut self, index: u64, address: u64, length: u32, flags: u16, next: u16) {
        let mut descriptor = [0; 16];
        descriptor[..8].copy_from_slice(&address.to_le_bytes());
        descriptor[8..12].copy_from_slice(&length.to_le_bytes());
        descriptor[12..14].copy_from_slice(&flags.to_le_bytes());
        descriptor[14..].copy_from_slice(&next.to_le_bytes());
        self.write(DESCRIPTORS + index * 16, &descriptor);
    }

    /// A request that is whole but for its numbers: header, data, status.
    fn request(&mut self, bytes: &mut Bytes<'_>) {
        let kind = bytes.pick(&[0u32, 1, 4, 8, 11, 13, 14, 99]);
        let sector =
            if bytes.byte().is_multiple_of(4) { bytes.double() } else { bytes.below(SECTORS as u64 + 2) };
        let mut header = [0; 16];
        header[..4].copy_from_slice(&kind.to_le_bytes());
        header[8..].copy_from_slice(&sector.to_le_bytes());
        self.write(DATA, &header);
        let length = u32::from(bytes.byte() % 9) * 256;
        let write = if kind == 1 { 0 } else { 2 };
        self.write_descriptor(0, DATA, 16, 1, 1);
        self.write_descriptor(1, DATA + 0x100, length, 1 | write, 2);
        self.write_descriptor(2, DATA + 0x80, 1, 2, 0);
        self.make_available(0);
    }

    fn submit(&mut self, bytes: &mut Bytes<'_>) {
        let head = bytes.half() % (self.size + 2);
        if bytes.byte().is_multiple_of(8) {
            self.submitted = bytes.half();
        }
        self.make_available(head);
    }

    fn make_available(&mut self, head: u16) {
        let slot = u64::from(self.submitted % self.size);
        self.write(AVAILABLE + 4 + slot * 2, &head.to_le_bytes());
        self.submitted = self.submitted.wrapping_add(1);
        self.write(AVAILABLE + 2, &self.submitted.to_le_bytes());
        self.register(register::QUEUE_NOTIFY, 0);
    }

    fn write(&mut self, address: u64, from: &[u8]) {
        // Behind the end of memory nothing is written.
        let _ = Memory::write(&mut self.memory, address, from);
    }
}
