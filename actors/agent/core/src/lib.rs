//! Tasks and executors as a state machine: input and time in, effects out.
