//! Changes files in every way there is, and says what must be on the disk from then on:
//! `keep: kept NAME VERSION LENGTH` when a change was acknowledged, `keep: gone NAME` when a file was
//! removed, `keep: changing NAME` before either, `keep: failed NAME` after neither. Byte n of a file is `version * 37 + n * 7 + n / 256`.
#![no_std]
#![no_main]

use faultline_user::{
    Args, PAGE,
    abi::{
        mmap::SHARED,
        open::{CREATE, READ_WRITE, TRUNCATE},
    },
    close, lseek, mmap, msync, munmap, open, println, store, unlink, write_all,
};

faultline_user::program!(main with arguments);

const NAMES: [&str; 4] = ["KEEPA.TMP", "KEEPB.TMP", "KEEPC.TMP", "KEEPD.TMP"];
/// Bytes that are written at once.
const CHUNK: usize = 512;

/// What a file holds.
#[derive(Clone, Copy)]
struct Contents {
    version: usize,
    length: usize,
}

fn main(args: Args) {
    let rounds = usize::try_from(args.number(1, 5)).unwrap_or(5);
    let mut held = [None; NAMES.len()];
    for round in 0..rounds {
        for (file, (name, held)) in NAMES.iter().zip(&mut held).enumerate() {
            println!("keep: changing {name}");
            // After a failure nobody knows what the file holds: it is written anew.
            let after = change(name, *held, round, file);
            *held = after.flatten();
            match after {
                Some(Some(Contents { version, length })) => println!("keep: kept {name} {version} {length}"),
                Some(None) => println!("keep: gone {name}"),
                None => println!("keep: failed {name}"),
            }
        }
    }
    println!("keep: done");
}

/// Changes a file one way or another; what it holds then, or `None` where something failed.
fn change(name: &str, held: Option<Contents>, round: usize, file: usize) -> Option<Option<Contents>> {
    let Some(now) = held else {
        return write_new(name, Contents { version: round + 1, length: 700 + 900 * file }).map(Some);
    };
    let next = Contents { version: now.version + 1, ..now };
    match (round + file) % 6 {
        0 => write_new(name, Contents { length: 500 + 800 * file, ..next }).map(Some),
        1 => store_to_mapping(name, next, Ending::Sync).map(Some),
        2 => write_over(name, next).map(Some),
        3 => store_to_mapping(name, next, Ending::Unmap).map(Some),
        4 => append(name, now, 1300).map(Some),
        _ => unlink(name).map(|_| None),
    }
}

fn byte(version: usize, n: usize) -> u8 {
    (version * 37 + n * 7 + n / 256).to_le_bytes()[0]
}

fn write(fd: u64, version: usize, from: usize, to: usize) -> Option<()> {
    (from..to).step_by(CHUNK).try_for_each(|start| {
        let bytes: [u8; CHUNK] = core::array::from_fn(|n| byte(version, start + n));
        write_all(fd, &bytes[..(to - start).min(CHUNK)])
    })
}

fn write_new(name: &str, contents: Contents) -> Option<Contents> {
    let fd = open(name, READ_WRITE | CREATE | TRUNCATE)?;
    let written = write(fd, contents.version, 0, contents.length);
    let closed = close(fd);
    written.and(closed).map(|_| contents)
}

fn write_over(name: &str, contents: Contents) -> Option<Contents> {
    let fd = open(name, READ_WRITE)?;
    let written = write(fd, contents.version, 0, contents.length);
    let closed = close(fd);
    written.and(closed).map(|_| contents)
}

fn append(name: &str, now: Contents, more: usize) -> Option<Contents> {
    let fd = open(name, READ_WRITE)?;
    lseek(fd, 0, 2);
    let written = write(fd, now.version, now.length, now.length + more);
    let closed = close(fd);
    written.and(closed).map(|_| Contents { length: now.length + more, ..now })
}

/// What makes the kernel write a mapping back.
#[derive(PartialEq, Eq)]
enum Ending {
    Sync,
    Unmap,
}

fn store_to_mapping(name: &str, contents: Contents, ending: Ending) -> Option<Contents> {
    const RW: u64 = 3;
    let fd = open(name, READ_WRITE)?;
    let length = contents.length.next_multiple_of(PAGE.unsigned_abs());
    let map = mmap(0, length, RW, SHARED, Some((fd, 0)));
    close(fd);
    let map = map?;
    (0..contents.length).for_each(|n| store(map.wrapping_add(n), byte(contents.version, n)));
    let synced = ending == Ending::Unmap || msync(map, length).is_some();
    let unmapped = munmap(map, length).is_some();
    let acknowledged = if ending == Ending::Sync { synced } else { unmapped };
    acknowledged.then_some(contents)
}
