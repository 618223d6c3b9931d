//! The machine: harts, memory and devices, and the loop that runs them.

use crate::{
    bus::{Devices, ExitCode},
    device::Board,
    hart::Hart,
    observer::Observer,
    ram::Ram,
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
    ram: Ram,
    devices: D,
    instret: u64,
    traps: u64,
}

/// A machine at one position; cheap to keep, because unchanged pages are shared.
#[derive(Clone, Debug)]
pub struct Keyframe<D: Devices = Board> {
    harts: Vec<Hart>,
    devices: D,
    instret: u64,
    traps: u64,
}

impl<D: Devices> Machine<D> {
    /// A machine with this memory and these devices, whose hart 0 starts in M-mode at `reset_pc`.
    #[must_use]
    pub fn from_parts(ram: Ram, devices: D, reset_pc: u64) -> Self {
        Self { harts: vec![Hart::new(reset_pc)], ram, devices, instret: 0, traps: 0 }
    }

    /// Makes at most `max_steps` steps. `run(n)` and then `run(m)` is exactly `run(n + m)`.
    pub fn run<O: Observer>(&mut self, max_steps: u64, observer: &mut O) -> RunEnd {
        let _ = (max_steps, observer);
        RunEnd::Budget
    }

    /// Instructions retired plus traps taken: the position that names every moment of a run.
    #[must_use]
    pub fn step_count(&self) -> u64 {
        self.instret + self.traps
    }

    /// Instructions retired.
    #[must_use]
    pub fn instret(&self) -> u64 {
        self.instret
    }

    /// Types on the console.
    pub fn console_input(&mut self, bytes: &[u8]) {
        self.devices.console_input(bytes);
    }

    /// Keeps this moment. The cost is proportional to the pages changed since the last keyframe.
    pub fn keyframe(&mut self) -> Keyframe<D> {
        Keyframe {
            harts: self.harts.clone(),
            devices: self.devices.clone(),
            instret: self.instret,
            traps: self.traps,
        }
    }

    /// Goes back (or forward) to a kept moment.
    pub fn restore(&mut self, keyframe: &Keyframe<D>) {
        self.harts.clone_from(&keyframe.harts);
        self.devices = keyframe.devices.clone();
        self.instret = keyframe.instret;
        self.traps = keyframe.traps;
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
        &self.ram
    }

    /// The devices.
    #[must_use]
    pub fn devices(&self) -> &D {
        &self.devices
    }

    /// The 8-byte word at which HTIF programs announce their end: an odd value written there ends
    /// the run with code `value >> 1`.
    pub fn watch_tohost(&mut self, tohost: faultline_abi::PhysAddr) {
        let _ = tohost;
    }
}
