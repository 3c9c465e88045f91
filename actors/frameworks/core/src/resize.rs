//! A running task gets more or less. Ledger, allocator and agent agree, or nothing changes.
//!
//! What a task grows by is held twice as long as it takes: first the allocator grants it (offers of
//! it are rescinded before), then the ledger holds it beside what the task has, until the agent has
//! said that the task has it, or has not. What a task shrinks by is held until then, too.
//!
//! An agent that leaves or registers anew ends what is under way: what its tasks hold then is true.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::allocator::{GrowHolding, Holder};
use protocol::explain::SetbackKind;
use protocol::id::{AgentId, CallId, FrameworkId, Generation, OfferId};
use protocol::resize::{ReportResize, ResizeTask, RouteResize, TaskResized};
use protocol::resources::Resources;
use protocol::scheduler::UpdateStatus;
use protocol::task::{Reason, TaskState};
use protocol::{Failure, FailureKind};
use serde::Serialize;

use crate::agents::Share;
use crate::effect::{AllocatorQuestion, Answer, Timer, ToAgents, ToScheduler};
use crate::ledger::{Entry, TaskKey};
use crate::questions::Purpose;
use crate::report;
use crate::resize_plan::{Plan, plan};
use crate::state::{Term, Turn};
use crate::updates::master_status;

/// Until an agent that has not answered is asked again: it has to change a cgroup, which takes
/// milliseconds, or the kernel takes memory back first.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// How often the allocator is asked for a growth: it may have allocated what is free in the same
/// moment, and that is rescinded before the next question.
const ATTEMPTS: u32 = 3;
/// Before the next question: an answer overtakes the allocations that wait in the mailbox.
const PAUSE: Duration = Duration::from_millis(10);

/// A change that is under way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Resize {
    call: CallId,
    number: u64,
    generation: Generation,
    /// What the task is to hold.
    wanted: Resources,
    /// What it is to hold more than before.
    growth: Resources,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Phase {
    /// The allocator is asked for the growth, for that many times.
    Growing(u32),
    /// It has refused for that many times; it is asked again when `Timer::Resize` fires.
    Refused(u32),
    /// The agent is asked; `Timer::Resize` is set.
    AtAgent,
}

/// All that are under way, one for each task at most.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Resizes {
    pub(crate) under_way: BTreeMap<TaskKey, Resize>,
    last: u64,
}

impl Resizes {
    /// Who waits for an answer.
    pub(crate) fn calls(&self) -> impl Iterator<Item = CallId> + '_ {
        self.under_way.values().map(|resize| resize.call)
    }

    /// The timers that are set.
    pub(crate) fn timers(&self) -> impl Iterator<Item = Timer> + '_ {
        let waits = |phase: Phase| !matches!(phase, Phase::Growing(_));
        let waiting = self.under_way.iter().filter(move |(_, resize)| waits(resize.phase));
        waiting.map(|(key, _)| Timer::Resize(key.clone()))
    }
}

impl Term {
    pub(crate) fn on_resize(
        &mut self,
        call: CallId,
        message: &ResizeTask,
        turn: &mut Turn<'_>,
    ) -> Option<Result<Answer, Failure>> {
        match self.planned(call, message) {
            Ok((key, resize)) if resize.wanted == self.ledger.get(&key)?.task.resources => {
                Some(Ok(Answer::Resized(resized(&key, resize.wanted))))
            }
            Ok((key, resize)) => {
                let grows = !resize.growth.is_empty();
                self.resizes.last = resize.number;
                self.resizes.under_way.insert(key.clone(), resize);
                match grows {
                    true => self.ask_for_growth(&key, turn),
                    false => self.ask_agent_to_resize(&key, turn),
                }
                None
            }
            Err(failure) => Some(Err(failure)),
        }
    }

    /// What is to be done, if it can be.
    fn planned(&self, call: CallId, message: &ResizeTask) -> Result<(TaskKey, Resize), Failure> {
        let (key, entry) = self.resizable(message)?;
        let agent = self.agents.get(&key.agent_id);
        let there = agent.and_then(|agent| Some((agent.here()?, agent)));
        let Some((generation, agent)) = there else {
            return Err(Failure::refused(format!("agent {} is not connected", key.agent_id)));
        };
        if self.resizes.under_way.contains_key(&key) {
            let text = format!("task {} is being resized", key.task_id);
            return Err(Failure::new(FailureKind::Conflict, text));
        }
        let amounts = [("cpus", message.cpus), ("mem", message.mem)];
        let plan = plan(entry.task(), agent, &amounts)?;
        let number = self.resizes.last + 1;
        let Plan { wanted, growth } = plan;
        let phase = Phase::Growing(0);
        Ok((key, Resize { call, number, generation, wanted, growth, phase }))
    }

    fn resizable<'a>(&'a self, message: &'a ResizeTask) -> Result<(TaskKey, &'a Entry), Failure> {
        let ResizeTask { framework_id, task_id, agent_id, .. } = message;
        self.framework(framework_id)?;
        let named: Vec<_> = self.ledger.named(framework_id, task_id).collect();
        let here = |key: &TaskKey| agent_id.as_ref().is_none_or(|id| key.agent_id == *id);
        let meant = || named.iter().filter(|(key, _)| here(key));
        let found = meant().find(|(_, entry)| entry.holds()).or_else(|| meant().next());
        let Some((key, entry)) = found else {
            let place = agent_id.as_ref().map_or(String::new(), |id| format!(" on agent {id}"));
            let text = format!("there is no task {task_id} of framework {framework_id}{place}");
            return Err(Failure::new(FailureKind::NotFound, text));
        };
        let state = entry.task.state;
        match state {
            _ if entry.away => {
                Err(Failure::refused(format!("agent {} is unreachable", key.agent_id)))
            }
            TaskState::Running | TaskState::Starting => Ok(((*key).clone(), entry)),
            _ => {
                let text = format!("task {task_id} is {state}; only one that runs is resized");
                Err(Failure::refused(text))
            }
        }
    }

    /// Offers of what is wanted are void: whoever has them is told, and the allocator has it back
    /// before it is asked.
    fn ask_for_growth(&mut self, key: &TaskKey, turn: &mut Turn<'_>) {
        let Some(resize) = self.resizes.under_way.get_mut(key) else { return };
        resize.phase = match resize.phase {
            Phase::Growing(attempts) | Phase::Refused(attempts) => Phase::Growing(attempts + 1),
            Phase::AtAgent => return,
        };
        let (growth, generation) = (resize.growth.clone(), resize.generation);
        self.rescind_for(&key.agent_id, &growth, turn);
        let Some(entry) = self.ledger.get(key) else { return };
        let holder =
            Holder { framework_id: key.framework_id.clone(), role: entry.task.role.clone() };
        let question =
            GrowHolding { agent_id: key.agent_id.clone(), generation, holder, resources: growth };
        let purpose = Purpose::Resize(Box::new((key.clone(), question.clone())));
        self.ask_allocator(AllocatorQuestion::Grow(question), purpose, turn);
    }

    /// As many offers of an agent as stand in the way.
    fn rescind_for(&mut self, agent_id: &AgentId, growth: &Resources, turn: &mut Turn<'_>) {
        let mut void: Vec<OfferId> = Vec::new();
        let mut missing = self.shortage(agent_id, growth);
        for outstanding in self.offers.on_agent(agent_id) {
            let before = missing.clone();
            missing.remove_all(&outstanding.offer.resources);
            if missing != before {
                void.push(outstanding.offer.offer_id.clone());
            }
        }
        self.rescind(void, (SetbackKind::OfferRescinded, "a task on the agent grows"), turn);
    }

    /// What of `wanted` is neither free nor used on an agent.
    fn shortage(&self, agent_id: &AgentId, wanted: &Resources) -> Resources {
        let mut missing = wanted.clone();
        if let Some(agent) = self.agents.get(agent_id) {
            missing.remove_all(&agent.free());
        }
        missing
    }

    /// The allocator's answer.
    pub(crate) fn on_growth_answered(
        &mut self,
        key: &TaskKey,
        question: GrowHolding,
        result: Result<(), Failure>,
        turn: &mut Turn<'_>,
    ) {
        let GrowHolding { agent_id, generation, holder, resources } = question;
        let share =
            Share { agent_id, framework_id: holder.framework_id, role: holder.role, resources };
        let current = self.generation(&share.agent_id) == Some(generation);
        let waits = self.resizes.under_way.get(key).is_some_and(|resize| {
            matches!(resize.phase, Phase::Growing(_))
                && resize.growth == share.resources
                && resize.generation == generation
        });
        let alive = self.ledger.get(key).is_some_and(Entry::holds);
        match result {
            Ok(()) if current && waits && alive => self.grow(key, &share, turn),
            Ok(()) => {
                // Nobody wants it any more. An agent that is not here is not in its view either.
                if current {
                    self.recover(share, None, turn);
                }
                self.fail_resize(key, waits, "the task has ended meanwhile", turn);
            }
            Err(failure) if waits => self.on_growth_refused(key, &failure, turn),
            Err(_) => {}
        }
    }

    fn on_growth_refused(&mut self, key: &TaskKey, failure: &Failure, turn: &mut Turn<'_>) {
        let Some(resize) = self.resizes.under_way.get_mut(key) else { return };
        let Phase::Growing(attempts) = resize.phase else { return };
        let raced = failure.kind == FailureKind::Refused && attempts < ATTEMPTS;
        if raced && self.ledger.get(key).is_some_and(Entry::holds) {
            resize.phase = Phase::Refused(attempts);
            return turn.set(Timer::Resize(key.clone()), turn.now + PAUSE);
        }
        let why = format!("the allocator does not grant the growth: {failure}");
        self.fail_resize(key, true, &why, turn);
    }

    /// The allocator counts the growth as held: so does the ledger, and the agent is asked.
    fn grow(&mut self, key: &TaskKey, share: &Share, turn: &mut Turn<'_>) {
        let fits = self.agents.get(&share.agent_id).is_some_and(|a| a.has_free(&share.resources));
        if !fits {
            // It has granted what is not there: its view is wrong, and is rebuilt.
            self.fail_resize(key, true, "the allocator had to be told everything anew", turn);
            return self.distrust_allocator(turn);
        }
        self.hold(&share.agent_id, &share.resources);
        if let Some(entry) = self.ledger.get_mut(key) {
            entry.growth = share.resources.clone();
        }
        self.ask_agent_to_resize(key, turn);
    }

    fn ask_agent_to_resize(&mut self, key: &TaskKey, turn: &mut Turn<'_>) {
        let Some(resize) = self.resizes.under_way.get_mut(key) else { return };
        resize.phase = Phase::AtAgent;
        turn.set(Timer::Resize(key.clone()), turn.now + ASK_AGAIN);
        turn.agents(ToAgents::Resize(RouteResize {
            agent_id: key.agent_id.clone(),
            generation: resize.generation,
            framework_id: key.framework_id.clone(),
            task_id: key.task_id.clone(),
            number: resize.number,
            resources: resize.wanted.clone(),
        }));
    }

    /// The same question again: the allocator may grant it now, and the agent, which has not
    /// answered, answers it once more.
    pub(crate) fn on_resize_overdue(&mut self, key: &TaskKey, turn: &mut Turn<'_>) {
        let phase = self.resizes.under_way.get(key).map(|resize| resize.phase);
        match phase {
            _ if !self.ledger.get(key).is_some_and(Entry::holds) => {
                self.fail_resize(key, true, "the task has ended meanwhile", turn);
            }
            Some(Phase::Refused(_)) => self.ask_for_growth(key, turn),
            Some(Phase::AtAgent) => self.ask_agent_to_resize(key, turn),
            Some(Phase::Growing(_)) | None => {}
        }
    }

    pub(crate) fn on_resize_reported(&mut self, message: ReportResize, turn: &mut Turn<'_>) {
        let key = TaskKey {
            framework_id: message.framework_id,
            task_id: message.task_id,
            agent_id: message.agent_id,
        };
        let asked = self.resizes.under_way.get(&key).is_some_and(|resize| {
            resize.phase == Phase::AtAgent
                && resize.number == message.number
                && resize.generation == message.generation
        });
        match message.refused {
            _ if !asked => {}
            Some(why) => self.fail_resize(&key, true, &why, turn),
            None => self.complete_resize(&key, turn),
        }
    }

    /// The agent has done it.
    fn complete_resize(&mut self, key: &TaskKey, turn: &mut Turn<'_>) {
        let Some(resize) = self.resizes.under_way.remove(key) else { return };
        turn.cancel(Timer::Resize(key.clone()));
        let alive = self.ledger.get(key).is_some_and(Entry::holds);
        if !alive {
            let text = "the task has ended meanwhile";
            return turn.reply(resize.call, Err(Failure::refused(text)));
        }
        let held = self.ledger.get(key).map(Entry::share);
        if let Some(entry) = self.ledger.get_mut(key) {
            entry.growth = Resources::EMPTY;
            entry.task_mut().resources = resize.wanted.clone();
        }
        if let Some(mut left) = held {
            left.resources.remove_all(&resize.wanted);
            self.release(left, turn);
        }
        self.tell_of_size(key, turn);
        turn.reply(resize.call, Ok(Answer::Resized(resized(key, resize.wanted))));
    }

    /// An update of the same state says what the task holds now.
    pub(crate) fn tell_of_size(&self, key: &TaskKey, turn: &mut Turn<'_>) {
        let Some(entry) = self.ledger.get(key) else { return };
        let text = format!("Task holds {} now", entry.task.resources);
        let status =
            master_status(&entry.task, entry.told(), turn).because(Reason::Reconciliation, text);
        turn.emit(report::task_updated(&key.framework_id, &status));
        let framework_id = key.framework_id.clone();
        let message = UpdateStatus { framework_id: framework_id.clone(), status };
        self.tell(&framework_id, ToScheduler::Update(message), turn);
    }

    /// Ends a change: everything is as it was.
    fn fail_resize(&mut self, key: &TaskKey, known: bool, why: &str, turn: &mut Turn<'_>) {
        let Some(resize) = self.resizes.under_way.remove(key).filter(|_| known) else { return };
        if !matches!(resize.phase, Phase::Growing(_)) {
            turn.cancel(Timer::Resize(key.clone()));
        }
        if resize.phase == Phase::AtAgent {
            self.drop_growth(key, turn);
        }
        turn.reply(resize.call, Err(Failure::refused(why)));
    }

    /// What a task was to grow by is free again, unless it went with the task.
    fn drop_growth(&mut self, key: &TaskKey, turn: &mut Turn<'_>) {
        let Some(entry) = self.ledger.get_mut(key) else { return };
        let growth = std::mem::take(&mut entry.growth);
        if !entry.holds() || growth.is_empty() {
            return;
        }
        let share = Share { resources: growth, ..entry.share() };
        self.release(share, turn);
    }

    /// The agent is not there, or registers anew: its word counts.
    pub(crate) fn end_resizes_on(&mut self, agent_id: &AgentId, turn: &mut Turn<'_>) {
        let under_way = self.resizes.under_way.keys();
        let keys: Vec<_> = under_way.filter(|key| key.agent_id == *agent_id).cloned().collect();
        for key in keys {
            let why = "the agent was disconnected; what the task holds is what it says next";
            self.fail_resize(&key, true, why, turn);
        }
    }

    /// A framework is removed.
    pub(crate) fn end_resizes_of(&mut self, id: &FrameworkId, turn: &mut Turn<'_>) {
        let under_way = self.resizes.under_way.keys();
        let keys: Vec<_> = under_way.filter(|key| key.framework_id == *id).cloned().collect();
        for key in keys {
            self.fail_resize(&key, true, "Framework has been removed", turn);
        }
    }
}

fn resized(key: &TaskKey, resources: Resources) -> TaskResized {
    TaskResized { agent_id: key.agent_id.clone(), resources }
}
