//! What has happened since this master leads, counted under the names of Mesos.
//!
//! A count changes with the event, at the same small cost however large the cluster is; what can be
//! counted by looking (how many tasks run) is not kept here. What is counted of a framework leaves
//! with it.

use std::collections::BTreeMap;

use protocol::FrameworkId;
use protocol::framework::{Operation, OperationState};
use protocol::metrics::Counts;
use protocol::operation::ResourceOperation;
use protocol::shared::Tracked;
use protocol::task::{Reason, Source, TaskState, TaskStatus};
use serde::Serialize;
use serde_json::Value;

/// Everything that is counted under `master/`, but for ends of tasks and operations.
const NAMES: &[&str] = &[
    "dropped_messages",
    "invalid_executor_to_framework_messages",
    "invalid_framework_to_executor_messages",
    "invalid_operation_status_update_acknowledgements",
    "invalid_operation_status_updates",
    "invalid_status_update_acknowledgements",
    "invalid_status_updates",
    "messages_decline_offers",
    "messages_executor_to_framework",
    "messages_exited_executor",
    "messages_framework_to_executor",
    "messages_kill_task",
    "messages_launch_tasks",
    "messages_operation_status_update",
    "messages_operation_status_update_acknowledgement",
    "messages_reconcile_operations",
    "messages_reconcile_tasks",
    "messages_register_framework",
    "messages_reregister_framework",
    "messages_resource_request",
    "messages_revive_offers",
    "messages_status_update",
    "messages_status_update_acknowledgement",
    "messages_suppress_offers",
    "messages_unregister_framework",
    "valid_executor_to_framework_messages",
    "valid_framework_to_executor_messages",
    "valid_operation_status_update_acknowledgements",
    "valid_operation_status_updates",
    "valid_status_update_acknowledgements",
    "valid_status_updates",
];
/// The states in which tasks end, as they are counted in all and for each framework.
const ENDS: [(TaskState, &str, &str); 8] = [
    (TaskState::Finished, "tasks_finished", "tasks/terminal/task_finished"),
    (TaskState::Failed, "tasks_failed", "tasks/terminal/task_failed"),
    (TaskState::Killed, "tasks_killed", "tasks/terminal/task_killed"),
    (TaskState::Error, "tasks_error", "tasks/terminal/task_error"),
    (TaskState::Lost, "tasks_lost", "tasks/terminal/task_lost"),
    (TaskState::Dropped, "tasks_dropped", "tasks/terminal/task_dropped"),
    (TaskState::Gone, "tasks_gone", "tasks/terminal/task_gone"),
    (TaskState::GoneByOperator, "tasks_gone_by_operator", "tasks/terminal/task_gone_by_operator"),
];
/// How operations end.
const OUTCOMES: [&str; 5] = ["finished", "failed", "error", "dropped", "gone_by_operator"];
/// The operations that there are, by their names in the v1 API and in metrics.
const OPERATIONS: [(&str, &str); 6] = [
    ("RESERVE", "reserve"),
    ("UNRESERVE", "unreserve"),
    ("CREATE", "create"),
    ("DESTROY", "destroy"),
    ("GROW_VOLUME", "grow_volume"),
    ("SHRINK_VOLUME", "shrink_volume"),
];
/// Of operations that could not be read.
const UNNAMED: &str = "";

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Counters {
    master: Counts,
    /// Ends of tasks by what was said of them.
    causes: BTreeMap<(TaskState, Source, Reason), u64>,
    /// Ends of operations by name and outcome.
    operations: BTreeMap<(&'static str, &'static str), u64>,
    pub(crate) frameworks: Tracked<FrameworkId, Counts>,
}

impl Default for Counters {
    fn default() -> Self {
        let ends = ENDS.iter().map(|(_, name, _)| *name);
        Self {
            master: Counts::of(NAMES.iter().copied().chain(ends)),
            causes: BTreeMap::new(),
            operations: BTreeMap::new(),
            frameworks: Tracked::default(),
        }
    }
}

impl Counters {
    /// It has happened.
    pub(crate) fn count(&mut self, name: &'static str) {
        self.master.count(name);
    }

    /// It has happened to a framework, which is known.
    pub(crate) fn count_of(&mut self, id: &FrameworkId, name: &'static str, times: usize) {
        if times == 0 {
            return;
        }
        if !self.frameworks.contains_key(id) {
            self.frameworks.insert(id.clone(), Counts::default());
        }
        if let Some(counts) = self.frameworks.get_mut(id) {
            counts.add(name, times as u64);
        }
    }

    /// A task has ended, or must be thought to have.
    pub(crate) fn end(&mut self, id: &FrameworkId, state: TaskState) {
        if let Some((_, name, of_framework)) = ENDS.iter().find(|(end, ..)| *end == state) {
            self.count(name);
            self.count_of(id, of_framework, 1);
        }
    }

    /// The end of a task was reported.
    pub(crate) fn cause(&mut self, status: &TaskStatus) {
        if let (true, Some(reason)) = (status.state.is_terminal(), status.reason) {
            *self.causes.entry((status.state, status.source, reason)).or_default() += 1;
        }
    }

    /// An operation has ended. Without a name: what it was to be could not be read.
    pub(crate) fn operation_end(&mut self, name: Option<&'static str>, state: OperationState) {
        let outcome = match state {
            OperationState::Finished => "finished",
            OperationState::Failed => "failed",
            OperationState::Error => "error",
            OperationState::Dropped => "dropped",
            OperationState::GoneByOperator => "gone_by_operator",
            _ => return,
        };
        *self.operations.entry((name.unwrap_or(UNNAMED), outcome)).or_default() += 1;
    }

    /// A framework has asked for an operation in an accept.
    pub(crate) fn operation_of(&mut self, id: &FrameworkId, operation: &Operation) {
        let name = match operation {
            Operation::Launch { tasks } if tasks.is_empty() => return,
            Operation::Launch { .. } => "operations/launch",
            Operation::Refused { reason: Reason::TaskGroupInvalid, .. } => {
                "operations/launch_group"
            }
            Operation::Refused { .. } => return,
            Operation::Apply { operation, .. } => match &**operation {
                ResourceOperation::Reserve { .. } => "operations/reserve",
                ResourceOperation::Unreserve { .. } => "operations/unreserve",
                ResourceOperation::Create { .. } => "operations/create",
                ResourceOperation::Destroy { .. } => "operations/destroy",
                ResourceOperation::GrowVolume { .. } => "operations/grow_volume",
                ResourceOperation::ShrinkVolume { .. } => "operations/shrink_volume",
            },
        };
        self.count_of(id, name, 1);
        self.count_of(id, "operations", 1);
    }

    /// By their full names, without those of frameworks.
    pub(crate) fn values(&self) -> BTreeMap<String, f64> {
        let mut values = BTreeMap::new();
        let mut put = |name: String, times: u64| {
            values.insert(name, times as f64);
        };
        for (name, times) in self.master.iter() {
            put(format!("master/{name}"), times);
        }
        for (cause, times) in &self.causes {
            put(cause_name(*cause), *times);
        }
        for outcome in OUTCOMES {
            let of = |name: &str| self.operations.get(&(name, outcome)).copied().unwrap_or(0);
            for (name, lower) in OPERATIONS {
                put(format!("master/operations/{lower}/{outcome}"), of(name));
            }
            let named: u64 = OPERATIONS.iter().map(|(name, _)| of(name)).sum();
            put(format!("master/operations/{outcome}"), named + of(UNNAMED));
        }
        values
    }
}

/// Agents are slaves in the names of metrics.
fn cause_name((state, source, reason): (TaskState, Source, Reason)) -> String {
    let source = match source {
        Source::Master => "master",
        Source::Agent => "slave",
        Source::Executor => "executor",
    };
    let reason = match serde_json::to_value(reason) {
        Ok(Value::String(name)) => name.replace("AGENT", "SLAVE"),
        _ => "REASON_OTHER".to_owned(),
    };
    let name = format!("master/{state}/source_{source}/{reason}");
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use protocol::Time;

    use super::*;

    #[test]
    fn the_cause_of_an_end_is_in_the_name_of_its_count() {
        let mut counters = Counters::default();
        let status = TaskStatus::new("t".into(), TaskState::Lost, Source::Agent, Time(0));
        counters.cause(&status);
        counters.cause(&status.clone().because(Reason::AgentRemoved, ""));
        let running = TaskStatus { state: TaskState::Running, ..status };
        counters.cause(&running.because(Reason::AgentReregistered, ""));
        let values = counters.values();
        let causes: Vec<_> = values.iter().filter(|(name, _)| name.contains("/reason_")).collect();
        let name = "master/task_lost/source_slave/reason_slave_removed".to_owned();
        assert_eq!(causes, [(&name, &1.0)]);
    }

    #[test]
    fn what_has_not_happened_yet_is_there_and_zero() {
        let values = Counters::default().values();
        assert!(values.values().all(|value| *value == 0.0));
        for name in [
            "master/tasks_gone_by_operator",
            "master/messages_launch_tasks",
            "master/valid_status_update_acknowledgements",
            "master/operations/finished",
            "master/operations/grow_volume/dropped",
        ] {
            assert!(values.contains_key(name), "{name}");
        }
    }

    #[test]
    fn an_operation_that_could_not_be_read_counts_only_in_all() {
        let mut counters = Counters::default();
        counters.operation_end(None, OperationState::Error);
        counters.operation_end(Some("CREATE"), OperationState::Error);
        counters.operation_end(Some("CREATE"), OperationState::Pending);
        let values = counters.values();
        assert_eq!(values["master/operations/error"], 2.0);
        assert_eq!(values["master/operations/create/error"], 1.0);
        assert_eq!(values["master/operations/finished"], 0.0);
    }
}
