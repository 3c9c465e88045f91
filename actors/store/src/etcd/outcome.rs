//! The one place that decides whether a commit that failed was certainly refused, or whether
//! nobody knows.

use etcd_client::Error;

use crate::error::CommitError;

/// gRPC status codes, by their numbers in the gRPC specification.
mod code {
    pub(super) const INVALID_ARGUMENT: i32 = 3;
    pub(super) const NOT_FOUND: i32 = 5;
    pub(super) const ALREADY_EXISTS: i32 = 6;
    pub(super) const PERMISSION_DENIED: i32 = 7;
    pub(super) const RESOURCE_EXHAUSTED: i32 = 8;
    pub(super) const FAILED_PRECONDITION: i32 = 9;
    pub(super) const OUT_OF_RANGE: i32 = 11;
    pub(super) const UNIMPLEMENTED: i32 = 12;
    pub(super) const UNAUTHENTICATED: i32 = 16;
}

/// What an error of the transaction means. In doubt it is unknown, which costs a reload; a wrong
/// `Rejected` would cost the truth.
pub(super) fn judge(error: &Error) -> CommitError {
    match error {
        Error::GRpcStatus(status) => judge_status(i32::from(status.code()), status.message()),
        // Found before anything was sent.
        Error::InvalidArgs(_) | Error::InvalidUri(_) | Error::InvalidMetadataValue(_) => {
            CommitError::Rejected(error.to_string())
        }
        // The connection, or the client itself: it may have been sent.
        _ => CommitError::Unknown(error.to_string()),
    }
}

/// The same for what the server, or the gRPC library on either side, answered.
fn judge_status(status: i32, message: &str) -> CommitError {
    let text = format!("grpc status {status}: {message}");
    match status {
        // The server checks these before a transaction is proposed, or all replicas when they
        // apply it: nothing was written.
        code::INVALID_ARGUMENT
        | code::NOT_FOUND
        | code::ALREADY_EXISTS
        | code::PERMISSION_DENIED
        | code::OUT_OF_RANGE
        | code::UNIMPLEMENTED
        | code::UNAUTHENTICATED => CommitError::Rejected(text),
        // Said by etcd: no space, too many requests, not possible now. Said by the library it
        // can be about the answer, when the request was done.
        code::RESOURCE_EXHAUSTED | code::FAILED_PRECONDITION
            if message.starts_with("etcdserver:") =>
        {
            CommitError::Rejected(text)
        }
        // Unavailable is both "could not connect" and "connection lost"; a request that timed out
        // or met a change of etcd's leader may have been proposed; the rest says nothing.
        _ => CommitError::Unknown(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(error: &CommitError) -> bool {
        assert!(matches!(error, CommitError::Unknown(_) | CommitError::Rejected(_)));
        error.is_unknown()
    }

    #[test]
    fn every_status_has_its_meaning() {
        // (code, name, unknown)
        let table = [
            (1, "cancelled", true),
            (2, "unknown", true),
            (3, "invalid argument", false),
            (4, "deadline exceeded", true),
            (5, "not found", false),
            (6, "already exists", false),
            (7, "permission denied", false),
            (8, "resource exhausted", true),
            (9, "failed precondition", true),
            (10, "aborted", true),
            (11, "out of range", false),
            (12, "unimplemented", false),
            (13, "internal", true),
            (14, "unavailable", true),
            (15, "data loss", true),
            (16, "unauthenticated", false),
            (99, "one of the future", true),
        ];
        for (status, name, expected) in table {
            assert_eq!(unknown(&judge_status(status, name)), expected, "{name}");
        }
    }

    #[test]
    fn what_etcd_itself_says_of_its_resources_is_certain() {
        let text = "etcdserver: mvcc: database space exceeded";
        assert!(!unknown(&judge_status(code::RESOURCE_EXHAUSTED, text)));
        let text = "etcdserver: too many requests";
        assert!(!unknown(&judge_status(code::RESOURCE_EXHAUSTED, text)));
        let text = "etcdserver: request timed out, possibly due to previous leader failure";
        assert!(unknown(&judge_status(14, text)));
    }

    #[test]
    fn every_kind_of_client_error_has_its_meaning() {
        let text = || "x".to_owned();
        let io = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert!(!unknown(&judge(&Error::InvalidArgs(text()))));
        assert!(unknown(&judge(&Error::IoError(io))));
        assert!(unknown(&judge(&Error::WatchError(text()))));
        assert!(unknown(&judge(&Error::LeaseKeepAliveError(text()))));
        assert!(unknown(&judge(&Error::ElectError(text()))));
        assert!(unknown(&judge(&Error::EndpointError(text()))));
        assert!(unknown(&judge(&Error::EndpointsNotManaged)));
        assert!(unknown(&judge(&Error::Internal(text()))));
    }
}
