//! What only etcd can do to a leader: pause, vanish, forget, and elect another.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod common;

use std::io::{BufRead, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use common::{EtcdServer, soon, timed};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use store::{CommitError, Ended, StoreConfig, Write};

const TTL: Duration = Duration::from_secs(3);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_leader_that_cannot_renew_steps_down_before_its_lease_expires() {
    let etcd = EtcdServer::start().await;
    let store = etcd.store("test", "master");
    let term = soon(store.campaign(vec![])).await.unwrap();
    tokio::time::sleep(2 * SECOND).await;
    etcd.signal(Signal::SIGSTOP);
    let (ended, took) = timed(term.ended()).await;
    assert!(matches!(ended, Ended::Lost(_)), "{ended:?}");
    assert!(took < TTL, "stepped down after {took:?}");
    let error = soon(store.commit(term.epoch(), vec![])).await.unwrap_err();
    assert!(matches!(error, CommitError::Deposed { .. }), "{error}");
    etcd.signal(Signal::SIGCONT);
    let next = soon(store.campaign(vec![])).await.unwrap();
    assert!(next.epoch() > term.epoch());
}

#[tokio::test]
async fn a_term_is_kept_for_many_times_its_ttl() {
    let etcd = EtcdServer::start().await;
    let store = etcd.store("test", "master");
    let term = soon(store.campaign(vec![])).await.unwrap();
    let ended = tokio::time::timeout(3 * TTL, term.ended()).await;
    assert!(ended.is_err(), "{ended:?}");
    soon(store.commit(term.epoch(), vec![])).await.unwrap();
}

#[tokio::test]
async fn a_short_restart_of_etcd_ends_no_term() {
    let mut etcd = EtcdServer::start().await;
    let config = StoreConfig::Etcd {
        endpoints: vec![etcd.endpoint().to_owned()],
        ttl: Duration::from_secs(15),
    };
    let store = store::open(&config, "test", "master").unwrap();
    let term = soon(store.campaign(vec![])).await.unwrap();
    etcd.restart();
    tokio::time::sleep(8 * SECOND).await;
    soon(store.commit(term.epoch(), vec![Write::put("a", vec![1])])).await.unwrap();
}

#[tokio::test]
async fn the_outcome_of_a_commit_that_etcd_does_not_answer_is_unknown() {
    let etcd = EtcdServer::start().await;
    let config = StoreConfig::Etcd {
        endpoints: vec![etcd.endpoint().to_owned()],
        ttl: Duration::from_secs(30),
    };
    let store = store::open(&config, "test", "master").unwrap();
    let term = soon(store.campaign(vec![])).await.unwrap();
    etcd.signal(Signal::SIGSTOP);
    let error = soon(store.commit(term.epoch(), vec![Write::put("a", vec![1])])).await.unwrap_err();
    assert!(error.is_unknown(), "{error}");
    etcd.signal(Signal::SIGCONT);
    soon(store.commit(term.epoch(), vec![Write::put("a", vec![1])])).await.unwrap();
    etcd.signal(Signal::SIGKILL);
    let error = soon(store.commit(term.epoch(), vec![Write::put("a", vec![1])])).await.unwrap_err();
    assert!(error.is_unknown(), "{error}");
    // The one before cannot be settled, so this one is not even sent.
    let error = soon(store.commit(term.epoch(), vec![Write::put("a", vec![1])])).await.unwrap_err();
    assert!(matches!(error, CommitError::Rejected(_)), "{error}");
}

#[tokio::test]
async fn a_commit_of_unknown_outcome_is_done_before_the_next_read_or_never() {
    let etcd = EtcdServer::start().await;
    let config = StoreConfig::Etcd {
        endpoints: vec![etcd.endpoint().to_owned()],
        ttl: Duration::from_secs(60),
    };
    let store = store::open(&config, "test", "master").unwrap();
    let term = soon(store.campaign(vec![])).await.unwrap();
    etcd.signal(Signal::SIGSTOP);
    let writes = (0..20).map(|n| Write::put(format!("a{n}"), vec![1])).collect();
    let error = soon(store.commit(term.epoch(), writes)).await.unwrap_err();
    assert!(error.is_unknown(), "{error}");
    // Both reach etcd at the same moment, and it serves them in any order.
    let reading = tokio::spawn(store.load(""));
    tokio::time::sleep(SECOND / 10).await;
    etcd.signal(Signal::SIGCONT);
    let read = soon(reading).await.unwrap().unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(soon(store.load("")).await.unwrap(), read);
    soon(store.commit(term.epoch(), vec![Write::put("b", vec![1])])).await.unwrap();
    assert_eq!(soon(store.load("")).await.unwrap().len(), read.len() + 1);
}

#[tokio::test]
async fn a_leader_whose_key_was_deleted_commits_nothing() {
    let etcd = EtcdServer::start().await;
    let store = etcd.store("test", "master");
    let term = soon(store.campaign(vec![])).await.unwrap();
    let mut operator = etcd_client::Client::connect([etcd.endpoint()], None).await.unwrap();
    let all = etcd_client::DeleteOptions::new().with_prefix();
    operator.delete("/meseta/test/master/election/", Some(all)).await.unwrap();
    let error = soon(store.commit(term.epoch(), vec![Write::put("a", vec![1])])).await.unwrap_err();
    assert!(matches!(error, CommitError::Deposed { .. }), "{error}");
    assert!(soon(store.load("")).await.unwrap().is_empty());
}

#[tokio::test]
async fn clusters_and_scopes_have_elections_and_data_of_their_own() {
    let etcd = EtcdServer::start().await;
    for (cluster, scope) in [("a", "master"), ("a", "services"), ("b", "master")] {
        let store = etcd.store(cluster, scope);
        let term = soon(store.campaign(vec![])).await.unwrap();
        assert!(soon(store.load("")).await.unwrap().is_empty());
        soon(store.commit(term.epoch(), vec![Write::put("a", vec![1])])).await.unwrap();
        std::mem::forget((store, term));
    }
}

#[tokio::test]
async fn an_etcd_that_is_not_there_is_named() {
    let store = store::open(&StoreConfig::etcd(["127.0.0.1:1"]), "test", "master").unwrap();
    let error = soon(store.campaign(vec![])).await.unwrap_err();
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
}

// --- a leader in another process, to stop and to kill ------------------------------------------

/// Names the etcd to a process of this program, in which [`LEADER`] then leads.
const LEADER_OF: &str = "MESETA_TEST_LEADER_OF";
const LEADER: &str = "a_leader_that_was_stopped_past_its_lease_wakes_up_deposed_and_writes_nothing";

/// Leads where it is wanted, and returns whether it was: says so, says when it no longer does, and
/// commits whenever it reads a line.
async fn was_the_leader() -> bool {
    let Ok(endpoint) = std::env::var(LEADER_OF) else { return false };
    let store = store::open(&StoreConfig::etcd([endpoint]), "test", "master").unwrap();
    let term = store.campaign(b"other".to_vec()).await.unwrap();
    println!("\nleads {}", term.epoch());
    let (epoch, ended) = (term.epoch(), term.ended());
    let reading = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for _line in std::io::stdin().lines() {
            let writes = vec![Write::put("from", b"the other".to_vec())];
            match runtime.block_on(store.commit(epoch, writes)) {
                Ok(()) => println!("\ncommitted"),
                Err(error) => println!("\nrefused: {error}"),
            }
        }
    });
    println!("\nended {:?}", ended.await);
    reading.join().unwrap();
    true
}

struct Leader {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Leader {
    fn start(etcd: &EtcdServer) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", LEADER, "--nocapture"])
            .env(LEADER_OF, etcd.endpoint())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut leader = Self { process, input, output };
        leader.read(&["leads"]);
        leader
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id() as i32), signal).unwrap();
    }

    /// Reads until lines that begin with each of the words have come, in any order.
    fn read(&mut self, words: &[&str]) {
        let mut missing = words.to_vec();
        while !missing.is_empty() {
            let line = self.output.next().unwrap_or_else(|| panic!("never says {missing:?}"));
            let line = line.unwrap();
            missing.retain(|word| !line.starts_with(word));
        }
    }

    fn commit(&mut self) {
        self.input.write_all(b"commit\n").unwrap();
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn when_a_leader_is_killed_the_next_leads_within_its_ttl_and_a_second() {
    let etcd = EtcdServer::start().await;
    let leader = Leader::start(&etcd);
    let store = etcd.store("test", "master");
    let waiting = tokio::spawn(store.campaign(vec![]));
    tokio::time::sleep(SECOND).await;
    leader.signal(Signal::SIGKILL);
    let (elected, took) = timed(waiting).await;
    elected.unwrap().unwrap();
    assert!(took < TTL + SECOND, "took {took:?}");
}

#[tokio::test]
async fn a_leader_that_was_stopped_past_its_lease_wakes_up_deposed_and_writes_nothing() {
    if was_the_leader().await {
        return;
    }
    let etcd = EtcdServer::start().await;
    let mut leader = Leader::start(&etcd);
    leader.commit();
    leader.read(&["committed"]);
    leader.signal(Signal::SIGSTOP);
    let store = etcd.store("test", "master");
    let term = soon(store.campaign(vec![])).await.unwrap();
    soon(store.commit(term.epoch(), vec![Write::delete("from")])).await.unwrap();
    leader.commit();
    leader.signal(Signal::SIGCONT);
    let woken = Instant::now();
    leader.read(&["refused: epoch", "ended Lost"]);
    assert!(woken.elapsed() < SECOND, "noticed after {:?}", woken.elapsed());
    assert!(soon(store.load("")).await.unwrap().is_empty());
    soon(store.commit(term.epoch(), vec![])).await.unwrap();
}
