//! The registry and its batching: input and time in, effects out.
