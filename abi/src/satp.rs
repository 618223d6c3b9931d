//! What `satp` says: which scheme translates addresses, and from which table (privileged specification,
//! "Supervisor Address Translation and Protection (satp) Register", "Sv39", "Sv48").

use crate::addr::{PAGE_SHIFT, Ppn, VPN_BITS, VirtAddr};
use crate::sv39::{SATP_SV39, SATP_SV48, satp_root};

/// A scheme of translation with page tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Scheme {
    /// 39-bit addresses, three levels.
    Sv39,
    /// 48-bit addresses, four levels.
    Sv48,
}

impl Scheme {
    /// The scheme with this number in `satp.MODE`.
    #[must_use]
    pub const fn of_mode(mode: u64) -> Option<Self> {
        match mode {
            SATP_SV39 => Some(Self::Sv39),
            SATP_SV48 => Some(Self::Sv48),
            _ => None,
        }
    }

    /// Its number in `satp.MODE`.
    #[must_use]
    pub const fn mode(self) -> u64 {
        match self {
            Self::Sv39 => SATP_SV39,
            Self::Sv48 => SATP_SV48,
        }
    }

    /// Levels of its page tables; the root has the highest, pages of 4 KiB hang off level 0.
    #[must_use]
    pub const fn levels(self) -> u32 {
        match self {
            Self::Sv39 => 3,
            Self::Sv48 => 4,
        }
    }

    /// Bits of a virtual address that are translated.
    #[must_use]
    pub const fn bits(self) -> u32 {
        PAGE_SHIFT + VPN_BITS * self.levels()
    }

    /// The address with every bit above the translated ones equal to the highest of them.
    #[must_use]
    pub const fn canonical(self, va: VirtAddr) -> VirtAddr {
        let unused = 64 - self.bits();
        VirtAddr::new(((va.get() << unused).cast_signed() >> unused).cast_unsigned())
    }

    /// Whether the upper bits of an address repeat its highest translated bit, as they must.
    #[must_use]
    pub const fn is_canonical(self, va: VirtAddr) -> bool {
        self.canonical(va).get() == va.get()
    }
}

/// The root of an address space: where its translations begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Root {
    /// How addresses are translated.
    pub scheme: Scheme,
    /// The frame of the root table.
    pub frame: Ppn,
}

impl Root {
    /// The root that a `satp` value names; `None` where it translates nothing.
    #[must_use]
    pub const fn of(satp: u64) -> Option<Self> {
        match Scheme::of_mode(satp >> 60) {
            Some(scheme) => Some(Self { scheme, frame: satp_root(satp) }),
            None => None,
        }
    }

    /// The `satp` value that names it, with ASID 0.
    #[must_use]
    pub const fn satp(self) -> u64 {
        self.scheme.mode() << 60 | self.frame.get()
    }

    /// An Sv39 root.
    #[must_use]
    pub const fn sv39(frame: Ppn) -> Self {
        Self { scheme: Scheme::Sv39, frame }
    }

    /// An Sv48 root.
    #[must_use]
    pub const fn sv48(frame: Ppn) -> Self {
        Self { scheme: Scheme::Sv48, frame }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn satp_names_a_scheme_and_a_frame() {
        let root = Root::sv48(Ppn::new(0x80123));
        assert_eq!(root.satp(), 9 << 60 | 0x80123);
        assert_eq!(Root::of(root.satp() | 0xabcd << 44), Some(root), "the ASID is no part of it");
        assert_eq!(Root::of(8 << 60 | 5), Some(Root::sv39(Ppn::new(5))));
        assert_eq!([0, 1, 7, 10].map(|mode| Root::of(mode << 60)), [None; 4]);
    }

    #[test]
    fn canonical_addresses_repeat_the_highest_translated_bit() {
        for (scheme, low, high) in [
            (Scheme::Sv39, 0x3f_ffff_ffff, 0xffff_ffc0_0000_0000_u64),
            (Scheme::Sv48, 0x7fff_ffff_ffff, 0xffff_8000_0000_0000),
        ] {
            for good in [0, low, high, u64::MAX] {
                assert!(scheme.is_canonical(VirtAddr::new(good)), "{good:#x}");
            }
            for bad in [low + 1, high - 1, 1 << 63, u64::MAX >> 1] {
                assert!(!scheme.is_canonical(VirtAddr::new(bad)), "{bad:#x}");
            }
            assert_eq!(scheme.canonical(VirtAddr::new(low + 1)).get(), high);
        }
    }
}
