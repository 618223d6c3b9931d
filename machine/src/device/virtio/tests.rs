//! The disk through its registers and rings, first well-behaved, then hostile.

use super::*;
use crate::device::DiskAccess;
use crate::device::disk_faults::Failing;
use crate::ram::Ram;
use faultline_abi::board::DRAM_BASE as BASE;

const DESCRIPTORS: u64 = BASE;
const AVAILABLE: u64 = BASE + 0x1000;
const USED: u64 = BASE + 0x2000;
const HEADER: u64 = BASE + 0x3000;
const DATA: u64 = BASE + 0x4000;
const STATUS: u64 = BASE + 0x6000;
const SIZE: u16 = 8;

const NEXT: u16 = 1;
const WRITE: u16 = 2;
const FLUSH: u32 = 4;
const DISCARD: u32 = 11;
const WRITE_ZEROES: u32 = 13;
const IO_ERROR: u8 = 1;

struct Bench {
    slot: VirtioSlot,
    memory: Ram,
    submitted: u16,
}

/// Sixteen sectors, each filled with its number.
fn image() -> Vec<u8> {
    (0..16 * 512u32).map(|i| (i / 512).to_le_bytes()[0]).collect()
}

impl Bench {
    /// A driver that has brought the device up in the order that the specification asks for.
    fn new() -> Self {
        Self::with_faults(DiskFaults::default())
    }

    fn with_faults(faults: DiskFaults) -> Self {
        Self::with_disk(Disk::new(image()), faults)
    }

    fn with_disk(disk: Disk, faults: DiskFaults) -> Self {
        let slot = VirtioSlot::with_disk(disk, faults);
        let mut bench = Self { slot, memory: Ram::new(1 << 16), submitted: 0 };
        bench.start();
        bench
    }

    fn start(&mut self) {
        self.submitted = 0;
        let zeros = vec![0; usize::try_from(self.memory.size()).unwrap()];
        self.put(BASE, &zeros);
        for status in [0, 1, 3] {
            self.store(register::STATUS, status);
        }
        self.store(register::DRIVER_FEATURES_SEL, 1);
        self.store(register::DRIVER_FEATURES, 1);
        self.store(register::STATUS, 11);
        assert_eq!(self.load(register::STATUS), 11, "the features are accepted");
        self.store(register::QUEUE_NUM, SIZE.into());
        for (low, address) in [
            (register::QUEUE_DESC_LOW, DESCRIPTORS),
            (register::QUEUE_DRIVER_LOW, AVAILABLE),
            (register::QUEUE_DEVICE_LOW, USED),
        ] {
            self.store(low, address & 0xffff_ffff);
            self.store(low + 4, address >> 32);
        }
        self.store(register::QUEUE_READY, 1);
        self.store(register::STATUS, 15);
    }

    fn load(&self, offset: u64) -> u64 {
        self.slot.load(offset, Width::Word)
    }

    fn store(&mut self, offset: u64, value: u64) {
        self.slot.store(offset, Width::Word, value, &mut self.memory);
    }

    fn put(&mut self, address: u64, bytes: &[u8]) {
        Memory::write(&mut self.memory, address, bytes).unwrap();
    }

    fn get(&self, address: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        Memory::read(&self.memory, address, &mut bytes).unwrap();
        bytes
    }

    fn descriptor(&mut self, index: u64, address: u64, length: u32, flags: u16, next: u16) {
        let at = DESCRIPTORS + index * 16;
        self.put(at, &address.to_le_bytes());
        self.put(at + 8, &length.to_le_bytes());
        self.put(at + 12, &flags.to_le_bytes());
        self.put(at + 14, &next.to_le_bytes());
    }

    fn header(&mut self, kind: u32, sector: u64) {
        self.put(HEADER, &kind.to_le_bytes());
        self.put(HEADER + 8, &sector.to_le_bytes());
        self.put(STATUS, &[0xff]);
    }

    /// A range for a request to discard or to write zeros.
    fn range(&mut self, sector: u64, sectors: u32, flags: u32) {
        self.put(DATA, &sector.to_le_bytes());
        self.put(DATA + 8, &sectors.to_le_bytes());
        self.put(DATA + 12, &flags.to_le_bytes());
    }

    fn submit(&mut self, head: u16) {
        let slot = u64::from(self.submitted % SIZE);
        self.put(AVAILABLE + 4 + slot * 2, &head.to_le_bytes());
        self.submitted = self.submitted.wrapping_add(1);
        self.put(AVAILABLE + 2, &self.submitted.to_le_bytes());
        self.store(register::QUEUE_NOTIFY, 0);
    }

    /// The usual three descriptors: header, data, status. The status byte afterwards.
    fn request(&mut self, kind: u32, sector: u64, data: (u64, u32, u16)) -> u8 {
        self.header(kind, sector);
        self.descriptor(0, HEADER, 16, NEXT, 1);
        self.descriptor(1, data.0, data.1, NEXT | data.2, 2);
        self.descriptor(2, STATUS, 1, WRITE, 0);
        self.submit(0);
        self.get(STATUS, 1)[0]
    }

    fn used(&self) -> (u16, u32) {
        let index = self.get(USED + 2, 2);
        let slot = u64::from((self.submitted - 1) % SIZE);
        let length = self.get(USED + 4 + slot * 8 + 4, 4);
        (u16::from_le_bytes([index[0], index[1]]), u32::from_le_bytes(length.try_into().unwrap()))
    }

    fn assert_broken(&mut self) {
        assert_eq!(self.load(register::STATUS) & 64, 64, "the device asks for a reset");
        assert!(self.slot.interrupt());
        let used = self.get(USED + 2, 2);
        self.store(register::QUEUE_NOTIFY, 0);
        assert_eq!(self.get(USED + 2, 2), used, "and does nothing until then");
        self.start();
        assert_eq!(self.request(REQUEST_IN, 3, (DATA, 512, WRITE)), 0, "and works after it");
    }
}

const REQUEST_IN: u32 = 0;
const REQUEST_OUT: u32 = 1;

#[test]
fn an_empty_slot_has_a_magic_number_and_no_device() {
    let mut slot = VirtioSlot::default();
    let mut memory = Ram::new(0);
    slot.store(register::STATUS, Width::Word, 15, &mut memory);
    slot.store(register::QUEUE_NOTIFY, Width::Word, 0, &mut memory);
    assert_eq!(slot.load(register::MAGIC, Width::Word), 0x7472_6976);
    assert_eq!(slot.load(register::DEVICE_ID, Width::Word), 0);
    assert_eq!(slot.load(register::STATUS, Width::Word), 0);
    assert!(!slot.interrupt());
}

#[test]
fn the_configuration_tells_the_capacity_at_any_width() {
    let bench = Bench::new();
    assert_eq!(bench.slot.load(CONFIG, Width::Double), 16);
    assert_eq!(bench.slot.load(CONFIG, Width::Word), 16);
    assert_eq!(bench.slot.load(CONFIG + 20, Width::Word), 512);
    assert_eq!(bench.slot.load(CONFIG + 0xeff, Width::Double), 0);
}

#[test]
fn a_read_fills_memory_and_interrupts() {
    let mut bench = Bench::new();
    assert_eq!(bench.request(REQUEST_IN, 3, (DATA, 1024, WRITE)), 0);
    assert_eq!(bench.get(DATA, 512), [3; 512]);
    assert_eq!(bench.get(DATA + 512, 512), [4; 512]);
    assert_eq!(bench.used(), (1, 1025));
    assert!(bench.slot.interrupt());
    bench.store(register::INTERRUPT_ACK, 1);
    assert!(!bench.slot.interrupt());
}

#[test]
fn a_write_reaches_the_disk_and_comes_back() {
    let mut bench = Bench::new();
    bench.put(DATA, &[0xab; 512]);
    assert_eq!(bench.request(REQUEST_OUT, 15, (DATA, 512, 0)), 0);
    assert_eq!(bench.used(), (1, 1));
    bench.put(DATA, &[0; 512]);
    assert_eq!(bench.request(REQUEST_IN, 15, (DATA, 512, WRITE)), 0);
    assert_eq!(bench.get(DATA, 512), [0xab; 512]);
}

#[test]
fn more_requests_than_the_ring_has_slots_come_round_again() {
    let mut bench = Bench::new();
    for i in 1..=40 {
        assert_eq!(bench.request(REQUEST_IN, u64::from(i % 16), (DATA, 512, WRITE)), 0);
        assert_eq!(bench.used(), (i, 513));
    }
}

#[test]
fn a_driver_may_ask_not_to_be_interrupted() {
    let mut bench = Bench::new();
    bench.put(AVAILABLE, &[1, 0]);
    assert_eq!(bench.request(REQUEST_IN, 0, (DATA, 512, WRITE)), 0);
    assert!(!bench.slot.interrupt());
}

#[test]
fn flush_identity_and_unknown_requests_answer_as_they_should() {
    let mut bench = Bench::new();
    assert_eq!(bench.request(FLUSH, 0, (DATA, 0, WRITE)), 0);
    assert_eq!(bench.request(8, 0, (DATA, 20, WRITE)), 0);
    assert_eq!(bench.get(DATA, 14), b"faultline disk");
    assert_eq!(bench.request(8, 0, (DATA, 4, WRITE)), 0);
    assert_eq!(bench.request(99, 0, (DATA, 512, WRITE)), 2);
}

#[test]
fn a_header_and_status_may_be_cut_anywhere() {
    let mut bench = Bench::new();
    bench.header(REQUEST_IN, 5);
    bench.descriptor(0, HEADER, 7, NEXT, 1);
    bench.descriptor(1, HEADER + 7, 9, NEXT, 2);
    bench.descriptor(2, DATA, 300, NEXT | WRITE, 3);
    bench.descriptor(3, DATA + 300, 213, WRITE, 0);
    bench.submit(0);
    assert_eq!(bench.get(DATA, 512), [5; 512]);
    assert_eq!(bench.get(DATA + 512, 1), [0], "the last byte is the status");
}

#[test]
fn requests_that_cannot_be_done_fail_and_the_device_lives_on() {
    let mut bench = Bench::new();
    for (kind, sector, data) in [
        (REQUEST_IN, 16, (DATA, 512, WRITE)),
        (REQUEST_IN, 15, (DATA, 1024, WRITE)),
        (REQUEST_OUT, u64::MAX, (DATA, 512, 0)),
        (REQUEST_OUT, u64::MAX / 512, (DATA, 512, 0)),
        (REQUEST_IN, 0, (DATA, 511, WRITE)),
    ] {
        assert_eq!(bench.request(kind, sector, data), 1, "{kind} {sector:#x}");
    }
    assert_eq!(bench.request(REQUEST_IN, 2, (DATA, 512, WRITE)), 0);
}

#[test]
fn a_request_has_a_limit_on_its_size() {
    let mut bench = Bench::new();
    bench.memory = Ram::new(6 << 20);
    bench.start();
    assert_eq!(bench.request(REQUEST_OUT, 0, (DATA, 5 << 20, 0)), 1);
}

#[test]
fn what_was_not_offered_is_not_accepted() {
    let mut bench = Bench::new();
    for (low, high) in [(1 << 28, 1), (1 << 5, 1), (0, 2)] {
        bench.store(register::STATUS, 0);
        bench.store(register::STATUS, 3);
        for (selector, features) in [(0, low), (1, high)] {
            bench.store(register::DRIVER_FEATURES_SEL, selector);
            bench.store(register::DRIVER_FEATURES, features);
        }
        bench.store(register::STATUS, 11);
        assert_eq!(bench.load(register::STATUS), 3, "{low:#x} {high:#x}");
    }
}

#[test]
fn nothing_moves_before_the_driver_is_ready() {
    for status in [0, 3, 11] {
        let mut bench = Bench::new();
        bench.store(register::STATUS, status);
        bench.request(REQUEST_IN, 3, (DATA, 512, WRITE));
        assert_eq!(bench.get(DATA, 512), [0; 512]);
    }
}

#[test]
fn a_ring_size_that_is_no_power_of_two_or_too_large_gives_no_queue() {
    for size in [0, 3, 512, u64::from(u32::MAX)] {
        let mut bench = Bench::new();
        bench.store(register::QUEUE_READY, 0);
        bench.store(register::QUEUE_NUM, size);
        bench.store(register::QUEUE_READY, 1);
        assert_eq!(bench.load(register::QUEUE_READY), 0, "{size}");
    }
}

#[test]
fn a_queue_that_is_ready_cannot_be_moved_and_other_queues_do_not_exist() {
    let mut bench = Bench::new();
    bench.store(register::QUEUE_DESC_LOW, 0);
    bench.store(register::QUEUE_NUM, 1);
    bench.store(register::QUEUE_SEL, 1);
    assert_eq!(bench.load(register::QUEUE_NUM_MAX), 0);
    assert_eq!(bench.load(register::QUEUE_READY), 0);
    bench.store(register::QUEUE_READY, 0);
    bench.store(register::QUEUE_NOTIFY, 7);
    bench.store(register::QUEUE_SEL, 0);
    assert_eq!(bench.request(REQUEST_IN, 3, (DATA, 512, WRITE)), 0);
}

#[test]
fn broken_rings_stop_the_device_until_it_is_reset() {
    type Break = fn(&mut Bench);
    let cases: [(&str, Break); 12] = [
        ("more requests than the ring holds, each of them good", |b| {
            b.request(REQUEST_IN, 0, (DATA, 512, WRITE));
            b.put(AVAILABLE + 2, &(SIZE + 2).to_le_bytes());
            b.store(register::QUEUE_NOTIFY, 0);
        }),
        ("a good request outside the table", |b| {
            b.header(REQUEST_IN, 0);
            let first = u64::from(SIZE);
            b.descriptor(first, HEADER, 16, NEXT, SIZE + 1);
            b.descriptor(first + 1, DATA, 512, NEXT | WRITE, SIZE + 2);
            b.descriptor(first + 2, STATUS, 1, WRITE, 0);
            b.submit(SIZE);
        }),
        ("available index jumps beyond the ring", |b| {
            b.put(AVAILABLE + 2, &100u16.to_le_bytes());
            b.store(register::QUEUE_NOTIFY, 0);
        }),
        ("head outside the table", |b| b.submit(SIZE)),
        ("next outside the table", |b| {
            b.descriptor(0, HEADER, 16, NEXT, 0xffff);
            b.submit(0);
        }),
        ("a circle", |b| {
            b.descriptor(0, HEADER, 16, NEXT, 1);
            b.descriptor(1, HEADER, 16, NEXT, 0);
            b.submit(0);
        }),
        ("an address that wraps", |b| {
            b.request(REQUEST_IN, 0, (u64::MAX - 10, 512, WRITE));
        }),
        ("a segment outside DRAM", |b| {
            b.request(REQUEST_IN, 0, (0x1000_0000, 512, WRITE));
        }),
        ("a segment that leaves DRAM", |b| {
            b.request(REQUEST_OUT, 0, (BASE + (1 << 16) - 100, 512, 0));
        }),
        ("readable after writable", |b| {
            b.descriptor(0, DATA, 512, NEXT | WRITE, 1);
            b.descriptor(1, HEADER, 16, 0, 0);
            b.submit(0);
        }),
        ("no room for a status", |b| {
            b.descriptor(0, HEADER, 16, 0, 0);
            b.submit(0);
        }),
        ("a short header", |b| {
            b.descriptor(0, HEADER, 15, NEXT, 1);
            b.descriptor(1, STATUS, 1, WRITE, 0);
            b.submit(0);
        }),
    ];
    for (name, break_it) in cases {
        let mut bench = Bench::new();
        break_it(&mut bench);
        println!("{name}");
        bench.assert_broken();
    }
}

#[test]
fn an_indirect_descriptor_was_not_offered_and_breaks_the_queue() {
    let mut bench = Bench::new();
    bench.descriptor(0, HEADER, 16, 4, 0);
    bench.submit(0);
    bench.assert_broken();
}

#[test]
fn rings_outside_memory_break_the_queue() {
    for low in [register::QUEUE_DESC_LOW, register::QUEUE_DRIVER_LOW, register::QUEUE_DEVICE_LOW] {
        let mut bench = Bench::new();
        bench.store(register::QUEUE_READY, 0);
        bench.store(low + 4, u64::from(u32::MAX));
        bench.store(low, 0xffff_fffe);
        bench.store(register::QUEUE_READY, 1);
        bench.request(REQUEST_IN, 3, (DATA, 512, WRITE));
        bench.assert_broken();
    }
}

#[test]
fn a_reset_forgets_the_queue_and_the_interrupt() {
    let mut bench = Bench::new();
    bench.request(REQUEST_IN, 3, (DATA, 512, WRITE));
    bench.store(register::STATUS, 0);
    assert!(!bench.slot.interrupt());
    assert_eq!(bench.load(register::QUEUE_READY), 0);
    bench.start();
    assert_eq!(bench.request(REQUEST_IN, 4, (DATA, 512, WRITE)), 0);
    assert_eq!(bench.get(DATA, 512), [4; 512]);
}

#[test]
fn any_register_survives_any_access() {
    let mut bench = Bench::new();
    for offset in 0..0x200 {
        for width in [Width::Byte, Width::Half, Width::Word, Width::Double] {
            for value in [0, 1, 0x40, u64::MAX] {
                bench.slot.store(offset, width, value, &mut bench.memory);
                assert!(bench.slot.load(offset, width) <= width.mask());
            }
        }
    }
}

/// Numbers that are the same in every run (xorshift64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Addresses near the rings, the edges of memory and of arithmetic.
fn address(noise: &mut Noise) -> u64 {
    let near = [BASE, BASE + (1 << 16), 0, u64::MAX, 1 << 32][usize::try_from(noise.below(5)).unwrap()];
    near.wrapping_add(noise.below(0x8000)).wrapping_sub(noise.below(0x100))
}

#[test]
fn noise_in_the_rings_and_registers_never_does_worse_than_break_the_device() {
    let mut noise = Noise(0x5eed);
    for _ in 0..300 {
        let mut bench = Bench::new();
        for _ in 0..200 {
            match noise.below(4) {
                0 => {
                    let (at, length) = (address(&mut noise), noise.below(2048));
                    let length = u32::try_from(length).unwrap();
                    let flags = u16::try_from(noise.below(8)).unwrap();
                    let next = u16::try_from(noise.below(10)).unwrap();
                    let index = noise.below(8);
                    bench.descriptor(index, at, length, flags, next);
                }
                1 => {
                    let (at, bytes) = (BASE + noise.below(0x7000), noise.next().to_le_bytes());
                    bench.put(at, &bytes);
                }
                2 => {
                    let value = if noise.below(2) == 0 { noise.below(16) } else { noise.next() };
                    bench.store(noise.below(0x110) & !3, value);
                }
                _ => {
                    let head = u16::try_from(noise.below(9)).unwrap();
                    bench.submit(head);
                }
            }
        }
        bench.start();
        assert_eq!(bench.request(REQUEST_IN, 3, (DATA, 512, WRITE)), 0, "a reset heals everything");
    }
}

#[test]
fn discarded_sectors_and_written_zeros_read_as_zeros() {
    for (kind, flags) in [(11, 0), (13, 0), (13, 1)] {
        let mut bench = Bench::new();
        bench.range(2, 3, flags);
        assert_eq!(bench.request(kind, 0, (DATA, 16, 0)), 0);
        assert_eq!(bench.request(REQUEST_IN, 1, (DATA, 5 * 512, WRITE)), 0);
        assert_eq!(bench.get(DATA, 512), [1; 512]);
        assert_eq!(bench.get(DATA + 512, 3 * 512), [0; 3 * 512]);
        assert_eq!(bench.get(DATA + 4 * 512, 512), [5; 512]);
    }
}

#[test]
fn impossible_ranges_of_zeros_are_refused() {
    for (kind, sector, sectors, flags, status) in [
        (11, 0, 1, 1, 2),
        (13, 0, 1, 2, 2),
        (13, 15, 2, 0, 1),
        (13, u64::MAX, 1, 0, 1),
        (11, 0, u32::MAX, 0, 1),
    ] {
        let mut bench = Bench::new();
        bench.range(sector, sectors, flags);
        assert_eq!(bench.request(kind, 0, (DATA, 16, 0)), status, "{kind} {sector} {sectors} {flags}");
    }
    let mut bench = Bench::new();
    assert_eq!(bench.request(13, 0, (DATA, 15, 0)), 1, "a range cut off");
}

/// The same memory, through the legacy registers.
fn legacy() -> Bench {
    let mut bench = Bench::new();
    bench.slot.set_transport(Transport::Legacy);
    bench.store(register::LEGACY_PAGE_SIZE, 4096);
    bench.store(register::STATUS, 0);
    bench.submitted = 0;
    bench.put(BASE, &[0; 0x3000]);
    bench.store(register::STATUS, 3);
    bench.store(register::QUEUE_SEL, 0);
    bench.store(register::QUEUE_NUM, SIZE.into());
    bench.store(register::LEGACY_QUEUE_ALIGN, 4096);
    bench.store(register::LEGACY_QUEUE_PAGE, DESCRIPTORS >> 12);
    bench
}

/// Where a legacy queue of eight has its other parts.
const LEGACY_AVAILABLE: u64 = DESCRIPTORS + 8 * 16;
const LEGACY_USED: u64 = DESCRIPTORS + 0x1000;

/// Submits as [`Bench::request`] does, to the rings of a legacy queue.
fn legacy_read(bench: &mut Bench, sector: u64) -> u8 {
    bench.header(REQUEST_IN, sector);
    bench.descriptor(0, HEADER, 16, NEXT, 1);
    bench.descriptor(1, DATA, 512, NEXT | WRITE, 2);
    bench.descriptor(2, STATUS, 1, WRITE, 0);
    let slot = u64::from(bench.submitted % SIZE);
    bench.put(LEGACY_AVAILABLE + 4 + slot * 2, &[0, 0]);
    bench.submitted += 1;
    bench.put(LEGACY_AVAILABLE + 2, &bench.submitted.to_le_bytes());
    bench.store(register::QUEUE_NOTIFY, 0);
    bench.get(STATUS, 1)[0]
}

#[test]
fn a_legacy_driver_finds_version_one_and_its_queue_in_one_piece() {
    let mut bench = legacy();
    assert_eq!(bench.load(register::VERSION), 1);
    assert_eq!(bench.load(register::LEGACY_QUEUE_PAGE), DESCRIPTORS >> 12);
    for i in 1..=10 {
        assert_eq!(legacy_read(&mut bench, u64::from(i)), 0);
        assert_eq!(bench.get(DATA, 512), [i; 512]);
        assert_eq!(bench.get(LEGACY_USED + 2, 2), [i, 0]);
    }
    assert!(bench.slot.interrupt());
    bench.store(register::INTERRUPT_ACK, 1);
    assert!(!bench.slot.interrupt());
    assert_eq!(bench.slot.load(CONFIG, Width::Double), 16);
}

#[test]
fn a_legacy_slot_offers_no_modern_feature_or_register() {
    let mut bench = legacy();
    bench.store(register::DEVICE_FEATURES_SEL, 1);
    assert_eq!(bench.load(register::DEVICE_FEATURES), 0, "no VERSION_1");
    assert_eq!(bench.load(register::QUEUE_READY), 0);
    bench.store(register::QUEUE_READY, 0);
    bench.store(register::QUEUE_DESC_LOW, 0);
    assert_eq!(legacy_read(&mut bench, 3), 0, "and writing those does nothing");
}

#[test]
fn page_zero_takes_a_legacy_queue_away() {
    let mut bench = legacy();
    bench.store(register::LEGACY_QUEUE_PAGE, 0);
    assert_eq!((bench.load(register::STATUS), bench.load(register::LEGACY_QUEUE_PAGE)), (0, 0));
    assert_eq!(legacy_read(&mut bench, 3), 0xff, "nobody answers");
}

#[test]
fn a_legacy_queue_in_an_impossible_place_hurts_nobody() {
    for (page_size, align, page) in [
        (4096, 0u32, 0x8_0000u32),
        (4096, 3, 0x8_0000),
        (0u32, 4096, 1),
        (u32::MAX, 1 << 31, u32::MAX),
        (4096, 4096, 1),
    ] {
        let mut bench = legacy();
        bench.store(register::LEGACY_PAGE_SIZE, page_size.into());
        bench.store(register::LEGACY_QUEUE_ALIGN, align.into());
        bench.store(register::LEGACY_QUEUE_PAGE, page.into());
        bench.store(register::QUEUE_NOTIFY, 0);
        assert_eq!(bench.get(STATUS, 1), [0]);
        assert_eq!(bench.load(register::STATUS) & 64, 0, "a legacy driver is not told");
    }
}

#[test]
fn a_request_that_is_to_fail_fails_and_changes_nothing() {
    let mut bench =
        Bench::with_faults(DiskFaults { reads: Failing::At(2), writes: Failing::At(1), cut_at: None });
    bench.put(DATA, &[9; 512]);
    assert_eq!(bench.request(REQUEST_OUT, 3, (DATA, 512, 0)), IO_ERROR);
    assert_eq!(bench.request(REQUEST_IN, 3, (DATA, 512, WRITE)), 0);
    assert_eq!(bench.get(DATA, 1), [3], "the disk has what it had");
    assert_eq!(bench.request(REQUEST_IN, 4, (DATA, 512, WRITE)), 1);
    assert_eq!(bench.get(DATA, 1), [3], "memory too");
    assert_eq!(bench.request(REQUEST_OUT, 3, (DATA, 512, 0)), 0);
    assert!(!bench.slot.has_lost_power());
}

#[test]
fn when_the_power_goes_every_sector_is_old_or_new() {
    let mut bench = Bench::with_faults(DiskFaults { cut_at: Some(3), ..DiskFaults::default() });
    bench.put(DATA, &[9; 1024]);
    assert_eq!(bench.request(REQUEST_OUT, 2, (DATA, 1024, 0)), 0);
    assert!(!bench.slot.has_lost_power());
    bench.request(REQUEST_OUT, 4, (DATA, 1024, 0));
    assert!(bench.slot.has_lost_power());
    let contents = bench.slot.disk().unwrap().contents();
    let firsts: Vec<u8> = contents.chunks(512).map(|sector| sector[0]).collect();
    assert_eq!(firsts[..7], [0, 1, 9, 9, 9, 5, 6]);
    assert!(contents.chunks(512).all(|sector| sector.iter().all(|byte| *byte == sector[0])));
}

#[test]
fn a_driver_that_never_looks_at_the_upper_features_is_served() {
    let mut bench = Bench::new();
    for status in [0, 1, 3] {
        bench.store(register::STATUS, status);
    }
    let offered = bench.load(register::DEVICE_FEATURES);
    bench.store(register::DRIVER_FEATURES, offered);
    bench.store(register::STATUS, 11);
    assert_eq!(bench.load(register::STATUS), 11, "FEATURES_OK stays");
}

#[test]
fn a_legacy_driver_that_names_no_alignment_means_a_page() {
    let mut bench = legacy();
    bench.store(register::STATUS, 0);
    bench.submitted = 0;
    bench.put(BASE, &[0; 0x3000]);
    bench.store(register::STATUS, 15);
    bench.store(register::QUEUE_NUM, SIZE.into());
    bench.store(register::LEGACY_QUEUE_PAGE, DESCRIPTORS >> 12);
    assert_eq!(legacy_read(&mut bench, 3), 0);
    assert_eq!(bench.get(DATA, 512), [3; 512]);
}

#[test]
fn a_read_only_disk_says_so_and_refuses_every_change() {
    let disk = Disk::new(image()).with_access(DiskAccess::ReadOnly);
    let mut bench = Bench::with_disk(disk, DiskFaults::default());
    let features = bench.load(register::DEVICE_FEATURES);
    assert_eq!(features & (1 << 5 | 1 << 13 | 1 << 14), 1 << 5, "RO, and neither DISCARD nor WRITE_ZEROES");
    assert_eq!(bench.request(REQUEST_IN, 3, (DATA, 512, WRITE)), 0);
    assert_eq!(bench.request(REQUEST_OUT, 3, (DATA, 512, 0)), IO_ERROR);
    bench.range(3, 1, 0);
    for kind in [DISCARD, WRITE_ZEROES] {
        assert_eq!(bench.request(kind, 0, (DATA, 16, 0)), IO_ERROR);
    }
    assert_eq!(bench.request(FLUSH, 0, (DATA, 0, 0)), 0);
    assert_eq!(bench.slot.disk().unwrap().contents(), image());
}
