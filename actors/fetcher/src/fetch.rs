//! One uri after the other into one sandbox.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isolator::Identity;
use protocol::Failure;
use protocol::fetcher::FetchUris;
use protocol::task::Uri;

use crate::archive::{self, Kind};
use crate::config::FetcherConfig;
use crate::destination::{Destination, checked_output};
use crate::download::download;
use crate::error::FetchError;
use crate::local;
use crate::source::Source;

/// Modes of what was fetched: nothing of the source's mode is kept.
const MODE: u32 = 0o644;
const EXECUTABLE_MODE: u32 = 0o755;

/// Fetches everything, or says what failed first.
pub async fn fetch(
    request: FetchUris,
    client: reqwest::Client,
    config: Arc<FetcherConfig>,
) -> Result<(), Failure> {
    let failed = |error: FetchError| Failure::refused(isolator::chain(&error));
    let identity = request.user.as_deref().map(Identity::of).transpose()?.map(Arc::new);
    let destination = Destination::open(&request.sandbox).map_err(failed)?;
    let work = Work { destination, identity, client, config };
    for uri in &request.uris {
        work.fetch(uri).await.map_err(|error| error.of_uri(&uri.value))?;
    }
    work.own_everything().await.map_err(failed)
}

struct Work {
    destination: Destination,
    identity: Option<Arc<Identity>>,
    client: reqwest::Client,
    config: Arc<FetcherConfig>,
}

impl Work {
    async fn fetch(&self, uri: &Uri) -> Result<(), FetchError> {
        let source = Source::parse(&uri.value)?;
        let relative = match &uri.output_file {
            Some(output) => checked_output(output)?.to_owned(),
            None => PathBuf::from(source.name()?),
        };
        let temporary = self.destination.temporary();
        let got = match self.get(&source, &temporary).await {
            Ok(()) => self.settle(uri, &temporary, &relative),
            Err(error) => Err(error),
        };
        if got.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        self.extract(uri, got?).await
    }

    async fn get(&self, source: &Source, to: &Path) -> Result<(), FetchError> {
        match source {
            Source::Local(path) => local::copy(path, to, self.identity.as_deref()).await,
            Source::Http(url) => {
                download(&self.client, url, to, self.config.max_download_bytes).await
            }
        }
    }

    fn settle(&self, uri: &Uri, temporary: &Path, relative: &Path) -> Result<PathBuf, FetchError> {
        let mode = if uri.executable { EXECUTABLE_MODE } else { MODE };
        fs::set_permissions(temporary, PermissionsExt::from_mode(mode))
            .map_err(|e| FetchError::file("change the mode of", temporary, e))?;
        let place = self.destination.place(relative)?;
        self.destination.settle(temporary, &place)?;
        Ok(place)
    }

    /// Extracts it if it is an archive and meant to be; the archive stays, as with Mesos.
    async fn extract(&self, uri: &Uri, place: PathBuf) -> Result<(), FetchError> {
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let Some(kind) = Kind::of(&name).filter(|_| uri.extract && !uri.executable) else {
            return Ok(());
        };
        let (destination, max) = (self.destination.clone(), self.config.max_extracted_bytes);
        blocking(move || archive::extract(&place, kind, &destination, max)).await
    }

    /// Nothing in the sandbox is anyone else's than the task's user's.
    async fn own_everything(&self) -> Result<(), FetchError> {
        let Some(identity) = self.identity.clone() else { return Ok(()) };
        let root = self.destination.root().to_owned();
        blocking(move || own_tree(&root, &identity)).await
    }
}

fn own_tree(path: &Path, identity: &Identity) -> Result<(), FetchError> {
    identity.own(path)?;
    let failed = |e| FetchError::file("list", path, e);
    // Of the entry itself: a link to a directory is not entered.
    if !fs::symlink_metadata(path).map_err(failed)?.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        own_tree(&entry.map_err(failed)?.path(), identity)?;
    }
    Ok(())
}

async fn blocking(
    work: impl FnOnce() -> Result<(), FetchError> + Send + 'static,
) -> Result<(), FetchError> {
    tokio::task::spawn_blocking(work).await.map_err(FetchError::Abandoned)?
}
