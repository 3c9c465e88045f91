//! The one entry: guards that are common to all inputs, then one line for each.

use protocol::Address;
use protocol::Failure;
use protocol::Time;
use protocol::id::CallId;

use crate::effect::{Answer, Effect, Timer};
use crate::input::{Input, News, Request};
use crate::maintenance::Wish;
use crate::state::{Role, State, Term, Turn};

impl State {
    /// Takes in what happened and appends what is to be done.
    pub fn step(&mut self, now: Time, input: Input, out: &mut Vec<Effect>) {
        let turn = &mut Turn { now, out };
        match input {
            Input::LeaderChanged { leadership, run } => {
                self.on_leader_changed(leadership, run, turn);
            }
            Input::RegistryLoaded { epoch, result } if self.is_recovering() => {
                self.on_registry_loaded(epoch, result, turn);
            }
            Input::TimerFired(Timer::LoadRegistry) if self.is_recovering() => {
                self.load_registry(turn);
            }
            served => self.serve(served, turn),
        }
    }

    /// What only a leader that has loaded the registry does.
    fn serve(&mut self, input: Input, turn: &mut Turn<'_>) {
        match (&mut self.role, input) {
            (Role::Leading(term), input) => term.step(input, turn),
            (_, Input::Asked { call, .. }) => turn.reply(call, Err(self.leadership.not_leader())),
            _ => {}
        }
    }
}

impl Term {
    fn step(&mut self, input: Input, turn: &mut Turn<'_>) {
        let begun = turn.out.len();
        match input {
            Input::Asked { call, from, request } => self.asked(call, &from, request, turn),
            Input::Told(news) => self.told(news, turn),
            Input::Recorded { epoch, subject, result } => {
                if epoch == self.epoch {
                    self.on_recorded(&subject, result, turn);
                }
            }
            Input::RegistryLoaded { epoch, result } => {
                if epoch == self.epoch {
                    self.on_registry_reread(result, turn);
                }
            }
            Input::SchedulerExited(scheduler) => self.on_scheduler_exited(&scheduler, turn),
            Input::AllocatorExited => self.distrust_allocator(turn),
            Input::AllocatorAnswered { question, result } => {
                self.on_allocator_answered(question, result, turn);
            }
            Input::TimerFired(timer) => self.on_timer(timer, turn),
            Input::LeaderChanged { .. } => {}
        }
        self.count_events(&turn.out[begun..]);
        self.bound_views();
    }

    fn asked(&mut self, call: CallId, from: &Address, request: Request, turn: &mut Turn<'_>) {
        let counted = self.count_call(from, &request);
        let done = |result: Result<(), Failure>| Some(result.map(|()| Answer::Done));
        let answer = match request {
            Request::Subscribe(m) => self.on_subscribe(call, from, m, turn),
            Request::Teardown(m) => self.on_teardown(call, from, &m, turn),
            Request::Accept(m) => Some(self.on_accept(from, m, turn).map(Answer::Accepted)),
            Request::Decline(m) => done(self.on_decline(from, &m, turn)),
            Request::AnswerInverse(m) => done(self.on_answer_inverse_offers(from, &m, turn)),
            Request::RequestResources(m) => done(self.on_request_resources(from, m, turn)),
            Request::Revive(m) => done(self.on_revive(from, m, turn)),
            Request::Suppress(m) => done(self.on_suppress(from, m, turn)),
            Request::Kill(m) => done(self.on_kill(from, m, turn)),
            Request::ShutdownExecutor(m) => done(self.on_shutdown_executor(from, m, turn)),
            Request::Acknowledge(m) => done(self.on_acknowledge(from, m, turn)),
            Request::AcknowledgeOperation(m) => done(self.on_acknowledge_operation(from, m, turn)),
            Request::Operate(m) => self.on_operate(call, m, turn),
            Request::Reconcile(m) => done(self.on_reconcile(from, &m, turn)),
            Request::ReconcileOperations(m) => done(self.on_reconcile_operations(from, &m, turn)),
            Request::UpdateFramework(m) => self.on_update_framework(call, from, m, turn),
            Request::Message(m) => done(self.on_message(from, m, turn)),
            Request::Introduce(m) => done(self.on_introduce(&m, turn)),
            Request::UpdateQuotas(m) => self.on_update_quotas(call, m, turn),
            Request::UpdateWeights(m) => self.on_update_weights(call, m, turn),
            Request::ListRoleSettings(_) => Some(Ok(Answer::RoleSettings(self.role_settings()))),
            Request::ListFrameworks(m) => Some(Ok(Answer::Frameworks(self.list_frameworks(&m)))),
            Request::ListTasks(m) => Some(Ok(Answer::Tasks(self.list_tasks(&m)))),
            Request::ListOffers(_) => Some(Ok(Answer::Offers(self.list_offers()))),
            Request::Resize(m) => self.on_resize(call, &m, turn),
            Request::View(_) => Some(Ok(Answer::View(self.view()))),
            Request::UpdateMaintenanceSchedule(m) => {
                self.on_maintenance(call, Wish::Schedule(m.windows), turn)
            }
            Request::StartMaintenance(m) => {
                self.on_maintenance(call, Wish::Start(m.machines), turn)
            }
            Request::StopMaintenance(m) => self.on_maintenance(call, Wish::Stop(m.machines), turn),
            Request::ReadMaintenance(_) => Some(Ok(Answer::Maintenance(self.maintenance.clone()))),
            Request::ReadMaintenanceStatus(_) => {
                Some(Ok(Answer::MaintenanceStatus(self.maintenance_status())))
            }
        };
        if let Some(result) = answer {
            if let Some(counted) = counted {
                self.count_answer(&counted, result.is_ok());
            }
            turn.reply(call, result);
        }
    }

    fn told(&mut self, news: News, turn: &mut Turn<'_>) {
        match news {
            News::AgentJoined(m) => self.on_agent_joined(m, turn),
            News::AgentLeft(m) => self.on_agent_left(&m, turn),
            News::LaunchUndeliverable(m) => self.on_launch_undeliverable(&m, turn),
            News::Update(m) => self.on_update(m, turn),
            News::Operation(m) => self.on_forward_operation(*m, turn),
            News::OperationUndeliverable(m) => self.on_operation_undeliverable(&m, turn),
            News::ExecutorExited(m) => self.on_executor_exited(m, turn),
            News::ExecutorMessage(m) => self.on_executor_message(m, turn),
            News::Allocations(m) => self.on_allocations(m, turn),
            News::InverseAllocations(m) => self.on_inverse_allocations(m, turn),
            News::Reclaim(m) => self.on_reclaim(m, turn),
            News::Withdraw(m) => self.on_withdraw(m, turn),
            News::Resized(m) => self.on_resize_reported(m, turn),
        }
    }

    fn on_timer(&mut self, timer: Timer, turn: &mut Turn<'_>) {
        match timer {
            Timer::OffersExpire => self.on_offers_expire(turn),
            Timer::Failover(framework_id) => self.on_failover_expired(&framework_id, turn),
            Timer::Resize(key) => self.on_resize_overdue(&key, turn),
            Timer::ResetAllocator => self.reset_allocator(turn),
            Timer::LoadRegistry => self.reread_registry(turn),
            Timer::Claims => self.on_claims_due(turn),
        }
    }
}
