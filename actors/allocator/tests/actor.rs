//! The actor on a real host: facts from one sender, allocations back to it, questions from anyone.

#![allow(clippy::unwrap_used, reason = "a test that fails here is told where")]

use std::collections::BTreeMap;
use std::time::Duration;

use allocator::{Options, spawn};
use protocol::allocator::{AddAgent, AddFramework, GetRoles, ResetAllocator, SetFrameworkActive};
use protocol::framework::{AgentInfo, FrameworkInfo};
use protocol::frameworks::OfferAllocations;
use protocol::id::Epoch;
use protocol::metrics::GetMetrics;
use protocol::runtime::Inspect;
use protocol::{Address, FailureKind, Generation, Message, Resources};
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};
use tokio::sync::mpsc;

const SOON: Duration = Duration::from_secs(5);

/// Plays the part of `frameworks`: tells the facts when it starts, keeps what is offered.
struct Teller {
    allocator: Address,
    offers: mpsc::UnboundedSender<OfferAllocations>,
}

impl Actor for Teller {
    const ABOUT: &'static str = "facts for a test";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<OfferAllocations>();
    }

    fn started(&mut self, ctx: &mut Context<Self>) {
        let to = self.allocator.clone();
        ctx.tell(&to, ResetAllocator { epoch: Epoch(3), round: 8 });
        ctx.tell(&to, framework());
        let info = AgentInfo {
            hostname: "a".into(),
            host: ctx.host().addr().clone(),
            http: "127.0.0.1:5051".into(),
            resources: Resources::parse("cpus=4;mem=1024;ports=[31000-32000]").unwrap(),
            attributes: BTreeMap::new(),
            domain: None,
            boot_id: String::new(),
            version: String::new(),
        };
        let agent_id = "a".into();
        ctx.tell(&to, AddAgent { agent_id, generation: Generation(1), info, used: Vec::new() });
    }
}

impl Handler<OfferAllocations> for Teller {
    fn handle(&mut self, message: OfferAllocations, _: &mut Context<Self>) -> Outcome<()> {
        self.offers.send(message).unwrap();
        Outcome::Reply(())
    }
}

fn framework() -> AddFramework {
    AddFramework {
        framework_id: "f".into(),
        info: FrameworkInfo { roles: vec!["web".into()], ..FrameworkInfo::new("root", "test") },
        suppressed_roles: Vec::new(),
        active: true,
        offer_constraints: None,
    }
}

async fn host() -> Host {
    let listen = Some("127.0.0.1:0".parse().unwrap());
    Host::start(HostConfig { cluster: "test".into(), listen, advertise: None }).await.unwrap()
}

async fn refusal<M: Message>(host: &Host, message: M) -> (FailureKind, String) {
    let to = host.address_of("allocator");
    let failure = host.ask(&to, message, SOON).await.unwrap_err();
    (failure.kind, failure.message)
}

#[actix_rt::test]
async fn facts_of_one_sender_become_offers_to_it_and_shares_for_everyone() {
    let host = host().await;
    let allocator = spawn(&host, Options::default()).unwrap();
    let metrics = host.ask(&allocator, GetMetrics {}, SOON).await.unwrap();
    assert!(metrics.values.is_empty(), "{metrics:?}");
    let (kind, text) = refusal(&host, framework()).await;
    assert_eq!(kind, FailureKind::Refused);
    assert!(text.contains("ResetAllocator"), "{text}");

    let (offers, mut offered) = mpsc::unbounded_channel();
    let to = allocator.clone();
    let teller = move || Teller { allocator: to.clone(), offers: offers.clone() };
    host.spawn("frameworks", SpawnOptions::default(), teller).unwrap();
    let offer = tokio::time::timeout(SOON, offered.recv()).await.unwrap().unwrap();
    assert_eq!((offer.round, offer.allocations.len()), (8, 1));
    assert_eq!(offer.allocations[0].resources.ranges("ports").len(), 1001);

    let roles = host.ask(&allocator, GetRoles {}, SOON).await.unwrap();
    assert_eq!((roles.policy.as_str(), roles.roles[0].dominant_share), ("drf", 1.0));
    let inspection = host.ask(&allocator, Inspect {}, SOON).await.unwrap();
    assert_eq!(inspection.state["conservation"], "holds");
    assert_eq!(inspection.state["epoch"], 3);
    let metrics = host.ask(&allocator, GetMetrics {}, SOON).await.unwrap().values;
    let runs = metrics["allocator/mesos/allocation_runs"];
    assert!(runs >= 1.0 && metrics["allocator/mesos/allocation_run_ms/count"] == runs);
    assert!(metrics["allocator/mesos/allocation_run_latency_ms/p99"] > 0.0, "{metrics:?}");

    let stranger = SetFrameworkActive { framework_id: "f".into(), active: false };
    assert!(refusal(&host, stranger).await.1.contains("frameworks@"));
    let deposed = ResetAllocator { epoch: Epoch(2), round: 9 };
    assert!(refusal(&host, deposed).await.1.contains("epoch 2 is over"));
    host.shutdown().await;
}
