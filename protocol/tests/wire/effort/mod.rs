//! How long something keeps the cpu: unlike a clock, the same on a busy machine.

use std::time::Duration;

/// What the kernel counts in, on every architecture: USER_HZ is a hundredth of a second.
const TICK: Duration = Duration::from_millis(10);

/// The time of the cpu that this thread has had.
pub(crate) fn of_this_thread() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let (in_user_mode, in_kernel_mode) = (11, 12);
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<u32>().unwrap();
    TICK * (ticks(in_user_mode) + ticks(in_kernel_mode))
}
