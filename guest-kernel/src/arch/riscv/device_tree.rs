//! The device tree that the boot ROM hands over.

use faultline_abi::PhysAddr;
use fdt::Fdt;

/// A device tree in memory.
pub struct DeviceTree {
    blob: *const u8,
}

impl DeviceTree {
    /// The tree at `address`.
    ///
    /// # Safety
    /// There is a flattened device tree, and it stays as it is while the result is used.
    #[must_use]
    pub const unsafe fn new(address: PhysAddr) -> Self {
        Self { blob: address.get() as *const u8 }
    }

    /// The tree, parsed.
    ///
    /// # Panics
    /// Where it is damaged: there is no board to boot on.
    #[must_use]
    pub fn parse(&self) -> Fdt<'_> {
        // SAFETY: `new` was promised a tree that stays.
        unsafe { Fdt::from_ptr(self.blob) }.expect("the boot ROM hands over a device tree")
    }
}
