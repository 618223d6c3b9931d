//! A virtio-mmio slot (virtio 1.2, "Virtio Over MMIO"), register layout version 2, or version 1 as
//! drivers from before virtio 1.0 expect it ("Legacy interface").
//!
//! The slot keeps the handshake and the queue's addresses; `block` does what requests ask for,
//! and `queue` reads the rings, which are the guest's memory and therefore lies until checked.
//! A driver that breaks the rules gets `DEVICE_NEEDS_RESET` and silence until it resets the device.

mod block;
mod queue;

use self::block::Block;
use self::queue::{Broken, Queue};
use super::disk_faults::{DiskCounts, DiskFaults};
use super::{Disk, Memory};
use crate::bus::Width;

const MAGIC: u32 = u32::from_le_bytes(*b"virt");
const VENDOR: u32 = u32::from_le_bytes(*b"QEMU");
const DEVICE_BLOCK: u32 = 2;
/// Offset of the device's own configuration.
const CONFIG: u64 = 0x100;
/// Largest ring that is offered.
const QUEUE_SIZE_MAX: u32 = 256;

mod status {
    pub(super) const FEATURES_OK: u32 = 8;
    pub(super) const DRIVER_OK: u32 = 4;
    pub(super) const NEEDS_RESET: u32 = 64;
}

mod interrupt {
    pub(super) const USED_BUFFER: u32 = 1;
    pub(super) const CONFIGURATION: u32 = 2;
}

/// `VIRTIO_F_VERSION_1`: a modern slot offers it. A driver should accept it, but some that are in use
/// never look at the upper half of the features, and QEMU serves them.
const FEATURE_VERSION_1: u64 = 1 << 32;

/// The register layout of a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Version 1: the queue lies in one piece, at a page that the driver names.
    Legacy,
    /// Version 2.
    #[default]
    Modern,
}

impl Transport {
    const fn version(self) -> u32 {
        match self {
            Self::Legacy => 1,
            Self::Modern => 2,
        }
    }

    /// What every device of this transport offers.
    const fn features(self) -> u64 {
        match self {
            Self::Legacy => 0,
            Self::Modern => FEATURE_VERSION_1,
        }
    }
}

/// One slot, empty or with a disk.
#[derive(Clone, Debug, Default)]
pub struct VirtioSlot {
    transport: Transport,
    block: Option<Block>,
    handshake: Handshake,
    queue: Queue,
    interrupt_status: u32,
}

/// What a reset forgets, the queue and the interrupt apart.
#[derive(Clone, Debug, Default)]
struct Handshake {
    status: u32,
    device_features_sel: u32,
    driver_features_sel: u32,
    driver_features: u64,
    queue_sel: u32,
    legacy: LegacyQueue,
}

/// Where a legacy driver has put the queue.
#[derive(Clone, Debug)]
struct LegacyQueue {
    page_size: u32,
    align: u32,
    /// The number of the queue's first page; 0 while there is none.
    page: u32,
}

impl Default for LegacyQueue {
    /// Drivers that do not name an alignment mean a page.
    fn default() -> Self {
        Self { page_size: 0, align: 4096, page: 0 }
    }
}

/// Registers below the configuration (virtio 1.2, table "MMIO Device Register Layout").
mod register {
    pub(super) const MAGIC: u64 = 0x00;
    pub(super) const VERSION: u64 = 0x04;
    pub(super) const DEVICE_ID: u64 = 0x08;
    pub(super) const VENDOR_ID: u64 = 0x0c;
    pub(super) const DEVICE_FEATURES: u64 = 0x10;
    pub(super) const DEVICE_FEATURES_SEL: u64 = 0x14;
    pub(super) const DRIVER_FEATURES: u64 = 0x20;
    pub(super) const DRIVER_FEATURES_SEL: u64 = 0x24;
    pub(super) const LEGACY_PAGE_SIZE: u64 = 0x28;
    pub(super) const QUEUE_SEL: u64 = 0x30;
    pub(super) const QUEUE_NUM_MAX: u64 = 0x34;
    pub(super) const QUEUE_NUM: u64 = 0x38;
    pub(super) const LEGACY_QUEUE_ALIGN: u64 = 0x3c;
    pub(super) const LEGACY_QUEUE_PAGE: u64 = 0x40;
    pub(super) const QUEUE_READY: u64 = 0x44;
    pub(super) const QUEUE_NOTIFY: u64 = 0x50;
    pub(super) const INTERRUPT_STATUS: u64 = 0x60;
    pub(super) const INTERRUPT_ACK: u64 = 0x64;
    pub(super) const STATUS: u64 = 0x70;
    pub(super) const QUEUE_DESC_LOW: u64 = 0x80;
    pub(super) const QUEUE_DESC_HIGH: u64 = 0x84;
    pub(super) const QUEUE_DRIVER_LOW: u64 = 0x90;
    pub(super) const QUEUE_DRIVER_HIGH: u64 = 0x94;
    pub(super) const QUEUE_DEVICE_LOW: u64 = 0xa0;
    pub(super) const QUEUE_DEVICE_HIGH: u64 = 0xa4;
    pub(super) const SHM_LEN_LOW: u64 = 0xb0;
    pub(super) const SHM_BASE_HIGH: u64 = 0xbc;
}

impl VirtioSlot {
    /// A slot with a disk in it, with which these things go wrong.
    #[must_use]
    pub fn with_disk(disk: Disk, faults: DiskFaults) -> Self {
        Self { block: Some(Block::new(disk, faults)), ..Self::default() }
    }

    /// Changes the register layout, before anybody has used the slot.
    pub fn set_transport(&mut self, transport: Transport) {
        self.transport = transport;
    }

    /// The disk in this slot.
    #[must_use]
    pub fn disk(&self) -> Option<&Disk> {
        self.block.as_ref().map(Block::disk)
    }

    /// What the disk in this slot has been asked for so far.
    #[must_use]
    pub fn disk_counts(&self) -> DiskCounts {
        self.block.as_ref().map(|block| block.record().counts()).unwrap_or_default()
    }

    /// Whether the disk in this slot was to lose its power, and has.
    #[must_use]
    pub fn has_lost_power(&self) -> bool {
        self.block.as_ref().is_some_and(|block| block.record().is_off())
    }

    /// Whether the interrupt line is raised.
    #[must_use]
    pub fn interrupt(&self) -> bool {
        self.interrupt_status != 0
    }

    /// Reads a register or a piece of the configuration.
    ///
    /// Registers are words; other widths read as zero, as on QEMU. Every offset answers.
    #[must_use]
    pub fn load(&self, offset: u64, width: Width) -> u64 {
        match (offset, &self.block) {
            (CONFIG.., Some(block)) => block.configuration(offset - CONFIG, width),
            (CONFIG.., None) => 0,
            (..CONFIG, _) if width != Width::Word => 0,
            (register::MAGIC, _) => MAGIC.into(),
            (register::VERSION, _) => self.transport.version().into(),
            (register::VENDOR_ID, _) => VENDOR.into(),
            (_, Some(block)) => self.read_register(offset, block).into(),
            (_, None) => 0,
        }
    }

    /// What both layouts have.
    fn read_register(&self, offset: u64, block: &Block) -> u32 {
        let first_queue = self.handshake.queue_sel == 0;
        match offset {
            register::DEVICE_ID => DEVICE_BLOCK,
            register::DEVICE_FEATURES => {
                half(self.transport.features() | block.features(), self.handshake.device_features_sel)
            }
            register::QUEUE_NUM_MAX if first_queue => QUEUE_SIZE_MAX,
            register::INTERRUPT_STATUS => self.interrupt_status,
            _ if self.transport == Transport::Modern => self.read_modern(offset),
            // A legacy driver knows nothing of a device that needs a reset.
            register::STATUS => self.handshake.status & !status::NEEDS_RESET,
            register::LEGACY_QUEUE_PAGE if first_queue => self.handshake.legacy.page,
            _ => 0,
        }
    }

    fn read_modern(&self, offset: u64) -> u32 {
        match offset {
            register::QUEUE_READY if self.handshake.queue_sel == 0 => self.queue.ready.into(),
            register::STATUS => self.handshake.status,
            // No shared memory region: its length and base are all ones.
            register::SHM_LEN_LOW..=register::SHM_BASE_HIGH => u32::MAX,
            _ => 0,
        }
    }

    /// Writes a register; a notification does the waiting requests at once. Every offset answers.
    pub fn store(&mut self, offset: u64, width: Width, value: u64, memory: &mut impl Memory) {
        // The block device's configuration is read-only, and other widths are no register access.
        if self.block.is_none() || offset >= CONFIG || width != Width::Word {
            return;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a word was stored")]
        let value = value as u32;
        match offset {
            register::DEVICE_FEATURES_SEL => self.handshake.device_features_sel = value,
            register::DRIVER_FEATURES_SEL => self.handshake.driver_features_sel = value,
            register::DRIVER_FEATURES => self.accept_features(value),
            register::QUEUE_SEL => self.handshake.queue_sel = value,
            register::QUEUE_NOTIFY if value == 0 => self.notify(memory),
            register::INTERRUPT_ACK => self.interrupt_status &= !value,
            register::STATUS => self.write_status(value),
            register::LEGACY_PAGE_SIZE if self.transport == Transport::Legacy => {
                self.handshake.legacy.page_size = value;
            }
            _ if self.handshake.queue_sel != 0 => {}
            _ if self.transport == Transport::Legacy => self.write_legacy_queue(offset, value),
            _ => self.write_queue_register(offset, value),
        }
    }

    fn accept_features(&mut self, value: u32) {
        let features = &mut self.handshake.driver_features;
        match self.handshake.driver_features_sel {
            0 => *features = *features & !0xffff_ffff | u64::from(value),
            1 => *features = *features & 0xffff_ffff | u64::from(value) << 32,
            _ => {}
        }
    }

    /// Zero resets; `FEATURES_OK` stays clear where the driver asks for what is not offered (virtio
    /// 1.2, "Device Initialization").
    fn write_status(&mut self, value: u32) {
        if value == 0 {
            self.reset();
            return;
        }
        let mut value = value & 0xff & !status::NEEDS_RESET | self.handshake.status & status::NEEDS_RESET;
        let newly = value & !self.handshake.status;
        if newly & status::FEATURES_OK != 0 && !self.features_acceptable() {
            value &= !status::FEATURES_OK;
        }
        self.handshake.status = value;
    }

    /// Legacy drivers name their page size once, before they reset the device: it stays.
    fn reset(&mut self) {
        let page_size = self.handshake.legacy.page_size;
        self.handshake = Handshake::default();
        self.handshake.legacy.page_size = page_size;
        self.queue = Queue::default();
        self.interrupt_status = 0;
    }

    fn features_acceptable(&self) -> bool {
        let offered = self.transport.features() | self.block.as_ref().map_or(0, Block::features);
        self.handshake.driver_features & !offered == 0
    }

    /// A queue is set up only while it is not ready (virtio 1.2, "Queue initialization").
    fn write_queue_register(&mut self, offset: u64, value: u32) {
        let queue = &mut self.queue;
        if offset == register::QUEUE_READY {
            queue.set_ready(value & 1 == 1);
            return;
        }
        if queue.ready {
            return;
        }
        match offset {
            register::QUEUE_NUM => queue.set_size(value, QUEUE_SIZE_MAX),
            register::QUEUE_DESC_LOW => set_low(&mut queue.descriptors, value),
            register::QUEUE_DESC_HIGH => set_high(&mut queue.descriptors, value),
            register::QUEUE_DRIVER_LOW => set_low(&mut queue.available, value),
            register::QUEUE_DRIVER_HIGH => set_high(&mut queue.available, value),
            register::QUEUE_DEVICE_LOW => set_low(&mut queue.used, value),
            register::QUEUE_DEVICE_HIGH => set_high(&mut queue.used, value),
            _ => {}
        }
    }

    /// The legacy way: a page number puts all three parts of the queue in place and starts it; page 0
    /// takes it away, and resets the device as on QEMU.
    fn write_legacy_queue(&mut self, offset: u64, value: u32) {
        match offset {
            register::QUEUE_NUM => self.queue.set_size(value, QUEUE_SIZE_MAX),
            register::LEGACY_QUEUE_ALIGN => self.handshake.legacy.align = value,
            register::LEGACY_QUEUE_PAGE if value == 0 => self.reset(),
            register::LEGACY_QUEUE_PAGE => {
                let legacy = &mut self.handshake.legacy;
                legacy.page = value;
                let address = u64::from(value) * u64::from(legacy.page_size);
                self.queue.place_in_one_piece(address, legacy.align.into());
            }
            _ => {}
        }
    }

    fn notify(&mut self, memory: &mut impl Memory) {
        let status = self.handshake.status;
        // Legacy drivers may use a device before they say that they are ready.
        let started = status & status::DRIVER_OK != 0 || self.transport == Transport::Legacy;
        let running = started && status & status::NEEDS_RESET == 0;
        if !running || !self.queue.ready {
            return;
        }
        match self.serve(memory) {
            Ok(Interrupt::Wanted) => self.interrupt_status |= interrupt::USED_BUFFER,
            Ok(Interrupt::Unwanted) => {}
            Err(Broken) => {
                self.handshake.status |= status::NEEDS_RESET;
                if self.transport == Transport::Modern {
                    self.interrupt_status |= interrupt::CONFIGURATION;
                }
            }
        }
    }

    /// Does every request that is waiting.
    fn serve(&mut self, memory: &mut impl Memory) -> Result<Interrupt, Broken> {
        let Some(block) = &mut self.block else { return Ok(Interrupt::Unwanted) };
        let mut done = false;
        for _ in 0..self.queue.waiting(memory)? {
            let chain = self.queue.next(memory)?;
            let written = block.request(&chain, memory)?;
            self.queue.give_back(&chain, written, memory)?;
            done = true;
        }
        Ok(if done && self.queue.wants_interrupt(memory)? { Interrupt::Wanted } else { Interrupt::Unwanted })
    }
}

/// Whether the driver asked to hear of used buffers.
enum Interrupt {
    Wanted,
    Unwanted,
}

/// The half of a feature set that a selector names; there are only two.
fn half(features: u64, selector: u32) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "one half at a time is the point")]
    match selector {
        0 => features as u32,
        1 => (features >> 32) as u32,
        _ => 0,
    }
}

fn set_low(address: &mut u64, value: u32) {
    *address = *address & !0xffff_ffff | u64::from(value);
}

fn set_high(address: &mut u64, value: u32) {
    *address = *address & 0xffff_ffff | u64::from(value) << 32;
}

#[cfg(test)]
mod tests;
