//! Physical memory protection (privileged specification, "Physical Memory Protection").

use faultline_abi::{PAGE_SIZE, PhysAddr, sv39::Access};

use crate::hart::Privilege;

/// Entries: 16, in two `pmpcfg` registers.
pub(crate) const ENTRIES: usize = 16;

const R: u8 = 1 << 0;
const W: u8 = 1 << 1;
const X: u8 = 1 << 2;
const LOCKED: u8 = 1 << 7;
/// Bits of a configuration byte that exist.
const CONFIG: u8 = 0x9f;
/// `pmpaddr` holds bits 55:2 of an address.
const ADDRESS: u64 = (1 << 54) - 1;

/// The last physical address.
const PHYSICAL_MAX: u64 = (1 << 56) - 1;

/// How an entry says which addresses it covers; the A field.
const OFF: u8 = 0;
const TOR: u8 = 1;
const NA4: u8 = 2;

/// The registers of one hart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pmp {
    config: [u8; ENTRIES],
    address: [u64; ENTRIES],
    /// No entry from this one on covers anything.
    used: usize,
    /// The first entry allows everything everywhere, as kernels set it that do not care.
    open: bool,
}

/// What the entries say about a whole page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageVerdict {
    /// The same for every byte: allowed.
    Allowed,
    /// Forbidden, or not the same for every byte.
    Mixed,
}

impl Pmp {
    /// `pmpcfg0` (`register` 0) or `pmpcfg2` (`register` 1).
    pub(crate) fn config(&self, register: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.config[register * 8..register * 8 + 8]);
        u64::from_le_bytes(bytes)
    }

    /// Writes eight configurations; locked ones keep theirs, and so do those asked to allow
    /// writing without reading, which is reserved.
    pub(crate) fn set_config(&mut self, register: usize, value: u64) {
        let entries = self.config.iter_mut().skip(register * 8);
        for (config, new) in entries.zip(value.to_le_bytes()) {
            let reserved = new & (R | W) == W;
            if *config & LOCKED == 0 && !reserved {
                *config = new & CONFIG;
            }
        }
        self.summarize();
    }

    /// `pmpaddr` of an entry.
    pub(crate) fn address(&self, entry: usize) -> u64 {
        self.address[entry]
    }

    /// Writes `pmpaddr`, unless the entry is locked or is the lower bound of a locked one.
    pub(crate) fn set_address(&mut self, entry: usize, value: u64) {
        let bound_of_locked =
            self.config.get(entry + 1).is_some_and(|&next| next & LOCKED != 0 && mode(next) == TOR);
        if self.config[entry] & LOCKED == 0 && !bound_of_locked {
            self.address[entry] = value & ADDRESS;
        }
        self.summarize();
    }

    fn summarize(&mut self) {
        self.used = self.config.iter().rposition(|&config| mode(config) != OFF).map_or(0, |last| last + 1);
        // TOR reaches all but the last four bytes, where nothing is: PMP or not, they fault alike.
        let everywhere = self.range(0).is_some_and(|(low, high)| low == 0 && high >= PHYSICAL_MAX - 4);
        self.open = everywhere && self.config[0] & (R | W | X) == R | W | X;
    }

    /// Whether `len` bytes at `pa` may be accessed.
    #[inline]
    pub(crate) fn allows(&self, pa: PhysAddr, len: u64, access: Access, privilege: Privilege) -> bool {
        self.open || self.search(pa, len, access, privilege)
    }

    fn search(&self, pa: PhysAddr, len: u64, access: Access, privilege: Privilege) -> bool {
        let (first, last) = (pa.get(), pa.get().saturating_add(len - 1));
        for entry in 0..self.used {
            let Some((low, high)) = self.range(entry) else { continue };
            if last < low || first > high {
                continue;
            }
            // The first entry that covers any byte decides, and must cover all of them.
            let config = self.config[entry];
            let bound = privilege != Privilege::Machine || config & LOCKED != 0;
            return first >= low && last <= high && (!bound || config & permission(access) != 0);
        }
        privilege == Privilege::Machine
    }

    /// The verdict on the page that holds `pa`.
    pub(crate) fn page(&self, pa: PhysAddr, access: Access, privilege: Privilege) -> PageVerdict {
        // An entry that covers only a part of the page fails the check of the whole page.
        if self.allows(pa.page_down(), PAGE_SIZE, access, privilege) {
            PageVerdict::Allowed
        } else {
            PageVerdict::Mixed
        }
    }

    /// First and last byte that an entry covers; `None` where it covers nothing.
    fn range(&self, entry: usize) -> Option<(u64, u64)> {
        let address = self.address[entry];
        match mode(self.config[entry]) {
            OFF => None,
            TOR => {
                let low = entry.checked_sub(1).map_or(0, |below| self.address[below]);
                (low < address).then(|| (low << 2, (address << 2) - 1))
            }
            NA4 => Some((address << 2, (address << 2) + 3)),
            // NAPOT: each trailing one doubles the size, from 8 bytes up.
            _ => {
                let ones = address.trailing_ones();
                let low = (address & !((1 << ones) - 1)) << 2;
                Some((low, low + ((8 << ones) - 1)))
            }
        }
    }
}

const fn mode(config: u8) -> u8 {
    config >> 3 & 0b11
}

const fn permission(access: Access) -> u8 {
    match access {
        Access::Load => R,
        Access::Store => W,
        Access::Fetch => X,
    }
}
