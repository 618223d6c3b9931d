//! Random operations on several processes, against a model of who sees which bytes. The invariants of
//! [`crate::testing::check`] hold after every step.
//!
//! Processes come, fork, and end; heaps grow and shrink; files and fresh memory are mapped private and shared,
//! unmapped in part, synced; the file is written, read and made empty while it is mapped.
//!
//! The model keeps, for each process, what its memory holds: a private byte is its own, a byte of a
//! shared mapping is everybody's who has the mapping. It knows nothing of pages that are shared,
//! copied, dropped or swapped, so it notices when one of these shows.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    vec::Vec,
};

use faultline_abi::{
    PAGE_SIZE, VirtAddr,
    sv39::Access,
    trace::{AreaKind, Resolution, TraceEvent},
};

use crate::{
    arch::take_events,
    area::{Prot, Sharing},
    file::{File, FileRef},
    frame::Failing,
    memory::{ExecPolicy, ForkPolicy, Memory, MemoryOptions, SpaceId},
    mmap::{Address, MmapError, Request},
    pid::Pid,
    plan::{Reason, ZeroPolicy},
    sbrk::SbrkPolicy,
    testing::{MemoryFile, PROGRAM, SwapFaults, area, check, image, memory_with, memory_with_swap},
    victim::{Policy, Random},
};

/// Bytes of the files that are mapped.
const FILE_SIZE: usize = 3 << 12;
/// Pages of a mapping, at most.
const MAPPING_PAGES: u64 = 3;

type Bytes = BTreeMap<u64, u8>;

/// What a mapping should hold, by offset.
#[derive(Clone)]
enum Contents {
    /// Private, zero at first.
    Own(Bytes),
    /// Private, at first what the constant file holds.
    OwnOfFile(Bytes),
    /// What any of those wrote who share it, zero at first.
    Shared(Rc<RefCell<Bytes>>),
}

#[derive(Clone)]
struct Mapping {
    start: VirtAddr,
    pages: u64,
    /// How many pages were unmapped before it: offsets count from the start of what was mapped once.
    first: u64,
    contents: Contents,
}

impl Mapping {
    /// What is left below and above `count` pages from page `from`.
    fn without(self, from: u64, count: u64) -> impl Iterator<Item = Self> {
        let after = from + count;
        let lower = Self { pages: from, ..self.clone() };
        let start = self.start.wrapping_add(after * PAGE_SIZE);
        let upper = Self { start, pages: self.pages - after, first: self.first + after, ..self };
        [lower, upper].into_iter().filter(|mapping| mapping.pages > 0)
    }
}

struct Process {
    id: SpaceId,
    heap_length: u64,
    heap: Bytes,
    mappings: Vec<Mapping>,
}

struct Model {
    memory: Memory,
    random: Random,
    processes: Vec<Process>,
    /// A file that is mapped shared, and one that is mapped private and never changes.
    file: Rc<MemoryFile>,
    constant: Rc<MemoryFile>,
    /// What the shared file should hold, as seen by whoever reads or maps it.
    file_bytes: Rc<RefCell<Bytes>>,
    last_pid: Pid,
    /// Whether requests for frames fail although there are some.
    frames_fail: bool,
    /// Which writes to swap fail; the operations change it. `None` where that is none of their business.
    swap: Option<Rc<SwapFaults>>,
}

impl Model {
    fn new(options: MemoryOptions, memory: Memory) -> Self {
        let file = Rc::new(MemoryFile::numbered(2, &[0; FILE_SIZE]));
        let constant: Vec<u8> = (0..FILE_SIZE as u64).map(constant_byte).collect();
        let constant = Rc::new(MemoryFile::numbered(3, &constant));
        let random = Random::new(options.seed);
        let mut model = Self {
            memory,
            random,
            processes: Vec::new(),
            file,
            constant,
            file_bytes: Rc::default(),
            last_pid: Pid::KERNEL,
            frames_fail: false,
            swap: None,
        };
        model.start();
        model
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random.below(bound as u64)).unwrap()
    }

    fn start(&mut self) {
        self.last_pid = self.last_pid.next();
        if let Ok(image) = image(&mut self.memory, self.last_pid) {
            let process =
                Process { id: image.space, heap_length: 0, heap: Bytes::new(), mappings: Vec::new() };
            self.processes.push(process);
        }
    }

    fn fork(&mut self, which: usize) {
        self.last_pid = self.last_pid.next();
        let parent = self.processes[which].id;
        let Ok(child) = self.memory.begin_fork(parent, self.last_pid) else { return };
        if self.memory.finish_fork(parent, child).is_err() {
            assert!(self.frames_fail, "room was made for the fork");
            return self.memory.drop_space(child);
        }
        let Process { heap_length, heap, mappings, .. } = &self.processes[which];
        let (heap_length, heap, mappings) = (*heap_length, heap.clone(), mappings.clone());
        self.processes.push(Process { id: child, heap_length, heap, mappings });
    }

    /// Nobody hears what fails when a process ends, so it syncs what it shares before.
    fn exit(&mut self, which: usize) {
        (0..self.processes[which].mappings.len()).for_each(|at| while !self.sync(which, at) {});
        let process = self.processes.swap_remove(which);
        self.memory.drop_space(process.id);
        if self.processes.is_empty() {
            self.start();
        }
    }

    fn sbrk(&mut self, which: usize) {
        let delta = i64::try_from(self.random.below(8 * PAGE_SIZE)).unwrap() - 4 * 4096;
        let process = &mut self.processes[which];
        if self.memory.sbrk(process.id, delta).is_ok() {
            process.heap_length = process.heap_length.checked_add_signed(delta).expect("above its start");
            let end = process.heap_length.next_multiple_of(PAGE_SIZE);
            process.heap.retain(|&offset, _| offset < end);
        }
    }

    fn mmap(&mut self, which: usize) {
        let (pages, kind) = (1 + self.random.below(MAPPING_PAGES), self.below(4));
        let (sharing, file, contents) = match kind {
            0 => (Sharing::Shared, Some(&self.file), Contents::Shared(Rc::clone(&self.file_bytes))),
            1 => (Sharing::Shared, None, Contents::Shared(Rc::default())),
            2 => (Sharing::Private, Some(&self.constant), Contents::OwnOfFile(Bytes::new())),
            _ => (Sharing::Private, None, Contents::Own(Bytes::new())),
        };
        let file = file.map(|file| (Rc::clone(file) as FileRef, 0));
        let (address, length) = (Address::Any, pages * PAGE_SIZE);
        let request = Request { address, length, prot: Prot::R | Prot::W, sharing, file };
        let process = &mut self.processes[which];
        if process.mappings.len() < 6
            && let Ok(start) = self.memory.mmap(process.id, &request)
        {
            process.mappings.push(Mapping { start, pages, first: 0, contents });
        }
    }

    /// One of the process's mappings.
    fn some_mapping(&mut self, which: usize) -> Option<usize> {
        let count = self.processes[which].mappings.len();
        (count > 0).then(|| self.below(count))
    }

    /// Takes away a part of a mapping, or all of it.
    fn munmap(&mut self, which: usize) {
        let Some(at) = self.some_mapping(which) else { return };
        let Mapping { start, pages, .. } = self.processes[which].mappings[at];
        let from = self.random.below(pages);
        let count = 1 + self.random.below(pages - from);
        let process = &mut self.processes[which];
        let gone = self.memory.munmap(process.id, start.wrapping_add(from * PAGE_SIZE), count * PAGE_SIZE);
        match gone {
            Ok(()) => {
                let mapping = process.mappings.swap_remove(at);
                process.mappings.extend(mapping.without(from, count));
            }
            Err(error) => assert_eq!(error, MmapError::Io, "a mapping is unmapped"),
        }
    }

    /// Syncs a mapping; whether that was acknowledged. Then the file has what the mapping shows.
    fn sync(&mut self, which: usize, at: usize) -> bool {
        let (id, mapping) = (self.processes[which].id, self.processes[which].mappings[at].clone());
        if self.memory.msync(id, mapping.start, mapping.pages * PAGE_SIZE).is_err() {
            return false;
        }
        if mapping.is_of(&self.file_bytes) {
            let (from, to) = (mapping.first * PAGE_SIZE, (mapping.first + mapping.pages) * PAGE_SIZE);
            self.file_has(from..to, id, mapping.start);
        }
        true
    }

    /// The file on the disk has the bytes in `range` that are mapped in this space from `start`, whoever
    /// stored them, as far as a page is there.
    fn file_has(&self, range: std::ops::Range<u64>, id: SpaceId, start: VirtAddr) {
        let written = self.file.bytes();
        for (&offset, &byte) in self.file_bytes.borrow().range(range.clone()) {
            let va = start.wrapping_add(offset - range.start);
            if self.memory.space(id).table().walk(va).is_leaf() {
                assert_eq!(written[usize::try_from(offset).unwrap()], byte, "byte {offset:#x} was synced");
            }
        }
    }

    fn msync(&mut self, which: usize) {
        if let Some(at) = self.some_mapping(which) {
            self.sync(which, at);
        }
    }

    /// Writes a byte to the file as `write` does, and reads it as `read` does.
    fn use_file(&mut self) {
        let offset = self.random.below(FILE_SIZE as u64 / 2) * 2;
        let (file, value) = (Rc::clone(&self.file) as FileRef, self.random.below(256).to_le_bytes()[0]);
        if self.memory.write_file(&file, offset, &[value]).is_ok() {
            self.file_bytes.borrow_mut().insert(offset, value);
        }
        let (mut byte, expected) = ([0], self.file_bytes.borrow().get(&offset).copied().unwrap_or(0));
        self.memory.read_file(&file, offset, &mut byte).unwrap();
        assert_eq!(byte[0], expected, "byte {offset:#x} of the file");
    }

    /// Makes the file empty while it may be mapped, looks that nobody sees it, and fills it with zeros.
    fn truncate(&mut self) {
        self.memory.forget_file(self.file.id());
        self.file.truncate();
        self.file_bytes.borrow_mut().clear();
        check(&self.memory);
        for process in &self.processes {
            for mapping in process.mappings.iter().filter(|mapping| mapping.is_of(&self.file_bytes)) {
                let seen = self.memory.copyin(process.id, mapping.start, &mut [0]);
                assert!(matches!(seen, Err(Reason::BeyondFile)), "{seen:?}");
            }
        }
        let file = Rc::clone(&self.file) as FileRef;
        while self.memory.write_file(&file, 0, &[0; FILE_SIZE]).is_err() {}
    }

    /// Somewhere in the heap or in a mapping: the address, and what should be there.
    fn somewhere(&mut self, which: usize) -> (VirtAddr, u64, Option<usize>) {
        // Few places in each page, so that what was written is read again.
        let offset = self.random.below(3) * (PAGE_SIZE / 2 - 1);
        let count = self.processes[which].mappings.len();
        let at = self.below(count + 2);
        let (page, id) = (self.random.below(20), self.processes[which].id);
        match self.processes[which].mappings.get(at) {
            Some(mapping) => {
                let offset = page % mapping.pages * PAGE_SIZE + offset;
                (mapping.start.wrapping_add(offset), mapping.first * PAGE_SIZE + offset, Some(at))
            }
            None => {
                let offset = page * PAGE_SIZE + offset;
                (area(&self.memory, id, AreaKind::Heap).start.wrapping_add(offset), offset, None)
            }
        }
    }

    fn store(&mut self, which: usize) {
        let ((va, offset, mapping), value) = (self.somewhere(which), self.random.below(256).to_le_bytes()[0]);
        let process = &mut self.processes[which];
        match (self.memory.copyout(process.id, va, &[value]), mapping) {
            (Ok(()), Some(at)) => match &mut process.mappings[at].contents {
                Contents::Own(bytes) | Contents::OwnOfFile(bytes) => drop(bytes.insert(offset, value)),
                Contents::Shared(bytes) => drop(bytes.borrow_mut().insert(offset, value)),
            },
            (Ok(()), None) => drop(process.heap.insert(offset, value)),
            (Err(reason), _) => process.check_refusal(offset, mapping, reason),
        }
    }

    /// A store that faults, and then the time slice is over: the page is ready, but nothing is stored.
    fn fault(&mut self, which: usize) {
        let (va, offset, mapping) = self.somewhere(which);
        let process = &mut self.processes[which];
        if let Err(reason) = self.memory.fault(process.id, va, Access::Store, PROGRAM) {
            process.check_refusal(offset, mapping, reason);
        }
    }

    fn load(&mut self, which: usize) {
        let (va, offset, mapping) = self.somewhere(which);
        let process = &mut self.processes[which];
        let mut byte = [0];
        if let Err(reason) = self.memory.copyin(process.id, va, &mut byte) {
            return process.check_refusal(offset, mapping, reason);
        }
        let expected = match mapping.map(|at| &process.mappings[at].contents) {
            Some(Contents::Own(bytes)) => bytes.get(&offset).copied(),
            Some(Contents::OwnOfFile(bytes)) => {
                Some(bytes.get(&offset).copied().unwrap_or_else(|| constant_byte(offset)))
            }
            Some(Contents::Shared(bytes)) => bytes.borrow().get(&offset).copied(),
            None => process.heap.get(&offset).copied(),
        };
        assert_eq!(byte[0], expected.unwrap_or(0), "offset {offset:#x} of {mapping:?}");
    }

    /// From now on each write to swap fails, or every second, third, or none.
    fn let_swap_fail(&mut self) {
        let every = u32::try_from(self.below(4)).unwrap();
        self.swap.as_ref().unwrap().writes_every.set(every);
    }

    fn step(&mut self) {
        let which = self.below(self.processes.len());
        match self.below(40) {
            0 if self.processes.len() < 6 => self.fork(which),
            1 if self.processes.len() > 2 => self.exit(which),
            2 if self.processes.len() < 4 => self.start(),
            3..6 => self.sbrk(which),
            6..8 => self.mmap(which),
            8 => self.munmap(which),
            9 => self.msync(which),
            10..12 => self.use_file(),
            12 if self.below(4) == 0 => self.truncate(),
            12 if self.swap.is_some() => self.let_swap_fail(),
            13..17 => self.fault(which),
            17..28 => self.store(which),
            _ => self.load(which),
        }
    }

    fn end(mut self) {
        for which in (0..self.processes.len()).rev() {
            (0..self.processes[which].mappings.len()).for_each(|at| while !self.sync(which, at) {});
            self.memory.drop_space(self.processes.swap_remove(which).id);
        }
        let zero = usize::from(self.memory.zero.is_some());
        assert_eq!(self.memory.frames().free_count() + zero, self.memory.frames().count());
        let swap = self.memory.frames().swap();
        assert_eq!(swap.free_count(), swap.count());
        let written = self.file.bytes();
        for (&offset, &byte) in self.file_bytes.borrow().iter() {
            assert_eq!(written[usize::try_from(offset).unwrap()], byte, "byte {offset:#x} of the file");
        }
    }
}

impl Mapping {
    /// Whether it shows these shared bytes.
    fn is_of(&self, shared: &Rc<RefCell<Bytes>>) -> bool {
        matches!(&self.contents, Contents::Shared(bytes) if Rc::ptr_eq(bytes, shared))
    }
}

impl Process {
    fn check_refusal(&self, offset: u64, mapping: Option<usize>, reason: Reason) {
        let beyond = mapping.is_none() && offset >= self.heap_length.next_multiple_of(PAGE_SIZE);
        let unlucky = matches!(reason, Reason::OutOfMemory | Reason::DiskError);
        assert!(beyond || unlucky, "{offset:#x}: {reason}");
    }
}

/// Byte `offset` of the constant file.
fn constant_byte(offset: u64) -> u8 {
    (offset % 251).to_le_bytes()[0]
}

/// Every combination of the options.
fn all_options() -> impl Iterator<Item = MemoryOptions> {
    (0..64u64).map(|bits| MemoryOptions {
        sbrk: if bits & 1 == 0 { SbrkPolicy::Lazy } else { SbrkPolicy::Eager },
        fork: if bits & 2 == 0 { ForkPolicy::Cow } else { ForkPolicy::Copy },
        exec: if bits & 4 == 0 { ExecPolicy::Demand } else { ExecPolicy::Eager },
        zero: if bits & 8 == 0 { ZeroPolicy::Shared } else { ZeroPolicy::Private },
        policy: Policy::ALL[usize::try_from(bits >> 4).unwrap()],
        seed: bits + 1,
    })
}

/// Runs random operations; which ways to resolve a fault were met, and how often a page was evicted.
fn run(options: MemoryOptions, memory: Memory, steps: u32) -> (BTreeSet<Resolution>, usize) {
    run_with(options, memory, steps, |_| {})
}

/// The same where every so many writes to the file fail, and these requests for frames.
fn run_failing(
    options: MemoryOptions,
    memory: Memory,
    steps: u32,
    file_fails_every: u32,
    failing: Failing,
) -> (BTreeSet<Resolution>, usize) {
    run_with(options, memory, steps, |model| {
        model.file.fail_every(file_fails_every);
        model.memory.frames().let_fail(failing);
        model.frames_fail = failing != Failing::Never;
    })
}

/// The same on a model that `prepare` has changed.
fn run_with(
    options: MemoryOptions,
    memory: Memory,
    steps: u32,
    prepare: impl FnOnce(&mut Model),
) -> (BTreeSet<Resolution>, usize) {
    drop(take_events());
    let mut model = Model::new(options, memory);
    prepare(&mut model);
    for _ in 0..steps {
        model.step();
        check(&model.memory);
    }
    model.end();
    let (mut ways, mut evicted) = (BTreeSet::new(), 0);
    for event in take_events() {
        match event {
            TraceEvent::Resolved { how, .. } => drop(ways.insert(how)),
            TraceEvent::Evicted { .. } => evicted += 1,
            _ => {}
        }
    }
    (ways, evicted)
}

#[test]
fn processes_see_their_bytes_whatever_the_options() {
    for options in all_options() {
        let (ways, evicted) = run(options, memory_with(400, options, 0), 300);
        assert!(!ways.is_empty() && evicted == 0, "{options:?}: {ways:?}");
    }
}

#[test]
fn processes_see_their_bytes_when_memory_is_scarce() {
    let (mut all, mut evicted) = (BTreeSet::new(), BTreeMap::new());
    for options in all_options() {
        let (ways, count) = run(options, memory_with(50, options, 200), 300);
        all.extend(ways);
        *evicted.entry(options.policy.name()).or_insert(0) += count;
    }
    assert!(evicted.values().all(|&count| count > 300), "{evicted:?}");
    use Resolution::{Copied, ReadFile, ReadSwap, Refused, Reused, Shared, SharedZero, Zeroed};
    let expected = [Zeroed, SharedZero, Copied, Reused, ReadFile, ReadSwap, Shared, Refused];
    assert!(expected.iter().all(|way| all.contains(way)), "{all:?}");
}

#[test]
fn processes_see_their_bytes_or_are_told_when_memory_and_swap_run_out() {
    for options in all_options() {
        run(options, memory_with(60, options, 6), 300);
    }
}

#[test]
fn processes_see_their_bytes_or_are_told_when_every_nth_transfer_to_swap_fails() {
    for (options, n) in all_options().step_by(3).zip(1..) {
        let (memory, faults) = memory_with_swap(50, options, 100);
        faults.reads_and_writes_every.set(n);
        run(options, memory, 300);
    }
}

/// A page that cannot be written to swap stays, and another goes.
#[test]
fn processes_see_their_bytes_or_are_told_while_writes_to_swap_fail_now_and_then() {
    let mut failed = 0;
    for options in all_options() {
        let (memory, faults) = memory_with_swap(50, options, 200);
        run_with(options, memory, 300, |model| model.swap = Some(Rc::clone(&faults)));
        failed += faults.failed.get();
    }
    assert!(failed > 1000, "{failed} writes failed");
}

/// Every number of frames, so that memory runs out at every point of every operation.
#[test]
fn processes_see_their_bytes_or_are_told_wherever_memory_runs_out() {
    for (options, frames) in all_options().zip(22..) {
        run(options, memory_with(frames, options, 3), 200);
    }
}

#[test]
fn processes_see_their_bytes_or_are_told_when_every_nth_write_to_a_file_fails() {
    for (options, n) in all_options().step_by(3).zip(2..) {
        run_failing(options, memory_with(60, options, 100), 250, n, Failing::Never);
    }
}

/// A failing request is no sign that memory is scarce: the next one may succeed.
#[test]
fn processes_see_their_bytes_or_are_told_when_every_nth_request_for_a_frame_fails() {
    for (options, n) in all_options().step_by(3).zip(2..) {
        run_failing(options, memory_with(70, options, 100), 250, 0, Failing::Every(n));
    }
}
