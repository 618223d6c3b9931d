//! Looking at a machine that stands still: page tables as trees and as mappings, who shares which
//! frame, instructions, registers, bytes.
//!
//! Everything is read from `satp`, memory and registers, so it works for any kernel. A hostile tree
//! (a table that points at itself, thousands of full tables) is cut off, and says so.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use faultline_abi::satp::{Root, Scheme};
use faultline_abi::sv39::{Access, ENTRIES, PTE_SIZE, Pte, PteFlags, leaf_size};
use faultline_abi::{PAGE_SIZE, PhysAddr, Ppn, VirtAddr};
use serde::{Deserialize, Serialize};

use crate::decode::decode;
use crate::disasm;
use crate::event::{Event, What, Word};
use crate::hart::{Hart, Privilege};
use crate::insn::Length;
use crate::machine::Machine;
use crate::mmu::walk::{Rules, TableMemory, Update, walk};
use crate::ram::Ram;

/// Entries of one tree that are read.
pub const ENTRIES_MAX: usize = 10_000;
/// Most bytes that [`memory`] hands out at once.
pub const MEMORY_MAX: usize = 64 << 10;

/// A page table and what hangs below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Table {
    /// Level: 2 for the root of an Sv39 address space, 3 for that of an Sv48 one.
    pub level: u32,
    /// Physical address.
    pub addr: PhysAddr,
    /// The entries that are not zero, in order.
    pub entries: Vec<Entry>,
    /// How many more there are that were not read.
    pub left_out: usize,
}

/// An entry of a page table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Entry {
    /// Its index, `0..512`.
    pub index: usize,
    /// First address that it maps.
    pub va: VirtAddr,
    /// Where it is.
    pub pte_addr: PhysAddr,
    /// The entry.
    pub pte: Pte,
    /// The table that it points to.
    pub child: Option<Box<Table>>,
}

/// The page tables below this root.
#[must_use]
pub fn page_table(ram: &Ram, root: Root) -> Table {
    let (level, mut left) = (root.scheme.levels() - 1, ENTRIES_MAX);
    table(ram, root.scheme, root.frame.base(), level, VirtAddr::new(0), &mut left)
}

fn table(ram: &Ram, scheme: Scheme, addr: PhysAddr, level: u32, base: VirtAddr, left: &mut usize) -> Table {
    let mut table = Table { level, addr, entries: Vec::new(), left_out: 0 };
    for index in 0..ENTRIES {
        let pte_addr = addr.wrapping_add(index as u64 * PTE_SIZE);
        let pte = Pte::from_raw(ram.read_u64(pte_addr).unwrap_or(0));
        if pte == Pte::INVALID {
            continue;
        }
        if *left == 0 {
            table.left_out += 1;
            continue;
        }
        *left -= 1;
        let va = scheme.canonical(base.wrapping_add(leaf_size(level) * index as u64));
        let child = (pte.is_pointer() && level > 0)
            .then(|| Box::new(self::table(ram, scheme, pte.ppn().base(), level - 1, va, left)));
        table.entries.push(Entry { index, va, pte_addr, pte, child });
    }
    table
}

/// A leaf: addresses that are mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Mapping {
    /// First virtual address.
    pub va: VirtAddr,
    /// Level of the leaf: 0 for a page of 4 KiB.
    pub level: u32,
    /// The entry.
    pub pte: Pte,
}

impl Mapping {
    /// Bytes that it maps.
    #[must_use]
    pub const fn size(&self) -> u64 {
        leaf_size(self.level)
    }
}

impl Table {
    /// How addresses are translated where this table is the root.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        if self.level + 1 == Scheme::Sv48.levels() { Scheme::Sv48 } else { Scheme::Sv39 }
    }

    /// Every leaf below this table, in order of address.
    #[must_use]
    pub fn mappings(&self) -> Vec<Mapping> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    fn collect(&self, found: &mut Vec<Mapping>) {
        for entry in &self.entries {
            match &entry.child {
                Some(child) => child.collect(found),
                None if entry.pte.is_leaf() => {
                    found.push(Mapping { va: entry.va, level: self.level, pte: entry.pte });
                }
                None => {}
            }
        }
    }
}

/// The roots of all address spaces that `satp` has held, in order of first appearance.
#[must_use]
pub fn address_spaces<E: Borrow<Event>>(events: impl IntoIterator<Item = E>) -> Vec<Root> {
    let mut seen = BTreeSet::new();
    let roots = events.into_iter().filter_map(|event| match event.borrow().what {
        What::Satp { new, .. } => Root::of(new),
        _ => None,
    });
    roots.filter(|root| seen.insert(*root)).collect()
}

/// Who maps a frame, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct User {
    /// Root of the address space.
    pub root: Ppn,
    /// The page.
    pub va: VirtAddr,
    /// The entry.
    pub pte: Pte,
}

/// The user pages of some address spaces by frame: as many entries, as many sharers. Pages without
/// the U bit are the kernel's own and no sharing.
#[must_use]
pub fn frame_users(ram: &Ram, roots: &[Root]) -> BTreeMap<Ppn, Vec<User>> {
    let mut users: BTreeMap<Ppn, Vec<User>> = BTreeMap::new();
    for &root in roots {
        for Mapping { va, level, pte } in page_table(ram, root).mappings() {
            if level == 0 && pte.flags().contains(PteFlags::U) {
                users.entry(pte.ppn()).or_default().push(User { root: root.frame, va, pte });
            }
        }
    }
    users
}

/// A disassembled instruction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Instruction {
    /// Where it stands.
    pub va: VirtAddr,
    /// Its two or four bytes.
    pub bits: u32,
    /// How many bytes it has.
    pub length: u32,
    /// Its text, as `objdump` writes it.
    pub text: String,
}

/// The instruction at `va` in the address space of `satp`; `None` where nothing is mapped.
#[must_use]
pub fn instruction(ram: &Ram, satp: u64, va: VirtAddr) -> Option<Instruction> {
    let half = |va| ram.read_u16(physical(ram, satp, va)?).ok();
    let low = half(va)?;
    let (bits, length) = match Length::of(low) {
        Length::Compressed => (u32::from(low), 2),
        Length::Full => (u32::from(low) | u32::from(half(va.wrapping_add(2))?) << 16, 4),
    };
    let text = disasm::text(decode(bits).0, va).to_string();
    Some(Instruction { va, bits, length, text })
}

/// Where a virtual address lies, whoever may access it.
#[must_use]
pub fn physical(ram: &Ram, satp: u64, va: VirtAddr) -> Option<PhysAddr> {
    let Some(root) = Root::of(satp) else { return Some(PhysAddr::new(va.get())) };
    // The page's owner loads with every permission: the walk is asked where, not whether.
    let may = |privilege| Rules { privilege, sum: true, mxr: true, update: Update::Hardware };
    let reads = [(Privilege::User, Access::Load), (Privilege::Supervisor, Access::Load)];
    reads
        .into_iter()
        .find_map(|(privilege, access)| walk(&Tables(ram), root, va, access, &may(privilege)).result.ok())
}

/// Memory as a walk reads it.
struct Tables<'a>(&'a Ram);

impl TableMemory for Tables<'_> {
    fn read_pte(&self, pte_addr: PhysAddr) -> Option<Pte> {
        self.0.read_u64(pte_addr).ok().map(Pte::from_raw)
    }
}

/// The registers of a hart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Registers {
    /// Address of the next instruction.
    pub pc: VirtAddr,
    /// The privilege it runs in.
    pub mode: Privilege,
    /// `x0` to `x31`.
    pub x: [Word; 32],
    /// Control and status registers by name, those of S-mode first.
    pub csrs: Vec<(String, Word)>,
}

/// The registers of `hart`.
#[must_use]
pub fn registers(hart: &Hart) -> Registers {
    let csrs = hart.csrs();
    let named = [
        ("satp", csrs.satp),
        ("scause", csrs.scause),
        ("stval", csrs.stval),
        ("sepc", csrs.sepc),
        ("stvec", csrs.stvec),
        ("sscratch", csrs.sscratch),
        ("mstatus", csrs.mstatus),
        ("mie", csrs.mie),
        ("mip", csrs.pending()),
        ("mideleg", csrs.mideleg),
        ("medeleg", csrs.medeleg),
        ("mcause", csrs.mcause),
        ("mtval", csrs.mtval),
        ("mepc", csrs.mepc),
        ("mtvec", csrs.mtvec),
        ("mscratch", csrs.mscratch),
    ];
    Registers {
        pc: hart.pc(),
        mode: hart.mode(),
        x: hart.registers().map(Word),
        csrs: named.map(|(name, value)| (name.into(), Word(value))).into(),
    }
}

/// At most `length` bytes of memory from `address`; fewer where memory ends, none outside it.
#[must_use]
pub fn memory(machine: &Machine, address: PhysAddr, length: usize) -> Vec<u8> {
    let ram = machine.ram();
    let length = length.min(MEMORY_MAX);
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let Some(at) = address.checked_add(bytes.len() as u64) else { break };
        let to_page_end = usize::try_from(PAGE_SIZE - at.page_offset()).unwrap_or(usize::MAX);
        let Ok(piece) = ram.slice(at, to_page_end.min(length - bytes.len())) else { break };
        bytes.extend_from_slice(piece);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::MachineConfig;
    use crate::loader::LoadedProgram;
    use faultline_abi::board::DRAM_BASE;
    use faultline_abi::sv39::satp_sv39;

    fn page(number: u64) -> PhysAddr {
        PhysAddr::new(DRAM_BASE + number * PAGE_SIZE)
    }

    fn put(ram: &mut Ram, table: PhysAddr, index: u64, target: u64, flags: PteFlags) {
        let pte = Pte::new(page(target).page(), flags | PteFlags::V);
        ram.write(table.wrapping_add(index * PTE_SIZE), &pte.raw().to_le_bytes()).unwrap();
    }

    /// Tables in pages 1 to 3 that map page 9 at index 7 of the highest gigabyte, for users.
    fn tree() -> Ram {
        let mut ram = Ram::new(1 << 20);
        put(&mut ram, page(1), 511, 2, PteFlags::empty());
        put(&mut ram, page(2), 0, 3, PteFlags::empty());
        put(&mut ram, page(3), 7, 9, PteFlags::R | PteFlags::X | PteFlags::U);
        ram
    }

    const VA: VirtAddr = VirtAddr::new(0xffff_ffff_c000_7000);

    #[test]
    fn a_tree_is_read_with_the_addresses_that_it_maps() {
        let root = page_table(&tree(), Root::sv39(page(1).page()));
        let level1 = root.entries[0].child.as_deref().unwrap();
        let leaf = &level1.entries[0].child.as_deref().unwrap().entries[0];
        assert_eq!((leaf.index, leaf.va, leaf.pte_addr), (7, VA, page(3).wrapping_add(56)));
        let mappings = root.mappings();
        assert_eq!((mappings.len(), mappings[0].va, mappings[0].size()), (1, VA, 4096));
    }

    #[test]
    fn a_hostile_tree_is_cut_off() {
        let mut ram = Ram::new(1 << 20);
        for index in 0..512 {
            put(&mut ram, page(1), index, 1, PteFlags::empty());
        }
        let root = page_table(&ram, Root::sv39(page(1).page()));
        assert!(root.entries.len() <= ENTRIES_MAX && root.left_out > 0);
        assert_eq!(page_table(&ram, Root::sv39(Ppn::new(1))).entries, []);
    }

    #[test]
    fn sharers_of_a_frame_are_counted_from_the_tables() {
        let mut ram = tree();
        put(&mut ram, page(3), 8, 9, PteFlags::R | PteFlags::U);
        put(&mut ram, page(3), 9, 9, PteFlags::R | PteFlags::W);
        let users = frame_users(&ram, &[Root::sv39(page(1).page())]);
        let of_page: Vec<_> = users[&page(9).page()].iter().map(|user| user.va).collect();
        assert_eq!(of_page, [VA, VA.wrapping_add(4096)], "the kernel's own mapping does not count");
    }

    #[test]
    fn an_instruction_is_found_through_the_tables_and_without_them() {
        let mut ram = tree();
        ram.write(page(9), &0x0010_0093u32.to_le_bytes()).unwrap();
        ram.write(page(9).wrapping_add(4), &0x4501u16.to_le_bytes()).unwrap();
        let satp = satp_sv39(page(1).page());
        let first = instruction(&ram, satp, VA).unwrap();
        assert_eq!((first.bits, first.length, &*first.text), (0x0010_0093, 4, "li ra,1"));
        let second = instruction(&ram, satp, VA.wrapping_add(4)).unwrap();
        assert_eq!((second.bits, second.length, &*second.text), (0x4501, 2, "li a0,0"));
        let bare = instruction(&ram, 0, VirtAddr::new(page(9).get())).unwrap();
        assert_eq!(bare.text, first.text);
        assert_eq!(instruction(&ram, satp, VirtAddr::new(0)), None);
        // Half of a long instruction on a page that is not there.
        ram.write(page(9).wrapping_add(4094), &[0x93, 0]).unwrap();
        assert_eq!(instruction(&ram, satp, VA.wrapping_add(4094)), None);
    }

    #[test]
    fn bytes_end_where_memory_ends() {
        let program = LoadedProgram::from_raw(vec![7; 16]).unwrap();
        let config = MachineConfig { memory_mib: 2, ..MachineConfig::default() };
        let machine = Machine::new(config, &program).unwrap();
        assert_eq!(memory(&machine, page(0).wrapping_add(8), 12), [7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 0, 0]);
        assert_eq!(memory(&machine, page(511).wrapping_add(4090), 100).len(), 6);
        assert!(memory(&machine, PhysAddr::new(u64::MAX), 100).is_empty());
    }
}
