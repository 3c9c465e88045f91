//! Everything that a command can fail with, each with its exit code and one line for people.

use boot::exit;
use protocol::address::AddressError;
use protocol::{Failure, FailureKind};

/// Why a command did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CliError {
    #[error("{0}")]
    Address(#[from] AddressError),
    #[error("the body is not JSON: {reason} at line {line}, column {column}, near `{near}`")]
    Json { line: usize, column: usize, near: String, reason: String },
    #[error("{text}")]
    Failure { kind: FailureKind, text: String },
    #[error("{0}")]
    Usage(String),
    #[error("no {0}")]
    NotFound(String),
    #[error("{0}")]
    Timeout(String),
    /// An HTTP edge said no.
    #[error("{text}")]
    Http { code: u8, text: String },
    #[error("{0}")]
    Unreachable(String),
    #[error("{0}")]
    Failed(String),
}

impl From<Failure> for CliError {
    fn from(failure: Failure) -> Self {
        Self::Failure { kind: failure.kind, text: failure.message }
    }
}

impl CliError {
    /// The process's exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Address(_) => exit::BAD_ADDRESS,
            Self::Json { .. } => exit::BAD_JSON,
            Self::Failure { kind, .. } => exit::code_of(*kind),
            Self::Usage(_) => exit::USAGE,
            Self::NotFound(_) => exit::NOT_FOUND,
            Self::Timeout(_) => exit::TIMEOUT,
            Self::Http { code, .. } => *code,
            Self::Unreachable(_) => exit::NO_HOST,
            Self::Failed(_) => exit::FAILED,
        }
    }
}

/// The one of `known` that was probably meant by `typed`.
pub(crate) fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = typed.to_lowercase();
    known
        .map(|name| (distance(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= name.len().max(3) / 3)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein's distance, over one row of its table.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_nearest_name_is_suggested_and_far_ones_are_not() {
        let known = ["GetRoles", "AddAgent", "RemoveAgent"];
        assert_eq!(nearest("getrole", known.into_iter()), Some("GetRoles"));
        assert_eq!(nearest("AdAgent", known.into_iter()), Some("AddAgent"));
        assert_eq!(nearest("Whatever", known.into_iter()), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn every_way_to_fail_at_sending_has_its_own_exit_code() {
        use FailureKind::*;
        let kinds = [
            NoSuchActor,
            UnknownMessage,
            BadMessage,
            Overloaded,
            Timeout,
            LinkDown,
            Unwelcome,
            Refused,
            NotLeader,
            ActorDied,
        ];
        let mut codes: BTreeSet<u8> =
            kinds.iter().map(|kind| CliError::from(Failure::new(*kind, "")).exit_code()).collect();
        codes.insert(CliError::Address(AddressError::Shape(String::new())).exit_code());
        let json =
            CliError::Json { line: 1, column: 1, near: String::new(), reason: String::new() };
        codes.insert(json.exit_code());
        codes.insert(CliError::Usage(String::new()).exit_code());
        assert_eq!(codes.len(), kinds.len() + 3);
    }
}
