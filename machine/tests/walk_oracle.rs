//! The walker against an independent reading of the specification's text ("Virtual Address
//! Translation Process", steps 1 to 10), over every combination of the low eight bits of an entry,
//! its level, the access, the privilege, SUM, MXR, Svade and Svadu, each reserved bit, and several
//! alignments, for Sv39 and Sv48. The transcription below knows numbers and bits only: it shares no code with the
//! walker.

use std::collections::BTreeMap;

use faultline_abi::{
    PhysAddr, Ppn, VirtAddr,
    satp::{Root, Scheme},
    sv39::{Access, Pte},
};
use faultline_machine::{
    hart::Privilege,
    mmu::walk::{Rules, TableMemory, Update, walk},
};

/// Entries of page tables, by physical address; anywhere else the memory cannot be read.
#[derive(Default)]
struct Memory(BTreeMap<u64, u64>);

impl TableMemory for Memory {
    fn read_pte(&self, address: PhysAddr) -> Option<Pte> {
        self.0.get(&address.get()).copied().map(Pte::from_raw)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Translated(u64),
    PageFault,
    AccessFault,
}

#[derive(Clone, Copy, Debug)]
struct Question {
    /// LEVELS: 3 for Sv39, 4 for Sv48.
    levels: u32,
    va: u64,
    /// 'x', 'r' or 'w'.
    access: char,
    user_mode: bool,
    sum: bool,
    mxr: bool,
    hardware_updates: bool,
}

const ROOT: u64 = 0x80001;
/// An address for either scheme, canonical in both.
const fn address(levels: u32) -> u64 {
    if levels == 4 { 0x5a12_3456_7abc } else { 0x12_3456_7abc }
}
const PAGESIZE: u64 = 4096;
const PTESIZE: u64 = 8;

/// The specification's algorithm for Sv39 and Sv48, in its own order and numbers.
fn specification(memory: &Memory, q: Question) -> Outcome {
    // Bits 63–39 must all equal bit 38; under Sv48 bits 63–48 bit 47.
    let top = if q.levels == 4 { 47 } else { 38 };
    let sign = q.va >> top & 1;
    if (top + 1..64).any(|bit| q.va >> bit & 1 != sign) {
        return Outcome::PageFault;
    }
    // 1. a = satp.ppn × PAGESIZE, i = LEVELS − 1.
    let mut a = ROOT * PAGESIZE;
    let mut i = q.levels - 1;
    let pte = loop {
        // 2. The entry at a + va.vpn[i] × PTESIZE.
        let vpn = q.va >> (12 + 9 * i) & 0x1ff;
        let Some(&pte) = memory.0.get(&(a + vpn * PTESIZE)) else {
            return Outcome::AccessFault;
        };
        let bit = |n: u32| pte >> n & 1 == 1;
        let (v, r, w, x) = (bit(0), bit(1), bit(2), bit(3));
        // 3. v = 0, or r = 0 and w = 1, or anything reserved.
        if !v || !r && w || (54..64).any(bit) {
            return Outcome::PageFault;
        }
        // 4. A leaf, or a pointer; D, A and U of a pointer are reserved.
        if r || x {
            break pte;
        }
        if bit(4) || bit(6) || bit(7) || i == 0 {
            return Outcome::PageFault;
        }
        i -= 1;
        a = (pte >> 10 & 0xfff_ffff_ffff) * PAGESIZE;
    };
    leaf(pte, i, q)
}

/// Steps 5 to 10, for a leaf found at level `i`.
fn leaf(pte: u64, i: u32, q: Question) -> Outcome {
    let bit = |n: u32| pte >> n & 1 == 1;
    let (r, w, x, u, accessed, dirty) = (bit(1), bit(2), bit(3), bit(4), bit(6), bit(7));
    let ppn = pte >> 10 & 0xfff_ffff_ffff;
    // Permission by privilege mode and SUM.
    let privileged = if q.user_mode { u } else { !u || q.access != 'x' && q.sum };
    // Permission by r, w, x and MXR.
    let permitted = match q.access {
        'x' => x,
        'r' => r || q.mxr && x,
        _ => w,
    };
    // A superpage must be aligned to its size.
    let misaligned = (0..i).any(|level| ppn >> (9 * level) & 0x1ff != 0);
    // a = 0, or a store and d = 0: a fault under Svade.
    let unmarked = !q.hardware_updates && (!accessed || q.access == 'w' && !dirty);
    if !privileged || !permitted || misaligned || unmarked {
        return Outcome::PageFault;
    }
    // 10. The page offset, the low VPNs of a superpage, the rest from the entry.
    let mut pa = q.va & 0xfff;
    for level in 0..q.levels {
        let from = if level < i { q.va >> 12 } else { ppn };
        // The highest part of PPN has what is left of its 44 bits.
        let width = if level == q.levels - 1 { (1 << (44 - 9 * level)) - 1 } else { 0x1ff };
        pa |= (from >> (9 * level) & width) << (12 + 9 * level);
    }
    Outcome::Translated(pa)
}

fn walker(memory: &Memory, q: Question) -> Outcome {
    let access = match q.access {
        'x' => Access::Fetch,
        'r' => Access::Load,
        _ => Access::Store,
    };
    let rules = Rules {
        privilege: if q.user_mode { Privilege::User } else { Privilege::Supervisor },
        sum: q.sum,
        mxr: q.mxr,
        update: if q.hardware_updates { Update::Hardware } else { Update::Fault },
    };
    let scheme = if q.levels == 4 { Scheme::Sv48 } else { Scheme::Sv39 };
    let root = Root { scheme, frame: Ppn::new(ROOT) };
    match walk(memory, root, VirtAddr::new(q.va), access, &rules).result {
        Ok(pa) => Outcome::Translated(pa.get()),
        Err(check) if check.is_access_fault() => Outcome::AccessFault,
        Err(_) => Outcome::PageFault,
    }
}

/// Tables in which the entry for [`address`] at `level` is `entry`, and every other one is a sound
/// pointer or, at level 0, a sound leaf.
fn tables(levels: u32, level: u32, entry: u64) -> Memory {
    let mut memory = Memory::default();
    for at in 0..levels {
        let table = table_of(levels, at) * PAGESIZE;
        let vpn = address(levels) >> (12 + 9 * at) & 0x1ff;
        let sound = if at == 0 { 0x81234 << 10 | 0xff } else { table_of(levels, at - 1) << 10 | 1 };
        memory.0.insert(table + vpn * PTESIZE, if at == level { entry } else { sound });
    }
    memory
}

/// The page number of the table at a level; the root stands first.
fn table_of(levels: u32, level: u32) -> u64 {
    ROOT + u64::from(levels - 1 - level)
}

/// Asks both about every combination of access, privilege, SUM, MXR and A/D updates; how many.
fn compare(levels: u32, memory: &Memory, va: u64) -> u32 {
    let mut asked = 0;
    for access in ['x', 'r', 'w'] {
        for bits in 0..16u32 {
            let q = Question {
                levels,
                va,
                access,
                user_mode: bits & 1 != 0,
                sum: bits & 2 != 0,
                mxr: bits & 4 != 0,
                hardware_updates: bits & 8 != 0,
            };
            assert_eq!(walker(memory, q), specification(memory, q), "{q:x?} in {:x?}", memory.0);
            asked += 1;
        }
    }
    asked
}

/// Every reserved bit by itself, none, and both software bits.
fn extra_bits() -> Vec<u64> {
    [0, 1 << 8, 1 << 9].into_iter().chain((54..64).map(|bit| 1 << bit)).collect()
}

fn every_entry(levels: u32) {
    let extra_bits = extra_bits();
    let mut asked = 0;
    for level in 0..levels {
        // Where the entry is a pointer, the first of these leads to the next sound table; the others
        // are aligned to 512 GiB, to 1 GiB and not to 2 MiB, to 2 MiB only, and to nothing.
        let next_table = if level == 0 { 0x81234 } else { table_of(levels, level - 1) };
        for ppn in [next_table, 5 << 27, 0x4_0000 * 5, 0x4_0000 + (1 << 9), 0xfff_ffff_ffff] {
            for low in 0..256 {
                for extra in &extra_bits {
                    let memory = tables(levels, level, ppn << 10 | low | extra);
                    asked += compare(levels, &memory, address(levels));
                }
            }
        }
    }
    assert_eq!(asked, levels * 5 * 256 * 13 * 48);
}

#[test]
fn the_walker_agrees_with_the_text_for_every_entry_of_sv39() {
    every_entry(3);
}

#[test]
fn the_walker_agrees_with_the_text_for_every_entry_of_sv48() {
    every_entry(4);
}

#[test]
fn the_walker_agrees_with_the_text_on_addresses_that_are_not_canonical() {
    for levels in [3, 4] {
        let memory = tables(levels, 0, 0x81234 << 10 | 0xff);
        for bit in 38..64 {
            compare(levels, &memory, address(levels) ^ 1 << bit);
        }
        compare(levels, &memory, address(levels) | 0xffff_ffc0_0000_0000);
        compare(levels, &memory, address(levels) | 0xffff_8000_0000_0000);
    }
}

#[test]
fn a_table_that_cannot_be_read_is_an_access_fault() {
    for levels in [3, 4] {
        let va = address(levels);
        let memory = tables(levels, 1, 0x7_0000_0000 << 10 | 1);
        compare(levels, &memory, va);
        let (user_mode, sum, mxr, hardware_updates) = (true, false, false, true);
        let q = Question { levels, va, access: 'r', user_mode, sum, mxr, hardware_updates };
        assert_eq!(walker(&memory, q), Outcome::AccessFault);
        assert_eq!(walker(&Memory::default(), q), Outcome::AccessFault);
    }
}
