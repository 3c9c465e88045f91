//! The queues of unacknowledged updates: input and time in, effects out.
