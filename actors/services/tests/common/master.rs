//! A master with one agent, as the driver sees it: offers what is free, starts and ends tasks at
//! once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use protocol::framework::{Offer, Operation};
use protocol::frameworks::{
    AcceptOffers, AcknowledgeUpdate, DeclineOffers, FrameworkSubscribed, KillTask, OffersAccepted,
    ReconcileTasks, ReviveOffers, SubscribeFramework, SuppressOffers,
};
use protocol::scheduler::{ResourceOffers, UpdateStatus};
use protocol::task::{Reason, Source, TaskInfo, TaskState, TaskStatus};
use protocol::{Address, Epoch, FrameworkId, Resources, TaskId, UpdateId};
use runtime::{Actor, Context, Handler, Handlers, Outcome};

/// The tasks that run, and every framework that has subscribed. Shared with the test, and with the
/// next master: the agent outlives both.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    tasks: BTreeMap<TaskId, TaskInfo>,
    frameworks: Vec<Option<FrameworkId>>,
}

impl Ledger {
    pub fn tasks(&self) -> BTreeMap<TaskId, TaskInfo> {
        self.0.lock().unwrap().tasks.clone()
    }

    /// The ids with which schedulers came.
    pub fn frameworks(&self) -> Vec<Option<FrameworkId>> {
        self.0.lock().unwrap().frameworks.clone()
    }
}

/// See the module.
pub struct Master {
    ledger: Ledger,
    scheduler: Option<Address>,
    wanted: bool,
    next: u64,
}

impl Master {
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger, scheduler: None, wanted: true, next: 0 }
    }

    fn id() -> FrameworkId {
        "F-0000".into()
    }

    fn offer(&mut self, ctx: &mut Context<Self>) {
        let Some(scheduler) = self.scheduler.clone().filter(|_| self.wanted) else { return };
        let mut free = Resources::parse("cpus=4;mem=1024;disk=1024;ports=[31000-31099]").unwrap();
        for task in self.ledger.tasks().values() {
            free = free.checked_sub(&task.resources).expect("never more than there is");
        }
        self.next += 1;
        let offer = Offer {
            offer_id: format!("O{}", self.next).into(),
            framework_id: Self::id(),
            agent_id: "S0".into(),
            hostname: "127.0.0.1".into(),
            http: "127.0.0.1:5051".into(),
            role: "*".into(),
            resources: free,
            attributes: BTreeMap::new(),
            executor_ids: vec![],
            unavailability: None,
            domain: None,
        };
        ctx.tell(&scheduler, ResourceOffers { framework_id: Self::id(), offers: vec![offer] });
    }

    fn update(
        &mut self,
        task_id: &TaskId,
        state: TaskState,
        reason: Option<Reason>,
        ctx: &mut Context<Self>,
    ) {
        let Some(scheduler) = self.scheduler.clone() else { return };
        let mut status = TaskStatus::new(task_id.clone(), state, Source::Executor, ctx.now());
        status.agent_id = Some("S0".into());
        status.reason = reason;
        if reason.is_none() {
            self.next += 1;
            status.update_id = Some(UpdateId::from(format!("U{}", self.next)));
        }
        ctx.tell(&scheduler, UpdateStatus { framework_id: Self::id(), status });
    }
}

impl Actor for Master {
    const ABOUT: &'static str = "stands in for a master and its agent";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers
            .on::<SubscribeFramework>()
            .on::<ReviveOffers>()
            .on::<SuppressOffers>()
            .on::<AcceptOffers>()
            .on::<DeclineOffers>()
            .on::<KillTask>()
            .on::<AcknowledgeUpdate>()
            .on::<ReconcileTasks>();
    }
}

impl Handler<SubscribeFramework> for Master {
    fn handle(
        &mut self,
        message: SubscribeFramework,
        ctx: &mut Context<Self>,
    ) -> Outcome<FrameworkSubscribed> {
        self.scheduler = Some(ctx.sender().clone());
        self.ledger.0.lock().unwrap().frameworks.push(message.info.id);
        Outcome::Reply(FrameworkSubscribed { framework_id: Self::id(), epoch: Epoch(1) })
    }
}

impl Handler<ReviveOffers> for Master {
    fn handle(&mut self, _: ReviveOffers, ctx: &mut Context<Self>) -> Outcome<()> {
        self.wanted = true;
        self.offer(ctx);
        Outcome::Reply(())
    }
}

impl Handler<SuppressOffers> for Master {
    fn handle(&mut self, _: SuppressOffers, _: &mut Context<Self>) -> Outcome<()> {
        self.wanted = false;
        Outcome::Reply(())
    }
}

impl Handler<AcceptOffers> for Master {
    fn handle(
        &mut self,
        message: AcceptOffers,
        ctx: &mut Context<Self>,
    ) -> Outcome<OffersAccepted> {
        for operation in message.operations {
            let Operation::Launch { tasks } = operation else { continue };
            for task in tasks {
                let id = task.task_id.clone();
                self.ledger.0.lock().unwrap().tasks.insert(id.clone(), task);
                self.update(&id, TaskState::Running, None, ctx);
            }
        }
        self.offer(ctx);
        Outcome::Reply(OffersAccepted::default())
    }
}

impl Handler<DeclineOffers> for Master {
    fn handle(&mut self, _: DeclineOffers, _: &mut Context<Self>) -> Outcome<()> {
        Outcome::Reply(())
    }
}

impl Handler<KillTask> for Master {
    fn handle(&mut self, message: KillTask, ctx: &mut Context<Self>) -> Outcome<()> {
        self.ledger.0.lock().unwrap().tasks.remove(&message.task_id);
        self.update(&message.task_id, TaskState::Killed, None, ctx);
        self.offer(ctx);
        Outcome::Reply(())
    }
}

impl Handler<AcknowledgeUpdate> for Master {
    fn handle(&mut self, _: AcknowledgeUpdate, _: &mut Context<Self>) -> Outcome<()> {
        Outcome::Reply(())
    }
}

impl Handler<ReconcileTasks> for Master {
    fn handle(&mut self, message: ReconcileTasks, ctx: &mut Context<Self>) -> Outcome<()> {
        let known = self.ledger.tasks();
        let asked = message.tasks.into_iter().map(|question| question.task_id);
        let all: Vec<TaskId> = asked.chain(known.keys().cloned()).collect();
        for task_id in all {
            let there = known.contains_key(&task_id);
            let state = if there { TaskState::Running } else { TaskState::Gone };
            self.update(&task_id, state, Some(Reason::Reconciliation), ctx);
        }
        Outcome::Reply(())
    }
}
