//! The frameworks manager: frameworks, offers, the task ledger.
