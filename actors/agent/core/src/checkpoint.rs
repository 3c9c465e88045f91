//! What survives the agent process: records, and what they amount to.

use std::collections::{BTreeMap, VecDeque};

use protocol::framework::FrameworkInfo;
use protocol::operation::OperationReport;
use protocol::task::{KillPolicy, TaskStatus};
use protocol::{Address, AgentId, ContainerId, ConversionId, FrameworkId, Incarnation, Resources};
use serde::{Deserialize, Serialize};

use crate::executor::SavedExecutor;
use crate::task::{CompletedTask, SavedTask, TaskKey};

/// One change of what must survive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// A life of the agent began.
    Started { incarnation: Incarnation, boot_id: String },
    /// The master has given this agent its id.
    Registered { agent_id: AgentId },
    /// It has said goodbye: the id is not to be used again.
    Left,
    /// A framework has something here; or its record was renewed.
    Framework { framework_id: FrameworkId, info: FrameworkInfo },
    /// A framework was torn down; what it has here is being ended.
    FrameworkEnding { framework_id: FrameworkId },
    /// It has nothing here any more.
    FrameworkRemoved { framework_id: FrameworkId },
    /// A container is about to be made.
    Executor(Box<SavedExecutor>),
    /// Its first process runs.
    ContainerStarted { container_id: ContainerId, pid: i32 },
    /// The executor in it has said where it is.
    ExecutorRegistered { container_id: ContainerId, address: Address },
    /// It is to end.
    ExecutorEnding { container_id: ContainerId },
    /// The container is gone.
    ExecutorEnded { container_id: ContainerId },
    /// Nothing of it is left to be acknowledged.
    ExecutorRemoved { container_id: ContainerId },
    /// A task was accepted, or is to be started in another container than first planned.
    Task(Box<SavedTask>),
    /// It is given to its executor.
    TaskLaunched { key: TaskKey },
    /// It is to end.
    TaskKill { key: TaskKey, policy: KillPolicy },
    /// It has a new status.
    TaskStatus { key: TaskKey, status: Box<TaskStatus> },
    /// It holds so much from now on.
    TaskResized { key: TaskKey, resources: Resources },
    /// Its end was acknowledged.
    TaskCompleted { key: TaskKey },
    /// Its framework is gone, and nobody asks any more.
    TaskForgotten { key: TaskKey },
    /// The oldest completed task is no longer remembered.
    CompletedForgotten,
    /// Operations have made this of the machine's resources; the last of them is to be reported.
    Converted { resources: Resources, report: Option<Box<OperationReport>> },
    /// It was reported.
    OperationAcknowledged { conversion_id: ConversionId },
    /// A completed task, in a rewritten log.
    Completed(CompletedTask),
}

/// A framework that has something here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedFramework {
    pub info: FrameworkInfo,
    /// It was torn down: nothing of it is started or reported any more.
    pub ending: bool,
}

/// What the records amount to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Checkpoint {
    /// Lives of the agent so far.
    pub incarnation: Incarnation,
    /// Of the kernel that the last of them ran on.
    pub boot_id: String,
    pub agent_id: Option<AgentId>,
    pub frameworks: BTreeMap<FrameworkId, SavedFramework>,
    pub executors: BTreeMap<ContainerId, SavedExecutor>,
    #[serde(skip)]
    pub tasks: BTreeMap<TaskKey, SavedTask>,
    /// Oldest first.
    pub completed: VecDeque<CompletedTask>,
    /// What operations have made of the machine's resources: what is reserved at run time, and
    /// volumes.
    pub converted: Resources,
    /// Operations whose outcome was not acknowledged.
    pub operations: BTreeMap<ConversionId, OperationReport>,
}

impl FromIterator<Record> for Checkpoint {
    fn from_iter<I: IntoIterator<Item = Record>>(records: I) -> Self {
        let mut checkpoint = Self::default();
        for record in records {
            checkpoint.apply(record);
        }
        checkpoint
    }
}

impl Checkpoint {
    /// What is known after `record`. What a record speaks of and is not there (its making was lost
    /// with the end of a log) is passed over.
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Started { incarnation, boot_id } => {
                (self.incarnation, self.boot_id) = (incarnation, boot_id);
            }
            Record::Registered { agent_id } => self.agent_id = Some(agent_id),
            Record::Left => self.agent_id = None,
            Record::Framework { framework_id, info } => self.put_framework(framework_id, info),
            Record::FrameworkEnding { framework_id: id } => {
                self.frameworks.entry(id).and_modify(|framework| framework.ending = true);
            }
            Record::FrameworkRemoved { framework_id } => {
                self.frameworks.remove(&framework_id);
            }
            Record::Executor(executor) => {
                self.executors.insert(executor.container_id.clone(), *executor);
            }
            Record::ContainerStarted { container_id: id, pid } => {
                self.executors.entry(id).and_modify(|executor| executor.pid = Some(pid));
            }
            Record::ExecutorRegistered { container_id: id, address } => {
                self.executors.entry(id).and_modify(|executor| executor.address = Some(address));
            }
            Record::ExecutorEnding { container_id: id } => {
                self.executors.entry(id).and_modify(|executor| executor.ending = true);
            }
            Record::ExecutorEnded { container_id: id } => {
                self.executors.entry(id).and_modify(|executor| executor.ended = true);
            }
            Record::ExecutorRemoved { container_id } => {
                self.executors.remove(&container_id);
            }
            Record::Task(task) => {
                self.tasks.insert(task.key(), *task);
            }
            Record::TaskLaunched { key } => {
                self.tasks.entry(key).and_modify(|task| task.launched = true);
            }
            Record::TaskKill { key, policy } => {
                self.tasks.entry(key).and_modify(|task| task.kill = Some(policy));
            }
            Record::TaskStatus { key, status } => {
                self.tasks.entry(key).and_modify(|task| task.status = Some(*status));
            }
            Record::TaskResized { key, resources } => {
                self.tasks.entry(key).and_modify(|task| task.info.resources = resources);
            }
            Record::TaskCompleted { key } => self.complete_task(&key),
            Record::TaskForgotten { key } => {
                self.tasks.remove(&key);
            }
            Record::Converted { resources, report } => {
                self.converted = resources;
                let report = report.map(|report| *report);
                let named = |r: OperationReport| (r.operation.conversion_id.clone(), r);
                self.operations.extend(report.map(named));
            }
            Record::OperationAcknowledged { conversion_id } => {
                self.operations.remove(&conversion_id);
            }
            Record::Completed(task) => self.completed.push_back(task),
            Record::CompletedForgotten => {
                self.completed.pop_front();
            }
        }
    }

    /// The shortest log that says the same.
    pub fn records(&self) -> Vec<Record> {
        let started =
            Record::Started { incarnation: self.incarnation, boot_id: self.boot_id.clone() };
        let mut records = vec![started];
        let agent_id = self.agent_id.clone();
        records.extend(agent_id.map(|agent_id| Record::Registered { agent_id }));
        for (framework_id, framework) in &self.frameworks {
            let (framework_id, info) = (framework_id.clone(), framework.info.clone());
            records.push(Record::Framework { framework_id: framework_id.clone(), info });
            records.extend(framework.ending.then_some(Record::FrameworkEnding { framework_id }));
        }
        let executors = self.executors.values().cloned().map(Box::new);
        records.extend(executors.map(Record::Executor));
        records.extend(self.tasks.values().cloned().map(Box::new).map(Record::Task));
        let resources = &self.converted;
        if !resources.is_empty() {
            records.push(Record::Converted { resources: resources.clone(), report: None });
        }
        for report in self.operations.values() {
            let report = Some(Box::new(report.clone()));
            records.push(Record::Converted { resources: resources.clone(), report });
        }
        records.extend(self.completed.iter().cloned().map(Record::Completed));
        records
    }

    fn put_framework(&mut self, framework_id: FrameworkId, info: FrameworkInfo) {
        let ending = self.frameworks.get(&framework_id).is_some_and(|f| f.ending);
        self.frameworks.insert(framework_id, SavedFramework { info, ending });
    }

    fn complete_task(&mut self, key: &TaskKey) {
        let Some(task) = self.tasks.remove(key) else { return };
        let executor = task.container_id.as_ref().and_then(|id| self.executors.get(id));
        self.completed.push_back(CompletedTask {
            framework_id: key.framework_id.clone(),
            task_id: key.task_id.clone(),
            state: task.state(),
            sandbox: executor.map(|executor| executor.sandbox.clone()),
        });
    }
}

#[cfg(test)]
mod tests {
    use protocol::operation::{AgentOperation, Conversion, ResourceOperation};
    use protocol::task::{Source, TaskState};
    use protocol::{Time, task::ExecutorInfo};

    use super::*;

    fn history() -> Vec<Record> {
        let framework: FrameworkInfo =
            serde_json::from_value(serde_json::json!({ "user": "u", "name": "f", "id": "f" }))
                .unwrap();
        let key = |id: &str| TaskKey { framework_id: "f".into(), task_id: id.into() };
        let task = |id: &str| SavedTask {
            framework_id: "f".into(),
            container_id: Some("c".into()),
            executor_id: "e".into(),
            role: "*".into(),
            info: serde_json::from_value(
                serde_json::json!({ "task_id": id, "agent_id": "a", "resources": [] }),
            )
            .unwrap(),
            launched: false,
            kill: None,
            status: None,
        };
        let info: ExecutorInfo =
            serde_json::from_value(serde_json::json!({ "executor_id": "e" })).unwrap();
        let status =
            TaskStatus::new("t1".into(), TaskState::Finished, Source::Executor, Time(1)).into();
        vec![
            Record::Started { incarnation: Incarnation(3), boot_id: "b".into() },
            Record::Registered { agent_id: "a".into() },
            Record::Framework { framework_id: "f".into(), info: framework.clone() },
            Record::Executor(Box::new(SavedExecutor {
                framework_id: "f".into(),
                container_id: "c".into(),
                info,
                role: "*".into(),
                user: None,
                sandbox: "/s".into(),
                pid: None,
                address: None,
                ending: false,
                ended: false,
            })),
            Record::Task(Box::new(task("t1"))),
            Record::Task(Box::new(task("t2"))),
            Record::ContainerStarted { container_id: "c".into(), pid: 7 },
            Record::ExecutorRegistered {
                container_id: "c".into(),
                address: "executor@h:1".parse().unwrap(),
            },
            Record::TaskLaunched { key: key("t1") },
            Record::TaskResized { key: key("t2"), resources: Resources::parse("cpus=2").unwrap() },
            Record::TaskKill { key: key("t2"), policy: KillPolicy::default() },
            Record::TaskStatus { key: key("t1"), status },
            Record::TaskCompleted { key: key("t1") },
            Record::FrameworkEnding { framework_id: "f".into() },
            Record::Framework { framework_id: "f".into(), info: framework },
            Record::ExecutorEnding { container_id: "c".into() },
            Record::ExecutorEnded { container_id: "c".into() },
            Record::TaskForgotten { key: key("t2") },
            Record::ExecutorRemoved { container_id: "c".into() },
            Record::FrameworkRemoved { framework_id: "f".into() },
            Record::CompletedForgotten,
            Record::Converted { resources: Resources::parse("disk=5").unwrap(), report: None },
            converted("p1"),
            converted("p2"),
            Record::OperationAcknowledged { conversion_id: "p1".into() },
            Record::Left,
        ]
    }

    fn converted(id: &str) -> Record {
        let status = serde_json::json!({ "state": "OPERATION_FINISHED" });
        let operation = AgentOperation {
            conversion_id: id.into(),
            framework_id: None,
            operation_id: None,
            operation: ResourceOperation::Unreserve { resources: Resources::EMPTY },
            conversion: Conversion::default(),
        };
        let report = OperationReport { operation, status: serde_json::from_value(status).unwrap() };
        let resources = Resources::parse("disk=7").unwrap();
        Record::Converted { resources, report: Some(Box::new(report)) }
    }

    #[test]
    fn a_rewritten_log_says_what_the_log_said_at_every_point() {
        let history = history();
        for end in 0..=history.len() {
            let checkpoint: Checkpoint = history[..end].iter().cloned().collect();
            let rewritten: Checkpoint = checkpoint.records().into_iter().collect();
            assert_eq!(checkpoint, rewritten, "after {end} records");
        }
    }

    #[test]
    fn a_completed_task_keeps_its_last_state_and_its_sandbox() {
        let checkpoint: Checkpoint = history().into_iter().take(13).collect();
        let completed = checkpoint.completed.back().unwrap();
        assert_eq!(completed.state, TaskState::Finished);
        assert_eq!(completed.sandbox.as_deref(), Some("/s"));
    }

    #[test]
    fn a_framework_that_is_being_ended_stays_so_when_its_record_is_renewed() {
        let checkpoint: Checkpoint = history().into_iter().take(15).collect();
        assert!(checkpoint.frameworks.values().next().unwrap().ending);
    }

    #[test]
    fn records_about_what_is_not_there_are_passed_over() {
        for record in history().into_iter().filter(|r| !matches!(r, Record::Started { .. })) {
            let _: Checkpoint = std::iter::once(record).collect();
        }
    }
}
