//! Answers that many ask for at the same time are made once.
//!
//! Whoever asks while one is being made waits for the next, which is begun afterwards: everybody sees
//! what was done before they asked. So however many poll, answers are made one after the other.

use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::pieces::Pieces;
use crate::answer::ApiError;

type Made = Result<Pieces, ApiError>;

/// Those who wait for the same answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Together(Arc<Mutex<Line>>);

#[derive(Debug, Default)]
struct Line {
    /// One is being made; whoever makes it looks for more when it is done.
    busy: bool,
    waiting: Vec<oneshot::Sender<Made>>,
    /// How often somebody was answered with what was made for another.
    shared: u64,
}

impl Together {
    /// The next answer. `make` is asked for one if nobody makes them yet.
    pub(crate) async fn next<F>(&self, make: impl Fn() -> F + 'static) -> Made
    where
        F: Future<Output = Made> + 'static,
    {
        let (sender, made) = oneshot::channel();
        if self.join(sender) {
            let line = self.clone();
            // On its own: the one who asked first may hang up.
            actix_web::rt::spawn(async move {
                while let Some(waiting) = line.take() {
                    let made = make().await;
                    for who in waiting {
                        // Who has hung up meanwhile needs none.
                        let _ = who.send(made.clone());
                    }
                }
            });
        }
        let stopped = |_| Err(ApiError::unavailable("this server stops; try again"));
        made.await.unwrap_or_else(stopped)
    }

    /// How often somebody was answered with what was made for another.
    pub(crate) fn shared(&self) -> u64 {
        self.0.lock().shared
    }

    /// True if nobody makes answers yet.
    fn join(&self, who: oneshot::Sender<Made>) -> bool {
        let mut line = self.0.lock();
        line.waiting.push(who);
        !std::mem::replace(&mut line.busy, true)
    }

    /// All that wait by now; with nobody, the line is closed.
    fn take(&self) -> Option<Vec<oneshot::Sender<Made>>> {
        let mut line = self.0.lock();
        let waiting = std::mem::take(&mut line.waiting);
        line.busy = !waiting.is_empty();
        line.shared += waiting.len().saturating_sub(1) as u64;
        line.busy.then_some(waiting)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::future::join_all;

    use super::super::pieces::Draft;
    use super::*;

    fn answer(number: usize) -> Pieces {
        let mut answer = Draft::default();
        answer.text(&number.to_string());
        answer.into()
    }

    /// Numbers its answers, and takes a moment for each.
    fn numbered(
        made: &Arc<AtomicUsize>,
    ) -> impl Fn() -> std::pin::Pin<Box<dyn Future<Output = Made>>> + use<> {
        let made = Arc::clone(made);
        move || {
            let number = made.fetch_add(1, Ordering::Relaxed) + 1;
            Box::pin(async move {
                actix_web::rt::time::sleep(Duration::from_millis(20)).await;
                Ok(answer(number))
            })
        }
    }

    #[actix_web::test]
    async fn those_who_ask_meanwhile_share_the_next_answer_and_get_no_older_one() {
        let (together, made) = (Together::default(), Arc::new(AtomicUsize::new(0)));
        let first = actix_web::rt::spawn({
            let (together, make) = (together.clone(), numbered(&made));
            async move { together.next(make).await }
        });
        actix_web::rt::time::sleep(Duration::from_millis(5)).await;
        let others = join_all((0..10).map(|_| together.next(numbered(&made)))).await;
        assert_eq!(first.await.unwrap(), Ok(answer(1)));
        assert!(others.iter().all(|other| *other == Ok(answer(2))), "{others:?}");
        assert_eq!((made.load(Ordering::Relaxed), together.shared()), (2, 9));
        // The line is closed, and opens again.
        assert_eq!(together.next(numbered(&made)).await, Ok(answer(3)));
    }

    #[actix_web::test]
    async fn one_that_hangs_up_keeps_nobody_waiting() {
        let (together, made) = (Together::default(), Arc::new(AtomicUsize::new(0)));
        let impatient = together.next(numbered(&made));
        let gave_up = actix_web::rt::time::timeout(Duration::from_millis(1), impatient).await;
        assert!(gave_up.is_err());
        assert!(together.next(numbered(&made)).await.is_ok());
    }
}
