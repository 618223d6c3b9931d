//! mmap, munmap, msync.

use faultline_user::{
    PAGE,
    abi::{
        mmap::{FIXED, PRIVATE, SHARED},
        open::{CREATE, READ, READ_WRITE, TRUNCATE, WRITE},
    },
    address, close, load, lseek, mmap, msync, munmap, open, page, read, read_raw, sbrk, store, unlink,
    write_all, write_raw,
};

use crate::{Case, code_of, pressure::push_out};

pub(crate) const CASES: &[Case] = &[
    ("fresh private memory is zero and one's own", anonymous_private),
    ("fresh shared memory is seen across fork", anonymous_shared),
    ("shared memory outlives who wrote it", shared_outlives),
    ("a private mapping of a file is copied on write", file_private),
    ("a shared mapping of a file and read and write agree", file_shared),
    ("two mappings of one file at two addresses agree", two_addresses),
    ("what was synced is in the file", synced),
    ("the tail of the last page is zero and stays out of the file", tail),
    ("beyond the end of the file a mapping faults", beyond_end),
    ("a mapping survives close and unlink", survives_close),
    ("who has a file mapped that is made empty faults beyond its end", made_empty),
    ("munmap takes the beginning, the middle, the end", unmap_parts),
    ("rights of a mapping hold", rights),
    ("mappings that cannot be are refused", refused),
    ("a fixed mapping replaces what was there", fixed),
    ("the kernel reads and writes mappings", kernel_touches),
    ("the heap does not grow into a mapping", heap_stops),
];

const NAME: &str = "vmmap.tmp";
const SIZE: usize = 1 << 12;
const R: u64 = 1;
const RW: u64 = 3;
/// Exit codes of a program that was killed for a load and for a store.
const LOAD: Option<u64> = Some(128 + 13);
const STORE: Option<u64> = Some(128 + 15);

/// Makes a file of `length` bytes, byte n of it n % 251, opens it for `case` and removes it.
fn with_file(length: usize, case: impl FnOnce(u64) -> bool) -> bool {
    let Some(file) = open(NAME, READ_WRITE | CREATE | TRUNCATE) else { return false };
    for start in (0..length).step_by(500) {
        let bytes: [u8; 500] = core::array::from_fn(|n| byte(start + n));
        write_all(file, &bytes[..(length - start).min(500)]);
    }
    lseek(file, 0, 0);
    let passed = case(file);
    close(file);
    unlink(NAME).is_some() && passed
}

fn byte(n: usize) -> u8 {
    (n % 251).to_le_bytes()[0]
}

fn fresh(pages: usize, flags: u64) -> Option<*mut u8> {
    mmap(0, pages * SIZE, RW, flags, None)
}

/// Byte `at` of the file, read the ordinary way.
fn in_file(file: u64, at: i64) -> Option<u8> {
    let mut byte = [0];
    lseek(file, at, 0)?;
    (read(file, &mut byte) == Some(1)).then_some(byte[0])
}

/// The exit code of a child that loads from `at`.
fn load_code(at: *mut u8) -> Option<u64> {
    code_of(|| {
        load(at);
        0
    })
}

/// The exit code of a child that stores to `at`.
fn store_code(at: *mut u8) -> Option<u64> {
    code_of(|| {
        store(at, 1);
        0
    })
}

fn anonymous_private() -> bool {
    let Some(map) = fresh(3, PRIVATE) else { return false };
    let zero = (0..3).all(|n| load(page(map, n)) == 0);
    store(page(map, 1), 5);
    push_out();
    let child = code_of(|| {
        let saw = load(page(map, 1));
        store(page(map, 1), 6);
        u64::from(saw)
    });
    zero && child == Some(5) && load(page(map, 1)) == 5 && munmap(map, 3 * SIZE).is_some()
}

fn anonymous_shared() -> bool {
    let Some(map) = fresh(2, SHARED) else { return false };
    store(map, 1);
    push_out();
    let child = code_of(|| {
        let saw = load(map);
        store(map, 2);
        store(page(map, 1), 3);
        push_out();
        u64::from(saw)
    });
    child == Some(1) && load(map) == 2 && load(page(map, 1)) == 3 && munmap(map, 2 * SIZE).is_some()
}

fn shared_outlives() -> bool {
    let Some(map) = fresh(1, SHARED) else { return false };
    let writer = store_code(map);
    push_out();
    let unmapper = code_of(|| u64::from(munmap(map, SIZE).is_none()));
    writer == Some(0) && unmapper == Some(0) && load(map) == 1 && munmap(map, SIZE).is_some()
}

fn file_private() -> bool {
    with_file(2 * SIZE, |file| {
        let Some(map) = mmap(0, 2 * SIZE, RW, PRIVATE, Some((file, 0))) else { return false };
        let same = (0..2 * SIZE).step_by(97).all(|n| load(map.wrapping_add(n)) == byte(n));
        store(map, 200);
        let private = load(map) == 200 && in_file(file, 0) == Some(0);
        same && private && load(map.wrapping_add(1)) == 1 && munmap(map, 2 * SIZE).is_some()
    })
}

fn file_shared() -> bool {
    with_file(2 * SIZE, |file| {
        let Some(map) = mmap(0, 2 * SIZE, RW, SHARED, Some((file, 0))) else { return false };
        store(map.wrapping_add(5), 77);
        push_out();
        let read_sees = in_file(file, 5) == Some(77);
        lseek(file, 4097, 0);
        write_all(file, b"W");
        let map_sees = load(page(map, 1).wrapping_add(1)) == b'W';
        read_sees && map_sees && munmap(map, 2 * SIZE).is_some() && in_file(file, 5) == Some(77)
    })
}

fn two_addresses() -> bool {
    with_file(2 * SIZE, |file| {
        let first = mmap(0, 2 * SIZE, RW, SHARED, Some((file, 0)));
        let second = mmap(0, SIZE, RW, SHARED, Some((file, 4096)));
        let (Some(first), Some(second)) = (first, second) else { return false };
        store(second, 9);
        let agree = first != second && load(page(first, 1)) == 9;
        store(page(first, 1), 8);
        agree && load(second) == 8 && munmap(first, 2 * SIZE).is_some() && load(second) == 8
    })
}

fn synced() -> bool {
    with_file(SIZE, |file| {
        let Some(map) = mmap(0, SIZE, RW, SHARED, Some((file, 0))) else { return false };
        store(map, 42);
        let synced = msync(map, SIZE).is_some();
        // Dirty again after the sync: it must be written again.
        store(map, 43);
        synced && munmap(map, SIZE).is_some() && in_file(file, 0) == Some(43)
    })
}

fn tail() -> bool {
    with_file(100, |file| {
        let Some(map) = mmap(0, 100, RW, SHARED, Some((file, 0))) else { return false };
        let zero = (100..SIZE).step_by(61).all(|n| load(map.wrapping_add(n)) == 0);
        store(map.wrapping_add(99), 1);
        store(map.wrapping_add(100), 2);
        let unmapped = munmap(map, 100).is_some();
        zero && unmapped && lseek(file, 0, 2) == Some(100) && in_file(file, 99) == Some(1)
    })
}

fn beyond_end() -> bool {
    with_file(100, |file| {
        let Some(map) = mmap(0, 3 * SIZE, RW, SHARED, Some((file, 0))) else { return false };
        let codes = (load_code(map), load_code(page(map, 1)), store_code(page(map, 2)));
        // SAFETY: the kernel refuses to write there.
        let refused = unsafe { read_raw(file, page(map, 1), 4) }.is_none();
        codes == (Some(0), LOAD, STORE) && refused && munmap(map, 3 * SIZE).is_some()
    })
}

fn survives_close() -> bool {
    let Some(file) = open(NAME, READ_WRITE | CREATE | TRUNCATE) else { return false };
    write_all(file, b"mapped");
    let Some(map) = mmap(0, SIZE, R, PRIVATE, Some((file, 0))) else { return false };
    close(file);
    let unlinked = unlink(NAME).is_some();
    unlinked && load(map) == b'm' && munmap(map, SIZE).is_some() && open(NAME, READ).is_none()
}

fn made_empty() -> bool {
    with_file(2 * SIZE, |file| {
        let Some(map) = mmap(0, 2 * SIZE, RW, SHARED, Some((file, 0))) else { return false };
        store(map, 1);
        let before = load(page(map, 1)) == byte(SIZE);
        let Some(again) = open(NAME, WRITE | TRUNCATE) else { return false };
        let codes = (load_code(map), store_code(page(map, 1)));
        write_all(again, b"new");
        close(again);
        // The file has a page again, and it holds what was written and zeros.
        let after = load(map) == b'n' && load(map.wrapping_add(3)) == 0;
        before && codes == (LOAD, STORE) && after && munmap(map, 2 * SIZE).is_some()
    })
}

fn unmap_parts() -> bool {
    let Some(map) = fresh(7, PRIVATE) else { return false };
    (0..7).for_each(|n| store(page(map, n), n.to_le_bytes()[0] + 1));
    push_out();
    let unmapped =
        [(0, 1), (3, 1), (6, 1)].into_iter().all(|(at, count)| munmap(page(map, at), count * SIZE).is_some());
    let kept = [1, 2, 4, 5].into_iter().all(|n| load(page(map, n)) == n.to_le_bytes()[0] + 1);
    let gone = [0, 3, 6].into_iter().all(|n| load_code(page(map, n)) == LOAD);
    // Holes in the range do no harm.
    unmapped && kept && gone && munmap(map, 7 * SIZE).is_some() && load_code(page(map, 1)) == LOAD
}

fn rights() -> bool {
    let maps = (mmap(0, SIZE, R, PRIVATE, None), mmap(0, SIZE, 0, PRIVATE, None), fresh(1, PRIVATE));
    let (Some(read_only), Some(nothing), Some(both)) = maps else { return false };
    let codes = [
        load_code(read_only) == Some(0) && store_code(read_only) == STORE,
        load_code(nothing) == LOAD && store_code(nothing) == STORE,
        load_code(both) == Some(0) && store_code(both) == Some(0),
    ];
    [read_only, nothing, both].into_iter().all(|map| munmap(map, SIZE).is_some())
        && codes.into_iter().all(|passed| passed)
}

fn refused() -> bool {
    with_file(SIZE, |file| {
        let (Some(reading), Some(writing)) = (open(NAME, READ), open(NAME, WRITE)) else { return false };
        let of = |fd, offset| Some((fd, offset));
        let bad = [
            mmap(0, 0, RW, PRIVATE, None),
            mmap(0, usize::MAX, RW, PRIVATE, None),
            mmap(0, 1 << 38, RW, PRIVATE, None),
            mmap(0, SIZE, 6, PRIVATE, None),
            mmap(0, SIZE, 8, PRIVATE, None),
            mmap(0, SIZE, RW, 0, None),
            mmap(0, SIZE, RW, PRIVATE | SHARED, None),
            mmap(0, SIZE, RW, PRIVATE, of(file, 1)),
            mmap(0, SIZE, RW, PRIVATE, of(file, u64::MAX - 4095)),
            mmap(0, SIZE, RW, PRIVATE, of(99, 0)),
            mmap(0, SIZE, RW, PRIVATE, of(1, 0)),
            mmap(0, SIZE, RW, SHARED, of(reading, 0)),
            mmap(0, SIZE, R, SHARED, of(writing, 0)),
            mmap(0x1000, SIZE, RW, PRIVATE | FIXED, None),
            mmap(0x8_0000_0001, SIZE, RW, PRIVATE | FIXED, None),
            mmap((1 << 38) - 4096, SIZE, RW, PRIVATE | FIXED, None),
        ];
        let unmaps = [(0x1000, SIZE), (0x8_0000_0001, SIZE), (0x8_0000_0000, 0), (0x8_0000_0000, usize::MAX)];
        let allowed = mmap(0, SIZE, RW, PRIVATE, of(reading, 0));
        close(reading);
        close(writing);
        allowed.is_some_and(|map| munmap(map, SIZE).is_some())
            && bad.iter().all(Option::is_none)
            && unmaps.into_iter().all(|(start, length)| munmap(address(start), length).is_none())
    })
}

fn fixed() -> bool {
    let Some(map) = fresh(2, PRIVATE) else { return false };
    store(map, 1);
    store(page(map, 1), 2);
    let again = mmap(map as u64, SIZE, RW, PRIVATE | FIXED, None);
    let hint = mmap(map as u64, SIZE, RW, PRIVATE, None);
    let Some(elsewhere) = hint else { return false };
    again == Some(map)
        && load(map) == 0
        && load(page(map, 1)) == 2
        && elsewhere != map
        && munmap(map, 2 * SIZE).is_some()
        && munmap(elsewhere, SIZE).is_some()
}

fn kernel_touches() -> bool {
    with_file(SIZE, |file| {
        let maps = (mmap(0, SIZE, RW, SHARED, Some((file, 0))), fresh(1, SHARED));
        let (Some(mapped), Some(memory)) = maps else { return false };
        lseek(file, 100, 0);
        // SAFETY: bytes of the mappings.
        let read_in = unsafe { read_raw(file, memory, 50) } == Some(50) && load(memory) == 100;
        lseek(file, 0, 0);
        // From the mapping of a file into the file itself.
        let written = write_raw(file, mapped.wrapping_add(200), 10) == Some(10);
        read_in && written && load(mapped) == 200 && munmap(memory, SIZE).is_some()
    })
}

fn heap_stops() -> bool {
    let Some(heap) = sbrk(0) else { return false };
    let above = (heap as u64 + (1 << 24)) & !4095;
    let Some(map) = mmap(above, SIZE, RW, PRIVATE, None) else { return false };
    let stopped = map as u64 == above && sbrk(1 << 25).is_none() && sbrk(PAGE).is_some();
    sbrk(-PAGE);
    stopped && munmap(map, SIZE).is_some()
}
