//! The machine against the specification: small programs, and what must hold behind each of them.

mod advertised;
mod asm;
mod atomics;
mod binutils;
mod bits;
mod caches;
mod csrs;
mod faults;
mod features;
mod floats;
mod harts;
mod machine_modes;
mod memory;
mod replay;
mod sv48;
mod timers;
mod walks;

use faultline_abi::{PhysAddr, Ppn, VirtAddr, sv39};

use crate::{
    bus::{BusError, DeviceContext, Devices, Effect, ExitCode, Width},
    hart::{Hart, Privilege},
    machine::{Machine, RunEnd},
    mmu::Walk,
    observer::{Context, NoObserver, Observer, PteWrite, TrapInfo},
    ram::Ram,
    trap::Cause,
};

/// Where programs start.
const CODE: u64 = 0x8000_0000;
/// Where handlers would be; tests look at the hart before any instruction of them.
const M_HANDLER: u64 = 0x8000_8000;
const S_HANDLER: u64 = 0x8000_9000;
/// Memory for page tables: the root first.
const TABLES: u64 = 0x8010_0000;
/// Memory for data.
const DATA: u64 = 0x8020_0000;
/// A device register that reads as the last value written to it.
const REGISTER: u64 = 0x1000_0000;
/// A store here prints a byte.
const CONSOLE: u64 = 0x1000_0100;
/// A store here ends the run.
const POWER: u64 = 0x1000_0200;
/// A store here writes eight bytes of ones at that physical address.
const DMA: u64 = 0x1000_0300;

/// Devices that a test sets up.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pins {
    lines: u64,
    mtimecmp: u64,
    offset: u64,
    register: u64,
}

impl Default for Pins {
    fn default() -> Self {
        Self { lines: 0, mtimecmp: u64::MAX, offset: 0, register: 0 }
    }
}

impl Devices for Pins {
    fn load(&mut self, pa: PhysAddr, _: Width, cx: &mut DeviceContext<'_>) -> Result<u64, BusError> {
        match pa.get() {
            REGISTER => Ok(self.register),
            CONSOLE => Ok(cx.mtime),
            _ => Err(BusError),
        }
    }

    fn store(
        &mut self,
        pa: PhysAddr,
        _: Width,
        value: u64,
        cx: &mut DeviceContext<'_>,
    ) -> Result<Effect, BusError> {
        match pa.get() {
            REGISTER => self.register = value,
            CONSOLE => return Ok(Effect::Console(value.to_le_bytes()[0])),
            POWER => return Ok(Effect::PowerOff(ExitCode(value))),
            DMA => cx.ram.write(PhysAddr::new(value), &[0xff; 8]).map_err(|_| BusError)?,
            _ => return Err(BusError),
        }
        Ok(Effect::None)
    }

    fn lines(&self, _: u32) -> u64 {
        self.lines
    }

    fn mtimecmp(&self, _: u32) -> u64 {
        self.mtimecmp
    }

    fn time_offset(&self) -> u64 {
        self.offset
    }

    fn console_input(&mut self, bytes: &[u8]) {
        self.lines |= if bytes.is_empty() { 0 } else { crate::bus::line::SEIP };
    }
}

/// A machine under test.
struct Bench {
    machine: Machine<Pins>,
    tables: u64,
}

impl Bench {
    /// A hart in M-mode at [`CODE`], where `program` stands. PMP is open, handlers are set.
    fn new(program: &[u32]) -> Self {
        let mut bench =
            Self { machine: Machine::from_parts(Ram::new(16 << 20), Pins::default(), CODE), tables: TABLES };
        bench.program(CODE, program);
        let hart = bench.hart();
        hart.csrs.mtvec = M_HANDLER;
        hart.csrs.stvec = S_HANDLER;
        hart.csrs.pmp.set_address(0, u64::MAX);
        hart.csrs.pmp.set_config(0, 0x1f);
        bench
    }

    /// The same in S-mode under Sv39, with every fault delegated. The first 2 MiB of memory (code and
    /// handlers) are mapped where they are; `map` adds to it.
    fn supervisor(program: &[u32]) -> Self {
        let mut bench = Self::new(program);
        bench.tables += 0x1000;
        bench.poke(TABLES + 2 * 8, sv39_pointer(bench.tables));
        bench.poke(bench.tables, leaf(CODE, "DAXWRV"));
        bench.tables += 0x1000;
        let hart = bench.hart();
        hart.csrs.medeleg = 0xb3ff;
        hart.mode = Privilege::Supervisor;
        hart.csrs.satp = sv39::satp_sv39(Ppn::new(TABLES >> 12));
        bench
    }

    /// The same in U-mode; the program is mapped at 0x1000, one page.
    fn user(program: &[u32]) -> Self {
        let mut bench = Self::supervisor(&[]);
        bench.program(DATA, program);
        bench.map(0x1000, DATA, "DAUXRV");
        bench.hart().mode = Privilege::User;
        bench.hart().pc = 0x1000;
        bench
    }

    fn program(&mut self, at: u64, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.bytes(at, &bytes);
    }

    fn bytes(&mut self, at: u64, bytes: &[u8]) {
        self.machine.ram_mut().write(PhysAddr::new(at), bytes).expect("inside memory");
    }

    fn poke(&mut self, at: u64, value: u64) {
        self.bytes(at, &value.to_le_bytes());
    }

    fn peek(&self, at: u64) -> u64 {
        self.machine.ram().read_u64(PhysAddr::new(at)).expect("inside memory")
    }

    /// Maps one page. `flags` are letters as in `DAGUXWRV`.
    fn map(&mut self, va: u64, pa: u64, flags: &str) {
        let at = self.entry(va);
        self.poke(at, leaf(pa, flags));
    }

    /// The physical address of the level-0 entry for `va`; makes the tables above it.
    fn entry(&mut self, va: u64) -> u64 {
        let mut table = TABLES;
        for level in [2, 1] {
            let at = table + VirtAddr::new(va).vpn(level) as u64 * 8;
            if self.peek(at) == 0 {
                let next = self.tables;
                self.tables += 0x1000;
                self.poke(at, sv39_pointer(next));
            }
            table = self.peek(at) >> 10 << 12;
        }
        table + VirtAddr::new(va).vpn(0) as u64 * 8
    }

    fn hart(&mut self) -> &mut Hart {
        self.machine.hart_mut()
    }

    fn x(&mut self, register: u8) -> u64 {
        self.hart().x[register]
    }

    fn set(&mut self, register: u8, value: u64) -> &mut Self {
        self.hart().x[register] = value;
        self
    }

    fn run(&mut self, steps: u64) -> &mut Self {
        let steps_before = self.machine.step_count();
        assert_eq!(self.machine.run(steps, &mut NoObserver), RunEnd::Budget);
        assert_eq!(self.machine.step_count() - steps_before, steps);
        self
    }

    fn watch(&mut self, steps: u64) -> Log {
        let mut log = Log::default();
        self.machine.run(steps, &mut log);
        log
    }

    /// `mcause`, `mtval`, `mepc` after a trap to M-mode.
    fn machine_trap(&mut self) -> (u64, u64, u64) {
        assert_eq!((self.hart().mode, self.hart().pc), (Privilege::Machine, M_HANDLER));
        let csrs = &self.hart().csrs;
        (csrs.mcause, csrs.mtval, csrs.mepc)
    }

    /// `scause`, `stval`, `sepc` after a trap to S-mode.
    fn supervisor_trap(&mut self) -> (u64, u64, u64) {
        assert_eq!((self.hart().mode, self.hart().pc), (Privilege::Supervisor, S_HANDLER));
        let csrs = &self.hart().csrs;
        (csrs.scause, csrs.stval, csrs.sepc)
    }
}

/// A leaf for `pa` with the flags named by their letters.
fn leaf(pa: u64, flags: &str) -> u64 {
    let bit = |letter| "VRWXUGAD".find(letter).expect("a flag");
    pa >> 12 << 10 | flags.chars().map(|letter| 1 << bit(letter)).sum::<u64>()
}

/// A pointer to the table at `pa`.
fn sv39_pointer(pa: u64) -> u64 {
    leaf(pa, "V")
}

/// Everything that the machine reported.
#[derive(Default, Debug, PartialEq)]
struct Log {
    events: Vec<Seen>,
}

#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Trap(Context, Cause, u64, Option<Walk>),
    Return(Context, Privilege, u64),
    Pte(Context, PteWrite),
    Marked(Context, PteWrite),
    Satp(Context, u64, u64),
    Fence(Context, Option<VirtAddr>, Option<u16>),
    Point(Context, u16, [u64; 6]),
    Byte(Context, u8),
}

impl Observer for Log {
    const ACTIVE: bool = true;

    fn trap(&mut self, cx: &Context, trap: &TrapInfo<'_>) {
        self.events.push(Seen::Trap(*cx, trap.cause, trap.tval, trap.walk.copied()));
    }

    fn trap_return(&mut self, cx: &Context, to: Privilege, pc: VirtAddr) {
        self.events.push(Seen::Return(*cx, to, pc.get()));
    }

    fn pte_written(&mut self, cx: &Context, write: &PteWrite) {
        self.events.push(Seen::Pte(*cx, *write));
    }

    fn accessed_dirty(&mut self, cx: &Context, write: &PteWrite) {
        self.events.push(Seen::Marked(*cx, *write));
    }

    fn satp_written(&mut self, cx: &Context, old: u64, new: u64) {
        self.events.push(Seen::Satp(*cx, old, new));
    }

    fn sfence_vma(&mut self, cx: &Context, va: Option<VirtAddr>, asid: Option<u16>) {
        self.events.push(Seen::Fence(*cx, va, asid));
    }

    fn tracepoint(&mut self, cx: &Context, number: u16, arguments: [u64; 6]) {
        self.events.push(Seen::Point(*cx, number, arguments));
    }

    fn console_output(&mut self, cx: &Context, byte: u8) {
        self.events.push(Seen::Byte(*cx, byte));
    }
}
