//! Addresses and page numbers, one type each, so that a virtual address can never be used where a
//! physical one is meant (privileged specification, "Sv39: Page-Based 39-bit Virtual-Memory System").

use core::fmt;

/// Bytes in a page, and in a page table.
pub const PAGE_SIZE: u64 = 4096;
/// `log2(PAGE_SIZE)`: how far a page number is shifted to become an address.
pub const PAGE_SHIFT: u32 = 12;
/// Bits of each `VPN[i]`: a page table has `1 << VPN_BITS` = 512 entries.
pub const VPN_BITS: u32 = 9;

macro_rules! u64_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
        #[cfg_attr(feature = "serde", serde(transparent))]
        pub struct $name(#[cfg_attr(feature = "serde", serde(with = "crate::hex"))] u64);

        impl $name {
            /// Wraps a raw value.
            pub const fn new(raw: u64) -> Self {
                Self(raw)
            }

            /// The raw value.
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }

        impl fmt::LowerHex for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::LowerHex::fmt(&self.0, f)
            }
        }
    };
}

u64_newtype! {
    /// A virtual address, in bytes.
    VirtAddr
}
u64_newtype! {
    /// A physical address, in bytes.
    PhysAddr
}
u64_newtype! {
    /// A virtual page number: a virtual address without its page offset.
    Vpn
}
u64_newtype! {
    /// A physical page number: the number of a frame.
    Ppn
}

macro_rules! address {
    ($addr:ident, $page:ident) => {
        impl $addr {
            /// The offset inside the page, `0..PAGE_SIZE`.
            pub const fn page_offset(self) -> u64 {
                self.0 & (PAGE_SIZE - 1)
            }

            /// The start of the page that holds this address.
            pub const fn page_down(self) -> Self {
                Self(self.0 & !(PAGE_SIZE - 1))
            }

            /// The first page boundary at or above this address; `None` where it would wrap.
            pub const fn page_up(self) -> Option<Self> {
                match self.0.checked_add(PAGE_SIZE - 1) {
                    Some(end) => Some(Self(end & !(PAGE_SIZE - 1))),
                    None => None,
                }
            }

            /// Whether this address is the start of a page.
            pub const fn is_page_aligned(self) -> bool {
                self.page_offset() == 0
            }

            /// The number of the page that holds this address.
            pub const fn page(self) -> $page {
                $page(self.0 >> PAGE_SHIFT)
            }

            /// This address moved up by `bytes`; `None` where it would wrap.
            pub const fn checked_add(self, bytes: u64) -> Option<Self> {
                match self.0.checked_add(bytes) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            /// This address moved up by `bytes`, wrapping as the hardware does.
            pub const fn wrapping_add(self, bytes: u64) -> Self {
                Self(self.0.wrapping_add(bytes))
            }
        }

        impl $page {
            /// The first address of this page.
            pub const fn base(self) -> $addr {
                $addr(self.0 << PAGE_SHIFT)
            }
        }
    };
}

address!(VirtAddr, Vpn);
address!(PhysAddr, Ppn);

impl VirtAddr {
    /// `VPN[level]`: the index into the page table of that level, `0..512`.
    pub const fn vpn(self, level: u32) -> usize {
        #[allow(clippy::cast_possible_truncation, reason = "masked to nine bits")]
        let index = (self.0 >> (PAGE_SHIFT + VPN_BITS * level)) as usize & 0x1ff;
        index
    }

    /// Whether bits 63:39 all equal bit 38, as Sv39 asks of every virtual address.
    pub const fn is_canonical_sv39(self) -> bool {
        let top = self.0.cast_signed() >> 38;
        top == 0 || top == -1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sv39_address_splits_into_three_indices_and_an_offset() {
        let va = VirtAddr::new((1 << 30) * 5 + (1 << 21) * 6 + (1 << 12) * 7 + 8);
        assert_eq!([va.vpn(2), va.vpn(1), va.vpn(0)], [5, 6, 7]);
        assert_eq!(va.page_offset(), 8);
        assert_eq!(VirtAddr::new(u64::MAX).vpn(2), 511);
    }

    #[test]
    fn canonical_addresses_repeat_bit_38() {
        for (raw, canonical) in [
            (0, true),
            (0x3f_ffff_ffff, true),
            (0x40_0000_0000, false),
            (0xffff_ffbf_ffff_ffff, false),
            (0xffff_ffc0_0000_0000, true),
            (u64::MAX, true),
        ] {
            assert_eq!(VirtAddr::new(raw).is_canonical_sv39(), canonical, "{raw:#x}");
        }
    }

    #[test]
    fn rounding_up_refuses_to_wrap() {
        assert_eq!(VirtAddr::new(1).page_up(), Some(VirtAddr::new(PAGE_SIZE)));
        assert_eq!(VirtAddr::new(PAGE_SIZE).page_up(), Some(VirtAddr::new(PAGE_SIZE)));
        assert_eq!(VirtAddr::new(u64::MAX).page_up(), None);
    }
}
