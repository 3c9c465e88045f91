//! What the machine and its containers use.
