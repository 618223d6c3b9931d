//! A virtual address, split as its translation scheme splits it.

use faultline_abi::VirtAddr;
use faultline_abi::satp::Scheme;

/// One of the indices, or the offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitField {
    /// `VPN[2]`, …, `offset`.
    pub label: String,
    /// Its place: bits high to low.
    pub range: String,
    /// Its value in decimal, for an index; in hexadecimal, for the offset.
    pub value: String,
    /// Its bits.
    pub bits: String,
}

/// A split address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The bits above the translated ones, which repeat the highest of those in a canonical address.
    pub sign: SplitField,
    /// `VPN[2]`, `VPN[1]`, `VPN[0]`; in Sv48 `VPN[3]` before them.
    pub vpn: Vec<SplitField>,
    /// The byte inside the page.
    pub offset: SplitField,
}

/// Splits an address.
#[must_use]
pub fn split(va: VirtAddr, scheme: Scheme) -> Split {
    let offset = va.page_offset();
    Split {
        sign: sign(va, scheme.bits()),
        vpn: (0..scheme.levels()).rev().map(|level| vpn(va, level)).collect(),
        offset: SplitField {
            label: "offset".into(),
            range: "11–0".into(),
            value: format!("{offset:#x}"),
            bits: format!("{offset:012b}"),
        },
    }
}

fn sign(va: VirtAddr, from: u32) -> SplitField {
    let bits = va.get() >> from;
    let value = match bits {
        0 => "0".into(),
        ones if ones == u64::MAX >> from => "1…1".into(),
        mixed => format!("{mixed:#x}"),
    };
    SplitField { label: format!("63–{from}"), range: format!("63–{from}"), value, bits: String::new() }
}

fn vpn(va: VirtAddr, level: u32) -> SplitField {
    let (index, low) = (va.vpn(level), 12 + 9 * level);
    SplitField {
        label: format!("VPN[{level}]"),
        range: format!("{}–{low}", low + 8),
        value: index.to_string(),
        bits: format!("{index:09b}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(fields: &[SplitField], text: impl Fn(&SplitField) -> String) -> Vec<String> {
        fields.iter().map(text).collect()
    }

    #[test]
    fn the_indices_and_the_offset_make_up_the_address() {
        let va = VirtAddr::new((3 << 30) | (5 << 21) | (20 << 12) | 0xabc);
        let split = split(va, Scheme::Sv39);
        assert_eq!(texts(&split.vpn, |field| field.value.clone()), ["3", "5", "20"]);
        assert_eq!(texts(&split.vpn, |field| field.label.clone()), ["VPN[2]", "VPN[1]", "VPN[0]"]);
        assert_eq!(texts(&split.vpn, |field| field.range.clone()), ["38–30", "29–21", "20–12"]);
        assert_eq!((&*split.offset.value, &*split.offset.bits), ("0xabc", "101010111100"));
        assert_eq!((&*split.sign.value, &*split.sign.range), ("0", "63–39"));
    }

    #[test]
    fn sv48_has_a_fourth_index() {
        let split = split(VirtAddr::new((7 << 39) | (3 << 30) | (5 << 21) | (20 << 12)), Scheme::Sv48);
        assert_eq!(texts(&split.vpn, |field| field.value.clone()), ["7", "3", "5", "20"]);
        assert_eq!((&*split.vpn[0].label, &*split.vpn[0].range), ("VPN[3]", "47–39"));
        assert_eq!((&*split.sign.value, &*split.sign.range), ("0", "63–48"));
    }

    #[test]
    fn the_sign_bits_of_a_high_address_are_all_ones() {
        for scheme in [Scheme::Sv39, Scheme::Sv48] {
            assert_eq!(split(VirtAddr::new(u64::MAX), scheme).sign.value, "1…1");
            assert_eq!(split(VirtAddr::new(1 << scheme.bits()), scheme).sign.value, "0x1");
        }
    }
}
