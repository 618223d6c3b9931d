//! Page tables, read from memory.

use faultline_abi::sv39::{ENTRIES, LEVELS, PTE_SIZE, Pte, leaf_size};
use faultline_abi::{PhysAddr, VirtAddr};
use faultline_machine::ram::Ram;

use crate::snapshot::{Entry, Table};

/// Entries of one tree that are sent; more would only slow the page down.
const ENTRIES_MAX: usize = 3000;

/// The page tables under this root.
pub(super) fn table(ram: &Ram, root: PhysAddr) -> Table {
    let mut left = ENTRIES_MAX;
    read(ram, root, LEVELS - 1, VirtAddr::new(0), &mut left)
}

fn read(ram: &Ram, addr: PhysAddr, level: u32, base: VirtAddr, left: &mut usize) -> Table {
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
        let va = canonical(base.wrapping_add(leaf_size(level) * index as u64));
        let child = (pte.is_pointer() && level > 0)
            .then(|| Box::new(read(ram, pte.ppn().base(), level - 1, va, left)));
        table.entries.push(Entry { index, va, pte_addr, pte, child });
    }
    table
}

/// The address with bits 63 to 39 equal to bit 38.
fn canonical(va: VirtAddr) -> VirtAddr {
    let shifted = va.get().cast_signed() << 25 >> 25;
    VirtAddr::new(shifted.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use faultline_abi::Ppn;
    use faultline_abi::board::DRAM_BASE;
    use faultline_abi::sv39::PteFlags;

    fn at(page: u64) -> PhysAddr {
        PhysAddr::new(DRAM_BASE + page * 4096)
    }

    fn put(ram: &mut Ram, table: PhysAddr, index: u64, page: u64, flags: PteFlags) {
        let pte = Pte::new(Ppn::new((DRAM_BASE >> 12) + page), flags | PteFlags::V);
        ram.write(table.wrapping_add(index * 8), &pte.raw().to_le_bytes()).expect("inside memory");
    }

    #[test]
    fn a_tree_is_read_with_the_addresses_it_maps() {
        let mut ram = Ram::new(1 << 20);
        put(&mut ram, at(1), 511, 2, PteFlags::empty());
        put(&mut ram, at(2), 0, 3, PteFlags::empty());
        put(&mut ram, at(3), 7, 9, PteFlags::R);
        let root = table(&ram, at(1));
        let level1 = root.entries[0].child.as_deref().expect("a pointer");
        let level0 = level1.entries[0].child.as_deref().expect("a pointer");
        let leaf = &level0.entries[0];
        assert_eq!((leaf.index, leaf.va), (7, VirtAddr::new(0xffff_ffff_c000_7000)));
        assert_eq!(leaf.pte_addr, at(3).wrapping_add(56));
        assert!(leaf.child.is_none());
    }

    #[test]
    fn a_table_that_points_at_itself_ends_at_the_last_level() {
        let mut ram = Ram::new(1 << 20);
        put(&mut ram, at(1), 0, 1, PteFlags::empty());
        let depth = |mut table: Table| {
            let mut depth = 1;
            while let Some(child) = table.entries.pop().and_then(|entry| entry.child) {
                table = *child;
                depth += 1;
            }
            depth
        };
        assert_eq!(depth(table(&ram, at(1))), 3);
    }

    #[test]
    fn a_hostile_tree_is_cut_off() {
        let mut ram = Ram::new(1 << 20);
        for index in 0..512 {
            put(&mut ram, at(1), index, 1, PteFlags::empty());
        }
        let root = table(&ram, at(1));
        assert!(root.entries.len() <= ENTRIES_MAX);
        assert!(root.left_out > 0);
    }

    #[test]
    fn a_root_outside_memory_is_empty() {
        let ram = Ram::new(1 << 20);
        assert_eq!(table(&ram, PhysAddr::new(0x10)).entries, []);
    }
}
