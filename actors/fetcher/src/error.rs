//! Why an artifact is not in the sandbox.

use std::io;
use std::path::PathBuf;

use isolator::{IsolatorError, chain};
use protocol::Failure;

/// Why one uri could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("scheme `{0}` is not supported: give http://, file:// or an absolute path")]
    Scheme(String),
    #[error("a relative path is not supported: give http://, file:// or an absolute path")]
    RelativePath,
    #[error("`{0}` is another host: file:// is this machine only")]
    RemoteFile(String),
    #[error("it ends in no file name: give `output_file`")]
    NoName,
    #[error("output file `{0}` is not a relative path within the sandbox")]
    Output(String),
    #[error("failed to {action} `{path}`")]
    File {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("failed to copy: {0}")]
    Copy(String),
    #[error("the server answered {0}")]
    Status(reqwest::StatusCode),
    #[error("failed to download")]
    Download(#[source] reqwest::Error),
    #[error("it is larger than the {0} bytes that are accepted")]
    TooLarge(u64),
    #[error("failed to extract `{archive}`")]
    Extract {
        archive: String,
        #[source]
        source: io::Error,
    },
    #[error("failed to extract `{archive}`: {source}")]
    Zip { archive: String, source: zip::result::ZipError },
    #[error("archive entry `{0}` leads out of the sandbox")]
    Escapes(PathBuf),
    #[error("failed to extract: `{0}` is not installed on this agent")]
    NoDecompressor(&'static str),
    #[error(transparent)]
    Isolator(#[from] IsolatorError),
    #[error("fetching was abandoned")]
    Abandoned(#[source] tokio::task::JoinError),
}

impl FetchError {
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File { action, path: path.into(), source }
    }

    /// As the answer to who wanted `uri`.
    pub(crate) fn of_uri(&self, uri: &str) -> Failure {
        Failure::refused(format!("`{uri}`: {}", chain(self)))
    }
}
