//! Work that takes long: on a thread of its own, which gives way to all others.
//!
//! Writing `/state` of a large cluster keeps a core busy for a good part of a second. On a machine
//! that has better to do, whoever polls it waits; calls, offers and updates do not.

use std::cell::Cell;

use actix_web::web;
use rustix::process::{getpriority_process, setpriority_process};

use crate::answer::ApiError;

/// Of the kernel's 20 steps below the usual. A thread at this one gets a tenth of what another one
/// gets that wants the same core.
const NICE: i32 = 10;

/// The work was not finished: it panicked, which is logged.
#[derive(Debug, thiserror::Error)]
#[error("the answer could not be written: {0}")]
pub(crate) struct Unfinished(String);

impl From<Unfinished> for ApiError {
    fn from(unfinished: Unfinished) -> Self {
        Self::new(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR, unfinished.to_string())
    }
}

/// What `work` returns, done on a thread that gives way to others.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unfinished> {
    let done = web::block(move || {
        give_way();
        work()
    });
    done.await.map_err(|error| Unfinished(error.to_string()))
}

/// For good: these threads do nothing else.
fn give_way() {
    thread_local! {
        static GIVES_WAY: Cell<bool> = const { Cell::new(false) };
    }
    let lower = || {
        let now = getpriority_process(None)?;
        setpriority_process(None, now.max(NICE))
    };
    if !GIVES_WAY.replace(true)
        && let Err(error) = lower()
    {
        tracing::warn!(%error, "long answers are written at the same priority as everything else");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priority() -> i32 {
        getpriority_process(None).unwrap()
    }

    #[actix_web::test]
    async fn it_gives_way_and_nobody_else_does() {
        let before = priority();
        assert_eq!(aside(priority).await.unwrap(), before.max(NICE));
        assert_eq!(priority(), before);
    }

    #[actix_web::test]
    async fn work_that_panics_is_an_error() {
        let error = aside(|| panic!("on purpose")).await.unwrap_err();
        assert!(error.to_string().starts_with("the answer could not be written"), "{error}");
    }
}
