//! Downloads over HTTP.

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::redirect::Policy;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use crate::config::FetcherConfig;
use crate::error::FetchError;

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Redirects that are followed: more are a loop.
const MAX_REDIRECTS: usize = 10;

/// The client of all downloads.
pub(crate) fn client(config: &FetcherConfig) -> Result<reqwest::Client, FetchError> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(Duration::from_millis(config.stall_timeout_ms))
        .redirect(Policy::limited(MAX_REDIRECTS))
        // Artifacts are near; a proxy of the agent's environment is not meant for them.
        .no_proxy()
        .build()
        .map_err(FetchError::Download)
}

/// Downloads to a new file.
pub(crate) async fn download(
    client: &reqwest::Client,
    url: &str,
    to: &Path,
    max_bytes: u64,
) -> Result<(), FetchError> {
    let response = client.get(url).send().await.map_err(FetchError::Download)?;
    if !response.status().is_success() {
        return Err(FetchError::Status(response.status()));
    }
    if response.content_length().is_some_and(|length| length > max_bytes) {
        return Err(FetchError::TooLarge(max_bytes));
    }
    let failed = |e| FetchError::file("write", to, e);
    let mut file = File::create_new(to).await.map_err(failed)?;
    let mut left = max_bytes;
    let mut body = response.bytes_stream();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(FetchError::Download)?;
        left = left.checked_sub(chunk.len() as u64).ok_or(FetchError::TooLarge(max_bytes))?;
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)
}
