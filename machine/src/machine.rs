//! The machine: harts, memory and devices, and the loop that runs them.

use faultline_abi::PhysAddr;

use crate::{
    bus::{Devices, ExitCode},
    clock::Clock,
    code::CodeCache,
    csr::Csrs,
    device::Board,
    exec::{Cpu, System},
    hart::{Features, Hart},
    mmu::{tables::Tables, tlb::Tlb},
    observer::Observer,
    ram::{Image, Ram, flag},
    trap::{Cause, Interrupt},
};

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// All the steps that were allowed have been made.
    Budget,
    /// The observer asked to stop.
    Stopped,
    /// The guest switched the board off. It stays off: every further run ends here at once.
    Exited(ExitCode),
    /// The hart waits for an interrupt that no timer will raise: only input can wake it.
    WaitingForInput,
}

/// A whole machine. `D` is the board's devices; tests use smaller ones.
#[derive(Debug)]
pub struct Machine<D: Devices = Board> {
    harts: Vec<Hart>,
    tlbs: Vec<Tlb>,
    system: System<D>,
}

/// A machine at one position; cheap to keep, because unchanged pages are shared.
#[derive(Clone, Debug)]
pub struct Keyframe<D: Devices = Board> {
    harts: Vec<Hart>,
    ram: Image,
    devices: D,
    tables: Tables,
    clock: Clock,
    exit: Option<ExitCode>,
}

impl<D: Devices> Keyframe<D> {
    /// The position that it was taken at.
    #[must_use]
    pub fn step_count(&self) -> u64 {
        self.clock.step()
    }
}

impl<D: Devices> Machine<D> {
    /// A machine with this memory and these devices, whose hart 0 starts in M-mode at `reset_pc`.
    #[must_use]
    pub fn from_parts(mut ram: Ram, devices: D, reset_pc: u64) -> Self {
        let frames = ram.all_frames().len();
        let system = System {
            ram,
            devices,
            code: CodeCache::new(frames),
            tables: Tables::default(),
            clock: Clock::default(),
            lines_due: 0,
            exit: None,
            tohost: None,
        };
        let hart = Hart::new(0, reset_pc & !1, Features::default());
        Self { harts: vec![hart], tlbs: vec![Tlb::new()], system }
    }

    /// The same machine, at its start, with harts of this kind.
    #[must_use]
    pub fn with_features(mut self, features: Features) -> Self {
        for hart in &mut self.harts {
            *hart = Hart::new(hart.id, hart.pc, features);
        }
        self
    }

    /// The 8-byte word at which HTIF programs announce their end: an odd value written there ends
    /// the run with code `value >> 1`.
    pub fn watch_tohost(&mut self, tohost: PhysAddr) {
        if let Some(frame) = self.system.ram.frame_of(tohost) {
            self.system.ram.set_flag(frame, flag::WATCH);
            self.system.tohost = Some(tohost);
            self.tlbs.iter_mut().for_each(Tlb::drop_stores);
        }
    }

    /// Makes `max_steps` steps, fewer only where the run ends otherwise. `run(n)` and then `run(m)` is
    /// exactly `run(n + m)`.
    pub fn run<O: Observer>(&mut self, max_steps: u64, observer: &mut O) -> RunEnd {
        let target = self.step_count().saturating_add(max_steps);
        loop {
            if let Some(code) = self.system.exit {
                return RunEnd::Exited(code);
            }
            if O::ACTIVE && observer.stop() {
                return RunEnd::Stopped;
            }
            let left = target.saturating_sub(self.step_count());
            if left == 0 {
                return RunEnd::Budget;
            }
            if self.turn(left, observer) == Turn::OnlyInputHelps {
                return RunEnd::WaitingForInput;
            }
        }
    }

    /// Takes an interrupt, or lets idle time pass, or executes up to `left` instructions.
    fn turn<O: Observer>(&mut self, left: u64, observer: &mut O) -> Turn {
        let (Some(hart), Some(tlb)) = (self.harts.first_mut(), self.tlbs.first_mut()) else {
            return Turn::OnlyInputHelps;
        };
        self.system.refresh_lines(hart);
        let interrupt = hart.interrupt();
        if interrupt.is_none() && hart.waiting {
            return self.system.idle(hart);
        }
        let until_timer = self.system.lines_due - self.system.clock.cycle();
        let mut cpu = Cpu { hart, tlb, system: &mut self.system, observer, walk_failed: false };
        match interrupt {
            Some(interrupt) => cpu.trap(Cause::Interrupt(interrupt), 0),
            None if O::EACH_ACCESS => {
                // With nothing cached, every access makes its walk and is reported.
                cpu.tlb.drop_all();
                cpu.advance(1);
            }
            None => cpu.advance(left.min(until_timer)),
        }
        Turn::Made
    }

    /// Instructions retired plus traps taken: the position that names every moment of a run.
    #[must_use]
    pub fn step_count(&self) -> u64 {
        self.system.clock.step()
    }

    /// Instructions retired.
    #[must_use]
    pub fn instret(&self) -> u64 {
        self.system.clock.instret
    }

    /// `mtime`.
    #[must_use]
    pub fn mtime(&self) -> u64 {
        self.system.mtime()
    }

    /// How the guest ended its run, if it did.
    #[must_use]
    pub fn exit(&self) -> Option<ExitCode> {
        self.system.exit
    }

    /// Types on the console.
    pub fn console_input(&mut self, bytes: &[u8]) {
        self.system.devices.console_input(bytes);
        self.system.lines_due = 0;
    }

    /// Keeps this moment. The cost is proportional to the pages changed since the last keyframe.
    pub fn keyframe(&mut self) -> Keyframe<D> {
        // Every page is clean now; the next store to each has to say so.
        self.tlbs.iter_mut().for_each(Tlb::drop_stores);
        Keyframe {
            harts: self.harts.clone(),
            ram: self.system.ram.image(),
            devices: self.system.devices.clone(),
            tables: self.system.tables.clone(),
            clock: self.system.clock,
            exit: self.system.exit,
        }
    }

    /// Goes back (or forward) to a kept moment of the same machine.
    pub fn restore(&mut self, keyframe: &Keyframe<D>) {
        self.tlbs.iter_mut().for_each(Tlb::drop_all);
        let system = &mut self.system;
        for frame in system.ram.restore(&keyframe.ram) {
            system.code.drop_page(frame);
        }
        system.tables.restore(&keyframe.tables, &mut system.ram);
        system.devices = keyframe.devices.clone();
        system.clock = keyframe.clock;
        system.exit = keyframe.exit;
        system.lines_due = 0;
        self.harts.clone_from(&keyframe.harts);
    }

    /// Hart `index`.
    ///
    /// # Panics
    /// Where there is no such hart.
    #[must_use]
    pub fn hart(&self, index: usize) -> &Hart {
        &self.harts[index]
    }

    /// Physical memory.
    #[must_use]
    pub fn ram(&self) -> &Ram {
        &self.system.ram
    }

    /// The devices.
    #[must_use]
    pub fn devices(&self) -> &D {
        &self.system.devices
    }
}

#[cfg(test)]
impl<D: Devices> Machine<D> {
    pub(crate) fn hart_mut(&mut self) -> &mut Hart {
        self.system.lines_due = 0;
        &mut self.harts[0]
    }

    pub(crate) fn ram_mut(&mut self) -> &mut Ram {
        &mut self.system.ram
    }

    pub(crate) fn devices_mut(&mut self) -> &mut D {
        self.system.lines_due = 0;
        &mut self.system.devices
    }
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Something happened.
    Made,
    /// Nothing can happen before input arrives.
    OnlyInputHelps,
}

/// Which timers to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timers {
    /// All: software can see each change in `mip`.
    All,
    /// Those whose interrupt is enabled in `mie`.
    Enabled,
}

/// Interrupt lines and timers.
impl<D: Devices> System<D> {
    /// Brings the interrupt lines of a hart up to date. Afterwards `lines_due` lies in the future.
    fn refresh_lines(&mut self, hart: &mut Hart) {
        let cycle = self.clock.cycle();
        if cycle < self.lines_due {
            return;
        }
        self.devices.time_passed(self.clock.mtime(0));
        hart.csrs.lines = self.lines(hart);
        let until = [self.until_timer(hart, Timers::All), self.until_device()];
        let until = until.into_iter().flatten().min().unwrap_or(u64::MAX);
        self.lines_due = cycle.saturating_add(until);
    }

    /// The bits of `mip` that devices and timers drive now.
    fn lines(&self, hart: &Hart) -> u64 {
        let mtime = self.mtime();
        let timers = self.timers(hart).into_iter().flatten();
        timers.fold(self.devices.lines(hart.id), |lines, (interrupt, compare)| {
            if mtime >= compare { lines | interrupt.bit() } else { lines }
        })
    }

    /// The timers of a hart and what each compares `mtime` with.
    fn timers(&self, hart: &Hart) -> [Option<(Interrupt, u64)>; 2] {
        let machine = (Interrupt::MachineTimer, self.devices.mtimecmp(hart.id));
        let supervisor = (Interrupt::SupervisorTimer, hart.csrs.stimecmp);
        [Some(machine), hart.csrs.has_supervisor_timer().then_some(supervisor)]
    }

    /// Cycles until one of these timers changes its line.
    fn until_timer(&self, hart: &Hart, which: Timers) -> Option<u64> {
        let offset = self.devices.time_offset();
        let enabled = |csrs: &Csrs, interrupt: Interrupt| csrs.mie & interrupt.bit() != 0;
        let timers = self.timers(hart).into_iter().flatten();
        timers
            .filter(|&(interrupt, _)| which == Timers::All || enabled(&hart.csrs, interrupt))
            .filter_map(|(_, compare)| self.clock.until_edge(offset, compare))
            .min()
    }

    /// Cycles until a device wants to be told the time.
    fn until_device(&self) -> Option<u64> {
        self.devices.due().and_then(|due| self.clock.until_edge(0, due))
    }

    /// What a hart in WFI does: it goes on if any enabled interrupt is pending, whether or not it can be
    /// taken; otherwise time passes until a timer changes that.
    fn idle(&mut self, hart: &mut Hart) -> Turn {
        if hart.csrs.pending() & hart.csrs.mie != 0 {
            hart.waiting = false;
            return Turn::Made;
        }
        let next = [self.until_timer(hart, Timers::Enabled), self.until_device()];
        let Some(cycles) = next.into_iter().flatten().min() else { return Turn::OnlyInputHelps };
        self.clock.idle = self.clock.idle.saturating_add(cycles);
        Turn::Made
    }
}
