//! Apps and instances as a state machine: input and time in, effects out.
