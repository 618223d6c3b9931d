//! A worker: random operations on its own memory, on files and with children.

use faultline_user::{
    PAGE, Random,
    abi::{
        mmap::{PRIVATE, SHARED},
        open::{CREATE, READ_WRITE, TRUNCATE},
    },
    close, dup, exec, exit, fork, hostile, kill, lseek, mmap, msync, munmap, open, pipe, println, read, sbrk,
    sleep,
    testing::{code_of, code_of_child},
    unlink, write, write_all, yield_now,
};

use crate::{
    WRONG,
    map::{Kind, Map, PAGES_MAX, WATCHED},
};

const MAPS: usize = 4;
const FILE_PAGES: usize = 3;
const SIZE: usize = PAGE.unsigned_abs();
const RW: u64 = 3;
/// Generations of children that do rounds of their own.
const DEPTH: u32 = 2;

/// The file of the worker at this place.
pub(crate) fn file_name(place: u64) -> &'static str {
    ["soak0.tmp", "soak1.tmp", "soak2.tmp"][usize::try_from(place % 3).unwrap_or(0)]
}

/// A worker.
pub(crate) struct Worker {
    place: u64,
    random: Random,
    heap: Map,
    maps: [Option<Map>; MAPS],
    /// What the worker's file holds at the watched byte of each page, where it has one.
    file: Option<[u8; FILE_PAGES]>,
    depth: u32,
}

impl Worker {
    pub(crate) fn new(place: u64, random: Random) -> Self {
        let start = sbrk(0).unwrap_or_default();
        let heap = Map::new(Kind::Heap, start, 0, |_| 0);
        Self { place, random, heap, maps: [None; MAPS], file: None, depth: 0 }
    }

    /// Does so many rounds; the exit code.
    pub(crate) fn run(&mut self, rounds: u64) -> u64 {
        self.make_file();
        for round in 0..rounds {
            let kind = self.random.below(24);
            if !self.operation(kind) {
                println!(
                    "soak: WRONG in worker {} depth {} round {round} kind {kind}",
                    self.place, self.depth
                );
                return WRONG;
            }
        }
        0
    }

    /// One random operation; whether all was as it must be.
    fn operation(&mut self, kind: u64) -> bool {
        match kind {
            0..2 => self.move_heap(),
            2..7 => self.store(),
            7..11 => self.look(),
            11 => self.look_at_all(),
            12..14 => self.child(),
            14 => self.map(),
            15 => self.unmap(),
            16 => self.sync(),
            17 => self.write_file(),
            18 => self.pipe(),
            19 => self.run_program(),
            20 => self.pause(),
            21 => self.garbage(),
            22 => self.kill(),
            _ => self.change_file_by_write(),
        }
    }

    fn move_heap(&mut self) -> bool {
        let pages = self.random.index(PAGES_MAX + 1);
        let difference = isize::try_from(pages).unwrap_or(0) - isize::try_from(self.heap.pages).unwrap_or(0);
        if sbrk(difference * PAGE).is_some() {
            self.heap.resize(pages);
        }
        true
    }

    /// One of the stretches of memory, if it has a page, and the number of one.
    fn somewhere(&mut self) -> Option<(&mut Map, usize)> {
        let (at, random) = (self.random.index(2 * MAPS), self.random.bits());
        let map = self.maps.get_mut(at).and_then(Option::as_mut).unwrap_or(&mut self.heap);
        let number = usize::try_from(random >> 32).unwrap_or(0).checked_rem(map.pages)?;
        Some((map, number))
    }

    fn store(&mut self) -> bool {
        let value = self.random.byte();
        let Some((map, number)) = self.somewhere() else { return true };
        map.store(number, value);
        if map.kind == Kind::FileShared {
            self.everybody_sees(number, value);
        }
        true
    }

    /// All shared mappings of the file begin at its start, so page `number` is the same in all.
    fn everybody_sees(&mut self, number: usize, value: u8) {
        if let Some(file) = &mut self.file {
            file[number] = value;
        }
        for map in self.maps.iter_mut().flatten().filter(|map| map.kind == Kind::FileShared) {
            if number < map.pages {
                map.store(number, value);
            }
        }
    }

    fn look(&mut self) -> bool {
        self.somewhere().is_none_or(|(map, number)| map.holds(number))
    }

    fn look_at_all(&mut self) -> bool {
        self.heap.holds_all() && self.maps.iter().flatten().all(Map::holds_all)
    }

    /// A child sees what its parent has, changes its own, and what is shared for both.
    fn child(&mut self) -> bool {
        if self.depth == DEPTH {
            return true;
        }
        let (page, value, random) = (self.random.index(4), self.random.byte(), self.random.another());
        let Some(child) = fork() else { return true };
        if child == 0 {
            exit(self.be_child(page, value, random));
        }
        let code = code_of_child(child);
        let adopted = self.shared_maps().all(|map| page >= map.pages || map.adopt(page, value));
        // Where memory is used up, the kernel may not even be able to say how the child ended.
        matches!(code, None | Some(0 | 128..)) && adopted && self.look_at_all()
    }

    /// Memory that a child's stores reach. Mappings of the file are left alone: they would change what the
    /// file holds.
    fn shared_maps(&mut self) -> impl Iterator<Item = &mut Map> {
        self.maps.iter_mut().flatten().filter(|map| map.kind == Kind::Shared)
    }

    fn be_child(&mut self, page: usize, value: u8, random: Random) -> u64 {
        self.random = random;
        self.depth += 1;
        if !self.look_at_all() {
            println!("soak: WRONG in a child of worker {}", self.place);
            return WRONG;
        }
        self.shared_maps().filter(|map| page < map.pages).for_each(|map| map.store(page, value));
        self.leave_what_is_shared();
        self.file = None;
        let rounds = self.random.below(8);
        self.rounds_of_a_child(rounds)
    }

    /// A child unmaps what its parent would see it change; whether all of that is gone.
    fn leave_what_is_shared(&mut self) -> bool {
        let shared = self.maps.iter_mut().filter_map(|place| place.take_if(|map| map.kind.is_shared()));
        shared.map(|map| munmap(map.start, map.pages * SIZE).is_some()).fold(true, |all, gone| all & gone)
    }

    fn rounds_of_a_child(&mut self, rounds: u64) -> u64 {
        let all = (0..rounds).all(|_| {
            let kind = self.random.below(17);
            self.operation(kind)
        });
        if all { 0 } else { WRONG }
    }

    fn map(&mut self) -> bool {
        let (at, pages) = (self.random.index(MAPS), 1 + self.random.index(FILE_PAGES));
        if self.maps[at].is_some() {
            return true;
        }
        let kinds = [Kind::Private, Kind::Shared, Kind::FilePrivate, Kind::FileShared];
        let kind = kinds[self.random.index(if self.file.is_some() { 4 } else { 2 })];
        let flags = if kind.is_shared() { SHARED } else { PRIVATE };
        let start = match kind {
            Kind::FilePrivate | Kind::FileShared => {
                let Some(file) = open(file_name(self.place), READ_WRITE) else { return true };
                let start = mmap(0, pages * SIZE, RW, flags, Some((file, 0)));
                close(file);
                start
            }
            _ => mmap(0, pages * SIZE, RW, flags, None),
        };
        let values = self.file.filter(|_| matches!(kind, Kind::FilePrivate | Kind::FileShared));
        let value = |number| values.and_then(|values| values.get(number).copied()).unwrap_or(0);
        self.maps[at] = start.map(|start| Map::new(kind, start, pages, value));
        // A private mapping sees what is written to the file until it is written itself.
        if kind == Kind::FilePrivate
            && let Some(map) = &mut self.maps[at]
        {
            (0..pages).for_each(|number| map.store(number, map.value(number)));
        }
        true
    }

    fn unmap(&mut self) -> bool {
        let (at, part) = (self.random.index(MAPS), self.random.below(2) == 0);
        let Some(map) = &mut self.maps[at] else { return true };
        let held = map.holds_all();
        if part && map.pages > 1 && map.kind != Kind::FileShared {
            if munmap(map.start, SIZE).is_some() {
                map.drop_first();
            }
        } else if munmap(map.start, map.pages * SIZE).is_some() {
            self.maps[at] = None;
        }
        held && self.file_holds()
    }

    fn sync(&mut self) -> bool {
        for map in self.maps.iter().flatten().filter(|map| map.kind == Kind::FileShared) {
            msync(map.start, map.pages * SIZE);
        }
        self.file_holds()
    }

    fn make_file(&mut self) {
        let Some(file) = open(file_name(self.place), READ_WRITE | CREATE | TRUNCATE) else { return };
        let written = (0..FILE_PAGES * 8).all(|_| write_all(file, &[7; SIZE / 8]).is_some());
        close(file);
        self.file = written.then_some([7; FILE_PAGES]);
    }

    /// Whether reading the file gives what it must hold.
    fn file_holds(&mut self) -> bool {
        let Some(values) = self.file else { return true };
        let Some(file) = open(file_name(self.place), READ_WRITE) else { return true };
        let held = values.into_iter().zip((0..).step_by(SIZE)).all(|(value, start)| {
            let mut byte = [0];
            lseek(file, start + i64::try_from(WATCHED).unwrap_or(0), 0);
            read(file, &mut byte) != Some(1) || byte == [value]
        });
        close(file);
        held
    }

    /// Writes to the file; who has it mapped shared sees it.
    fn change_file_by_write(&mut self) -> bool {
        let (number, value) = (self.random.index(FILE_PAGES), self.random.byte());
        if self.file.is_none() {
            return true;
        }
        let Some(file) = open(file_name(self.place), READ_WRITE) else { return true };
        lseek(file, i64::try_from(number * SIZE + WATCHED).unwrap_or(0), 0);
        let written = write(file, &[value]) == Some(1);
        close(file);
        if written {
            self.everybody_sees(number, value);
        }
        self.file_holds()
    }

    /// A file of its own, written, read again, removed while it is open.
    fn write_file(&mut self) -> bool {
        const NAMES: [&str; 3] = ["soaka.tmp", "soakb.tmp", "soakc.tmp"];
        if self.depth > 0 {
            return true;
        }
        let (name, length, value) = (NAMES[self.random.index(3)], self.random.index(700), self.random.byte());
        let (bytes, mut back) = ([value; 700], [0; 700]);
        let Some(file) = open(name, READ_WRITE | CREATE | TRUNCATE) else { return true };
        let unlinked = unlink(name).is_some();
        // Others use these names as well, but what was unlinked is this worker's alone.
        let written = if unlinked { write(file, &bytes[..length]).unwrap_or(0) } else { 0 };
        lseek(file, 0, 0);
        let same = read(file, &mut back[..written]).is_none_or(|got| back[..got] == bytes[..got]);
        close(file);
        same
    }

    /// A child writes more than a pipe holds in one call.
    fn pipe(&mut self) -> bool {
        let (length, value) = (self.random.index(2000), self.random.byte());
        let Some((reading, writing)) = pipe() else { return true };
        let child = fork();
        if child == Some(0) {
            let bytes = [value; 2000];
            exit(u64::from(write(writing, &bytes[..length]) != Some(length)));
        }
        close(writing);
        let (mut got, mut same, mut buffer) = (0, true, [0; 300]);
        while let Some(more @ 1..) = read(reading, &mut buffer) {
            same &= buffer[..more].iter().all(|&byte| byte == value);
            got += more;
        }
        close(reading);
        let Some(child) = child else { return true };
        same && match code_of_child(child) {
            Some(0) => got == length,
            // The write was cut short, or its writer was.
            Some(1 | 128..) => true,
            _ => false,
        }
    }

    /// Another program, whose output comes through a pipe.
    fn run_program(&mut self) -> bool {
        let Some((reading, writing)) = pipe() else { return true };
        let code = code_of(|| {
            close(1);
            dup(writing);
            exec("echo", &["echo", "soak"]);
            128
        });
        close(writing);
        let mut text = [0; 16];
        let got = read(reading, &mut text).unwrap_or(0);
        close(reading);
        code != Some(0) || &text[..got] == b"soak\n"
    }

    fn pause(&mut self) -> bool {
        if self.random.below(4) == 0 {
            sleep(1)
        } else {
            yield_now()
        }
        true
    }

    /// A child calls the kernel with garbage. It may wait for ever, so it is ended after a while.
    fn garbage(&mut self) -> bool {
        let (random, count) = (self.random.another(), self.random.below(200));
        let Some(child) = fork() else { return true };
        if child == 0 {
            // What it calls may write to any memory that it has.
            if self.leave_what_is_shared() {
                hostile::calls(random, count);
            }
            exit(0);
        }
        sleep(2);
        kill(child);
        code_of_child(child).is_some() && self.look_at_all()
    }

    /// A child that runs for ever is ended.
    fn kill(&mut self) -> bool {
        let Some(child) = fork() else { return true };
        if child == 0 {
            loop {
                yield_now();
            }
        }
        yield_now();
        kill(child);
        // Where memory is used up it may have been killed before, or nobody can be told how it ended.
        matches!(code_of_child(child), None | Some(128..))
    }
}
