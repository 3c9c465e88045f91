//! Reports in, batches out, and readers that wait for the next event.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::elector::{LEADER_TOPIC, LeaderChanged, Leadership};
use protocol::events::{EventBatch, NextEvents, Report, types};
use protocol::id::Epoch;
use protocol::{Address, Failure, FailureKind};
use runtime::{Actor, Context, Handler, Handlers, Host, HostError, Outcome, ReplyTo, SpawnOptions};
use serde_json::json;

use crate::log::{Log, Types, check_data};

/// Its name on every host that has one.
pub const NAME: &str = "events";

/// Where the leadership is learned.
const ELECTOR: &str = "elector";
/// The longest that a reader can wait for an event.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// Readers that can wait at the same time; one more is refused. Each costs a look at every event.
const MAX_WAITING: usize = 4096;
/// Reports that can wait: a burst of a few thousand tasks that change state twice.
const CAPACITY: usize = 1 << 15;

/// See the crate.
#[derive(Debug, Default)]
pub struct Events {
    log: Log,
    /// Absent: this host has none.
    elector: Option<&'static str>,
    leadership: Option<Leadership>,
    epoch: Epoch,
    waiting: BTreeMap<u64, Waiting>,
    readers: u64,
}

/// A reader that has seen everything and waits for more.
#[derive(Debug)]
struct Waiting {
    types: Types,
    reply: ReplyTo<EventBatch>,
}

/// The reader of this number has waited long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Patience(u64);

/// Starts it on a host that has an elector, whose epochs its events bear.
pub fn spawn(host: &Host) -> Result<Address, HostError> {
    start(host, Some(ELECTOR))
}

/// Starts it on a host that never leads.
pub fn spawn_without_elector(host: &Host) -> Result<Address, HostError> {
    start(host, None)
}

fn start(host: &Host, elector: Option<&'static str>) -> Result<Address, HostError> {
    let options = SpawnOptions { capacity: CAPACITY, ..SpawnOptions::default() };
    host.spawn(NAME, options, move || Events { elector, ..Events::default() })
}

impl Events {
    fn record(&mut self, report: Report, ctx: &mut Context<Self>) -> Result<(), Failure> {
        let kind = Types::one(&report.kind)?;
        check_data(&report.data)?;
        let readers = self.waiting.iter().filter(|(_, reader)| reader.types.contains(kind));
        let interested: Vec<u64> = readers.map(|(id, _)| *id).collect();
        let event = self.log.append((kind, report.kind), report.data, self.epoch, ctx.now());
        for id in interested {
            ctx.cancel_timer(&Patience(id));
            let Some(reader) = self.waiting.remove(&id) else { continue };
            let events = vec![event.clone()];
            let (next, epoch) = (event.seq, Some(event.epoch));
            reader.reply.reply(EventBatch { events, next, epoch, missed: 0 });
        }
        Ok(())
    }

    fn read(
        &mut self,
        message: &NextEvents,
        ctx: &mut Context<Self>,
    ) -> Result<Outcome<EventBatch>, Failure> {
        let types = Types::named(&message.types)?;
        let after = message.after.unwrap_or_else(|| self.log.last());
        self.log.check_position(after, message.epoch)?;
        let batch = self.log.after(after, types, message.max);
        if message.wait_ms == 0 || !batch.events.is_empty() || batch.missed > 0 {
            return Ok(Outcome::Reply(batch));
        }
        if self.waiting.len() >= MAX_WAITING {
            let text = format!("{MAX_WAITING} readers wait already; ask again, or without waiting");
            return Err(Failure::new(FailureKind::Overloaded, text));
        }
        self.readers += 1;
        let wait = Duration::from_millis(message.wait_ms).min(MAX_WAIT);
        ctx.set_timer(Patience(self.readers), wait);
        self.waiting.insert(self.readers, Waiting { types, reply: ctx.defer() });
        Ok(Outcome::Later)
    }
}

impl Actor for Events {
    const ABOUT: &'static str = "the ordered event log of this host, and those who wait for it";
    type Timer = Patience;

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<Report>().on::<NextEvents>().on::<LeaderChanged>();
    }

    fn started(&mut self, ctx: &mut Context<Self>) {
        if let Some(elector) = self.elector {
            let elector = ctx.local(elector);
            ctx.follow(&elector, LEADER_TOPIC);
        }
    }

    fn timer(&mut self, reader: Patience, _: &mut Context<Self>) {
        if let Some(reader) = self.waiting.remove(&reader.0) {
            reader.reply.reply(self.log.end());
        }
    }

    fn inspect(&self) -> serde_json::Value {
        json!({
            "last": self.log.last(),
            "kept": self.log.len(),
            "waiting": self.waiting.len(),
            "epoch": self.epoch,
        })
    }
}

impl Handler<Report> for Events {
    fn handle(&mut self, message: Report, ctx: &mut Context<Self>) -> Outcome<()> {
        let recorded = self.record(message, ctx);
        if let Err(failure) = &recorded {
            tracing::warn!(from = %ctx.sender(), %failure, "event not recorded");
        }
        recorded.into()
    }
}

impl Handler<NextEvents> for Events {
    fn handle(&mut self, message: NextEvents, ctx: &mut Context<Self>) -> Outcome<EventBatch> {
        self.read(&message, ctx).unwrap_or_else(Outcome::Refuse)
    }
}

impl Handler<LeaderChanged> for Events {
    fn handle(&mut self, message: LeaderChanged, ctx: &mut Context<Self>) -> Outcome<()> {
        if let Err(failure) = ctx.only_from(&ctx.local(ELECTOR)) {
            return Outcome::Refuse(failure);
        }
        // Told once on subscription too: only news is an event.
        if self.leadership.as_ref() == Some(&message.leadership) {
            return Outcome::Reply(());
        }
        if let Some(leader) = &message.leadership.leader {
            self.epoch = leader.epoch;
        }
        let data = json!({
            "leader": message.leadership.leader,
            "leading": message.leadership.leading,
        });
        self.leadership = Some(message.leadership);
        self.record(Report { kind: types::LEADER_CHANGED.to_owned(), data }, ctx).into()
    }
}
