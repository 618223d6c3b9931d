//! System calls as an enemy would make them: arguments that are addresses of nothing or of the kernel, lengths
//! that wrap around, descriptors that nobody opened, strings without an end, more of everything than there is.
//! Whatever the kernel answers, it must live on, and everything must come back.

use faultline_abi::syscall::{Syscall, mmap, open};

use crate::{FORBIDDEN, PAGE, Random, close, exit, getpid, load, sbrk, store, system_call};

/// Makes `count` calls, and exits, if the kernel has not ended the program before. The calls follow from
/// `random`; what they find depends on what else runs.
pub fn calls(random: Random, count: u64) -> ! {
    // What it says would only confuse those who read the console.
    for fd in 0..3 {
        close(fd);
    }
    let mut enemy = Enemy::new(random);
    for _ in 0..count {
        enemy.call();
    }
    exit(0)
}

/// Where something begins or ends: the kernel's memory, its end, a device, the trapframe and the trampoline, the
/// halves of Sv39 and of Sv48, the sign.
const EDGES: [u64; 10] = [
    0x8000_0000,
    0x8800_0000,
    0x1000_0000,
    (1 << 38) - 8192,
    (1 << 38) - 4096,
    1 << 38,
    1 << 39,
    1 << 47,
    1 << 63,
    0,
];

/// Names of files: none, the directory, what is too long or cannot be, one that is hidden, and some of its own.
const NAMES: [&str; 12] = [
    "",
    ".",
    "/",
    "..",
    "a/b",
    "*?<>|",
    "name with spaces.txt",
    "muchtoolongforthedisk.extension",
    "\u{e4}\u{f6}\u{fc}.tmp",
    "00000001.DEL",
    "host1.tmp",
    "host2.tmp",
];
/// Programs. They are left on the disk: without them the others could do nothing.
const PROGRAMS: [&str; 3] = ["echo", "hello", "null"];

/// Bytes of a page.
const SIZE: u64 = PAGE.unsigned_abs() as u64;
/// Addresses in a list of arguments, at most: more than the kernel takes.
const LIST: u64 = 40;

struct Enemy {
    random: Random,
    /// Two pages of its own that nothing follows: letters without an end.
    letters: u64,
    /// How deep in its own children it is.
    depth: u32,
}

impl Enemy {
    fn new(random: Random) -> Self {
        let start = sbrk(2 * PAGE).map_or(0, |start| start as u64);
        let mut enemy = Self { random, letters: start, depth: 0 };
        (0..2 * SIZE).for_each(|n| enemy.put(start.wrapping_add(n), b'a'));
        enemy
    }

    /// Stores a byte to a page of its own, if it has any.
    fn put(&mut self, at: u64, byte: u8) {
        if self.letters != 0 && (self.letters..self.end()).contains(&at) {
            store(at as *mut u8, byte);
        }
    }

    fn put_word(&mut self, at: u64, word: u64) {
        for (byte, n) in word.to_le_bytes().into_iter().zip(0..) {
            self.put(at.wrapping_add(n), byte);
        }
    }

    /// One beyond the last of the letters.
    const fn end(&self) -> u64 {
        self.letters.wrapping_add(2 * SIZE)
    }

    /// One call, or something else that a program should not do.
    fn call(&mut self) {
        match self.random.below(400) {
            0 => self.bomb(),
            1 => FORBIDDEN[self.random.index(FORBIDDEN.len())](),
            2 => _ = load(self.address() as *mut u8),
            3 => store(self.address() as *mut u8, 1),
            4..12 => self.any_call(),
            _ => self.known_call(),
        }
    }

    /// Any number and any arguments. Calls that could end the run or others, or sleep for years, are none of them.
    fn any_call(&mut self) {
        let (number, arguments) = (self.number(), [0; 6].map(|_: u64| self.number()));
        if ![Syscall::Shutdown, Syscall::Kill, Syscall::Sleep].map(Syscall::number).contains(&number) {
            system_call(number, arguments);
        }
    }

    fn known_call(&mut self) {
        let call = Syscall::ALL[self.random.index(Syscall::ALL.len())];
        let arguments = match call {
            // It would end the run.
            Syscall::Shutdown => return,
            Syscall::Exit if self.random.below(16) > 0 => return,
            Syscall::Fork => return self.fork(),
            // Its elders have work to do: whoever looks after it, and who looks whether all is well.
            Syscall::Kill => [getpid() + self.random.below(9) / 8 * self.random.below(6), 0, 0, 0, 0, 0],
            Syscall::Sleep => [self.random.below(3), 0, 0, 0, 0, 0],
            Syscall::Read | Syscall::Write => {
                [self.descriptor(), self.address(), self.length(), self.number(), 0, 0]
            }
            Syscall::Open => [self.path(), self.open_flags(), 0, 0, 0, 0],
            Syscall::Unlink => [self.path_of(&NAMES), 0, 0, 0, 0, 0],
            Syscall::Exec => [self.path(), self.list(), 0, 0, 0, 0],
            Syscall::Mmap => self.mapping(),
            Syscall::Munmap | Syscall::Msync | Syscall::Ps => [self.address(), self.length(), 0, 0, 0, 0],
            Syscall::Sbrk => [self.distance(), 0, 0, 0, 0, 0],
            Syscall::Lseek => [self.descriptor(), self.distance(), self.random.below(4), 0, 0, 0],
            Syscall::Fstat => [self.descriptor(), self.address(), 0, 0, 0, 0],
            Syscall::Wait | Syscall::Pipe | Syscall::Meminfo => [self.address(), 0, 0, 0, 0, 0],
            _ => [self.descriptor(), self.number(), 0, 0, 0, 0],
        };
        system_call(call.number(), arguments);
    }

    /// A child that makes a few calls of its own.
    fn fork(&mut self) {
        let random = self.random.another();
        if system_call(Syscall::Fork.number(), [0; 6]) == 0 {
            (self.random, self.depth) = (random, self.depth + 1);
            if self.depth < 3 {
                (0..20).for_each(|_| self.call());
            }
            exit(0);
        }
    }

    /// As many children as the kernel allows.
    fn bomb(&mut self) {
        for _ in 0..100 {
            match system_call(Syscall::Fork.number(), [0; 6]) {
                0 if self.random.below(2) == 0 => exit(0),
                0 => self.depth += 1,
                result if result.cast_signed() < 0 => break,
                _ => {}
            }
        }
        if self.depth > 0 {
            exit(0);
        }
    }

    /// A step of a few bytes, up or down.
    fn step(&mut self) -> u64 {
        self.random.below(17).wrapping_sub(8)
    }

    /// An address: mostly a bad one, or one where something good ends soon.
    fn address(&mut self) -> u64 {
        let text = Self::bomb as fn(&mut Self) as usize as u64;
        let stack = &raw const self.letters as u64;
        let step = self.step();
        match self.random.below(12) {
            0 => self.letters.wrapping_add(self.random.below(2 * SIZE)),
            1 => self.end().wrapping_add(step),
            2 => self.letters.wrapping_add(SIZE).wrapping_add(step),
            3 => text,
            // Not its own stack as it is: what it writes there it would jump to.
            4 => (stack & !(SIZE - 1)).wrapping_sub(self.random.below(4) * SIZE).wrapping_sub(64),
            5 => (self.random.below(40) << 12).wrapping_add(step),
            6 => EDGES[self.random.index(EDGES.len())].wrapping_add(step),
            7 => u64::MAX - self.random.below(5000),
            8 => (1 << 38) - SIZE * self.random.below(30),
            9 => self.letters & !(SIZE - 1),
            10 => self.random.below(16),
            _ => self.random.bits() >> self.random.below(64),
        }
    }

    /// A length: none, one at the border of a page or of a chunk, one that wraps around.
    fn length(&mut self) -> u64 {
        let step = self.step();
        match self.random.below(8) {
            0 => 0,
            1 => self.random.below(40),
            2 => 512u64.wrapping_add(step),
            3 => (SIZE * self.random.below(6)).wrapping_add(step),
            4 => u64::MAX - self.random.below(10_000),
            5 => (1 << 63 >> self.random.below(40)) | self.random.below(2),
            6 => SIZE * (1 + self.random.below(3)),
            _ => self.random.bits() >> self.random.below(64),
        }
    }

    /// How far something moves.
    fn distance(&mut self) -> u64 {
        match self.random.below(4) {
            0 => self.length().wrapping_neg(),
            1 => i64::MIN.cast_unsigned().wrapping_add(self.random.below(3)),
            _ => self.length(),
        }
    }

    /// A descriptor: mostly one that may be open.
    fn descriptor(&mut self) -> u64 {
        match self.random.below(8) {
            0 => self.random.below(20),
            1 => (1 << 32) + self.random.below(4),
            2 => u64::MAX - self.random.below(3),
            _ => self.random.below(6),
        }
    }

    /// Any number.
    fn number(&mut self) -> u64 {
        match self.random.below(4) {
            0 => self.random.below(40),
            1 => self.address(),
            2 => self.length(),
            _ => self.random.bits(),
        }
    }

    fn open_flags(&mut self) -> u64 {
        let create = self.random.below(2) * open::CREATE;
        let flags = self.random.below(4) | create;
        match self.random.below(8) {
            0 => self.random.bits(),
            1 => flags | open::TRUNCATE,
            _ => flags,
        }
    }

    /// Where a path stands, of a program or another file.
    fn path(&mut self) -> u64 {
        if self.random.below(2) == 0 { self.path_of(&NAMES) } else { self.path_of(&PROGRAMS) }
    }

    /// Where a path stands: one of the names, letters without an end, or nowhere.
    fn path_of(&mut self, names: &[&str]) -> u64 {
        match self.random.below(4) {
            0 => self.address(),
            1 => self.end().wrapping_sub(self.random.below(300)),
            _ => {
                let name = names[self.random.index(names.len())];
                self.string(name)
            }
        }
    }

    /// Puts a string with the zero that ends it at the end of the letters, or before.
    fn string(&mut self, text: &str) -> u64 {
        let length = text.len() as u64 + 1;
        let at = self.end().wrapping_sub(length).wrapping_sub(self.random.below(2) * self.random.below(600));
        for (byte, n) in text.bytes().chain([0]).zip(0..) {
            self.put(at.wrapping_add(n), byte);
        }
        at
    }

    /// Where a list of arguments stands: without an end, too long, of too long ones, of bad addresses, or nowhere.
    fn list(&mut self) -> u64 {
        let at = self.letters.wrapping_add(self.random.below(2) * self.random.below(SIZE));
        let count = self.random.below(LIST + 1);
        for n in 0..count {
            let letters = self.letters.wrapping_add(SIZE).wrapping_add(self.random.below(SIZE));
            let argument = if self.random.below(4) == 0 { self.address() } else { letters };
            self.put_word(at.wrapping_add(8 * n), argument);
        }
        let end = self.random.below(2);
        self.put_word(at.wrapping_add(8 * count), end);
        if self.random.below(6) == 0 { self.address() } else { at }
    }

    fn mapping(&mut self) -> [u64; 6] {
        let flags = match self.random.below(6) {
            0 => self.random.bits(),
            1 => self.random.below(64),
            n => {
                let anonymous = self.random.below(2) * mmap::ANONYMOUS;
                anonymous | if n % 2 == 0 { mmap::PRIVATE } else { mmap::SHARED }
            }
        };
        let fixed = if self.random.below(3) == 0 { mmap::FIXED } else { 0 };
        let address = if self.random.below(2) == 0 { 0 } else { self.address() & !(SIZE - 1) };
        let protection = if self.random.below(8) == 0 { self.number() } else { self.random.below(8) };
        let offset = if self.random.below(3) == 0 { self.length() } else { SIZE * self.random.below(3) };
        [address, self.length(), protection, flags | fixed, self.descriptor(), offset]
    }
}
