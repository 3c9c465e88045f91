//! One term of leadership, from the holder's side.

use std::future::Future;

use protocol::Epoch;
use tokio::sync::{oneshot, watch};

/// Why a term is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The holder gave it up.
    Resigned,
    /// It could not be renewed in time, or was taken away; the text says what was seen.
    Lost(String),
}

/// The right to commit under an epoch. Dropping it gives it up too, without waiting for that.
#[derive(Debug)]
pub struct Term {
    epoch: Epoch,
    ended: watch::Receiver<Option<Ended>>,
    resign: oneshot::Sender<()>,
}

/// The other end of a [`Term`], for who keeps it alive.
pub(crate) struct Keeper {
    ended: watch::Sender<Option<Ended>>,
    resign: oneshot::Receiver<()>,
}

impl Term {
    pub(crate) fn new(epoch: Epoch) -> (Self, Keeper) {
        let (ended_sender, ended) = watch::channel(None);
        let (resign, resign_receiver) = oneshot::channel();
        (Self { epoch, ended, resign }, Keeper { ended: ended_sender, resign: resign_receiver })
    }

    /// Its number; the fence of its commits.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Resolves when the term is over. The holder must act as a leader no longer; commits under
    /// the epoch are refused.
    pub fn ended(&self) -> impl Future<Output = Ended> + Send + use<> {
        let mut ended = self.ended.clone();
        async move {
            match ended.wait_for(Option::is_some).await {
                Ok(why) => why.clone().unwrap_or(Ended::Resigned),
                Err(_) => Ended::Lost("the store was closed".to_owned()),
            }
        }
    }

    /// Gives leadership up; resolves when somebody else may lead.
    pub async fn resign(self) -> Ended {
        let ended = self.ended();
        // The keeper has gone if the term is over already; `ended` says so.
        let _ = self.resign.send(());
        ended.await
    }
}

impl Keeper {
    /// Resolves when the holder wants to give the term up.
    pub(crate) async fn resigned(&mut self) {
        // An error is a term that was dropped: the same wish.
        let _ = (&mut self.resign).await;
    }

    /// Tells the holder that it is over.
    pub(crate) fn end(self, why: Ended) {
        self.ended.send_replace(Some(why));
    }
}
