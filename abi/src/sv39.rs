//! Page-table entries, walks, and the reasons a walk fails (privileged specification, "Sv39" and
//! "Virtual Address Translation Process"). Sv48 has the same entries and one level more: [`crate::satp`].

use bitflags::bitflags;

use crate::addr::{PAGE_SHIFT, PhysAddr, Ppn};

/// Levels of an Sv39 page table; the root is level 2, 4 KiB pages hang off level 0.
pub const LEVELS: u32 = 3;
/// Entries in one page table.
pub const ENTRIES: usize = 512;
/// Bytes of one page-table entry.
pub const PTE_SIZE: u64 = 8;

/// `satp.MODE` for no translation.
pub const SATP_BARE: u64 = 0;
/// `satp.MODE` for Sv39.
pub const SATP_SV39: u64 = 8;
/// `satp.MODE` for Sv48.
pub const SATP_SV48: u64 = 9;

/// The `satp` value that selects Sv39 with this root page table and ASID 0.
#[must_use]
pub const fn satp_sv39(root: Ppn) -> u64 {
    SATP_SV39 << 60 | root.get()
}

/// The root page table that a `satp` value names, whatever its mode.
#[must_use]
pub const fn satp_root(satp: u64) -> Ppn {
    Ppn::new(satp & 0xfff_ffff_ffff)
}

bitflags! {
    /// The low ten bits of a page-table entry.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct PteFlags: u64 {
        /// Valid.
        const V = 1 << 0;
        /// Readable.
        const R = 1 << 1;
        /// Writable.
        const W = 1 << 2;
        /// Executable.
        const X = 1 << 3;
        /// Accessible to U-mode.
        const U = 1 << 4;
        /// Global: in every address space.
        const G = 1 << 5;
        /// Accessed since the bit was last cleared.
        const A = 1 << 6;
        /// Dirty: written since the bit was last cleared.
        const D = 1 << 7;
        /// First bit reserved for software (RSW).
        const RSW0 = 1 << 8;
        /// Second bit reserved for software (RSW).
        const RSW1 = 1 << 9;
        /// Any of these makes the entry a leaf.
        const RWX = Self::R.bits() | Self::W.bits() | Self::X.bits();
    }
}

#[cfg(feature = "wire")]
impl borsh::BorshSerialize for PteFlags {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        borsh::BorshSerialize::serialize(&self.bits(), writer)
    }
}

#[cfg(feature = "wire")]
impl borsh::BorshDeserialize for PteFlags {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        u64::deserialize_reader(reader).map(Self::from_bits_retain)
    }
}

/// A page-table entry.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Pte(#[cfg_attr(feature = "serde", serde(with = "crate::hex"))] u64);

impl Pte {
    /// The entry that maps nothing.
    pub const INVALID: Self = Self(0);
    /// Bits 60–54: reserved, must be zero.
    pub const RESERVED: u64 = 0x7f << 54;
    /// Bits 62–61: memory type; reserved without Svpbmt.
    pub const PBMT: u64 = 0b11 << 61;
    /// Bit 63: reserved without Svnapot.
    pub const N: u64 = 1 << 63;

    /// An entry from its raw bits.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// An entry that points at frame `ppn` with these flags.
    #[must_use]
    pub const fn new(ppn: Ppn, flags: PteFlags) -> Self {
        Self((ppn.get() & ((1 << 44) - 1)) << 10 | flags.bits())
    }

    /// The raw bits.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// The low ten bits.
    #[must_use]
    pub const fn flags(self) -> PteFlags {
        PteFlags::from_bits_truncate(self.0)
    }

    /// Bits 53–10: the frame that is mapped, or the next page table.
    #[must_use]
    pub const fn ppn(self) -> Ppn {
        Ppn::new(self.0 >> 10 & ((1 << 44) - 1))
    }

    /// The V bit.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        self.flags().contains(PteFlags::V)
    }

    /// Valid, and at least one of R, W, X: maps memory and is no pointer to another table.
    #[must_use]
    pub const fn is_leaf(self) -> bool {
        self.is_valid() && self.flags().intersects(PteFlags::RWX)
    }

    /// Valid and none of R, W, X: points at the page table of the next level.
    #[must_use]
    pub const fn is_pointer(self) -> bool {
        self.is_valid() && !self.flags().intersects(PteFlags::RWX)
    }

    /// The same entry with other flags.
    #[must_use]
    pub const fn with_flags(self, flags: PteFlags) -> Self {
        Self(self.0 & !0x3ff | flags.bits())
    }
}

impl core::fmt::Debug for Pte {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Pte({:#x}: ppn {:#x} {})", self.0, self.ppn().get(), FlagLetters(*self))
    }
}

/// Displays the flags of an entry as `DAGUXWRV`, a dash for each clear bit.
#[derive(Clone, Copy)]
pub struct FlagLetters(pub Pte);

impl core::fmt::Display for FlagLetters {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (letter, bit) in "DAGUXWRV".chars().zip((0..8).rev()) {
            let set = self.0.raw() >> bit & 1 == 1;
            write!(f, "{}", if set { letter } else { '-' })?;
        }
        Ok(())
    }
}

/// Bytes that a leaf at `level` maps: 4 KiB, 2 MiB, 1 GiB, 512 GiB.
#[must_use]
pub const fn leaf_size(level: u32) -> u64 {
    1 << (PAGE_SHIFT + crate::addr::VPN_BITS * level)
}

/// What an instruction wanted to do with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Access {
    /// Fetch an instruction.
    Fetch,
    /// Read.
    Load,
    /// Write; AMO and SC count as writes.
    Store,
}

impl Access {
    /// The number used in tracepoints.
    #[must_use]
    pub const fn number(self) -> u64 {
        self as u64
    }

    /// The access with this number.
    #[must_use]
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Fetch),
            1 => Some(Self::Load),
            2 => Some(Self::Store),
            _ => None,
        }
    }

    /// The page-fault exception code in `scause`: 12, 13 or 15.
    #[must_use]
    pub const fn page_fault_cause(self) -> u64 {
        match self {
            Self::Fetch => 12,
            Self::Load => 13,
            Self::Store => 15,
        }
    }

    /// The access that raises this page-fault exception code.
    #[must_use]
    pub const fn from_page_fault_cause(scause: u64) -> Option<Self> {
        match scause {
            12 => Some(Self::Fetch),
            13 => Some(Self::Load),
            15 => Some(Self::Store),
            _ => None,
        }
    }

    /// `fetch`, `load` or `store`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Load => "load",
            Self::Store => "store",
        }
    }
}

/// One step of a walk: the entry read at one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
pub struct WalkStep {
    /// Level of the table: 2 for an Sv39 root, 0 for the last.
    pub level: u32,
    /// Physical address of the entry.
    pub pte_addr: PhysAddr,
    /// The entry as it was read.
    pub pte: Pte,
}

/// The check that a walk failed, in the order in which the specification makes them
/// ("Virtual Address Translation Process").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Check {
    /// The upper bits of the address do not repeat its highest translated bit.
    NonCanonical,
    /// The page table itself lies where memory cannot be read: an access fault.
    TableAccess,
    /// V is clear.
    NotValid,
    /// W is set without R, a reserved combination.
    WriteWithoutRead,
    /// A reserved bit is set.
    ReservedBits,
    /// A pointer to a next level where there is none.
    PointerAtLastLevel,
    /// The low PPN bits of a superpage are not zero.
    MisalignedSuperpage,
    /// U is clear and the access came from U-mode.
    NotUser,
    /// U is set and S-mode may not touch it: SUM is clear, or it is a fetch.
    UserPage,
    /// A load without R (and without X under MXR).
    NotReadable,
    /// A store without W.
    NotWritable,
    /// A fetch without X.
    NotExecutable,
    /// A is clear and the hardware does not set it (Svade).
    AccessedClear,
    /// D is clear on a store and the hardware does not set it (Svade).
    DirtyClear,
    /// The translated address cannot be accessed: an access fault.
    PhysicalAccess,
}

impl Check {
    /// Whether the specification calls this failure an access fault and not a page fault.
    #[must_use]
    pub const fn is_access_fault(self) -> bool {
        matches!(self, Self::TableAccess | Self::PhysicalAccess)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_keeps_its_frame_and_flags_apart() {
        let pte = Pte::new(Ppn::new(0x80123), PteFlags::V | PteFlags::R | PteFlags::U);
        assert_eq!(pte.raw(), 0x80123 << 10 | 0b10011);
        assert_eq!(pte.ppn(), Ppn::new(0x80123));
        assert!(pte.is_leaf() && !pte.is_pointer());
        assert_eq!(pte.with_flags(PteFlags::V).raw(), 0x80123 << 10 | 1);
        assert_eq!(std::format!("{}", FlagLetters(pte)), "---U--RV");
    }

    #[test]
    fn reserved_bits_do_not_leak_into_the_frame_number() {
        let pte = Pte::from_raw(u64::MAX);
        assert_eq!(pte.ppn().get(), (1 << 44) - 1);
    }

    #[test]
    fn accesses_and_causes_agree_both_ways() {
        for access in [Access::Fetch, Access::Load, Access::Store] {
            assert_eq!(Access::from_page_fault_cause(access.page_fault_cause()), Some(access));
            assert_eq!(Access::from_number(access.number()), Some(access));
        }
        assert_eq!(Access::from_page_fault_cause(14), None);
    }
}
