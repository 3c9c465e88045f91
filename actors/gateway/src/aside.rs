//! Work that takes long: on a thread of its own, which gives way to all others.
//!
//! Writing `/state` of a large cluster keeps a core busy for a good part of a second. On a machine
//! that has better to do, whoever polls it waits; calls, offers and updates do not.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::web;
use tokio::sync::Semaphore;

use crate::answer::ApiError;

/// As [`runtime::give_way`] counts: a tenth of what another thread gets that wants the same processor.
const NICE: i32 = 10;

/// Items of a long list that are looked at or written in a turn: 5 us to 100 us.
const TURN: usize = 64;

/// Long answers that are written at a time, by all servers of this process: more would only take
/// memory, a hundred MB each in a large cluster.
static PLACES: Semaphore = Semaphore::const_new(4);

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
    // The semaphore is never closed.
    let place = PLACES.acquire().await;
    let done = web::block(move || {
        // Also if whoever asked hangs up: the work goes on to its end.
        let _place = place;
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
    if !GIVES_WAY.replace(true)
        && let Err(error) = runtime::give_way(NICE)
    {
        tracing::warn!(%error, "long answers are written at the same priority as everything else");
    }
}

/// The same items. The thread that takes them looks now and then whether another one waits for its
/// processor: the kernel would let it go on for some milliseconds.
pub(crate) fn in_turns<I: Iterator>(items: I) -> impl Iterator<Item = I::Item> {
    items.enumerate().map(|(number, item)| {
        if number % TURN == TURN - 1 {
            std::thread::yield_now();
        }
        item
    })
}

/// What `work` returns for each item, in their order: of two threads, each takes the next one when it
/// is done with one. Before that it looks whether another one waits for its processor.
pub(crate) fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let some = || {
        let mine = std::iter::from_fn(|| {
            std::thread::yield_now();
            let place = next.fetch_add(1, Ordering::Relaxed);
            Some((place, work(items.get(place)?)))
        });
        mine.collect::<Vec<_>>()
    };
    let (mut done, others) = both(some, some);
    done.extend(others);
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

/// What both return, done at the same time.
pub(crate) fn both<A: Send, B>(
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B,
) -> (A, B) {
    std::thread::scope(|scope| {
        // It has the priority of this thread.
        let one = scope.spawn(one);
        let other = other();
        (one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), other)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The 19th field of what the kernel says of this thread; the 2nd is its name, which may have
    /// spaces.
    fn niceness() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, after_name) = stat.rsplit_once(')').unwrap();
        after_name.split_whitespace().nth(16).unwrap().parse().unwrap()
    }

    #[actix_web::test]
    async fn it_gives_way_and_nobody_else_does() {
        let before = niceness();
        assert_eq!(aside(niceness).await.unwrap(), before.max(NICE));
        assert_eq!(niceness(), before);
    }

    #[test]
    fn what_two_threads_do_comes_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..1000).collect();
        assert_eq!(each(&items, |item| item * 2), items.iter().map(|n| n * 2).collect::<Vec<_>>());
        assert!(each(&[], |item: &usize| *item).is_empty());
        assert_eq!(in_turns(items.iter()).count(), 1000);
    }

    #[actix_web::test]
    async fn work_that_panics_is_an_error() {
        let error = aside(|| panic!("on purpose")).await.unwrap_err();
        assert!(error.to_string().starts_with("the answer could not be written"), "{error}");
    }
}
