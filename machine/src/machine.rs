//! The machine: harts, memory and devices, and the loop that runs them.

use faultline_abi::{PhysAddr, VirtAddr};

use crate::{
    bus::{Devices, ExitCode},
    clock::Clock,
    code::CodeCache,
    csr::Csrs,
    device::Board,
    exec::{Cpu, Peers, System},
    hart::{Features, Hart},
    mmu::{tables::Tables, tlb::Tlb},
    observer::Observer,
    ram::{Image, Ram, flag},
    schedule::{Schedule, TurnIs},
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
    /// Every hart waits for an interrupt that no timer will raise: only input can wake one.
    WaitingForInput,
}

/// A whole machine. `D` is the board's devices; tests use smaller ones.
#[derive(Debug)]
pub struct Machine<D: Devices = Board> {
    harts: Vec<Hart>,
    /// The cached translations of each hart.
    tlbs: Vec<Tlb>,
    schedule: Schedule,
    system: System<D>,
}

/// A machine at one position; cheap to keep, because unchanged pages are shared.
#[derive(Clone, Debug)]
pub struct Keyframe<D: Devices = Board> {
    harts: Vec<Hart>,
    schedule: Schedule,
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

    /// Bytes of memory that it takes beside `other`, page contents and a little more; what is in the devices
    /// is not counted.
    #[must_use]
    pub fn bytes_beside(&self, other: &Self) -> usize {
        self.ram.bytes_beside(&other.ram)
    }
}

impl<D: Devices> Machine<D> {
    /// A machine with this memory, these devices and one hart, which starts in M-mode at `reset_pc`.
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
            fromhost: None,
        };
        let hart = Hart::new(0, reset_pc & !1, Features::default());
        Self { harts: vec![hart], tlbs: vec![Tlb::new()], schedule: Schedule::new(1), system }
    }

    /// The same machine, at its start, with so many harts of this kind, at least one. They take turns:
    /// each makes a fixed number of steps, so that a run with several harts is as deterministic as
    /// with one. All start alike; `mhartid` tells them apart.
    #[must_use]
    pub fn with_harts(mut self, count: u32, features: Features) -> Self {
        let reset_pc = self.harts.first().map_or(0, |hart| hart.pc);
        self.harts = (0..count.max(1)).map(|id| Hart::new(id, reset_pc, features)).collect();
        self.tlbs = self.harts.iter().map(|_| Tlb::new()).collect();
        self.schedule = Schedule::new(self.harts.len());
        self
    }

    /// The 8-byte words at which HTIF programs announce their end (an odd value in `tohost` ends the
    /// run with code `value >> 1`), print, and are answered.
    pub fn watch_tohost(&mut self, tohost: PhysAddr, fromhost: Option<PhysAddr>) {
        self.system.fromhost = fromhost;
        if let Some(frame) = self.system.ram.frame_of(tohost) {
            self.system.ram.set_flag(frame, flag::WATCH);
            self.system.tohost = Some(tohost);
            self.tlbs.iter_mut().for_each(Tlb::drop_stores);
        }
    }

    /// Reports every access to the page of `va` by [`Observer::touched`] from now on, or none any more. Only the
    /// page's own accesses become slow, and the run stays the same.
    pub fn watch(&mut self, va: Option<VirtAddr>) {
        self.tlbs.iter_mut().for_each(|tlb| tlb.watch(va.map(VirtAddr::get)));
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

    /// Lets the hart whose turn it is take an interrupt or execute up to `left` instructions; where all
    /// harts wait, lets idle time pass.
    fn turn<O: Observer>(&mut self, left: u64, observer: &mut O) -> Turn {
        self.system.refresh_lines(&mut self.harts);
        if !self.give_turn() {
            return self.system.idle(&self.harts);
        }
        let before = self.system.clock;
        let until_timer = self.system.lines_due - before.cycle();
        let allowed = left.min(until_timer).min(self.schedule.left);
        let Some(mut cpu) = self.cpu(observer) else { return Turn::OnlyInputHelps };
        match cpu.hart.interrupt() {
            Some(interrupt) => cpu.trap(Cause::Interrupt(interrupt), 0),
            None if O::EACH_ACCESS => {
                // With nothing cached, every access makes its walk and is reported.
                cpu.tlb.drop_all();
                cpu.advance(1);
            }
            None => cpu.advance(allowed),
        }
        if self.harts.len() > 1 {
            self.account(&before);
        }
        Turn::Made
    }

    /// Makes it the turn of the next hart that can go on, beginning with the one whose turn it is;
    /// whether there is one. It wakes if any enabled interrupt is pending, whether or not it can be
    /// taken ("Wait for Interrupt").
    fn give_turn(&mut self) -> bool {
        let now = self.schedule.hart;
        if let Some(hart) = self.harts.get_mut(now).filter(|hart| hart.is_awake()) {
            hart.waiting = false;
            return true;
        }
        let mut others = (now + 1..self.harts.len()).chain(0..now);
        let Some(next) = others.find(|&hart| self.harts[hart].is_awake()) else { return false };
        self.pass_turn_to(next);
        self.harts[next].waiting = false;
        true
    }

    /// What the hart whose turn it was leaves behind is no reservation.
    fn pass_turn_to(&mut self, hart: usize) {
        if let Some(old) = self.harts.get_mut(self.schedule.hart) {
            old.reservation = None;
        }
        self.schedule.give_to(hart);
    }

    /// Charges the hart whose turn it is for the steps made since `before`; the others have not retired
    /// the instructions that it has.
    fn account(&mut self, before: &Clock) {
        let (now, clock) = (self.schedule.hart, &self.system.clock);
        let retired = clock.instret - before.instret;
        let over = self.schedule.spend(clock.step() - before.step()) == TurnIs::Over;
        for (index, hart) in self.harts.iter_mut().enumerate() {
            if index == now {
                hart.retired += retired;
            } else {
                hart.csrs.minstret.skip(retired);
            }
        }
        if over {
            self.pass_turn_to((now + 1) % self.harts.len());
        }
    }

    /// The hart whose turn it is, at work.
    fn cpu<'a, O: Observer>(&'a mut self, observer: &'a mut O) -> Option<Cpu<'a, D, O>> {
        let (harts_before, harts) = self.harts.split_at_mut_checked(self.schedule.hart)?;
        let (tlbs_before, tlbs) = self.tlbs.split_at_mut_checked(self.schedule.hart)?;
        let (hart, harts_behind) = harts.split_first_mut()?;
        let (tlb, tlbs_behind) = tlbs.split_first_mut()?;
        let peers = Peers { harts: [harts_before, harts_behind], tlbs: [tlbs_before, tlbs_behind] };
        Some(Cpu { hart, tlb, peers, system: &mut self.system, observer, walk_failed: false })
    }

    /// Instructions retired plus traps taken: the position that names every moment of a run.
    #[must_use]
    pub fn step_count(&self) -> u64 {
        self.system.clock.step()
    }

    /// Instructions retired, by all harts together.
    #[must_use]
    pub fn instret(&self) -> u64 {
        self.system.clock.instret
    }

    /// Instructions retired by one hart; by all if there is no other.
    #[must_use]
    pub fn retired_by(&self, hart: &Hart) -> u64 {
        if self.harts.len() > 1 { hart.retired } else { self.instret() }
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
            schedule: self.schedule,
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
        self.schedule = keyframe.schedule;
    }

    /// Hart `index`.
    ///
    /// # Panics
    /// Where there is no such hart.
    #[must_use]
    pub fn hart(&self, index: usize) -> &Hart {
        &self.harts[index]
    }

    /// The number of the hart whose turn it is.
    #[must_use]
    pub const fn whose_turn(&self) -> usize {
        self.schedule.hart
    }

    /// All harts, by number.
    #[must_use]
    pub fn harts(&self) -> &[Hart] {
        &self.harts
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
        self.hart_at(0)
    }

    pub(crate) fn hart_at(&mut self, index: usize) -> &mut Hart {
        self.system.lines_due = 0;
        &mut self.harts[index]
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
    /// Brings the interrupt lines of all harts up to date. Afterwards `lines_due` lies in the future.
    fn refresh_lines(&mut self, harts: &mut [Hart]) {
        let cycle = self.clock.cycle();
        if cycle < self.lines_due {
            return;
        }
        self.devices.time_passed(self.clock.mtime(0));
        for hart in harts.iter_mut() {
            hart.csrs.lines = self.lines(hart);
        }
        let until = self.until_next(harts, Timers::All).unwrap_or(u64::MAX);
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

    /// Cycles until the next of these timers, of any hart, or a device has something to do.
    fn until_next(&self, harts: &[Hart], which: Timers) -> Option<u64> {
        let timers = harts.iter().filter_map(|hart| self.until_timer(hart, which));
        timers.chain(self.until_device()).min()
    }

    /// Every hart waits: time passes until a timer changes that.
    fn idle(&mut self, harts: &[Hart]) -> Turn {
        let Some(cycles) = self.until_next(harts, Timers::Enabled) else { return Turn::OnlyInputHelps };
        self.clock.idle = self.clock.idle.saturating_add(cycles);
        Turn::Made
    }
}
