//! The effects of the three cores, performed in order.

use agents_core as agents;
use allocator_core as allocator;
use frameworks_core as frameworks;
use protocol::{Failure, FailureKind};

use crate::event::{Packet, Peer, Side};
use crate::hop::{Actor, MasterTimer, Question, What, Wish};
use crate::kernel::Kernel;
use crate::master::{Caller, Master};
use crate::names;

impl Master {
    pub(crate) fn step_frameworks(&mut self, kernel: &mut Kernel, input: frameworks::Input) {
        let led = self.frameworks.term().is_some();
        let mut effects = Vec::new();
        self.frameworks.step(kernel.now, input, &mut effects);
        for effect in effects {
            self.do_for_frameworks(kernel, effect);
        }
        if led && self.frameworks.term().is_none() {
            self.restart_frameworks(kernel);
        }
    }

    fn do_for_frameworks(&mut self, kernel: &mut Kernel, effect: frameworks::Effect) {
        use frameworks::Effect;
        match effect {
            Effect::LoadRegistry { epoch } => {
                self.question(kernel, Actor::Frameworks, epoch, Wish::Load);
            }
            Effect::Record { subject, operations } => {
                let wish = Wish::Record { subject, operations: operations.operations };
                self.question(kernel, Actor::Frameworks, operations.epoch, wish);
            }
            Effect::ToScheduler { scheduler, message } => {
                if let Some(peer) = names::peer(&scheduler) {
                    let message = Box::new(message);
                    let packet = Packet::ToScheduler { to: scheduler, message };
                    kernel.send(peer, Side::Peer, packet);
                }
            }
            Effect::ToAgents(message) => {
                let input = to_agents(message);
                self.hop(kernel, Actor::Frameworks, Actor::Agents, What::Agents(input));
            }
            Effect::ToAllocator(message) => {
                let input = to_allocator(message);
                self.hop(kernel, Actor::Frameworks, Actor::Allocator, What::Allocator(input));
            }
            Effect::AskAllocator { question, message } => {
                let caller = Caller::Question { life: self.frameworks_life, question };
                let call = self.call(Actor::Allocator, caller);
                let input = asked(call, message);
                self.hop(kernel, Actor::Frameworks, Actor::Allocator, What::Allocator(input));
            }
            Effect::Reply { call, result } => self.answer_frameworks(kernel, call, result),
            Effect::LinkScheduler(scheduler) => self.link(kernel, Actor::Frameworks, scheduler),
            Effect::UnlinkScheduler(scheduler) => {
                self.links.entry(Actor::Frameworks).or_default().remove(&scheduler);
            }
            Effect::LinkAllocator => self.watches_allocator = true,
            Effect::SetTimer { timer, at } => {
                self.set_timer(kernel, MasterTimer::Frameworks(timer), at);
            }
            Effect::CancelTimer { timer } => self.cancel_timer(&MasterTimer::Frameworks(timer)),
            Effect::Emit(_) => {}
        }
    }

    fn answer_frameworks(
        &mut self,
        kernel: &mut Kernel,
        call: protocol::CallId,
        result: Result<frameworks::Answer, Failure>,
    ) {
        match self.calls.remove(&(Actor::Frameworks, call)) {
            Some(Caller::Scheduler { index, ask }) => {
                kernel.send(Peer::Scheduler(index), Side::Peer, Packet::Answer { ask, result });
            }
            Some(Caller::Introduction(epoch)) => {
                let result = result.map(|_| ());
                let input = agents::Input::Introduced { epoch, result };
                self.hop(kernel, Actor::Frameworks, Actor::Agents, What::Agents(input));
            }
            _ => {}
        }
    }

    pub(crate) fn step_agents(&mut self, kernel: &mut Kernel, input: agents::Input) {
        let mut effects = Vec::new();
        self.agents.step(kernel.now, input, &mut effects);
        for effect in effects {
            self.do_for_agents(kernel, effect);
        }
    }

    fn do_for_agents(&mut self, kernel: &mut Kernel, effect: agents::Effect) {
        use agents::Effect;
        match effect {
            Effect::LoadRegistry { epoch } => {
                self.question(kernel, Actor::Agents, epoch, Wish::Load);
            }
            Effect::Introduce(message) => {
                let what = What::Introduce(message);
                self.hop(kernel, Actor::Agents, Actor::Frameworks, what);
            }
            Effect::Commit { commit, request } => {
                let wish = Wish::Commit { commit, operations: request.operations };
                self.question(kernel, Actor::Agents, request.epoch, wish);
            }
            Effect::ToFrameworks(message) => {
                let news = to_frameworks(message);
                let input = What::Frameworks(frameworks::Input::Told(news));
                self.hop(kernel, Actor::Agents, Actor::Frameworks, input);
            }
            Effect::ToAgent { to, message } => {
                if let Some(peer) = names::peer(&to) {
                    kernel.send(peer, Side::Peer, Packet::ToAgent(Box::new(message)));
                }
            }
            Effect::Link(agent) => self.link(kernel, Actor::Agents, agent),
            Effect::Unlink(agent) => {
                self.links.entry(Actor::Agents).or_default().remove(&agent);
            }
            Effect::Reply { call, result } => self.answer_agents(kernel, call, result),
            Effect::SetTimer { timer, at } => {
                self.set_timer(kernel, MasterTimer::Agents(timer), at);
            }
            Effect::CancelTimer { timer } => self.cancel_timer(&MasterTimer::Agents(timer)),
            Effect::Emit(_) => {}
        }
    }

    fn answer_agents(
        &mut self,
        kernel: &mut Kernel,
        call: protocol::CallId,
        result: Result<agents::Reply, Failure>,
    ) {
        let Some(caller) = self.calls.remove(&(Actor::Agents, call)) else { return };
        let Caller::Agent { index, ask } = caller else { return };
        let result = result.and_then(|reply| match reply {
            agents::Reply::Registered(registered) => Ok(registered),
            other => Err(Failure::new(FailureKind::BadMessage, format!("{other:?}"))),
        });
        kernel.send(Peer::Agent(index), Side::Peer, Packet::Registered { ask, result });
    }

    pub(crate) fn step_allocator(&mut self, kernel: &mut Kernel, input: allocator::Input) {
        use allocator::Effect;
        let mut effects = Vec::new();
        self.allocator.step(kernel.now, input, &mut effects);
        for effect in effects {
            match effect {
                Effect::Offer(offers) => {
                    let news = frameworks::News::Allocations(offers);
                    let what = What::Frameworks(frameworks::Input::Told(news));
                    self.hop(kernel, Actor::Allocator, Actor::Frameworks, what);
                }
                Effect::Invert(wishes) => {
                    let news = frameworks::News::InverseAllocations(wishes);
                    let what = What::Frameworks(frameworks::Input::Told(news));
                    self.hop(kernel, Actor::Allocator, Actor::Frameworks, what);
                }
                Effect::Reclaim(reclaims) => {
                    let news = frameworks::News::Reclaim(reclaims);
                    let what = What::Frameworks(frameworks::Input::Told(news));
                    self.hop(kernel, Actor::Allocator, Actor::Frameworks, what);
                }
                Effect::Withdraw(withdrawals) => {
                    let news = frameworks::News::Withdraw(withdrawals);
                    let what = What::Frameworks(frameworks::Input::Told(news));
                    self.hop(kernel, Actor::Allocator, Actor::Frameworks, what);
                }
                Effect::Reply { call, answer } => self.answer_allocator(kernel, call, answer),
                Effect::SetTimer { timer, at } => {
                    self.set_timer(kernel, MasterTimer::Allocator(timer), at);
                }
                Effect::CancelTimer { timer } => {
                    self.cancel_timer(&MasterTimer::Allocator(timer));
                }
            }
        }
    }

    fn answer_allocator(
        &mut self,
        kernel: &mut Kernel,
        call: protocol::CallId,
        answer: allocator::Answer,
    ) {
        let caller = self.calls.remove(&(Actor::Allocator, call));
        let Some(Caller::Question { life, question }) = caller else { return };
        let result = match answer {
            allocator::Answer::Refused(why) => Err(Failure::refused(why)),
            _ => Ok(()),
        };
        let what = What::Answered { life, question, result };
        self.hop(kernel, Actor::Allocator, Actor::Frameworks, what);
    }

    fn question(&mut self, kernel: &mut Kernel, from: Actor, epoch: protocol::Epoch, wish: Wish) {
        let question = Question { from, epoch, wish };
        self.ask_store(kernel, question);
    }
}

/// A call that nobody has made.
const UNASKED: protocol::CallId = protocol::CallId(0);

fn asked(call: protocol::CallId, message: frameworks::AllocatorQuestion) -> allocator::Input {
    use frameworks::AllocatorQuestion;
    match message {
        AllocatorQuestion::Convert(fact) => allocator::Input::ConvertResources { call, fact },
        AllocatorQuestion::Grow(fact) => allocator::Input::GrowHolding { call, fact },
    }
}

fn to_agents(message: frameworks::ToAgents) -> agents::Input {
    use agents::Input;
    use frameworks::ToAgents;
    match message {
        ToAgents::Launch(m) => Input::RouteLaunch(m),
        ToAgents::Kill(m) => Input::RouteKill(m),
        ToAgents::Acknowledge(m) => Input::RouteAcknowledgement(m),
        ToAgents::ShutdownFramework(m) => Input::RouteShutdownFramework(m),
        ToAgents::ShutdownExecutor(m) => Input::RouteShutdownExecutor(m),
        ToAgents::Message(m) => Input::RouteMessage(m),
        ToAgents::UpdateFramework(m) => Input::RouteUpdateFramework(m),
        ToAgents::Resize(m) => Input::RouteResize(m),
        ToAgents::SetDownMachines(m) => Input::SetDownMachines(m),
        ToAgents::Operate(m) => Input::RouteOperation(m),
        ToAgents::AcknowledgeOperation(m) => Input::RouteOperationAcknowledgement(m),
    }
}

fn to_allocator(message: frameworks::ToAllocator) -> allocator::Input {
    use allocator::Input;
    use frameworks::ToAllocator;
    match message {
        ToAllocator::Reset(m) => Input::ResetAllocator(m),
        ToAllocator::AddFramework(m) => Input::AddFramework(m),
        ToAllocator::SetActive(m) => Input::SetFrameworkActive(m),
        ToAllocator::RemoveFramework(m) => Input::RemoveFramework(m),
        ToAllocator::AddAgent(m) => Input::AddAgent(m),
        ToAllocator::RemoveAgent(m) => Input::RemoveAgent(m),
        ToAllocator::Recover(m) => Input::RecoverResources(m),
        // Told, not asked: nobody waits for the answer.
        ToAllocator::Convert(fact) => Input::ConvertResources { call: UNASKED, fact },
        ToAllocator::Revive(m) => Input::ReviveRoles(m),
        ToAllocator::Suppress(m) => Input::SuppressRoles(m),
        ToAllocator::SetQuota(m) => Input::SetQuota(m),
        ToAllocator::SetWeight(m) => Input::SetWeight(m),
        ToAllocator::SetUnavailability(m) => Input::SetUnavailability(m),
        ToAllocator::Share(m) => Input::ShareResources(m),
        ToAllocator::Request(m) => Input::RequestResources(m),
        ToAllocator::AnswerInverse(m) => Input::AnswerInverseOffer(m),
    }
}

fn to_frameworks(message: agents::ToFrameworks) -> frameworks::News {
    use agents::ToFrameworks;
    use frameworks::News;
    match message {
        ToFrameworks::Joined(m) => News::AgentJoined(*m),
        ToFrameworks::Left(m) => News::AgentLeft(m),
        ToFrameworks::Undeliverable(m) => News::LaunchUndeliverable(m),
        ToFrameworks::Resized(m) => News::Resized(m),
        ToFrameworks::NotOperated(m) => News::OperationUndeliverable(m),
    }
}
