//! The only way in: one input, and what follows from it.

use protocol::Time;

use crate::effect::Effect;
use crate::input::{Input, Timer};
use crate::state::{State, Turn};

impl State {
    /// Takes one input and appends what follows from it to `out`.
    pub fn step(&mut self, now: Time, input: Input, out: &mut Vec<Effect>) {
        Turn { state: self, now, out }.dispatch(input);
    }
}

impl Turn<'_> {
    fn dispatch(&mut self, input: Input) {
        match input {
            Input::Started => self.on_started(),
            Input::LeaderFound(leader) => self.on_leader_found(leader),
            Input::MasterExited(actor) => self.on_master_exited(&actor),
            Input::RegistrationAnswered { attempt, result } => {
                self.on_registration_answered(attempt, result)
            }
            Input::Ping(message) => self.on_ping(&message),
            Input::RunTasks(message) => self.on_run_tasks(message),
            Input::KillAgentTask(message) => self.on_kill_agent_task(message),
            Input::UpdateAcknowledged(message) => self.on_update_acknowledged(message),
            Input::ShutdownFramework(message) => self.on_shutdown_framework(message),
            Input::ShutdownAgentExecutor(message) => self.on_shutdown_agent_executor(message),
            Input::DeliverMessage(message) => self.on_deliver_message(message),
            Input::UpdateFramework(message) => self.on_update_framework(message),
            Input::ResizeAgentTask(message) => self.on_resize_agent_task(message),
            Input::ApplyOperation(message) => self.on_apply_operation(message),
            Input::OperationAcknowledged(message) => self.on_operation_acknowledged(&message),
            Input::RegisterExecutor { call, sender, message } => {
                self.on_register_executor(call, sender, message)
            }
            Input::ReportStatus { call, message } => self.on_report_status(call, message),
            Input::SendToScheduler(message) => self.on_send_to_scheduler(message),
            Input::FindExecutor { call, message } => self.on_find_executor(call, message),
            Input::SubscribeExecutor { call, sender, message } => {
                self.on_subscribe_executor(call, sender, message)
            }
            Input::ExecutorDisconnected { sender, message } => {
                self.on_executor_disconnected(&sender, &message)
            }
            Input::TaskDelivered { key, result } => self.on_task_delivered(key, result),
            Input::ContainerExited(message) => self.on_container_exited(message),
            Input::ContainersRecovered { result } => self.on_containers_recovered(result),
            Input::LaunchAnswered { container_id, result } => {
                self.on_launch_answered(container_id, result)
            }
            Input::ContainerResized { container_id, number, result } => {
                self.on_container_resized(&container_id, number, result)
            }
            Input::IsolatorRestarted => self.on_isolator_restarted(),
            Input::UpdateQueued { key, update_id, result } => {
                self.on_update_queued(key, &update_id, result)
            }
            Input::UpdateConfirmed { key, result } => self.on_update_confirmed(&key, result),
            Input::UpdatesRestarted => self.on_updates_restarted(),
            Input::GetAgentState { call } => self.on_get_agent_state(call),
            Input::ReadSandbox { call, message } => self.on_read_sandbox(call, message),
            Input::Stop { call, kill } => self.on_stop(call, kill),
            Input::TimerFired(timer) => self.on_timer(timer),
        }
        self.finish_stop();
        self.begin_anew();
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Register => self.on_register_due(),
            Timer::Ping => self.on_ping_overdue(),
            Timer::Recover => self.recover_containers(),
            Timer::Launch => self.on_launch_due(),
            Timer::ExecutorRegistration(id) => self.on_registration_overdue(&id),
            Timer::ExecutorShutdown(id) => self.destroy(&id),
            Timer::Destroy(id) => self.on_destroy_overdue(&id),
            Timer::Limitation(id) => self.release_held(&id, None),
            Timer::Deliver(key) => self.deliver(&key),
            Timer::Kill(key) => self.on_kill_overdue(&key),
            Timer::Queue(key) => self.queue_next(&key),
            Timer::Operations => self.on_operations_due(),
            Timer::Stop => self.on_stop_overdue(),
        }
    }
}
