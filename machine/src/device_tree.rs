//! The flattened device tree that tells a kernel what board it runs on, in the shape in which
//! QEMU's `virt` board describes itself.
//!
//! Only what the board has is in it, and all of it works.

use faultline_abi::board::{self, Region};
use vm_fdt::{Error, FdtWriter};

use crate::device::plic::SOURCES;

/// What differs from board to board.
#[derive(Clone, Copy, Debug)]
pub struct Description<'a> {
    /// Bytes of DRAM.
    pub memory: u64,
    /// Harts.
    pub harts: u32,
    /// The kernel's command line.
    pub bootargs: &'a str,
    /// Where an initial file system lies, and its size.
    pub initrd: Option<(u64, u64)>,
    /// `riscv,isa` of every hart.
    pub isa: &'a str,
    /// `mmu-type` of every hart.
    pub mmu: &'a str,
}

/// Phandles: hart `i` is `1 + 2 i` and its interrupt controller the number after.
const PLIC_PHANDLE: u32 = 0x1000;
const FINISHER_PHANDLE: u32 = 0x1001;

/// Interrupts of a hart's own controller (privileged specification, `mcause` codes).
mod local {
    pub(super) const MACHINE_SOFTWARE: u32 = 3;
    pub(super) const MACHINE_TIMER: u32 = 7;
    pub(super) const SUPERVISOR_EXTERNAL: u32 = 9;
    pub(super) const MACHINE_EXTERNAL: u32 = 11;
}

const fn hart_phandle(hart: u32) -> u32 {
    1 + 2 * hart
}

const fn controller_phandle(hart: u32) -> u32 {
    2 + 2 * hart
}

/// The device tree blob of a board.
///
/// # Errors
/// Where the command line holds a zero byte.
pub fn build(board: &Description<'_>) -> Result<Vec<u8>, Error> {
    let mut fdt = FdtWriter::new()?;
    let root = fdt.begin_node("")?;
    fdt.property_u32("#address-cells", 2)?;
    fdt.property_u32("#size-cells", 2)?;
    fdt.property_string("compatible", "riscv-virtio")?;
    fdt.property_string("model", "riscv-virtio,qemu")?;
    chosen(&mut fdt, board)?;
    memory(&mut fdt, board.memory)?;
    cpus(&mut fdt, board)?;
    soc(&mut fdt, board.harts)?;
    power(&mut fdt, "poweroff", "syscon-poweroff", board::FINISHER_PASS)?;
    power(&mut fdt, "reboot", "syscon-reboot", board::FINISHER_RESET)?;
    fdt.end_node(root)?;
    fdt.finish()
}

fn chosen(fdt: &mut FdtWriter, board: &Description<'_>) -> Result<(), Error> {
    let node = fdt.begin_node("chosen")?;
    fdt.property_string("bootargs", board.bootargs)?;
    if let Some((start, size)) = board.initrd {
        fdt.property_u64("linux,initrd-start", start)?;
        fdt.property_u64("linux,initrd-end", start.saturating_add(size))?;
    }
    fdt.property_string("stdout-path", &format!("/soc/serial@{:x}", board::UART.base))?;
    fdt.end_node(node)
}

fn memory(fdt: &mut FdtWriter, size: u64) -> Result<(), Error> {
    let node = fdt.begin_node(&format!("memory@{:x}", board::DRAM_BASE))?;
    fdt.property_string("device_type", "memory")?;
    fdt.property_array_u64("reg", &[board::DRAM_BASE, size])?;
    fdt.end_node(node)
}

fn cpus(fdt: &mut FdtWriter, board: &Description<'_>) -> Result<(), Error> {
    let node = fdt.begin_node("cpus")?;
    fdt.property_u32("#address-cells", 1)?;
    fdt.property_u32("#size-cells", 0)?;
    fdt.property_u32("timebase-frequency", u32::try_from(board::TIMEBASE_HZ).unwrap_or(u32::MAX))?;
    for hart in 0..board.harts {
        cpu(fdt, board, hart)?;
    }
    fdt.end_node(node)
}

fn cpu(fdt: &mut FdtWriter, board: &Description<'_>, hart: u32) -> Result<(), Error> {
    let node = fdt.begin_node(&format!("cpu@{hart:x}"))?;
    fdt.property_phandle(hart_phandle(hart))?;
    fdt.property_string("device_type", "cpu")?;
    fdt.property_u32("reg", hart)?;
    fdt.property_string("status", "okay")?;
    fdt.property_string("compatible", "riscv")?;
    isa(fdt, board.isa)?;
    fdt.property_string("mmu-type", board.mmu)?;
    let controller = fdt.begin_node("interrupt-controller")?;
    fdt.property_u32("#interrupt-cells", 1)?;
    fdt.property_null("interrupt-controller")?;
    fdt.property_string("compatible", "riscv,cpu-intc")?;
    fdt.property_phandle(controller_phandle(hart))?;
    fdt.end_node(controller)?;
    fdt.end_node(node)
}

/// The instruction set, as one string and in the newer form as a list of extensions.
fn isa(fdt: &mut FdtWriter, isa: &str) -> Result<(), Error> {
    let (base, extensions) = isa_parts(isa);
    fdt.property_string("riscv,isa", isa)?;
    fdt.property_string("riscv,isa-base", &base)?;
    fdt.property_string_list("riscv,isa-extensions", extensions)
}

/// `rv64im_zicsr` is the base `rv64i` with `i`, `m` and `zicsr`.
fn isa_parts(isa: &str) -> (String, Vec<String>) {
    let (single, multi) = isa.split_once('_').unwrap_or((isa, ""));
    let (width, letters) = single.split_at(single.len().min(4));
    let base = format!("{width}{}", letters.chars().next().unwrap_or('i'));
    let multi = multi.split('_').filter(|name| !name.is_empty()).map(String::from);
    (base, letters.chars().map(String::from).chain(multi).collect())
}

fn soc(fdt: &mut FdtWriter, harts: u32) -> Result<(), Error> {
    let node = fdt.begin_node("soc")?;
    fdt.property_u32("#address-cells", 2)?;
    fdt.property_u32("#size-cells", 2)?;
    fdt.property_string("compatible", "simple-bus")?;
    fdt.property_null("ranges")?;
    serial(fdt)?;
    finisher(fdt)?;
    rtc(fdt)?;
    for slot in 0..board::VIRTIO_SLOTS {
        virtio(fdt, slot)?;
    }
    plic(fdt, harts)?;
    clint(fdt, harts)?;
    fdt.end_node(node)
}

fn reg(fdt: &mut FdtWriter, region: Region) -> Result<(), Error> {
    fdt.property_array_u64("reg", &[region.base, region.size])
}

fn interrupt(fdt: &mut FdtWriter, source: u32) -> Result<(), Error> {
    fdt.property_u32("interrupts", source)?;
    fdt.property_u32("interrupt-parent", PLIC_PHANDLE)
}

fn serial(fdt: &mut FdtWriter) -> Result<(), Error> {
    let node = fdt.begin_node(&format!("serial@{:x}", board::UART.base))?;
    fdt.property_string("compatible", "ns16550a")?;
    fdt.property_u32("clock-frequency", 3_686_400)?;
    reg(fdt, board::UART)?;
    interrupt(fdt, board::UART_IRQ)?;
    fdt.end_node(node)
}

fn finisher(fdt: &mut FdtWriter) -> Result<(), Error> {
    let node = fdt.begin_node(&format!("test@{:x}", board::FINISHER.base))?;
    fdt.property_phandle(FINISHER_PHANDLE)?;
    let compatible = ["sifive,test1", "sifive,test0", "syscon"];
    fdt.property_string_list("compatible", compatible.map(String::from).into())?;
    reg(fdt, board::FINISHER)?;
    fdt.end_node(node)
}

fn rtc(fdt: &mut FdtWriter) -> Result<(), Error> {
    let node = fdt.begin_node(&format!("rtc@{:x}", board::RTC.base))?;
    fdt.property_string("compatible", "google,goldfish-rtc")?;
    reg(fdt, board::RTC)?;
    interrupt(fdt, board::RTC_IRQ)?;
    fdt.end_node(node)
}

fn virtio(fdt: &mut FdtWriter, slot: u32) -> Result<(), Error> {
    let Region { base, size } = board::VIRTIO;
    let base = base + size * u64::from(slot);
    let node = fdt.begin_node(&format!("virtio_mmio@{base:x}"))?;
    fdt.property_string("compatible", "virtio,mmio")?;
    reg(fdt, Region { base, size })?;
    interrupt(fdt, board::VIRTIO_IRQ + slot)?;
    fdt.end_node(node)
}

fn plic(fdt: &mut FdtWriter, harts: u32) -> Result<(), Error> {
    let node = fdt.begin_node(&format!("plic@{:x}", board::PLIC.base))?;
    fdt.property_phandle(PLIC_PHANDLE)?;
    fdt.property_u32("riscv,ndev", SOURCES - 1)?;
    reg(fdt, board::PLIC)?;
    let contexts = [local::MACHINE_EXTERNAL, local::SUPERVISOR_EXTERNAL];
    fdt.property_array_u32("interrupts-extended", &extended(harts, contexts))?;
    fdt.property_null("interrupt-controller")?;
    fdt.property_string_list("compatible", ["sifive,plic-1.0.0", "riscv,plic0"].map(String::from).into())?;
    fdt.property_u32("#address-cells", 0)?;
    fdt.property_u32("#interrupt-cells", 1)?;
    fdt.end_node(node)
}

fn clint(fdt: &mut FdtWriter, harts: u32) -> Result<(), Error> {
    let node = fdt.begin_node(&format!("clint@{:x}", board::CLINT.base))?;
    let interrupts = [local::MACHINE_SOFTWARE, local::MACHINE_TIMER];
    fdt.property_array_u32("interrupts-extended", &extended(harts, interrupts))?;
    reg(fdt, board::CLINT)?;
    fdt.property_string_list("compatible", ["sifive,clint0", "riscv,clint0"].map(String::from).into())?;
    fdt.end_node(node)
}

/// Two interrupts of each hart's own controller.
fn extended(harts: u32, interrupts: [u32; 2]) -> Vec<u32> {
    let of_hart = |hart| interrupts.into_iter().flat_map(move |number| [controller_phandle(hart), number]);
    (0..harts).flat_map(of_hart).collect()
}

fn power(fdt: &mut FdtWriter, name: &str, compatible: &str, value: u32) -> Result<(), Error> {
    let node = fdt.begin_node(name)?;
    fdt.property_string("compatible", compatible)?;
    fdt.property_u32("value", value)?;
    fdt.property_u32("offset", 0)?;
    fdt.property_u32("regmap", FINISHER_PHANDLE)?;
    fdt.end_node(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(harts: u32) -> Vec<u8> {
        let isa = "rv64imac_zicsr_zifencei";
        let memory = 128 << 20;
        let (bootargs, initrd) = ("init=lazy sbrk=lazy", Some((0x8400_0000, 0x1234)));
        build(&Description { memory, harts, bootargs, initrd, isa, mmu: "riscv,sv39" }).unwrap()
    }

    #[test]
    fn another_parser_reads_the_board_back() {
        let blob = blob(1);
        let tree = fdt::Fdt::new(&blob).unwrap();
        assert_eq!(tree.chosen().bootargs(), Some("init=lazy sbrk=lazy"));
        let chosen = tree.find_node("/chosen").unwrap();
        let initrd = ["linux,initrd-start", "linux,initrd-end"]
            .map(|name| u64::from_be_bytes(chosen.property(name).unwrap().value.try_into().unwrap()));
        assert_eq!(initrd, [0x8400_0000, 0x8400_1234]);
        assert_eq!(tree.chosen().stdout().unwrap().name, "serial@10000000");
        let memory = tree.memory().regions().next().unwrap();
        assert_eq!((memory.starting_address as u64, memory.size), (board::DRAM_BASE, Some(128 << 20)));
        let cpu = tree.cpus().next().unwrap();
        assert_eq!(cpu.property("riscv,isa").unwrap().as_str(), Some("rv64imac_zicsr_zifencei"));
        assert_eq!(cpu.property("riscv,isa-base").unwrap().as_str(), Some("rv64i"));
        let extensions = cpu.property("riscv,isa-extensions").unwrap().value;
        assert_eq!(extensions, b"i\0m\0a\0c\0zicsr\0zifencei\0");
        assert_eq!(cpu.timebase_frequency(), 10_000_000);
    }

    #[test]
    fn each_device_stands_where_the_memory_map_puts_it() {
        let blob = blob(1);
        let tree = fdt::Fdt::new(&blob).unwrap();
        for (compatible, region, interrupt) in [
            ("ns16550a", board::UART, Some(10)),
            ("sifive,plic-1.0.0", board::PLIC, None),
            ("sifive,clint0", board::CLINT, None),
            ("sifive,test0", board::FINISHER, None),
            ("google,goldfish-rtc", board::RTC, Some(11)),
            ("virtio,mmio", board::VIRTIO, Some(1)),
        ] {
            let node = tree.find_compatible(&[compatible]).expect(compatible);
            let reg = node.reg().unwrap().next().unwrap();
            assert_eq!((reg.starting_address as u64, reg.size.unwrap() as u64), (region.base, region.size));
            let interrupts = node.property("interrupts").map(|property| property.as_usize().unwrap());
            assert_eq!(interrupts, interrupt, "{compatible}");
        }
        let slots = tree.find_all_nodes("/soc/virtio_mmio").count();
        assert_eq!(slots, board::VIRTIO_SLOTS as usize);
    }

    #[test]
    fn every_hart_has_a_controller_that_the_others_point_to() {
        let blob = blob(4);
        let tree = fdt::Fdt::new(&blob).unwrap();
        assert_eq!(tree.cpus().count(), 4);
        for (node, cells) in [("sifive,plic-1.0.0", [11, 9]), ("sifive,clint0", [3, 7])] {
            let property = tree.find_compatible(&[node]).unwrap().property("interrupts-extended").unwrap();
            let words: Vec<u32> =
                property.value.chunks(4).map(|word| u32::from_be_bytes(word.try_into().unwrap())).collect();
            let expected: Vec<u32> =
                (0..4).flat_map(|hart| [2 + 2 * hart, cells[0], 2 + 2 * hart, cells[1]]).collect();
            assert_eq!(words, expected);
            for phandle in words.iter().step_by(2) {
                assert!(tree.find_phandle(*phandle).is_some());
            }
        }
    }
}
