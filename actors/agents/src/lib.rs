//! The agents manager: membership, liveness, routing.
