//! SUBSCRIBE: those who follow what happens. One task reads the log for all of them, and begins with
//! the first and ends with the last.
//!
//! Whoever comes is shown the cluster, and then what the log has from there on: the log is read up to
//! a place behind the view, and what the view shows already is left out. So nothing is missing, and
//! nothing is told twice.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::HttpResponse;
use bytes::Bytes;
use parking_lot::Mutex;
use protocol::events::{Event as Entry, EventBatch, NextEvents};
use protocol::id::Epoch;
use protocol::{Failure, FailureKind};
use tokio::sync::{mpsc, oneshot};

use super::events::{Subject, TOLD, Teller, heartbeat, shown, subscribed};
use super::refusal::Refusal;
use crate::access::{Caller, Sight};
use crate::aside::aside;
use crate::common::Common;
use crate::master::cluster::Cluster;
use crate::v1::recordio::record;
use crate::v1::stream::{EventQueue, Style, queue};
use crate::v1::wire::master::Event;
use crate::v1::{MediaType, encode};

/// Streams at a time, as in Mesos: for one more the oldest is ended.
pub(crate) const MAX_SUBSCRIBERS: usize = 1000;
/// Events that wait for a reader: as many as the log keeps. They are shared by all readers.
const MAX_QUEUED: usize = 16_384;
/// Those who may wait to be begun with.
const MAX_COMING: usize = 64;
/// How long one question to the log waits for an event: short of the 30 s that `events` allows.
const WAIT: Duration = Duration::from_secs(25);
/// For the answer to a question that may wait.
const DEADLINE: Duration = Duration::from_secs(30);
/// Between two questions: what happens meanwhile is told together, from one view.
const PAUSE: Duration = Duration::from_millis(20);

/// Somebody who wants to follow.
struct Newcomer {
    reader: Reader,
    /// Hears what there is at the beginning of what is queued, or why nothing is.
    begun: oneshot::Sender<Result<Cluster, Failure>>,
}

/// Somebody who follows.
struct Reader {
    queue: EventQueue<Arc<Event>>,
    /// What they may see; absent: everything.
    sight: Option<Sight>,
}

impl Style for MediaType {
    type Event = Arc<Event>;

    fn records(&self, event: Arc<Event>) -> Vec<Bytes> {
        vec![record(&encode(*self, &*event))]
    }

    fn heartbeat(&self) -> Bytes {
        record(&encode(*self, &heartbeat()))
    }

    /// This stream has no event for that.
    fn farewell(&self, _: &str) -> Vec<Bytes> {
        Vec::new()
    }
}

/// The followers of one master. Cheap to clone; every clone is the same.
#[derive(Clone, Default)]
pub(crate) struct Subscribers {
    /// The way to the task, while there is one.
    door: Arc<Mutex<Option<mpsc::Sender<Newcomer>>>>,
    count: Arc<AtomicUsize>,
}

impl Subscribers {
    /// How many follow.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn enter(&self, common: &Common, newcomer: Newcomer) -> Result<(), Refusal> {
        let mut door = self.door.lock();
        let open = door.take().filter(|door| !door.is_closed());
        let open = open.unwrap_or_else(|| {
            let (sender, coming) = mpsc::channel(MAX_COMING);
            actix_rt::spawn(Follower::new(common.clone(), coming).run());
            sender
        });
        let entered = open.try_send(newcomer);
        *door = Some(open);
        let full = "too many subscribe at once; try again later";
        entered.map_err(|_| Refusal::NotNow(full.to_owned()))
    }
}

/// Answers a subscription with a stream.
pub(super) async fn subscribe(
    common: &Common,
    caller: Caller,
    media: MediaType,
) -> Result<HttpResponse, Refusal> {
    let (events, waiting) = queue(MAX_QUEUED);
    let (begun, beginning) = oneshot::channel();
    let reader = Reader { queue: events, sight: caller.sight() };
    common.subscribers.enter(common, Newcomer { reader, begun })?;
    let cluster = match beginning.await {
        Ok(begun) => begun?.seen_by(&caller),
        Err(_) => return Err(Refusal::NotNow("the stream was not begun; try again".to_owned())),
    };
    // It is long. What happens meanwhile waits in the queue; nobody else waits.
    let first = aside(move || record(&encode(media, &subscribed(&cluster)))).await;
    let first = first.map_err(|error| Refusal::NotNow(error.to_string()))?;
    let stream = waiting.into_stream(media, common.clone(), ()).after(first);
    Ok(HttpResponse::Ok().content_type(media.as_str()).streaming(stream.into_body()))
}

/// A place in the log.
struct Place {
    common: Common,
    after: Option<u64>,
    epoch: Option<Epoch>,
}

impl Place {
    async fn ask(&self, wait: Duration) -> Result<EventBatch, Failure> {
        let question = NextEvents {
            after: self.after,
            epoch: self.epoch,
            types: TOLD.map(str::to_owned).to_vec(),
            max: 0,
            wait_ms: protocol::time::millis(wait),
        };
        let host = self.common.host();
        let batch = host.ask(&host.address_of("events"), question, DEADLINE).await?;
        if batch.missed > 0 {
            let text = format!("{} events were missed", batch.missed);
            return Err(Failure::new(FailureKind::Overloaded, text));
        }
        Ok(batch)
    }

    fn advance(&mut self, batch: &EventBatch) {
        (self.after, self.epoch) = (Some(batch.next), batch.epoch.or(self.epoch));
    }

    /// What has been logged until now.
    async fn catch_up(&mut self) -> Result<Vec<Entry>, Failure> {
        let end = self.common.question("events", NextEvents::default()).await?.next;
        let mut entries = Vec::new();
        while self.after.is_none_or(|after| after < end) {
            let batch = self.ask(Duration::ZERO).await?;
            self.advance(&batch);
            entries.extend(batch.events);
        }
        Ok(entries)
    }
}

/// The task that reads for all.
struct Follower {
    place: Place,
    coming: mpsc::Receiver<Newcomer>,
    readers: VecDeque<Reader>,
}

impl Follower {
    fn new(common: Common, coming: mpsc::Receiver<Newcomer>) -> Self {
        let place = Place { common, after: None, epoch: None };
        Self { place, coming, readers: VecDeque::new() }
    }

    async fn run(mut self) {
        if let Err(failure) = self.follow().await {
            tracing::info!(%failure, "the event streams of operators are ended");
            // Whoever is just coming is told, and comes again.
            self.coming.close();
            while let Ok(newcomer) = self.coming.try_recv() {
                let _ = newcomer.begun.send(Err(failure.clone()));
            }
        }
        self.count(0);
    }

    /// Until there is nobody, or something is amiss.
    async fn follow(&mut self) -> Result<(), Failure> {
        let common = self.place.common.clone();
        // From here on, whatever comes first.
        let begin = self.place.ask(Duration::ZERO).await?;
        self.place.advance(&begin);
        loop {
            tokio::select! {
                biased;
                _ = common.ended() => return Ok(()),
                newcomer = self.coming.recv() => match newcomer {
                    Some(newcomer) => self.welcome(newcomer).await?,
                    None => return Ok(()),
                },
                batch = self.place.ask(WAIT) => self.pass_on(batch?).await?,
            }
            self.readers.retain(|reader| !reader.queue.is_closed());
            self.count(self.readers.len());
            if self.readers.is_empty() && self.retires() {
                return Ok(());
            }
        }
    }

    /// Whether nobody is coming either: then the next one finds no door, and makes another.
    fn retires(&mut self) -> bool {
        let subscribers = self.place.common.subscribers.clone();
        let mut door = subscribers.door.lock();
        if !self.coming.is_empty() {
            return false;
        }
        *door = None;
        true
    }

    fn count(&self, readers: usize) {
        self.place.common.subscribers.count.store(readers, Ordering::Relaxed);
    }

    async fn pass_on(&mut self, batch: EventBatch) -> Result<(), Failure> {
        self.place.advance(&batch);
        if !batch.events.is_empty() {
            let cluster = Cluster::read(&self.place.common).await?;
            tell(&mut self.readers, &batch.events, &cluster);
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn welcome(&mut self, newcomer: Newcomer) -> Result<(), Failure> {
        let Newcomer { reader, begun } = newcomer;
        let seen = match self.look().await {
            Ok(seen) => seen,
            Err(failure) => {
                let _ = begun.send(Err(failure.clone()));
                return Err(failure);
            }
        };
        let (cluster, entries) = seen;
        tell(&mut self.readers, &entries, &cluster);
        let shown = shown(&entries, &cluster);
        let news: Vec<_> = entries.into_iter().filter(|it| !shown.contains(&it.seq)).collect();
        // An empty queue has room for it, or there is no reader.
        let _ = reader.queue.push(Arc::new(heartbeat()));
        let mut reader = VecDeque::from([reader]);
        tell(&mut reader, &news, &cluster);
        if self.readers.len() >= MAX_SUBSCRIBERS {
            tracing::info!(
                MAX_SUBSCRIBERS,
                "the oldest event stream of an operator is ended for a new one"
            );
            self.readers.pop_front();
        }
        self.readers.append(&mut reader);
        self.count(self.readers.len());
        // Without a reader that shows at the next event.
        let _ = begun.send(Ok(cluster));
        Ok(())
    }

    /// The cluster as it is, and the log up to a place behind that.
    async fn look(&mut self) -> Result<(Cluster, Vec<Entry>), Failure> {
        let cluster = Cluster::read(&self.place.common).await?;
        let entries = self.place.catch_up().await?;
        Ok((cluster, entries))
    }
}

/// Queues entries for readers; those who are gone or too slow are dropped.
fn tell(readers: &mut VecDeque<Reader>, entries: &[Entry], cluster: &Cluster) {
    if readers.is_empty() {
        return;
    }
    let mut teller = Teller::new(cluster);
    for entry in entries {
        let Some(event) = teller.tell(entry).map(Arc::new) else { continue };
        let restricted = readers.iter().any(|reader| reader.sight.is_some());
        let subject = restricted.then(|| Subject::of(entry, cluster));
        readers.retain(|Reader { queue, sight }| {
            let hidden = |sight| subject.as_ref().is_some_and(|it| !it.is_seen_by(sight));
            sight.as_ref().is_some_and(hidden) || queue.push(Arc::clone(&event)).is_ok()
        });
    }
}
