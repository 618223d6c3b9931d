//! System calls that make no sense, in a process that is allowed to come to grief.

use faultline_user::{abi::Syscall, close, exit, getpid, system_call};

use crate::random::Random;

/// Makes `count` random calls, and exits.
pub(crate) fn call(mut random: Random, count: u64) -> ! {
    // What it says would only confuse those who read the console.
    for fd in 0..3 {
        close(fd);
    }
    let mut buffer = [0u64; 8];
    for _ in 0..count {
        one(&mut random, &mut buffer);
    }
    exit(0)
}

fn one(random: &mut Random, buffer: &mut [u64; 8]) {
    let call = Syscall::ALL[random.index(Syscall::ALL.len())];
    let mut arguments = [0; 6].map(|_: u64| number(random, buffer));
    match call {
        // These would end everything, or others.
        Syscall::Shutdown => return,
        Syscall::Kill => {
            arguments[0] = if arguments[0] < 1 << 31 { getpid() + (1 << 31) } else { arguments[0] }
        }
        Syscall::Exit if random.below(8) > 0 => return,
        Syscall::Sleep => arguments[0] %= 3,
        Syscall::Fork => {
            if system_call(call.number(), arguments) == 0 {
                exit(0);
            }
            return;
        }
        _ => {}
    }
    let known = random.below(20) > 0;
    system_call(if known { call.number() } else { random.bits() }, arguments);
}

/// Where something begins or ends: the kernel's memory, a device, the halves of Sv39, a program's last page.
const EDGES: [u64; 6] = [1 << 38, 0x8000_0000, 1 << 63, 1 << 39, 0x1000_0000, (1 << 38) - 8192];

/// A number of the kind that breaks things: small, an address of this program's or at the edge of one of
/// its areas, an address of somebody else's, the largest there are, any.
fn number(random: &mut Random, buffer: &mut [u64; 8]) -> u64 {
    let own = buffer.as_mut_ptr() as u64;
    let step = random.below(9).wrapping_sub(4);
    match random.below(10) {
        0..3 => random.below(40),
        3 => own + random.below(64),
        4 => own & !4095,
        5 => (own | 4095).wrapping_add(step),
        6 => (random.below(12) << 12).wrapping_add(step),
        7 => EDGES[random.index(EDGES.len())].wrapping_add(step),
        8 => u64::MAX - random.below(5000),
        _ => random.bits() >> random.below(64),
    }
}
