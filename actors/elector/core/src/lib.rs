//! What the election says, as a state machine: input and time in, effects out.
