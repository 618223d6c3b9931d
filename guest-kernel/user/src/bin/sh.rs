//! A shell: programs with arguments, `<` and `>`, pipes, `&`, and the words `exit` and `shutdown`.
#![no_std]
#![no_main]

use faultline_user::{
    abi::open::{CREATE, READ, TRUNCATE, WRITE},
    close, dup, exec, exit, fork, open, pipe, println, read, shutdown, wait, write_all,
};

faultline_user::program!(main);

/// Bytes of a line, at most.
const LINE_MAX: usize = 256;
/// Words of a command, at most.
const WORDS_MAX: usize = 15;

fn main() {
    let mut buffer = [0; LINE_MAX];
    loop {
        write_all(1, b"$ ");
        let Some(length @ 1..) = read(0, &mut buffer) else { return };
        let line = core::str::from_utf8(&buffer[..length]).unwrap_or("").trim();
        match line {
            "" => {}
            "exit" => return,
            "shutdown" => shutdown(0),
            line => run_line(line),
        }
    }
}

/// Runs a line in a process of its own, and waits for it unless it ends with `&`.
fn run_line(line: &str) {
    let (line, background) = line.strip_suffix('&').map_or((line, false), |line| (line, true));
    match fork() {
        Some(0) => run_pipeline(line),
        Some(pid) if !background => while wait().is_some_and(|(ended, _)| ended != pid) {},
        Some(pid) => println!("[{pid}]"),
        None => println!("sh: no memory for another process"),
    }
}

/// Runs the commands of `line`, each one's output the next one's input. Does not return.
fn run_pipeline(line: &str) -> ! {
    let Some((first, rest)) = line.split_once('|') else { run_command(line) };
    let Some((reading, writing)) = pipe() else { fail("no pipe") };
    match fork() {
        Some(0) => {
            replace(1, writing);
            close(reading);
            run_command(first)
        }
        Some(_) => {
            replace(0, reading);
            close(writing);
            run_pipeline(rest)
        }
        None => fail("no memory for another process"),
    }
}

/// Runs one command in place of this process.
fn run_command(command: &str) -> ! {
    let mut words = [""; WORDS_MAX];
    let mut count = 0;
    let mut parts = command.split_ascii_whitespace();
    while let Some(part) = parts.next() {
        match part {
            "<" => redirect(0, parts.next(), READ),
            ">" => redirect(1, parts.next(), WRITE | CREATE | TRUNCATE),
            _ if count < WORDS_MAX => {
                words[count] = part;
                count += 1;
            }
            _ => fail("too many words"),
        }
    }
    if count == 0 {
        exit(0);
    }
    exec(words[0], &words[..count]);
    println!("sh: there is no program {}", words[0]);
    exit(127)
}

/// Makes descriptor `fd` stand for the file `name`.
fn redirect(fd: u64, name: Option<&str>, flags: u64) {
    let Some(name) = name else { fail("a file name is missing") };
    match open(name, flags) {
        Some(file) => replace(fd, file),
        None => fail("cannot open the file"),
    }
}

/// Makes descriptor `fd`, 0 or 1, stand for what `with` stands for.
fn replace(fd: u64, with: u64) {
    close(fd);
    // The lowest free descriptor is the one just closed.
    dup(with);
    close(with);
}

fn fail(why: &str) -> ! {
    println!("sh: {why}");
    exit(1)
}
