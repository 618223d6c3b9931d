//! A virtual address, split as Sv39 splits it.

use faultline_abi::VirtAddr;
use faultline_abi::sv39::LEVELS;

/// One of the three indices, or the offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitField {
    /// `VPN[2]`, …, `offset`.
    pub label: &'static str,
    /// Its place: bits high to low.
    pub range: &'static str,
    /// Its value in decimal, for an index; in hexadecimal, for the offset.
    pub value: String,
    /// Its bits.
    pub bits: String,
}

/// A split address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Bits 63 to 39, which repeat bit 38 in a canonical address.
    pub sign: SplitField,
    /// `VPN[2]`, `VPN[1]`, `VPN[0]`.
    pub vpn: [SplitField; LEVELS as usize],
    /// The byte inside the page.
    pub offset: SplitField,
}

/// Splits an address.
#[must_use]
pub fn split(va: VirtAddr) -> Split {
    let vpn = |level: u32, label, range| {
        let index = va.vpn(level);
        SplitField { label, range, value: index.to_string(), bits: format!("{index:09b}") }
    };
    let sign = va.get() >> 39;
    let offset = va.page_offset();
    Split {
        sign: SplitField { label: "sign", range: "63–39", value: sign_word(sign), bits: String::new() },
        vpn: [vpn(2, "VPN[2]", "38–30"), vpn(1, "VPN[1]", "29–21"), vpn(0, "VPN[0]", "20–12")],
        offset: SplitField {
            label: "offset",
            range: "11–0",
            value: format!("{offset:#x}"),
            bits: format!("{offset:012b}"),
        },
    }
}

fn sign_word(sign: u64) -> String {
    match sign {
        0 => "0".into(),
        0x1ff_ffff => "1…1".into(),
        mixed => format!("{mixed:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_indices_and_the_offset_make_up_the_address() {
        let split = split(VirtAddr::new((3 << 30) | (5 << 21) | (20 << 12) | 0xabc));
        assert_eq!(split.vpn.map(|field| field.value), ["3", "5", "20"]);
        assert_eq!(split.offset.value, "0xabc");
        assert_eq!(split.offset.bits, "101010111100");
        assert_eq!(split.sign.value, "0");
    }

    #[test]
    fn the_sign_bits_of_a_high_address_are_all_ones() {
        assert_eq!(split(VirtAddr::new(u64::MAX)).sign.value, "1…1");
        assert_eq!(split(VirtAddr::new(1 << 39)).sign.value, "0x1");
    }
}
