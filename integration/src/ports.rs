//! Ports that nobody uses.
//!
//! A process that is restarted must come back at its port, so ports are chosen here and not by the
//! kernel; from below the range that the kernel takes them from, so that no connection has one.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::sync::Mutex;

const PORTS: std::ops::Range<u16> = 15_000..29_000;

/// Handed out in this process.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A free port.
pub fn free() -> u16 {
    take(&[0..=0])
}

/// `count` free ports in a row: the first and the last.
pub fn range(count: u16) -> (u16, u16) {
    let first = take(&[0..=count - 1]);
    (first, first + count - 1)
}

/// A free port whose actors' port, 2000 above, is free too.
pub fn free_with_actors() -> u16 {
    let above = boot::net::ACTOR_PORT_OFFSET;
    take(&[0..=0, above..=above])
}

/// The first port from which everything at these offsets is free.
fn take(offsets: &[RangeInclusive<u16>]) -> u16 {
    let mut taken = TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let count = PORTS.end - PORTS.start;
    // Test programs that run at the same time begin at different places.
    let begin = std::process::id().wrapping_mul(97) % u32::from(count);
    for step in 0..u32::from(count) {
        let place = (begin + step) % u32::from(count);
        let first = PORTS.start + u16::try_from(place).expect("it is less than a port");
        let wanted: Vec<u16> =
            offsets.iter().flat_map(|offsets| offsets.clone().map(|o| first + o)).collect();
        let free =
            |port: &u16| !taken.contains(port) && TcpListener::bind(("127.0.0.1", *port)).is_ok();
        if wanted.iter().all(free) {
            taken.extend(wanted);
            return first;
        }
    }
    panic!("no free ports between {} and {}", PORTS.start, PORTS.end);
}
