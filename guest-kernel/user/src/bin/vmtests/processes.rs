//! Processes: waiting, killing, running other programs, and what they may not touch.

use faultline_user::{
    PAGE,
    abi::{
        mmap::SHARED,
        open::{CREATE, READ, TRUNCATE, WRITE},
    },
    address, close, dup, exec, exit, fork, free_frames, getpid, kill, load, mmap, open, pipe, read, sbrk,
    sleep, store, unlink, uptime, wait, write_all, yield_now,
};

use crate::{Case, code_of};

pub(crate) const CASES: &[Case] = &[
    ("wait tells which child ended and how", wait_tells),
    ("wait without children fails", wait_alone),
    ("a child that ended early can be waited for later", wait_late),
    ("kill ends a process that runs", kill_running),
    ("kill ends a process that waits", kill_waiting),
    ("kill of nobody fails", kill_nobody),
    ("an orphan ends by itself", orphan),
    ("sleep takes its time", sleep_takes_time),
    ("processes take turns", take_turns),
    ("exec passes arguments", exec_arguments),
    ("exec of what is no program fails and changes nothing", exec_no_program),
    ("bad accesses end the program with their cause", bad_accesses),
    ("too many processes are refused and all come back", too_many),
    ("the kernel's own memory cannot be used up", kernel_memory),
];

fn wait_tells() -> bool {
    let first = fork();
    if first == Some(0) {
        exit(3);
    }
    let got = wait();
    got.is_some() && got == first.map(|pid| (pid, 3))
}

fn wait_alone() -> bool {
    wait().is_none()
}

fn wait_late() -> bool {
    let child = fork();
    if child == Some(0) {
        exit(9);
    }
    (0..5).for_each(|_| yield_now());
    wait() == child.map(|pid| (pid, 9))
}

fn kill_running() -> bool {
    let Some(child) = fork() else { return false };
    if child == 0 {
        loop {
            core::hint::black_box(());
        }
    }
    kill(child) == Some(0) && wait() == Some((child, 137))
}

fn kill_waiting() -> bool {
    let Some((reading, writing)) = pipe() else { return false };
    let Some(child) = fork() else { return false };
    if child == 0 {
        read(reading, &mut [0]);
        exit(1);
    }
    yield_now();
    let killed = kill(child) == Some(0) && wait() == Some((child, 137));
    close(reading);
    close(writing);
    killed
}

fn kill_nobody() -> bool {
    [0, 1 << 31, u64::MAX].into_iter().all(|pid| kill(pid).is_none())
}

fn orphan() -> bool {
    let Some((reading, writing)) = pipe() else { return false };
    let code = code_of(|| {
        if fork() == Some(0) {
            sleep(1);
            write_all(writing, b"x");
            exit(0);
        }
        0
    });
    close(writing);
    // The pipe ends when the orphan does.
    let mut byte = [0];
    let got = read(reading, &mut byte) == Some(1) && read(reading, &mut byte) == Some(0);
    close(reading);
    code == Some(0) && got && wait().is_none()
}

fn sleep_takes_time() -> bool {
    let before = uptime();
    sleep(2);
    let between = uptime();
    sleep(0);
    between >= before + 2
}

fn take_turns() -> bool {
    let Some((reading, writing)) = pipe() else { return false };
    for name in [b"a", b"b"] {
        if fork() == Some(0) {
            for _ in 0..3 {
                write_all(writing, name);
                yield_now();
            }
            exit(0);
        }
    }
    close(writing);
    let (mut count, mut byte) = ([0, 0], [0]);
    while read(reading, &mut byte) == Some(1) {
        count[usize::from(byte[0] - b'a')] += 1;
    }
    while wait().is_some() {}
    close(reading);
    count == [3, 3]
}

fn exec_arguments() -> bool {
    let Some((reading, writing)) = pipe() else { return false };
    if fork() == Some(0) {
        close(1);
        dup(writing);
        exec("echo", &["echo", "one", "", "three"]);
        exit(127);
    }
    close(writing);
    let (mut text, mut length) = ([0; 32], 0);
    while let Some(more @ 1..) = read(reading, &mut text[length..]) {
        length += more;
    }
    close(reading);
    wait().is_some_and(|(_, code)| code == 0) && &text[..length] == b"one  three\n"
}

fn exec_no_program() -> bool {
    let pid = getpid();
    let Some(file) = open("noprog.tmp", WRITE | CREATE | TRUNCATE) else { return false };
    write_all(file, b"\x7fELF and then nothing of the kind, but long enough to be read as a header");
    close(file);
    for path in ["noprog.tmp", "missing", "", "a-name-that-is-too-long-for-the-disk"] {
        exec(path, &[path]);
    }
    unlink("noprog.tmp").is_some() && getpid() == pid
}

/// An address, what is done there, and the exit code.
type Bad = (usize, fn(*mut u8), u64);

fn bad_accesses() -> bool {
    let Some(end) = sbrk(PAGE) else { return false };
    let text = bad_accesses as fn() -> bool as usize;
    let (loads, stores) = (128 + 13, 128 + 15);
    let cases: [Bad; 7] = [
        (0, |at| store(at, 1), stores),
        (text, |at| store(at, 1), stores),
        (end.addr() + (1 << 20), |at| _ = load(at), loads),
        (0x8000_0000, |at| _ = load(at), loads),
        ((1 << 38) - 1, |at| _ = load(at), loads),
        (1 << 40, |at| store(at, 1), stores),
        (usize::MAX, |at| _ = load(at), loads),
    ];
    let passed = cases.into_iter().all(|(bits, access, code)| {
        code_of(|| {
            access(address(bits));
            0
        }) == Some(code)
    });
    passed && sbrk(-PAGE).is_some()
}

fn too_many() -> bool {
    /// Frames that are left alone, so that all can go on.
    const SPARE: u64 = 24;
    let (mut made, mut refused) = (0, false);
    while free_frames() > SPARE && !refused {
        match fork() {
            Some(0) => {
                sleep(1);
                exit(0);
            }
            Some(_) => made += 1,
            None => refused = true,
        }
    }
    let all_ended = (0..made).all(|_| wait().is_some_and(|(_, code)| code == 0)) && wait().is_none();
    all_ended && (refused || free_frames() < 1000)
}

/// Many processes hold as much as the kernel lets them: directories that it has listed, pipes, shared memory.
fn kernel_memory() -> bool {
    /// Frames that are left alone.
    const SPARE: u64 = 200;
    let Some((reading, writing)) = pipe() else { return false };
    let mut made = 0;
    while made < 50 && free_frames() > SPARE {
        let Some((told, tell)) = pipe() else { break };
        let child = fork();
        if child == Some(0) {
            close(writing);
            close(told);
            hold_all();
            write_all(tell, b".");
            read(reading, &mut [0]);
            exit(0);
        }
        // Whoever comes next finds what this one has left, whenever the timer fires.
        close(tell);
        read(told, &mut [0]);
        close(told);
        match child {
            Some(_) => made += 1,
            None => break,
        }
    }
    close(reading);
    close(writing);
    (0..made).all(|_| wait().is_some()) && wait().is_none() && (made > 0 || free_frames() <= SPARE)
}

fn hold_all() {
    while open(".", READ).is_some() {}
    while mmap(0, PAGE.unsigned_abs(), 3, SHARED, None).is_some() {}
}
