//! Exit codes: one table for all binaries, so that a script can tell what went wrong.
//!
//! They stay within 64 to 79, the range of `sysexits.h`, which programs rarely use themselves:
//! `meseta run` ends with the code of the task that it ran.

use protocol::FailureKind;

/// Something failed that has no code of its own.
pub const FAILED: u8 = 1;
/// A bad flag, environment variable or configuration file.
pub const USAGE: u8 = 64;
/// The body on the command line is not JSON.
pub const BAD_JSON: u8 = 65;
/// The body is JSON and does not fit the message: a field is missing or of a wrong type.
pub const BAD_MESSAGE: u8 = 66;
/// Not an address: `name@host:port` was expected.
pub const BAD_ADDRESS: u8 = 67;
/// The host cannot be reached.
pub const NO_HOST: u8 = 68;
/// The host has no such actor.
pub const NO_ACTOR: u8 = 69;
/// The actor has no such message.
pub const NO_MESSAGE: u8 = 70;
/// The actor's mailbox or the connection's queue is full.
pub const OVERLOADED: u8 = 71;
/// No answer in time.
pub const TIMEOUT: u8 = 72;
/// The actor says no, and why.
pub const REFUSED: u8 = 73;
/// That host does not lead.
pub const NOT_LEADER: u8 = 74;
/// Another cluster, or no common version of the protocol.
pub const UNWELCOME: u8 = 75;
/// The actor ended while it had the message.
pub const ACTOR_DIED: u8 = 76;
/// What was named is not there.
pub const NOT_FOUND: u8 = 77;
/// What was to be made is there already, or is being changed.
pub const CONFLICT: u8 = 78;
/// Whoever asks may not do that.
pub const FORBIDDEN: u8 = 79;
/// Ended by a second SIGINT or SIGTERM.
pub const INTERRUPTED: u8 = 130;

/// The table as `--help` shows it.
pub const HELP: &str = "\
Exit codes:
  0    done
  1    failed
  64   bad flag, environment variable or configuration
  65   the body is not JSON
  66   the body does not fit the message (missing field, wrong type)
  67   not an address (name@host:port)
  68   the host cannot be reached
  69   the host has no such actor
  70   the actor has no such message
  71   overloaded: a mailbox or queue is full
  72   no answer in time
  73   refused, with the reason
  74   not the leader
  75   another cluster, or no common protocol version
  76   the actor ended while it had the message
  77   not found
  78   exists already, or is being changed
  79   not allowed for whoever asks
  130  ended by a second signal";

/// The code that tells this kind of failure.
pub fn code_of(kind: FailureKind) -> u8 {
    match kind {
        FailureKind::NoSuchActor => NO_ACTOR,
        FailureKind::UnknownMessage => NO_MESSAGE,
        FailureKind::BadMessage => BAD_MESSAGE,
        FailureKind::Overloaded => OVERLOADED,
        FailureKind::Timeout => TIMEOUT,
        FailureKind::LinkDown => NO_HOST,
        FailureKind::Unwelcome => UNWELCOME,
        FailureKind::Refused => REFUSED,
        FailureKind::NotLeader => NOT_LEADER,
        FailureKind::ActorDied => ACTOR_DIED,
        FailureKind::NotFound => NOT_FOUND,
        FailureKind::AlreadyExists | FailureKind::Conflict => CONFLICT,
        FailureKind::Forbidden => FORBIDDEN,
        FailureKind::Unknown => FAILED,
    }
}
