//! What a search has found, in words: what happened, to what, from which value to which, by whom.

use faultline_abi::sv39::{Access, FlagLetters, Pte, satp_root};
use faultline_abi::{Ppn, VirtAddr};

use super::search::Watch;
use super::{Condition, Session};
use crate::disasm::REGISTER_NAMES;
use crate::event::{Event, EventKind, What};
use crate::hart::{Hart, Privilege};
use crate::inspect;
use crate::loader::Symbols;
use crate::narrate::state::{Process, Processes, View};
use crate::narrate::words::{happened, mode};
use crate::observer::NoObserver;

impl Session {
    /// Tells what stands at the present position, which a search for this condition has reached.
    pub fn told(&mut self, condition: &Condition) -> String {
        if condition.is_told_by_events() {
            return self.told_event(condition);
        }
        let step = self.step();
        let who = self.who();
        let (hart, words) = match *condition {
            Condition::Register { hart, number } => {
                (hart as usize, self.told_register(hart as usize, number))
            }
            Condition::PageAccessed { page, .. } => (self.machine().whose_turn(), self.told_access(page)),
            _ => (self.machine().whose_turn(), String::new()),
        };
        self.go_to_known(step);
        let next =
            self.machine().harts().get(hart).map(|hart| self.next_instruction(hart)).unwrap_or_default();
        format!("{next}, {who}, comes next{words}.")
    }

    fn told_event(&self, condition: &Condition) -> String {
        let before = self.log().events(0..self.position().events);
        let Some(event) = before.rev().find(|event| condition.told(event) == Some(true)) else {
            return "Here it is".into();
        };
        let processes = self.processes();
        let told = happened(&event.what, &processes);
        let mut text = format!("event {}: {}", event.n, told.what);
        if let Some((at, old, new)) = told.entry {
            text += &format!("; the entry at {at} was {}, and is {} now", entry(old), entry(new));
        }
        if !told.detail.is_empty() {
            text += &format!(", {}", told.detail.trim_end_matches('.'));
        }
        let owner = |root: Ppn| processes.of_root(root.base()).map(Process::label);
        match &event.what {
            What::Pte(change) | What::Ad(change) => {
                text +=
                    &owner(change.root).map_or_else(String::new, |who| format!(", in the tables of {who}"));
            }
            What::Trap(trap) if event.mode == Privilege::User => {
                text += &owner(satp_root(trap.satp))
                    .map_or_else(String::new, |who| format!(", while {who} runs"));
            }
            _ => {}
        }
        text + &self.by(&event) + "."
    }

    /// The instruction behind an event; the kernel's own tracepoints say nothing more by theirs.
    fn by(&self, event: &Event) -> String {
        let place = place(self.symbols(), event.mode, event.pc);
        match &event.what {
            What::Pte(_) | What::Ad(_) | What::Satp { .. } | What::Sfence { .. } | What::Return { .. } => {
                format!(", by {} at {place}", mode(event.mode))
            }
            What::Frame { .. } | What::Evicted { .. } | What::Process { .. } | What::Area { .. } => {
                format!(", told at {place}")
            }
            _ => String::new(),
        }
    }

    /// What the next step makes of a register.
    fn told_register(&mut self, hart: usize, number: u8) -> String {
        let number = usize::from(number) % 32;
        let value =
            |session: &Self| session.machine().harts().get(hart).map_or(0, |hart| hart.registers()[number]);
        let before = value(self);
        self.driver.run_to(self.step() + 1, &mut NoObserver);
        let (name, after) = (REGISTER_NAMES[number], value(self));
        format!(" and sets {name} from {before:#x} to {after:#x}")
    }

    /// Which access the next step makes to a page.
    fn told_access(&mut self, page: VirtAddr) -> String {
        let satp = self.machine().hart(self.machine().whose_turn()).satp();
        let mut watch = Watch::any(self.step() + 1);
        self.driver.watch(Some(page));
        let before = self.step();
        self.driver.run_to(before + 1, &mut watch);
        self.driver.watch(None);
        let Some((va, access)) = watch.seen() else { return String::new() };
        let word = VirtAddr::new(va.get() & !7);
        let now = self.word(satp, word);
        self.go_to_known(before);
        match (access, self.word(satp, word), now) {
            (Access::Store, Some(before), Some(now)) => {
                format!(" and stores to {va}: the word at {word} was {before:#x}, and is {now:#x} then")
            }
            (Access::Load, Some(value), _) => {
                format!(" and loads from {va}: the word at {word} is {value:#x}")
            }
            (access, ..) => format!(" and is the {} of {va}", access.name()),
        }
    }

    fn word(&self, satp: u64, va: VirtAddr) -> Option<u64> {
        let ram = self.machine().ram();
        ram.read_u64(inspect::physical(ram, satp, va)?).ok()
    }

    /// The instruction that a hart makes next, and where it stands.
    fn next_instruction(&self, hart: &Hart) -> String {
        let satp = if hart.mode() == Privilege::Machine { 0 } else { hart.satp() };
        let text = inspect::instruction(self.machine().ram(), satp, hart.pc());
        let text = text.map_or_else(|| "an instruction that is not mapped".into(), |found| found.text);
        format!("{text} at {}", place(self.symbols(), hart.mode(), hart.pc()))
    }

    /// Who makes the next step.
    fn who(&self) -> String {
        let hart = self.machine().hart(self.machine().whose_turn());
        match (hart.mode(), self.processes().of_root(satp_root(hart.satp()).base())) {
            (Privilege::User, Some(process)) => process.label(),
            (privilege, _) => mode(privilege).into(),
        }
    }

    /// The processes as the kernel has told of them up to here.
    fn processes(&self) -> Processes {
        let mut view = View::default();
        let before = self.log().events(0..self.position().events);
        before.of_kinds(&[EventKind::Process]).for_each(|event| view.apply(&event));
        view.processes
    }
}

fn entry(pte: Pte) -> String {
    format!("{:#x} ({})", pte.raw(), FlagLetters(pte))
}

/// An address, with the function of the kernel in which it lies.
fn place(symbols: &Symbols, mode: Privilege, pc: VirtAddr) -> String {
    let found = symbols.lookup(pc).filter(|&(_, offset)| mode != Privilege::User && offset < 1 << 16);
    found.map_or_else(
        || pc.to_string(),
        |(name, offset)| format!("{pc} ({:#} + {offset})", rustc_demangle::demangle(name)),
    )
}
