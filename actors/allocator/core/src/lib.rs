//! Allocation policies: input and time in, effects out.
