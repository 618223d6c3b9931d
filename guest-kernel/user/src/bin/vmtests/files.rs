//! Files, descriptors and pipes.

use faultline_user::{
    PAGE,
    abi::open::{CREATE, READ, READ_WRITE, TRUNCATE, WRITE},
    address, close, dup, exit, fork, fstat, load, lseek, open, page, pipe, read, read_raw, store, unlink,
    wait, write, write_all, write_raw,
};

use crate::{Case, heap::with_heap};

pub(crate) const CASES: &[Case] = &[
    ("what is written can be read", write_read),
    ("a large file keeps its bytes", large_file),
    ("positions are shared by dup and not by open", positions),
    ("a file can be made empty", truncate),
    ("descriptors allow what they were opened for", rights),
    ("a file that was unlinked stays until it is closed", unlink_open),
    ("a name is free as soon as its file was unlinked", name_is_free),
    ("one call reads or writes as much as it is asked to", whole_calls),
    ("a program that runs cannot be opened to be written", running_program),
    ("what does not exist cannot be opened or removed", missing),
    ("there are sixteen descriptors", sixteen),
    ("read fills untouched memory", read_untouched),
    ("read refuses bad addresses", read_bad_address),
    ("ten thousand bytes come through a pipe", long_pipe),
    ("a write to a pipe waits until all of it is taken", whole_pipe_write),
    ("a pipe without writers ends", pipe_ends),
    ("a pipe without readers cannot be written", pipe_breaks),
];

const NAME: &str = "vmtest.tmp";

/// Opens a new file for `case` and removes it again.
fn with_file(case: impl FnOnce(u64) -> bool) -> bool {
    let Some(file) = open(NAME, READ_WRITE | CREATE | TRUNCATE) else { return false };
    let passed = case(file);
    close(file);
    unlink(NAME).is_some() && passed
}

fn write_read() -> bool {
    with_file(|file| {
        let mut text = [0; 16];
        write_all(file, b"hello, disk").is_some()
            && fstat(file).is_some_and(|[kind, _, size]| kind == 2 && size == 11)
            && read(file, &mut text) == Some(0)
            && lseek(file, 7, 0) == Some(7)
            && read(file, &mut text) == Some(4)
            && &text[..4] == b"disk"
            && lseek(file, -11, 2) == Some(0)
            && lseek(file, 1, 2).is_none()
            && lseek(file, -1, 0).is_none()
    })
}

fn byte(n: usize) -> u8 {
    (n % 251).to_le_bytes()[0]
}

fn large_file() -> bool {
    with_file(|file| {
        let mut chunk = [0; 700];
        for start in (0..21_000).step_by(chunk.len()) {
            chunk.iter_mut().zip(start..).for_each(|(to, n)| *to = byte(n));
            if write_all(file, &chunk).is_none() {
                return false;
            }
        }
        let mut n = 0;
        lseek(file, 0, 0);
        while let Some(length @ 1..) = read(file, &mut chunk[..333]) {
            if chunk[..length].iter().zip(n..).any(|(&got, n)| got != byte(n)) {
                return false;
            }
            n += length;
        }
        n == 21_000
    })
}

fn positions() -> bool {
    with_file(|file| {
        write_all(file, b"abcdef");
        lseek(file, 0, 0);
        let (Some(same), Some(other)) = (dup(file), open(NAME, READ)) else { return false };
        let next = |fd| {
            let mut byte = [0];
            read(fd, &mut byte);
            byte[0]
        };
        let got = [next(file), next(same), next(other), next(file)];
        close(same);
        close(other);
        &got == b"abac"
    })
}

fn truncate() -> bool {
    with_file(|file| {
        write_all(file, &[1; 3000]);
        let Some(again) = open(NAME, WRITE | TRUNCATE) else { return false };
        let empty = fstat(file).is_some_and(|[_, _, size]| size == 0);
        write_all(again, b"new");
        close(again);
        lseek(file, 0, 0);
        let mut text = [0; 8];
        empty && read(file, &mut text) == Some(3) && &text[..3] == b"new"
    })
}

fn rights() -> bool {
    with_file(|_| {
        let (Some(reading), Some(writing)) = (open(NAME, READ), open(NAME, WRITE)) else { return false };
        let refused = write(reading, b"x").is_none() && read(writing, &mut [0]).is_none();
        let allowed = write(writing, b"x") == Some(1) && read(reading, &mut [0]) == Some(1);
        close(reading);
        close(writing);
        refused && allowed && open(NAME, 3).is_none()
    })
}

fn unlink_open() -> bool {
    let Some(file) = open(NAME, READ_WRITE | CREATE | TRUNCATE) else { return false };
    write_all(file, b"still here");
    let unlinked = unlink(NAME).is_some() && open(NAME, READ).is_none();
    lseek(file, 0, 0);
    let mut text = [0; 16];
    let kept = read(file, &mut text) == Some(10);
    close(file);
    unlinked && kept && open(NAME, READ).is_none() && unlink(NAME).is_none()
}

fn name_is_free() -> bool {
    with_file(|old| {
        write_all(old, b"old");
        let unlinked = unlink(NAME).is_some();
        let Some(new) = open(NAME, READ_WRITE | CREATE) else { return false };
        write_all(new, b"new file");
        let mut text = [0; 16];
        lseek(old, 0, 0);
        let kept = read(old, &mut text) == Some(3) && &text[..3] == b"old";
        lseek(new, 0, 0);
        let other = read(new, &mut text) == Some(8) && &text[..8] == b"new file";
        close(new);
        unlinked && kept && other
    })
}

fn whole_calls() -> bool {
    const LENGTH: usize = 3 * PAGE.unsigned_abs() + 100;
    with_heap(8 * PAGE, |heap| {
        with_file(|file| {
            let (from, to) = (heap, page(heap, 4));
            (0..LENGTH).step_by(61).for_each(|n| store(from.wrapping_add(n), byte(n)));
            let written = write_raw(file, from, LENGTH) == Some(LENGTH);
            lseek(file, 0, 0);
            // SAFETY: bytes of the heap.
            let got = unsafe { read_raw(file, to, 4 * PAGE.unsigned_abs()) } == Some(LENGTH);
            written && got && (0..LENGTH).step_by(61).all(|n| load(to.wrapping_add(n)) == byte(n))
        })
    })
}

fn running_program() -> bool {
    let refused = [WRITE, READ_WRITE, WRITE | TRUNCATE].into_iter().all(|how| open("vmtests", how).is_none());
    let Some(other) = open("wrtext", READ_WRITE) else { return false };
    refused && close(other).is_some()
}

fn whole_pipe_write() -> bool {
    const LENGTH: usize = 2000;
    let Some((reading, writing)) = pipe() else { return false };
    if fork() == Some(0) {
        let bytes: [u8; LENGTH] = core::array::from_fn(byte);
        exit(u64::from(write(writing, &bytes) != Some(LENGTH)));
    }
    close(writing);
    let (mut n, mut good, mut buffer) = (0, true, [0; 90]);
    while let Some(length @ 1..) = read(reading, &mut buffer) {
        good &= buffer[..length].iter().zip(n..).all(|(&got, n)| got == byte(n));
        n += length;
    }
    close(reading);
    good && n == LENGTH && wait().is_some_and(|(_, code)| code == 0)
}

fn missing() -> bool {
    let names = ["nothere", "*", "a/b", "much-too-long-a-name.text"];
    names.into_iter().all(|name| open(name, READ).is_none() && unlink(name).is_none())
        && open("a+b", WRITE | CREATE).is_none()
}

fn sixteen() -> bool {
    let mut count = 0;
    let mut last = 0;
    while let Some(fd) = open("echo", READ) {
        count += 1;
        last = fd;
    }
    let closed = (3..=last).all(|fd| close(fd).is_some());
    count == 13 && closed && close(last).is_none() && dup(99).is_none()
}

fn read_untouched() -> bool {
    with_heap(2 * PAGE, |heap| {
        with_file(|file| {
            write_all(file, b"0123456789");
            lseek(file, 0, 0);
            let across = heap.wrapping_offset(PAGE - 5);
            // SAFETY: ten bytes of the heap.
            let got = unsafe { read_raw(file, across, 10) };
            got == Some(10) && load(across) == b'0' && load(page(heap, 1)) == b'5'
        })
    })
}

fn read_bad_address() -> bool {
    with_file(|file| {
        write_all(file, &[7; 64]);
        let bad = [0, 8, 0x1000, 0x8000_0000, (1 << 38) - 1, (1 << 38) - 8192, 1 << 38, usize::MAX];
        bad.into_iter().all(|bits| {
            lseek(file, 0, 0);
            // SAFETY: the kernel refuses to write there.
            unsafe { read_raw(file, address(bits), 16) }.is_none()
        }) && write_raw(file, address(8), 4).is_none()
    })
}

fn long_pipe() -> bool {
    const LENGTH: usize = 10_000;
    let Some((reading, writing)) = pipe() else { return false };
    if fork() == Some(0) {
        close(reading);
        for n in (0..LENGTH).step_by(100) {
            let bytes: [u8; 100] = core::array::from_fn(|at| byte(n + at));
            write_all(writing, &bytes);
        }
        exit(0);
    }
    close(writing);
    let (mut n, mut good, mut buffer) = (0, true, [0; 77]);
    while let Some(length @ 1..) = read(reading, &mut buffer) {
        good &= buffer[..length].iter().zip(n..).all(|(&got, n)| got == byte(n));
        n += length;
    }
    close(reading);
    wait().is_some() && good && n == LENGTH
}

fn pipe_ends() -> bool {
    let Some((reading, writing)) = pipe() else { return false };
    write_all(writing, b"last");
    close(writing);
    let mut buffer = [0; 8];
    let got = (read(reading, &mut buffer), read(reading, &mut buffer));
    close(reading);
    got == (Some(4), Some(0))
}

fn pipe_breaks() -> bool {
    let Some((reading, writing)) = pipe() else { return false };
    close(reading);
    let refused = write(writing, b"x").is_none();
    close(writing);
    refused
}
