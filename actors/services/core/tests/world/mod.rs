//! A services core in a world of one store, one master and a clock, all under the test's control.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod master;
pub mod store;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use protocol::elector::{Leader, Leadership};
use protocol::framework::Operation;
use protocol::services::*;
use protocol::task::TaskState;
use protocol::{CallId, Epoch, Failure, TaskId, Time};
use services_core::{Answer, Config, Effect, Event, Input, PersistId, Services, Timer, Write};

use master::Master;
use store::Store;

pub struct World {
    pub now: Time,
    pub core: Services,
    pub epoch: Epoch,
    pub store: Store,
    /// Writes on their way to the disk, in order.
    pub writing: VecDeque<(Epoch, PersistId, Vec<Write>)>,
    /// Writes become durable at once.
    pub instant: bool,
    pub timers: BTreeMap<Timer, Time>,
    pub master: Master,
    pub replies: BTreeMap<CallId, Result<Answer, Failure>>,
    pub events: Vec<Event>,
    pub explained: Vec<protocol::explain::AppExplanation>,
    calls: u64,
}

impl World {
    /// A leader that is subscribed with a master of `agents` agents, 4 cpus and 1000 ports each.
    pub fn new(agents: usize) -> Self {
        let mut world = Self {
            now: Time::from_millis(1_000_000),
            core: Services::new(Config::default(), 1),
            epoch: Epoch(0),
            store: Store::default(),
            writing: VecDeque::new(),
            instant: true,
            timers: BTreeMap::new(),
            master: Master::new(agents),
            replies: BTreeMap::new(),
            events: Vec::new(),
            explained: Vec::new(),
            calls: 0,
        };
        world.lead();
        world
    }

    /// Wins leadership, with whatever is durable.
    pub fn lead(&mut self) {
        self.epoch = self.epoch.next();
        let leader = Leader { host: "h:1".parse().unwrap(), http: "h:2".into(), epoch: self.epoch };
        self.input(Input::LeaderChanged(Leadership { leader: Some(leader), leading: true }));
    }

    /// The process dies; `durable` of the writes under way had reached the disk.
    pub fn crash(&mut self, durable: usize) {
        for (_, _, writes) in self.writing.drain(..).take(durable) {
            self.store.apply(writes);
        }
        self.writing.clear();
        self.timers.clear();
        self.master.connected = false;
        self.core = Services::new(Config::default(), u128::from(self.epoch.0) + 7);
        self.lead();
    }

    pub fn input(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut effects = Vec::new();
            self.core.step(self.now, input, &mut effects);
            for effect in effects {
                inputs.extend(self.perform(effect));
            }
            if self.instant {
                while let Some(persisted) = self.write_one() {
                    inputs.push_back(persisted);
                }
            }
        }
    }

    /// One batch of writes reaches the disk.
    pub fn write_one(&mut self) -> Option<Input> {
        let (epoch, id, writes) = self.writing.pop_front()?;
        self.store.apply(writes);
        Some(Input::Persisted { epoch, id })
    }

    fn perform(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Load { epoch } => {
                return Some(Input::Loaded { epoch, records: self.store.records() });
            }
            Effect::Persist { id, epoch, writes } => self.writing.push_back((epoch, id, writes)),
            Effect::Subscribe { framework_id } => {
                let framework_id = self.master.subscribe(framework_id);
                return Some(Input::Subscribed { framework_id });
            }
            Effect::Accept { offer_ids, tasks, .. } => {
                for task in &tasks {
                    assert!(self.store.instances.contains_key(&task.task_id), "not durable");
                }
                self.master.accept(self.now, &offer_ids, vec![Operation::Launch { tasks }]);
            }
            Effect::Decline { offer_ids, .. } => self.master.decline(&offer_ids),
            Effect::Revive => {
                self.master.suppressed = false;
                self.master.revivals += 1;
            }
            Effect::Suppress => self.master.suppressed = true,
            Effect::Kill { task_id, .. } => self.master.kill(self.now, &task_id),
            Effect::Reconcile { tasks } => self.master.reconcile(self.now, &tasks),
            Effect::Acknowledge { status } => {
                if status.state.is_terminal() {
                    let known = self.store.instances.contains_key(&status.task_id);
                    assert!(
                        !known,
                        "the end of {} is acknowledged but not durable",
                        status.task_id
                    );
                }
                self.master.acknowledge(&status);
            }
            Effect::Reply { call, result } => {
                let before = self.replies.insert(call, result);
                assert_eq!(before, None, "answered twice");
            }
            Effect::SetTimer { timer, at } => drop(self.timers.insert(timer, at)),
            Effect::CancelTimer { timer } => drop(self.timers.remove(&timer)),
            Effect::Emit(event) => self.events.push(event),
            // The master of this world does not say why.
            Effect::Explain { explanation, .. } => self.explained.push(*explanation),
            Effect::Unsubscribe => self.master.connected = false,
            Effect::Fail { why } => panic!("failed: {why}"),
        }
        None
    }

    /// Moves the clock; timers fire in order.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some((timer, at)) =
            self.timers.iter().min_by_key(|(_, at)| **at).map(|(t, at)| (t.clone(), *at))
        {
            if at > end {
                break;
            }
            self.now = self.now.max(at);
            self.timers.remove(&timer);
            self.input(Input::TimerFired(timer));
        }
        self.now = end;
    }

    /// The master offers what is free, if anything is wanted.
    pub fn offer(&mut self) {
        let offers = self.master.offer();
        if !offers.is_empty() {
            self.input(Input::Offers { offers });
        }
    }

    /// Delivers what the master has to say, once each.
    pub fn deliver(&mut self) {
        for status in self.master.take_updates() {
            self.input(Input::Update { status });
        }
    }

    /// Until nothing happens any more but what time brings: just over the half second for which
    /// the revival of offers may be held back, and less than any backoff.
    pub fn settle(&mut self) {
        for _ in 0..50 {
            self.master.progress(self.now);
            self.deliver();
            self.offer();
            self.advance(Duration::from_millis(11));
        }
    }

    /// Settles over a long time: every backoff passes, every kill is repeated.
    pub fn settle_for_long(&mut self) {
        for _ in 0..40 {
            self.settle();
            self.advance(Duration::from_secs(30));
        }
        self.settle();
    }

    pub fn call(&mut self, make: impl FnOnce(CallId) -> Input) -> Result<Answer, Failure> {
        let call = self.start_call(make);
        self.replies.remove(&call).expect("answered")
    }

    pub fn start_call(&mut self, make: impl FnOnce(CallId) -> Input) -> CallId {
        self.calls += 1;
        let call = CallId(self.calls);
        self.input(make(call));
        call
    }

    pub fn put(&mut self, spec: AppSpec) -> AppAccepted {
        let message = PutApp { spec, mode: PutMode::Upsert, force: true, if_version: None };
        accepted(self.call(|call| Input::PutApp { call, message }))
    }

    pub fn scale(&mut self, id: &str, instances: u32) -> AppAccepted {
        let message = ScaleApp { id: id.into(), instances, force: true };
        accepted(self.call(|call| Input::ScaleApp { call, message }))
    }

    pub fn restart(&mut self, id: &str) -> AppAccepted {
        let message = RestartApp { id: id.into(), force: true };
        accepted(self.call(|call| Input::RestartApp { call, message }))
    }

    pub fn delete(&mut self, id: &str) -> AppAccepted {
        let message = DeleteApp { id: id.into(), force: true };
        accepted(self.call(|call| Input::DeleteApp { call, message }))
    }

    pub fn app(&mut self, id: &str) -> Result<AppStatus, Failure> {
        let message = GetApp { id: id.into() };
        match self.call(|call| Input::GetApp { call, message })? {
            Answer::App(status) => Ok(status),
            other => panic!("not an app: {other:?}"),
        }
    }

    pub fn deployments(&mut self) -> Vec<Deployment> {
        match self.call(|call| Input::GetDeployments { call }) {
            Ok(Answer::Deployments(list)) => list.deployments,
            other => panic!("not deployments: {other:?}"),
        }
    }

    /// The tasks of an app that the master sees alive.
    pub fn tasks(&self, id: &str) -> Vec<TaskId> {
        self.master.live_tasks(&id[1..])
    }

    /// How many of an app's tasks run.
    pub fn running(&self, id: &str) -> usize {
        let tasks = self.tasks(id);
        tasks.iter().filter(|id| self.master.tasks[*id].state == TaskState::Running).count()
    }

    /// A running task ends by itself.
    pub fn end(&mut self, task_id: &TaskId, state: TaskState) {
        self.master.end(self.now, task_id, state);
        self.deliver();
    }
}

pub fn accepted(result: Result<Answer, Failure>) -> AppAccepted {
    match result {
        Ok(Answer::Accepted(accepted)) => accepted,
        Ok(Answer::Killed(InstancesKilled { accepted: Some(accepted), .. })) => accepted,
        other => panic!("not accepted: {other:?}"),
    }
}

/// An app of one cpu and one port.
pub fn spec(id: &str, instances: u32) -> AppSpec {
    let json = serde_json::json!({
        "id": id, "cmd": "serve", "instances": instances, "cpus": 0.5, "mem": 16, "disk": 0,
        "ports": [{ "port": 0 }],
        "backoff_ms": 1000, "backoff_factor": 1.15, "max_launch_delay_ms": 300_000,
    });
    serde_json::from_value(json).unwrap()
}
