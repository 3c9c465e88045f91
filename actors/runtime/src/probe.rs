//! Test verbs: waiting for a message, dropping one, waiting until everything is quiet. A race is
//! then a sequence that a test writes down.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use protocol::Message;
use tokio::sync::oneshot;

use crate::delivery::{Delivery, Payload};
use crate::host::Host;

type Take = Box<dyn FnOnce(&Payload) + Send>;

enum Rule {
    /// Look at it and let it pass.
    Expect(Take),
    /// Keep it from its receiver.
    Drop(Take),
}

struct Entry {
    to: String,
    name: &'static str,
    rule: Rule,
}

#[derive(Default)]
pub(crate) struct ProbeState {
    active: AtomicBool,
    rules: Mutex<VecDeque<Entry>>,
}

impl ProbeState {
    /// True if the message is to be dropped.
    pub(crate) fn intercepts(&self, to: &str, delivery: &Delivery) -> bool {
        if !self.active.load(Ordering::Relaxed) {
            return false;
        }
        let mut rules = self.rules.lock();
        let name = delivery.message_name();
        let Some(at) = rules.iter().position(|e| e.to == to && e.name == name) else {
            return false;
        };
        let entry = rules.remove(at).expect("found above");
        self.active.store(!rules.is_empty(), Ordering::Relaxed);
        match entry.rule {
            Rule::Expect(take) => {
                take(&delivery.payload);
                false
            }
            Rule::Drop(take) => {
                take(&delivery.payload);
                true
            }
        }
    }

    fn add(&self, entry: Entry) {
        self.rules.lock().push_back(entry);
        self.active.store(true, Ordering::Relaxed);
    }
}

/// Looks into the messages that arrive at one host. Each verb applies to the next message that
/// fits, once.
pub struct Probe {
    host: Host,
}

impl Probe {
    pub(crate) fn new(host: Host) -> Self {
        Self { host }
    }

    /// Resolves with the next `M` to the local actor `to`, which receives it too. The expectation
    /// begins now, not when the future is first polled.
    pub fn expect_message<M: Message + Clone>(&self, to: &str) -> impl Future<Output = M> + use<M> {
        self.take::<M>(to, Rule::Expect)
    }

    /// Drops the next `M` to the local actor `to`; resolves with it when that has happened.
    pub fn drop_message<M: Message + Clone>(&self, to: &str) -> impl Future<Output = M> + use<M> {
        self.take::<M>(to, Rule::Drop)
    }

    fn take<M: Message + Clone>(
        &self,
        to: &str,
        rule: fn(Take) -> Rule,
    ) -> impl Future<Output = M> + use<M> {
        let (seen, message) = oneshot::channel();
        let take: Take = Box::new(move |payload| {
            if let Some(message) = message_of::<M>(payload) {
                // The test may not be interested in what it was.
                let _ = seen.send(message);
            }
        });
        self.host.probe_state().add(Entry { to: to.to_owned(), name: M::NAME, rule: rule(take) });
        async move { message.await.expect("the host outlives what a test expects of it") }
    }

    /// Waits until no actor of this host has anything to handle.
    pub async fn settle(&self) {
        // Handling a message may send others, also over a local socket: quiet is when several
        // looks in a row find nothing.
        let mut quiet = 0;
        while quiet < 5 {
            tokio::task::yield_now().await;
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            quiet = if self.host.is_idle() { quiet + 1 } else { 0 };
        }
    }
}

fn message_of<M: Message + Clone>(payload: &Payload) -> Option<M> {
    match payload {
        Payload::Local { message, .. } => message.downcast_ref::<M>().cloned(),
        Payload::Wire(wire) => protocol::codec::decode(wire.body()).ok(),
        Payload::System(_) => None,
    }
}
