//! Agent membership as a state machine: input and time in, effects out.
