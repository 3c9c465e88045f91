//! Threads whose work can wait.

use std::io;

use libc::sched_attr;

/// How long such a thread may keep a processor that nobody else wants. Longer than what the kernel
/// gives to others (0.7 ms to 2.8 ms), which is what matters: since Linux 6.12 whoever wakes up with
/// a shorter slice takes the processor at once, not after some milliseconds. Older kernels read the
/// niceness only.
const SLICE_NS: u64 = 10_000_000;

/// From now on this thread, and those that it starts, give way to others: by `nice` of the kernel's
/// 20 steps below the usual priority (at 10 it gets a tenth of what another one gets that wants the
/// same processor), and at once when another one wakes up. For good: only root could undo it.
pub fn give_way(nice: i32) -> io::Result<()> {
    let mut how = scheduling()?;
    how.sched_nice = how.sched_nice.max(nice);
    how.sched_runtime = SLICE_NS;
    // SAFETY: the pointer is to a live `sched_attr` that says its own size, which the kernel reads.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const how, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// How this thread is scheduled.
fn scheduling() -> io::Result<sched_attr> {
    let size = size_of::<sched_attr>() as u32;
    // SAFETY: all of its fields are integers.
    let mut how: sched_attr = unsafe { std::mem::zeroed() };
    let to = &raw mut how;
    // SAFETY: the pointer is to a live `sched_attr`, of which the kernel writes `size` bytes.
    let result = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, to, size, 0) };
    if result == 0 { Ok(how) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn niceness() -> i32 {
        scheduling().unwrap().sched_nice
    }

    #[test]
    fn a_thread_gives_way_and_so_do_those_it_starts_but_no_others() {
        let before = niceness();
        let lowered = before.max(10);
        let in_the_background = std::thread::spawn(move || {
            give_way(10).unwrap();
            let child = std::thread::spawn(niceness).join().unwrap();
            give_way(5).unwrap();
            (child, niceness())
        });
        assert_eq!(in_the_background.join().unwrap(), (lowered, lowered));
        assert_eq!(niceness(), before);
    }

    #[test]
    fn a_priority_that_does_not_exist_is_the_lowest_there_is() {
        std::thread::spawn(|| {
            give_way(1000).unwrap();
            assert_eq!(niceness(), 19);
        })
        .join()
        .unwrap();
    }
}
