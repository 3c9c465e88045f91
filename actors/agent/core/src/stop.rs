//! The end of the agent, on its operator's word.

use std::collections::BTreeSet;

use protocol::CallId;
use protocol::agents::UnregisterAgent;
use protocol::updates::ForgetFramework;

use crate::checkpoint::Record;
use crate::effect::{Effect, Reply};
use crate::executor::ExecutorState;
use crate::input::Timer;
use crate::registration::agents_of;
use crate::state::{Registration, StopPhase, Stopping, Turn};
use crate::task::SavedTask;

impl Turn<'_> {
    /// Without `kill` there is nothing to do: everything that the next life needs is on disk.
    pub(crate) fn on_stop(&mut self, call: CallId, kill: bool) {
        let over = |stopping: &Stopping| stopping.phase == StopPhase::Over;
        if !kill || self.stopping.as_ref().is_some_and(over) {
            return self.effect(Effect::Reply { call, reply: Reply::Done });
        }
        if let Some(stopping) = &mut self.state.stopping {
            return stopping.calls.push(call);
        }
        self.state.stopping = Some(Stopping { calls: vec![call], phase: StopPhase::Ending });
        let patience = self.settings.timeouts.stop;
        self.set_timer(Timer::Stop, patience);
        let tasks: Vec<_> = self.durable.tasks.keys().cloned().collect();
        for key in tasks {
            let kill = self.durable.tasks[&key].info.kill_policy;
            self.kill(&key, kill.unwrap_or_default());
        }
        let containers: Vec<_> = self.current.values().cloned().collect();
        for container_id in containers {
            let custom = !self.durable.executors[&container_id].is_command();
            if custom {
                self.shut_down(&container_id, "the agent is shutting down");
            }
        }
    }

    /// Says goodbye when nothing is left. Called after every step.
    pub(crate) fn finish_stop(&mut self) {
        let Some(stopping) = &mut self.state.stopping else { return };
        if stopping.phase == StopPhase::Over {
            return;
        }
        if self.state.runs.values().any(|run| run.state != ExecutorState::Terminated) {
            return;
        }
        if self.state.durable.tasks.is_empty() {
            self.say_goodbye();
        } else if stopping.phase != StopPhase::Reporting {
            stopping.phase = StopPhase::Reporting;
            let patience = self.settings.timeouts.goodbye;
            self.set_timer(Timer::Stop, patience);
        }
    }

    pub(crate) fn on_stop_overdue(&mut self) {
        let Some(stopping) = &mut self.state.stopping else { return };
        match stopping.phase {
            StopPhase::Ending => {}
            StopPhase::Destroying | StopPhase::Reporting => return self.say_goodbye(),
            StopPhase::Over => return,
        }
        stopping.phase = StopPhase::Destroying;
        let patience = self.settings.timeouts.destroy;
        self.set_timer(Timer::Stop, patience);
        let containers: Vec<_> = self.runs.keys().cloned().collect();
        for container_id in containers {
            self.destroy(&container_id);
        }
    }

    fn say_goodbye(&mut self) {
        let over = Stopping { calls: Vec::new(), phase: StopPhase::Over };
        let Some(stopping) = self.state.stopping.replace(over) else { return };
        self.cancel_timer(Timer::Stop);
        self.forget_everything();
        if let (Some(agent_id), Some(master)) =
            (self.durable.agent_id.clone(), self.registration.master())
        {
            let to = agents_of(master);
            let incarnation = self.durable.incarnation;
            let message = UnregisterAgent { agent_id, incarnation };
            self.persist(Record::Left);
            self.effect(Effect::Unregister { to, message });
        }
        self.state.registration = Registration::Disconnected;
        for call in stopping.calls {
            self.effect(Effect::Reply { call, reply: Reply::Done });
        }
    }

    /// The master ends the tasks of an agent that has left: their last statuses are not needed.
    fn forget_everything(&mut self) {
        let ended = self.durable.tasks.values().filter(|task| !task.is_live());
        let ended: Vec<_> = ended.map(SavedTask::key).collect();
        let frameworks: BTreeSet<_> = ended.iter().map(|key| key.framework_id.clone()).collect();
        for key in ended {
            self.forget_task(&key);
        }
        for framework_id in frameworks {
            self.effect(Effect::ForgetFramework(ForgetFramework { framework_id }));
        }
    }
}
