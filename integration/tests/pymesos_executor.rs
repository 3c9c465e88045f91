//! A framework brings an executor that is not ours: pymesos as it is published, over the v1 API.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread;

use driver::{Scheduler, SchedulerConfig, SchedulerDriver, start_scheduler};
use integration::framework::user;
use integration::{Cluster, binaries, eventually, python};
use protocol::framework::{Filters, FrameworkInfo, Offer};
use protocol::scheduler::{ExecutorMessage, ReportFailure};
use protocol::task::{
    CommandInfo, ExecutorInfo, ExecutorKind, Reason, TaskInfo, TaskState, TaskStatus,
};
use protocol::{AgentId, Blob, Resources};
use runtime::{Host, HostConfig};
use serde_json::Value;

/// What has happened, and what is to be launched.
#[derive(Default)]
struct Book {
    waiting: Vec<TaskInfo>,
    updates: Vec<TaskStatus>,
    messages: Vec<ExecutorMessage>,
    failures: Vec<ReportFailure>,
}

/// Launches what waits on the first offer, and writes down what it hears.
struct Clerk(Arc<Mutex<Book>>);

impl Clerk {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap()
    }
}

impl Scheduler for Clerk {
    fn offers(&mut self, driver: &SchedulerDriver, offers: Vec<Offer>) {
        for offer in offers {
            let mut tasks = std::mem::take(&mut self.book().waiting);
            tasks.iter_mut().for_each(|task| task.agent_id = offer.agent_id.clone());
            match tasks.is_empty() {
                true => driver.decline(vec![offer.offer_id], Filters { refuse_ms: 3_600_000 }),
                false => driver.launch(vec![offer.offer_id], tasks),
            }
        }
    }

    fn update(&mut self, _: &SchedulerDriver, status: TaskStatus) {
        self.book().updates.push(status);
    }

    fn failure(&mut self, _: &SchedulerDriver, failure: ReportFailure) {
        self.book().failures.push(failure);
    }

    fn message(&mut self, _: &SchedulerDriver, message: ExecutorMessage) {
        self.book().messages.push(message);
    }
}

/// A framework whose executor is `pretender`, as a rule.
struct Framework {
    driver: SchedulerDriver,
    book: Arc<Mutex<Book>>,
}

impl Framework {
    /// Its driver runs on a thread of its own until the test's process ends.
    fn start(cluster: &Cluster, checkpoint: bool) -> Self {
        let book = Arc::new(Mutex::new(Book::default()));
        let masters = vec![cluster.masters[0].ready().actors.clone()];
        let (name, clerk) = (cluster.name().to_owned(), Arc::clone(&book));
        let (started, driver) = mpsc::channel();
        thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let config = HostConfig { cluster: name, listen: None, advertise: None };
                let host = Host::start(config).await.unwrap();
                let mut info = FrameworkInfo::new(user(), "pretenders");
                info.checkpoint = checkpoint;
                let config = SchedulerConfig::new(info, masters);
                let clerk = move || Clerk(Arc::clone(&clerk));
                started.send(start_scheduler(&host, config, clerk).unwrap()).unwrap();
                std::future::pending::<()>().await;
            });
        });
        Self { driver: driver.recv().unwrap(), book }
    }

    /// Has these tasks launched, each with its data.
    fn launch(&self, tasks: impl IntoIterator<Item = (String, &'static str)>) {
        self.launch_in(&executor("pretender", &[]), tasks);
    }

    /// The same, in another executor.
    fn launch_in(
        &self,
        executor: &ExecutorInfo,
        tasks: impl IntoIterator<Item = (String, &'static str)>,
    ) {
        let tasks = tasks.into_iter().map(|(id, data)| task(executor, &id, data));
        self.book.lock().unwrap().waiting.extend(tasks);
        self.driver.revive(Vec::new());
    }

    /// Waits until this is reported of a task.
    fn wait_for(&self, task: &str, state: TaskState) -> TaskStatus {
        eventually(&format!("{task} is {state}"), || {
            let book = self.book.lock().unwrap();
            let is = |s: &&TaskStatus| s.task_id.as_str() == task && s.state == state;
            book.updates.iter().find(is).cloned().ok_or_else(|| format!("{:#?}", book.updates))
        })
    }

    /// What was reported of a task, in order, without repeats.
    fn states_of(&self, task: &str) -> Vec<TaskState> {
        let book = self.book.lock().unwrap();
        let of_it = book.updates.iter().filter(|status| status.task_id.as_str() == task);
        let mut states: Vec<_> = of_it.map(|status| status.state).collect();
        states.dedup();
        states
    }

    fn send(&self, agent_id: &AgentId, data: &str) {
        self.driver.message(agent_id.clone(), "pretender".into(), data.as_bytes().to_vec());
    }
}

fn resources(text: &str) -> Resources {
    Resources::parse(text).unwrap()
}

/// An executor on pymesos that is started with these arguments.
fn executor(id: &str, arguments: &[&str]) -> ExecutorInfo {
    let python = python::pymesos().display().to_string();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/executor.py");
    let command = CommandInfo {
        value: Some(python.clone()),
        shell: false,
        arguments: [&[python.as_str(), script], arguments]
            .concat()
            .into_iter()
            .map(Into::into)
            .collect(),
        ..CommandInfo::default()
    };
    ExecutorInfo {
        executor_id: id.into(),
        kind: ExecutorKind::Custom,
        name: id.to_owned(),
        command: Some(command),
        resources: resources("cpus=0.1;mem=128"),
        shutdown_grace_ms: None,
        labels: Vec::new(),
        data: None,
    }
}

fn task(executor: &ExecutorInfo, id: &str, data: &str) -> TaskInfo {
    let resources = resources("cpus=0.1;mem=16");
    TaskInfo {
        command: None,
        executor: Some(executor.clone()),
        data: Some(Blob(data.as_bytes().to_vec())),
        ..TaskInfo::new(id, "", resources, CommandInfo::default())
    }
}

/// What the agent says of its executors.
fn executors(cluster: &Cluster) -> Vec<Value> {
    let answer = integration::http::get(cluster.agents[0].http(), "/api/v1/meseta/state").unwrap();
    answer.json()["executors"].as_array().cloned().unwrap_or_default()
}

#[test]
fn an_executor_on_pymesos_serves_many_tasks() {
    python::pymesos();
    let cluster = Cluster::builder("pymesos-executor").start();
    let framework = Framework::start(&cluster, false);
    framework.launch((0..20).map(|n| (format!("short-{n}"), "finish")));
    for n in 0..20 {
        let id = format!("short-{n}");
        framework.wait_for(&id, TaskState::Finished);
        assert_eq!(framework.states_of(&id), [TaskState::Running, TaskState::Finished]);
    }
    // The executor stays, and takes what comes later.
    framework.launch([("long-1".to_owned(), "run"), ("long-2".to_owned(), "run")]);
    let running = framework.wait_for("long-1", TaskState::Running);
    framework.wait_for("long-2", TaskState::Running);
    assert_eq!(executors(&cluster).len(), 1);
    let agent_id = running.agent_id.unwrap();

    framework.send(&agent_id, "are you there?");
    let echo = eventually("the executor answers", || {
        framework.book.lock().unwrap().messages.pop().ok_or("no message")
    });
    assert_eq!(echo.data.0, b"are you there?");
    assert_eq!(echo.executor_id.as_str(), "pretender");

    framework.driver.kill("long-1".into(), None, None);
    framework.wait_for("long-1", TaskState::Killed);
    framework.driver.shutdown_executor(agent_id, "pretender".into());
    let last = framework.wait_for("long-2", TaskState::Killed);
    assert_eq!(last.reason, None, "by the executor's own word");
    let failure = eventually("the framework hears of the executor's end", || {
        framework.book.lock().unwrap().failures.pop().ok_or("no failure")
    });
    assert_eq!(failure.executor_id.unwrap().as_str(), "pretender");
}

#[test]
fn the_end_of_an_executor_on_pymesos_fails_its_tasks() {
    python::pymesos();
    let cluster = Cluster::builder("pymesos-exit").start();
    let framework = Framework::start(&cluster, false);
    framework.launch([("long".to_owned(), "run")]);
    let running = framework.wait_for("long", TaskState::Running);
    framework.send(&running.agent_id.unwrap(), "exit");
    let failed = framework.wait_for("long", TaskState::Failed);
    assert_eq!(failed.reason, Some(Reason::ExecutorTerminated));
    assert_eq!(failed.message, "the executor exited with status 3");
    let failure = eventually("the framework hears of the executor's end", || {
        framework.book.lock().unwrap().failures.pop().ok_or("no failure")
    });
    assert_eq!(failure.status, Some(3 << 8));
}

/// The task `long`, when its executor has subscribed to an agent that was started again.
fn kill_when_it_is_back(cluster: &Cluster, framework: &Framework) {
    eventually("the executor has subscribed again", || {
        let executors = executors(cluster);
        let running = executors.iter().any(|executor| executor["state"] == "running");
        if running { Ok(()) } else { Err(format!("{executors:?}")) }
    });
    framework.driver.kill("long".into(), None, None);
    framework.wait_for("long", TaskState::Killed);
}

#[test]
fn an_executor_on_pymesos_outlives_its_agent() {
    python::pymesos();
    let mut cluster = Cluster::builder("pymesos-restart").on_shutdown("keep").start();
    let framework = Framework::start(&cluster, true);
    framework.launch([("long".to_owned(), "run")]);
    framework.wait_for("long", TaskState::Running);
    cluster.agents[0].kill();
    cluster.agents[0].start();
    kill_when_it_is_back(&cluster, &framework);
    assert_eq!(framework.states_of("long"), [TaskState::Running, TaskState::Killed]);
}

/// A file with a secret that everybody may read.
fn secret_file() -> PathBuf {
    let name = format!("meseta-executor-secret-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, "what signs the tokens of this story\n").unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    path
}

#[test]
fn an_agent_with_a_secret_lets_in_executors_with_its_tokens_only_over_its_own_end() {
    python::pymesos();
    let path = secret_file();
    let keys = format!("executor_secret_file = {path:?}");
    let mut cluster =
        Cluster::builder("pymesos-tokens").on_shutdown("keep").agent_keys(&keys).start();
    let framework = Framework::start(&cluster, true);
    framework.launch([("long".to_owned(), "run")]);
    framework.wait_for("long", TaskState::Running);
    framework.launch_in(&executor("stranger", &["--no-token"]), [("refused".to_owned(), "run")]);
    let failed = framework.wait_for("refused", TaskState::Failed);
    assert_eq!(failed.reason, Some(Reason::ExecutorTerminated), "pymesos gives up when refused");
    cluster.agents[0].kill();
    cluster.agents[0].start();
    std::fs::remove_file(&path).unwrap();
    kill_when_it_is_back(&cluster, &framework);
    let log = cluster.agents[0].log();
    assert!(log.contains("an executor is not let in"), "{log}");
    assert!(log.contains("can get at the secret for tokens"), "{log}");
    let is_shown = log.contains("what signs the tokens") || log.contains("eyJhbGciOiJIUzI1NiI");
    assert!(!is_shown, "{log}");
}

#[test]
fn an_agent_whose_secret_is_none_does_not_start() {
    let mut agent = Command::new(binaries::path("meseta-agent"));
    agent.env("MESETA_AGENT_EXECUTOR_SECRET_FILE", "/dev/null");
    let output = agent.output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let text = String::from_utf8_lossy(&output.stderr);
    let expected = "`agent.executor_secret_file`: `/dev/null` has 0 bytes, and ";
    assert!(text.contains(expected), "{text}");
}
