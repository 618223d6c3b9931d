//! What programs that test the kernel share: children with an exit code, and counts that must come back.

use faultline_abi::syscall::{
    meminfo::{FREE_FRAMES, FREE_SLOTS},
    ps,
};

use crate::{exit, fork, getpid, kill, memory_info, processes, sleep, wait};

/// Runs `work` in a child, which exits with what it says; the child's exit code.
pub fn code_of(work: impl FnOnce() -> u64) -> Option<u64> {
    let child = fork()?;
    if child == 0 {
        exit(work());
    }
    code_of_child(child)
}

/// Waits for this child, and forgets all others that end before; its exit code.
pub fn code_of_child(child: u64) -> Option<u64> {
    loop {
        let (pid, code) = wait()?;
        if pid == child {
            return Some(code);
        }
    }
}

/// Frames and slots that are free or this process's own: constant, wherever its pages are just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Frames that are free or hold a page of this process.
    pub frames: u64,
    /// Swap slots that are free or hold a page of this process.
    pub slots: u64,
    /// All processes.
    pub processes: u64,
}

impl Account {
    /// The counts at this moment.
    #[must_use]
    pub fn now() -> Self {
        // The kernel tells about who asks first.
        let mut mine = [0; ps::ENTRY];
        let processes = processes(&mut mine).unwrap_or(0);
        let info = memory_info();
        let frames = info[FREE_FRAMES] + word(&mine, ps::PAGES);
        Self { frames, slots: info[FREE_SLOTS] + word(&mine, ps::SWAPPED), processes }
    }
}

/// The account when it is `before` again and nobody else is left, if that comes: children of processes that
/// were killed may wait for ever, so they are ended. This process's own may have ended unseen: where there was no
/// memory to say how, `wait` has failed.
#[must_use]
pub fn settled(before: Account) -> Account {
    for _ in 0..100 {
        if Account::now() == before {
            break;
        }
        others(|pid| _ = kill(pid));
        sleep(1);
        wait();
    }
    Account::now()
}

/// How many pages of this process are in swap.
#[must_use]
pub fn pages_in_swap() -> u64 {
    let mut mine = [0; ps::ENTRY];
    processes(&mut mine);
    word(&mine, ps::SWAPPED)
}

/// Names every process but this one: there are 64 at most.
pub fn others(name: impl FnMut(u64)) {
    let mut buffer = [0; 64 * ps::ENTRY];
    processes(&mut buffer);
    let pids = buffer.chunks_exact(ps::ENTRY).map(|entry| word(entry, ps::PID));
    pids.filter(|&pid| pid != 0 && pid != getpid()).for_each(name);
}

fn word(entry: &[u8], number: usize) -> u64 {
    entry[8 * number..8 * number + 8].iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}
