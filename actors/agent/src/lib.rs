//! Tasks and executors of one machine.
