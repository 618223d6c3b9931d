//! What the device tree says about the board.

use alloc::{string::String, vec::Vec};

use faultline_abi::{PhysAddr, board};
use fdt::{Fdt, node::FdtNode};

/// The parts of the board that the kernel uses.
pub struct Board {
    /// The kernel command line.
    pub command_line: String,
    /// Registers of the console.
    pub uart: PhysAddr,
    /// Registers of the virtio-mmio slots, address and size, lowest address first.
    pub virtio: Vec<(PhysAddr, usize)>,
}

impl Board {
    /// Reads `tree`. A console that is not mentioned is where QEMU's `virt` board has it.
    #[must_use]
    pub fn read(tree: &Fdt<'_>) -> Self {
        let mut virtio: Vec<_> = compatible(tree, "virtio,mmio").filter_map(registers).collect();
        virtio.sort_unstable();
        let uart = compatible(tree, "ns16550a").find_map(registers);
        Self {
            command_line: command_line(tree).into(),
            uart: uart.map_or(PhysAddr::new(board::UART.base), |(address, _)| address),
            virtio,
        }
    }
}

/// One beyond the last byte of DRAM.
///
/// # Panics
/// Where the tree mentions no memory.
#[must_use]
pub fn memory_end(tree: &Fdt<'_>) -> PhysAddr {
    let memory = tree.find_node("/memory").and_then(registers);
    let (base, size) = memory.expect("the device tree says how much memory there is");
    base.wrapping_add(size as u64).page_down()
}

fn command_line<'a>(tree: &Fdt<'a>) -> &'a str {
    let bootargs = tree.find_node("/chosen").and_then(|chosen| chosen.property("bootargs"));
    bootargs.and_then(|property| property.as_str()).unwrap_or_default()
}

fn compatible<'b, 'a>(tree: &'b Fdt<'a>, name: &'static str) -> impl Iterator<Item = FdtNode<'b, 'a>> {
    tree.all_nodes().filter(move |node| node.compatible().is_some_and(|list| list.all().any(|it| it == name)))
}

/// The first register range of `node`.
fn registers(node: FdtNode<'_, '_>) -> Option<(PhysAddr, usize)> {
    let range = node.reg()?.next()?;
    Some((PhysAddr::new(range.starting_address.addr() as u64), range.size?))
}
