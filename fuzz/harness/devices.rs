//! The registers of every device: accesses of every width anywhere on the board, in any order, with
//! typed bytes and time between them.

use faultline_abi::PhysAddr;
use faultline_abi::board::{self, Region};
use faultline_machine::bus::{DeviceContext, Devices, Width};
use faultline_machine::device::{Board, Disk, virtio::Transport};
use faultline_machine::ram::Ram;

use super::bytes::Bytes;

const MEMORY: usize = 64 << 10;
const SECTORS: usize = 32;
/// Accesses of one input; enough for every state of a device.
const ACCESSES_MAX: usize = 4096;

pub(crate) fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut board = board(&mut bytes);
    let mut ram = Ram::new(MEMORY);
    let mut time = 0u64;
    for _ in 0..ACCESSES_MAX {
        if bytes.is_empty() {
            return;
        }
        time = time.wrapping_add(bytes.byte().into());
        access(&mut board, &mut ram, time, &mut bytes);
        assert_eq!(board.lines(0) & !0xa08, 0, "only MSIP, SEIP and MEIP are driven by devices");
        if board.due().is_some_and(|due| due <= time) {
            board.time_passed(time);
        }
    }
}

fn board(bytes: &mut Bytes<'_>) -> Board {
    let disk = Disk::new(vec![0x5a; SECTORS * 512]);
    let transport = bytes.pick(&[Transport::Modern, Transport::Legacy]);
    Board::new(1 + u32::from(bytes.byte() % 8), Some(disk)).with_transport(transport)
}

fn access(board: &mut Board, ram: &mut Ram, mtime: u64, bytes: &mut Bytes<'_>) {
    let kind = bytes.byte();
    if kind % 16 == 15 {
        return board.console_input(bytes.take(usize::from(kind)));
    }
    let width = bytes.pick(&[Width::Byte, Width::Half, Width::Word, Width::Word, Width::Double]);
    let address = PhysAddr::new(address(bytes) / width.bytes() * width.bytes());
    let mut context = DeviceContext { ram, mtime };
    if kind.is_multiple_of(2) {
        // The caller cuts the value to its width.
        let _ = board.load(address, width, &mut context);
    } else {
        let value = value(bytes) & width.mask();
        let _ = board.store(address, width, value, &mut context);
    }
}

/// Mostly a register of some device.
fn address(bytes: &mut Bytes<'_>) -> u64 {
    let virtio = Region { base: board::VIRTIO.base, size: board::VIRTIO.size * 8 };
    let regions = [virtio, virtio, board::UART, board::CLINT, board::PLIC, board::RTC, board::FINISHER];
    let region = bytes.pick(&regions);
    match bytes.byte() % 8 {
        0 => bytes.double(),
        1 => region.base + bytes.below(region.size),
        2 => region.base + 0x20_0000 % region.size + u64::from(bytes.half() % 0x2000),
        _ => region.base + u64::from(bytes.half() % 0x400),
    }
}

/// Small, or an address in memory, or anything.
fn value(bytes: &mut Bytes<'_>) -> u64 {
    match bytes.byte() % 4 {
        0 => bytes.double(),
        1 => board::DRAM_BASE + u64::from(bytes.half()),
        _ => bytes.byte().into(),
    }
}
