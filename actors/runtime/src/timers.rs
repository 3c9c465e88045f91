//! The timers of one actor: at most one instant per timer, fired in order.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

pub(crate) struct Timers<T> {
    due: BTreeMap<T, Instant>,
    order: BTreeSet<(Instant, T)>,
    /// Sleeps until the first of `order`.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<T: Ord + Clone> Timers<T> {
    pub(crate) fn new() -> Self {
        Self { due: BTreeMap::new(), order: BTreeSet::new(), sleep: None }
    }

    /// Sets it, or moves it if it is set.
    pub(crate) fn set(&mut self, timer: T, at: Instant) {
        if let Some(before) = self.due.insert(timer.clone(), at) {
            self.order.remove(&(before, timer.clone()));
        }
        self.order.insert((at, timer));
    }

    pub(crate) fn cancel(&mut self, timer: &T) {
        if let Some(at) = self.due.remove(timer) {
            self.order.remove(&(at, timer.clone()));
        }
    }

    /// Takes the first timer that is due; registers for the next one otherwise.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        let Some((at, _)) = self.order.first() else { return Poll::Pending };
        let at = *at;
        if at > Instant::now() {
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
            if sleep.deadline() != at {
                sleep.as_mut().reset(at);
            }
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        let (_, timer) = self.order.pop_first().expect("looked at above");
        self.due.remove(&timer);
        Poll::Ready(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn timers_fire_in_order_and_setting_one_again_moves_it() {
        let mut timers = Timers::new();
        let now = Instant::now();
        timers.set("late", now + Duration::from_secs(2));
        timers.set("early", now + Duration::from_secs(1));
        timers.set("cancelled", now + Duration::from_millis(5));
        timers.set("late", now + Duration::from_secs(3));
        timers.cancel(&"cancelled");
        for (want, at) in [("early", 1), ("late", 3)] {
            let fired = std::future::poll_fn(|cx| timers.poll(cx)).await;
            assert_eq!((fired, (Instant::now() - now).as_secs()), (want, at));
        }
        assert!(timers.order.is_empty() && timers.due.is_empty());
    }
}
