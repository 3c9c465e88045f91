//! Actors that the tests of the runtime share.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without")]

use std::time::Duration;

use protocol::runtime::Exited;
use protocol::{Address, Failure, messages};
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const SOON: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Add {
    pub n: u64,
}
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Sum {}
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Panic {}
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WhoAsks {}
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PassOn {
    pub to: Address,
}
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Watch {
    pub target: Address,
}
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Heard {}
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Announce {
    pub n: u64,
}
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Slow {
    pub ms: u64,
}
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Never {}
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Follow {
    pub publisher: Address,
}

messages! {
    Add, Sum -> u64, Panic, WhoAsks -> String, PassOn -> String, Watch, Heard -> Vec<Exited>,
    Announce, Slow -> u64, Never, Follow,
}

/// Adds what it is told, and does what else the tests need.
#[derive(Default)]
pub struct Counter {
    sum: u64,
    heard: Vec<Exited>,
    kept: Vec<runtime::ReplyTo<()>>,
}

impl Actor for Counter {
    const ABOUT: &'static str = "a sum";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<Add>().on::<Sum>().on::<Panic>().on::<WhoAsks>().on::<PassOn>();
        handlers
            .on::<Watch>()
            .on::<Heard>()
            .on::<Announce>()
            .on::<Slow>()
            .on::<Never>()
            .on::<Follow>();
    }

    fn exited(&mut self, exited: Exited, _: &mut Context<Self>) {
        self.heard.push(exited);
    }

    fn subscribed(&mut self, topic: &str, subscriber: &Address, ctx: &mut Context<Self>) {
        assert_eq!(topic, "numbers");
        ctx.tell(subscriber, Add { n: 1000 });
    }

    fn inspect(&self) -> serde_json::Value {
        serde_json::json!({ "sum": self.sum })
    }
}

impl Handler<Add> for Counter {
    fn handle(&mut self, message: Add, _: &mut Context<Self>) -> Outcome<()> {
        self.sum += message.n;
        Outcome::Reply(())
    }
}

impl Handler<Sum> for Counter {
    fn handle(&mut self, _: Sum, _: &mut Context<Self>) -> Outcome<u64> {
        Outcome::Reply(self.sum)
    }
}

impl Handler<Panic> for Counter {
    fn handle(&mut self, _: Panic, _: &mut Context<Self>) -> Outcome<()> {
        panic!("as the test wants it");
    }
}

impl Handler<WhoAsks> for Counter {
    fn handle(&mut self, _: WhoAsks, ctx: &mut Context<Self>) -> Outcome<String> {
        Outcome::Reply(ctx.sender().to_string())
    }
}

impl Handler<PassOn> for Counter {
    fn handle(&mut self, message: PassOn, ctx: &mut Context<Self>) -> Outcome<String> {
        ctx.forward(&message.to, WhoAsks {})
    }
}

impl Handler<Watch> for Counter {
    fn handle(&mut self, message: Watch, ctx: &mut Context<Self>) -> Outcome<()> {
        ctx.link(&message.target);
        Outcome::Reply(())
    }
}

impl Handler<Heard> for Counter {
    fn handle(&mut self, _: Heard, _: &mut Context<Self>) -> Outcome<Vec<Exited>> {
        Outcome::Reply(self.heard.clone())
    }
}

impl Handler<Announce> for Counter {
    fn handle(&mut self, message: Announce, ctx: &mut Context<Self>) -> Outcome<()> {
        ctx.publish("numbers", &Add { n: message.n });
        Outcome::Reply(())
    }
}

impl Handler<Slow> for Counter {
    fn handle(&mut self, message: Slow, ctx: &mut Context<Self>) -> Outcome<u64> {
        let reply = ctx.defer::<u64>();
        let sleep = tokio::time::sleep(Duration::from_millis(message.ms));
        ctx.wait(sleep, |actor, (), _| reply.reply(actor.sum));
        Outcome::Later
    }
}

impl Handler<Follow> for Counter {
    fn handle(&mut self, message: Follow, ctx: &mut Context<Self>) -> Outcome<()> {
        ctx.follow(&message.publisher, "numbers");
        Outcome::Reply(())
    }
}

impl Handler<Never> for Counter {
    fn handle(&mut self, _: Never, ctx: &mut Context<Self>) -> Outcome<()> {
        self.kept.push(ctx.defer());
        Outcome::Later
    }
}

/// A host that listens on a free loopback port.
pub async fn host() -> Host {
    let listen = Some(([127, 0, 0, 1], 0).into());
    Host::start(HostConfig { cluster: "test".into(), listen, advertise: None }).await.unwrap()
}

/// A host that only dials.
pub async fn client() -> Host {
    Host::start(HostConfig { cluster: "test".into(), listen: None, advertise: None }).await.unwrap()
}

/// Asks until `wanted` holds; panics with the last answer after a while.
pub async fn eventually<T: std::fmt::Debug, F: Future<Output = Result<T, Failure>>>(
    mut look: impl FnMut() -> F,
    wanted: impl Fn(&T) -> bool,
) -> T {
    let mut last = None;
    for _ in 0..500 {
        match look().await {
            Ok(seen) if wanted(&seen) => return seen,
            other => last = Some(other),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never came true; last seen: {last:?}");
}
