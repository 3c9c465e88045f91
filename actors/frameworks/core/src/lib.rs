//! Frameworks, offers and tasks as a state machine: input and time in, effects out.
