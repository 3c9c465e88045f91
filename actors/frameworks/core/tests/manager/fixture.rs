//! A frameworks manager on a bench: the test plays everybody else.

use std::collections::BTreeSet;
use std::time::Duration;

use frameworks_core::{
    Answer, Config, Effect, Input, News, Request, State, Subject, Timer, ToAgents, ToAllocator,
    ToScheduler,
};
use protocol::allocator::{AddAgent, RecoverResources};
use protocol::elector::{Leader, Leadership};
use protocol::framework::{
    AgentInfo, Allocation, Capability, Filters, FrameworkInfo, Offer, Operation,
};
use protocol::frameworks::{
    AcceptOffers, AgentJoined, AgentLeft, AgentLossCause, AgentsRecovered, ForwardUpdate,
    GetFrameworks, GetOffers, GetTasks, OfferAllocations, RefusedOperation, SubscribeFramework,
    ViewFrameworks,
};
use protocol::id::{AgentId, CallId, Epoch, FrameworkId, Generation, OfferId, TaskId, UpdateId};
use protocol::registrar::{Registry, RegistrySnapshot};
use protocol::task::{CommandInfo, ExecutorKind, Source, Task, TaskInfo, TaskState, TaskStatus};
use protocol::{Address, Failure, FailureKind, Resources, Time};

pub(crate) const EPOCH: Epoch = Epoch(7);
/// When agents become unreachable, as the registry has it.
pub(crate) const UNREACHABLE: Time = Time(999_000_000);

pub(crate) struct Bench {
    pub(crate) state: State,
    pub(crate) now: Time,
    calls: u64,
    steps: u64,
    pub(crate) round: u64,
}

/// What one step wanted done.
#[derive(Debug)]
pub(crate) struct Out(pub(crate) Vec<Effect>);

pub(crate) fn address(text: &str) -> Address {
    text.parse().unwrap()
}

pub(crate) fn scheduler() -> Address {
    address("scheduler@10.0.0.9:9000")
}

pub(crate) fn bag(text: &str) -> Resources {
    Resources::parse(text).unwrap()
}

pub(crate) fn leadership(leading: bool) -> Leadership {
    let host = "10.0.0.1:7050".parse().unwrap();
    let leader = Leader { host, http: "10.0.0.1:5050".into(), epoch: EPOCH };
    Leadership { leader: Some(leader), leading }
}

/// A framework with a minute to fail over, that understands partitions.
pub(crate) fn info(name: &str) -> FrameworkInfo {
    FrameworkInfo {
        failover_timeout_ms: 60_000,
        roles: vec!["dev".into()],
        hostname: "here".into(),
        capabilities: BTreeSet::from([Capability::PartitionAware]),
        ..FrameworkInfo::new("root", name)
    }
}

pub(crate) fn command(task: &str, agent: &str, resources: &str) -> TaskInfo {
    TaskInfo {
        task_id: task.into(),
        name: task.into(),
        agent_id: agent.into(),
        resources: bag(resources),
        command: Some(CommandInfo {
            value: Some("true".into()),
            shell: true,
            ..Default::default()
        }),
        executor: None,
        kill_policy: None,
        labels: vec![],
        data: None,
    }
}

pub(crate) fn reported(framework: &FrameworkId, task: &str, agent: &str, state: TaskState) -> Task {
    Task {
        task_id: task.into(),
        framework_id: framework.clone(),
        agent_id: agent.into(),
        executor_id: task.into(),
        executor_kind: ExecutorKind::Command,
        name: task.into(),
        role: "dev".into(),
        resources: bag("cpus=1;mem=100"),
        labels: vec![],
        state,
        status: Some(status(task, agent, state, "u0")),
    }
}

pub(crate) fn status(task: &str, agent: &str, state: TaskState, update: &str) -> TaskStatus {
    let mut status = TaskStatus::new(task.into(), state, Source::Executor, Time(1));
    status.agent_id = Some(agent.into());
    status.executor_id = Some(task.into());
    status.update_id = Some(UpdateId::from(update));
    status
}

impl Bench {
    /// A standby.
    pub(crate) fn new() -> Self {
        let state = State::new(Config::default());
        Self { state, now: Time::from_millis(1_000_000), calls: 0, steps: 0, round: 0 }
    }

    /// A leader with an empty registry.
    pub(crate) fn leading() -> Self {
        Self::leading_with(Registry::default()).0
    }

    pub(crate) fn leading_with(registry: Registry) -> (Self, Out) {
        let mut bench = Self::new();
        let elected = bench.elect();
        assert_eq!(elected.0, [Effect::LoadRegistry { epoch: EPOCH }]);
        let out = bench.load(registry);
        let introduced = Request::Introduce(AgentsRecovered { epoch: EPOCH, agents: vec![] });
        bench.ask(&address("agents@10.0.0.1:7050"), introduced).done();
        (bench, out)
    }

    pub(crate) fn elect(&mut self) -> Out {
        self.step(Input::LeaderChanged { leadership: leadership(true), run: "run".into() })
    }

    pub(crate) fn load(&mut self, registry: Registry) -> Out {
        let result = Ok(RegistrySnapshot { epoch: EPOCH, registry });
        self.step(Input::RegistryLoaded { epoch: EPOCH, result })
    }

    pub(crate) fn step(&mut self, input: Input) -> Out {
        let mut out = Vec::new();
        self.state.step(self.now, input.clone(), &mut out);
        if let Err(violation) = self.state.check() {
            panic!("{violation} after {input:?}");
        }
        self.steps += 1;
        // Not every time, so that several changes wait for a reader.
        if self.steps.is_multiple_of(3) && self.state.term().is_some() {
            self.check_view();
        }
        let out = Out(out);
        for message in out.to_allocator() {
            if let ToAllocator::Reset(reset) = message {
                self.round = reset.round;
            }
        }
        out
    }

    /// What readers have in view is what the lists say.
    fn check_view(&mut self) {
        let mut answer = |request| {
            let (call, from) = (CallId(0), address("anyone@10.0.0.9:1"));
            let mut out = Vec::new();
            self.state.step(self.now, Input::Asked { call, from, request }, &mut out);
            match out.pop() {
                Some(Effect::Reply { result: Ok(answer), .. }) => answer,
                other => panic!("{other:?}"),
            }
        };
        let Answer::View(view) = answer(Request::View(ViewFrameworks {})) else { panic!() };
        let Answer::Offers(offers) = answer(Request::ListOffers(GetOffers {})) else { panic!() };
        assert!(view.offers.iter().eq(&offers.offers));
        let all = GetTasks { completed: true, ..GetTasks::default() };
        let Answer::Tasks(tasks) = answer(Request::ListTasks(all)) else { panic!() };
        let frameworks =
            view.frameworks.iter().chain(view.completed_frameworks.iter().map(|f| &**f));
        let ended = frameworks.flat_map(|framework| &framework.completed).map(|task| &**task);
        assert!(view.tasks.iter().chain(ended).eq(&tasks.tasks));
        let frameworks = Request::ListFrameworks(GetFrameworks::default());
        let Answer::Frameworks(frameworks) = answer(frameworks) else { panic!() };
        let summaries = frameworks.frameworks.iter().map(|f| (&f.framework_id, &f.info, f.active));
        assert!(view.frameworks.iter().map(|f| (&f.framework_id, &f.info, f.active)).eq(summaries));
        let agents = self.state.term().unwrap().agents().map(|(id, agent)| (id, agent.used()));
        assert!(view.uses.iter().map(|it| (&it.agent_id, &it.used)).eq(agents));
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    pub(crate) fn ask(&mut self, from: &Address, request: Request) -> Out {
        self.calls += 1;
        self.step(Input::Asked { call: CallId(self.calls), from: from.clone(), request })
    }

    pub(crate) fn call(&mut self, request: Request) -> Out {
        self.ask(&scheduler(), request)
    }

    pub(crate) fn tell(&mut self, news: News) -> Out {
        self.step(Input::Told(news))
    }

    pub(crate) fn fire(&mut self, timer: Timer) -> Out {
        self.step(Input::TimerFired(timer))
    }

    pub(crate) fn begin_subscription(&mut self, from: &Address, info: FrameworkInfo) -> Out {
        self.ask(from, Request::Subscribe(SubscribeFramework::new(info)))
    }

    pub(crate) fn recorded(&mut self, id: &FrameworkId, result: Result<(), Failure>) -> Out {
        self.step(Input::Recorded { epoch: EPOCH, subject: Subject::Framework(id.clone()), result })
    }

    /// Subscribes, with the registry writing at once if it has to.
    pub(crate) fn subscribe_as(&mut self, from: &Address, info: FrameworkInfo) -> FrameworkId {
        let mut out = self.begin_subscription(from, info);
        if let Some(id) = out.record() {
            out = self.recorded(&id, Ok(()));
        }
        match out.answer() {
            Ok(Answer::Subscribed(subscribed)) => subscribed.framework_id,
            other => panic!("not subscribed: {other:?}"),
        }
    }

    pub(crate) fn subscribe(&mut self) -> FrameworkId {
        self.subscribe_as(&scheduler(), info("demo"))
    }

    /// Leading, with a framework that knows no partitions.
    pub(crate) fn with_plain_framework() -> (Self, FrameworkId) {
        let mut bench = Self::leading();
        let mut plain = info("plain");
        plain.capabilities.clear();
        let id = bench.subscribe_as(&scheduler(), plain);
        (bench, id)
    }

    pub(crate) fn join(&mut self, agent: &str, generation: u64, tasks: Vec<Task>) -> Out {
        self.tell(News::AgentJoined(joined(agent, generation, tasks)))
    }

    pub(crate) fn leave(&mut self, agent: &str, generation: u64, cause: AgentLossCause) -> Out {
        self.tell(News::AgentLeft(AgentLeft {
            agent_id: agent.into(),
            generation: Generation(generation),
            cause,
            since: (cause == AgentLossCause::Unreachable).then_some(UNREACHABLE),
        }))
    }

    pub(crate) fn allocate(&mut self, id: &FrameworkId, agent: &str, resources: &str) -> Out {
        let allocations = vec![allocation(id, agent, 1, resources)];
        let message = OfferAllocations { round: self.round, allocations };
        self.tell(News::Allocations(message))
    }

    /// An offer of that much.
    pub(crate) fn offer(&mut self, id: &FrameworkId, agent: &str, resources: &str) -> OfferId {
        let out = self.allocate(id, agent, resources);
        out.offers().first().expect("an offer is made").offer_id.clone()
    }

    pub(crate) fn accept(
        &mut self,
        id: &FrameworkId,
        offers: &[OfferId],
        tasks: Vec<TaskInfo>,
    ) -> Out {
        self.call(Request::Accept(AcceptOffers {
            framework_id: id.clone(),
            offer_ids: offers.to_vec(),
            operations: vec![Operation::Launch { tasks }],
            filters: Filters::default(),
        }))
    }

    /// A leader, a framework, an agent of 4 cpus, and a task of 1 cpu launched on it.
    pub(crate) fn with_task() -> (Self, FrameworkId) {
        let mut bench = Self::leading();
        let id = bench.subscribe();
        bench.join("a1", 1, vec![]);
        bench.launch(&id, "t1");
        (bench, id)
    }

    /// Launches a task of 1 cpu and 100 MB on `a1`, out of an offer of just that.
    pub(crate) fn launch(&mut self, id: &FrameworkId, task: &str) {
        let offer = self.offer(id, "a1", "cpus=1;mem=100");
        self.accept(id, &[offer], vec![command(task, "a1", "cpus=1;mem=100")]).done();
    }

    pub(crate) fn update(
        &mut self,
        id: &FrameworkId,
        task: &str,
        state: TaskState,
        update: &str,
    ) -> Out {
        self.tell(News::Update(ForwardUpdate {
            framework_id: id.clone(),
            agent_id: "a1".into(),
            status: status(task, "a1", state, update),
            latest_state: state,
        }))
    }

    /// The state of a task in the ledger.
    pub(crate) fn state_of(&self, task: &str) -> Option<TaskState> {
        let mut tasks = self.state.term().unwrap().tasks();
        tasks.find(|(key, _)| key.task_id == TaskId::from(task)).map(|(_, e)| e.task().state)
    }

    /// The remembered state of a task that has ended.
    pub(crate) fn ended_state_of(&mut self, task: &str) -> Option<TaskState> {
        let question = GetTasks { framework_id: None, task_id: Some(task.into()), completed: true };
        match self.call(Request::ListTasks(question)).answer() {
            Ok(Answer::Tasks(list)) => list.tasks.last().map(|task| task.state),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn allocation(
    id: &FrameworkId,
    agent: &str,
    generation: u64,
    resources: &str,
) -> Allocation {
    Allocation {
        framework_id: id.clone(),
        role: "dev".into(),
        agent_id: agent.into(),
        generation: Generation(generation),
        resources: bag(resources),
    }
}

pub(crate) fn agent_info(resources: &str) -> AgentInfo {
    AgentInfo {
        hostname: "node".into(),
        host: "10.0.0.2:7051".parse().unwrap(),
        http: "10.0.0.2:5051".into(),
        resources: bag(resources),
        attributes: Default::default(),
        domain: None,
        boot_id: "boot".into(),
        version: "0".into(),
    }
}

pub(crate) fn joined(agent: &str, generation: u64, tasks: Vec<Task>) -> AgentJoined {
    AgentJoined {
        agent_id: AgentId::from(agent),
        generation: Generation(generation),
        info: agent_info("cpus=4;mem=4000;ports=[31000-31009]"),
        tasks,
        executors: vec![],
        frameworks: vec![],
        operations: vec![],
    }
}

impl Out {
    /// The one answer of this step.
    pub(crate) fn answer(&self) -> Result<Answer, Failure> {
        let mut answers = self.0.iter().filter_map(|e| match e {
            Effect::Reply { result, .. } => Some(result.clone()),
            _ => None,
        });
        let answer = answers.next().expect("a call is answered");
        assert!(answers.next().is_none(), "a call is answered once");
        answer
    }

    /// Done, and all of it.
    pub(crate) fn done(&self) {
        match self.answer() {
            Ok(Answer::Accepted(accepted)) => assert!(accepted.refused.is_empty(), "{accepted:?}"),
            answer => assert_eq!(answer, Ok(Answer::Done)),
        }
    }

    /// Which operations of an accept were not done, and why.
    pub(crate) fn not_done(&self) -> Vec<RefusedOperation> {
        match self.answer() {
            Ok(Answer::Accepted(accepted)) => accepted.refused,
            answer => panic!("{answer:?}"),
        }
    }

    pub(crate) fn refused(&self) -> Failure {
        self.answer().expect_err("the call is refused")
    }

    pub(crate) fn refused_as(&self, kind: FailureKind, part: &str) {
        let failure = self.refused();
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.message.contains(part), "`{failure}` does not contain `{part}`");
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.0.iter().any(|e| matches!(e, Effect::Reply { .. }))
    }

    pub(crate) fn record(&self) -> Option<FrameworkId> {
        self.0.iter().find_map(|e| match e {
            Effect::Record { subject: Subject::Framework(id), .. } => Some(id.clone()),
            _ => None,
        })
    }

    pub(crate) fn to_scheduler(&self) -> Vec<&ToScheduler> {
        let messages = self.0.iter().filter_map(|e| match e {
            Effect::ToScheduler { message, .. } => Some(message),
            _ => None,
        });
        messages.collect()
    }

    pub(crate) fn to_agents(&self) -> Vec<&ToAgents> {
        let messages = self.0.iter().filter_map(|e| match e {
            Effect::ToAgents(message) => Some(message),
            _ => None,
        });
        messages.collect()
    }

    pub(crate) fn to_allocator(&self) -> Vec<&ToAllocator> {
        let messages = self.0.iter().filter_map(|e| match e {
            Effect::ToAllocator(message) => Some(message),
            _ => None,
        });
        messages.collect()
    }

    pub(crate) fn offers(&self) -> Vec<&Offer> {
        let lists = self.to_scheduler().into_iter().filter_map(|m| match m {
            ToScheduler::Offers(offers) => Some(&offers.offers),
            _ => None,
        });
        lists.flatten().collect()
    }

    pub(crate) fn statuses(&self) -> Vec<&TaskStatus> {
        let statuses = self.to_scheduler().into_iter().filter_map(|m| match m {
            ToScheduler::Update(update) => Some(&update.status),
            _ => None,
        });
        statuses.collect()
    }

    pub(crate) fn states(&self) -> Vec<TaskState> {
        self.statuses().into_iter().map(|s| s.state).collect()
    }

    pub(crate) fn rescinded(&self) -> usize {
        let lists = self.to_scheduler().into_iter().map(|m| match m {
            ToScheduler::Rescind(rescind) => rescind.offer_ids.len(),
            _ => 0,
        });
        lists.sum()
    }

    pub(crate) fn recovered(&self) -> Vec<&RecoverResources> {
        let recovered = self.to_allocator().into_iter().filter_map(|m| match m {
            ToAllocator::Recover(recover) => Some(recover),
            _ => None,
        });
        recovered.collect()
    }

    /// Sum of what was given back to the allocator.
    pub(crate) fn given_back(&self) -> Resources {
        self.recovered().into_iter().map(|r| &r.resources).sum()
    }

    pub(crate) fn added_agent(&self) -> &AddAgent {
        let mut added = self.to_allocator().into_iter().filter_map(|m| match m {
            ToAllocator::AddAgent(add) => Some(add),
            _ => None,
        });
        added.next().expect("the allocator hears of the agent")
    }

    pub(crate) fn timer(&self, timer: &Timer) -> Option<Time> {
        self.0.iter().find_map(|e| match e {
            Effect::SetTimer { timer: t, at } if t == timer => Some(*at),
            _ => None,
        })
    }

    pub(crate) fn has(&self, effect: &Effect) -> bool {
        self.0.contains(effect)
    }

    /// Where the first effect that `is` accepts stands.
    pub(crate) fn place(&self, is: impl Fn(&Effect) -> bool) -> usize {
        self.0.iter().position(is).expect("the effect is there")
    }
}
