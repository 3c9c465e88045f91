//! Ports that nobody uses.
//!
//! A process that is restarted must come back at its port, so ports are chosen here and not by the
//! kernel; from below the range that the kernel takes them from, so that no connection has one.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

const FIRST: u32 = 15_000;
const LAST: u32 = 29_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A free port.
pub fn free() -> u16 {
    range(1).0
}

/// `count` free ports in a row: the first and the last.
pub fn range(count: u16) -> (u16, u16) {
    // Test programs that run at the same time begin at different places.
    let offset = std::process::id().wrapping_mul(97) % (LAST - FIRST);
    for _ in 0..1000 {
        let taken = NEXT.fetch_add(u32::from(count), Ordering::Relaxed);
        let first = FIRST + (offset + taken) % (LAST - FIRST);
        let first = u16::try_from(first).expect("ports are below 65536");
        let all = first..=first + count - 1;
        if all.clone().all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return (first, first + count - 1);
        }
    }
    panic!("no {count} free ports in a row between {FIRST} and {LAST}");
}

/// A free port whose actors' port, 2000 above, is free too.
pub fn free_with_actors() -> u16 {
    for _ in 0..1000 {
        let port = free();
        if TcpListener::bind(("127.0.0.1", port + boot::net::ACTOR_PORT_OFFSET)).is_ok() {
            return port;
        }
    }
    panic!("no free port with a free one {} above", boot::net::ACTOR_PORT_OFFSET);
}
