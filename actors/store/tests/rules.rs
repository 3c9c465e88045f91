//! The rules of a store, the same tests for both implementations.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::{EtcdServer, soon, stays_pending, timed};
use protocol::Epoch;
use store::{
    Change, CommitError, Embedded, Ended, Incumbent, MAX_BYTES, MAX_WRITES, Store, Term, Write,
};
use tempfile::TempDir;

/// A store that several candidates can compete for.
trait Fixture {
    /// What the next process (etcd) or component (a file) would use.
    fn candidate(&mut self) -> Arc<dyn Store>;
    /// The same data after everybody has ended.
    fn reopened(&mut self) -> Arc<dyn Store>;
}

struct File {
    store: Option<Arc<dyn Store>>,
    folder: TempDir,
}

impl File {
    async fn start() -> Self {
        Self { store: None, folder: tempfile::tempdir().unwrap() }
    }

    fn open(&self) -> Arc<dyn Store> {
        Arc::new(Embedded::open(&self.folder.path().join("sub/registry"), "master").unwrap())
    }
}

impl Fixture for File {
    fn candidate(&mut self) -> Arc<dyn Store> {
        let opened = self.store.take().unwrap_or_else(|| self.open());
        Arc::clone(self.store.insert(opened))
    }

    fn reopened(&mut self) -> Arc<dyn Store> {
        self.store = None;
        self.open()
    }
}

struct Cluster(EtcdServer);

impl Cluster {
    async fn start() -> Self {
        Self(EtcdServer::start().await)
    }
}

impl Fixture for Cluster {
    fn candidate(&mut self) -> Arc<dyn Store> {
        self.0.store("test", "master")
    }

    fn reopened(&mut self) -> Arc<dyn Store> {
        self.candidate()
    }
}

macro_rules! rules {
    ($($name:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::File::start().await).await;
            })+
        }
        mod etcd {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Cluster::start().await).await;
            })+
        }
    };
}

rules! {
    epochs_grow_with_every_term,
    the_next_candidate_leads_when_the_first_resigns,
    a_term_that_is_dropped_is_given_up,
    a_candidacy_that_is_dropped_is_nobodys_obstacle,
    everybody_sees_who_leads,
    what_was_committed_is_loaded,
    a_commit_changes_everything_or_nothing,
    a_commit_outside_of_its_term_changes_nothing,
    an_empty_commit_asks_whether_the_term_is_current,
    commits_up_to_the_limits_are_taken_and_beyond_refused,
    a_registry_of_many_keys_is_loaded_whole,
    data_and_epochs_survive_everybody,
}

async fn lead(store: &Arc<dyn Store>) -> Term {
    soon(store.campaign(b"me".to_vec())).await.unwrap()
}

async fn all(store: &Arc<dyn Store>) -> BTreeMap<String, Vec<u8>> {
    soon(store.load("")).await.unwrap()
}

async fn epochs_grow_with_every_term(mut fixture: impl Fixture) {
    let mut last = Epoch(0);
    for _ in 0..3 {
        let store = fixture.candidate();
        let term = lead(&store).await;
        assert!(term.epoch() > last);
        last = term.epoch();
        assert_eq!(soon(term.resign()).await, Ended::Resigned);
    }
}

async fn the_next_candidate_leads_when_the_first_resigns(mut fixture: impl Fixture) {
    let (first, second) = (fixture.candidate(), fixture.candidate());
    let term = lead(&first).await;
    let mut waiting = second.campaign(b"second".to_vec());
    assert!(stays_pending(&mut waiting).await);
    let (next, took) = timed(async {
        term.resign().await;
        waiting.await.unwrap()
    })
    .await;
    assert!(took < Duration::from_millis(900), "took {took:?}");
    soon(second.commit(next.epoch(), vec![])).await.unwrap();
}

async fn a_term_that_is_dropped_is_given_up(mut fixture: impl Fixture) {
    let store = fixture.candidate();
    let term = lead(&store).await;
    let (epoch, ended) = (term.epoch(), term.ended());
    drop(term);
    assert_eq!(soon(ended).await, Ended::Resigned);
    let other = fixture.candidate();
    assert!(lead(&other).await.epoch() > epoch);
}

async fn a_candidacy_that_is_dropped_is_nobodys_obstacle(mut fixture: impl Fixture) {
    let (first, second, third) = (fixture.candidate(), fixture.candidate(), fixture.candidate());
    let term = lead(&first).await;
    let mut withdrawn = second.campaign(b"second".to_vec());
    assert!(stays_pending(&mut withdrawn).await);
    let mut waiting = third.campaign(b"third".to_vec());
    assert!(stays_pending(&mut waiting).await);
    drop(withdrawn);
    soon(term.resign()).await;
    soon(waiting).await.unwrap();
}

async fn everybody_sees_who_leads(mut fixture: impl Fixture) {
    let (first, second) = (fixture.candidate(), fixture.candidate());
    let mut seen = second.observe();
    assert_eq!(*seen.borrow_and_update(), None);
    let term = soon(first.campaign(b"first".to_vec())).await.unwrap();
    let expected = Incumbent { epoch: term.epoch(), value: b"first".to_vec() };
    soon(seen.wait_for(|now| now.as_ref() == Some(&expected))).await.unwrap();
    soon(term.resign()).await;
    soon(seen.wait_for(Option::is_none)).await.unwrap();
}

async fn what_was_committed_is_loaded(mut fixture: impl Fixture) {
    let store = fixture.candidate();
    let term = lead(&store).await;
    let put = |key: &str, value: &[u8]| Write::put(key, value.to_vec());
    let writes = vec![put("a/1", b"one"), put("a/2", &[0, 255]), put("b/1", b""), put("a0", b"x")];
    soon(store.commit(term.epoch(), writes)).await.unwrap();
    let expected =
        BTreeMap::from([("a/1".to_owned(), b"one".to_vec()), ("a/2".to_owned(), vec![0, 255])]);
    assert_eq!(soon(store.load("a/")).await.unwrap(), expected);
    assert_eq!(all(&store).await.len(), 4);
    let writes = vec![Write::delete("a/1"), put("a/2", b"new"), Write::delete("never")];
    soon(store.commit(term.epoch(), writes)).await.unwrap();
    let expected = BTreeMap::from([("a/2".to_owned(), b"new".to_vec())]);
    assert_eq!(soon(fixture.candidate().load("a/")).await.unwrap(), expected);
}

async fn a_commit_changes_everything_or_nothing(mut fixture: impl Fixture) {
    let store = fixture.candidate();
    let term = lead(&store).await;
    let twice = vec![Write::put("a", vec![1]), Write::put("b", vec![1]), Write::delete("a")];
    let nameless = vec![Write::put("a", vec![1]), Write::put("", vec![1])];
    for writes in [twice, nameless] {
        let error = soon(store.commit(term.epoch(), writes)).await.unwrap_err();
        assert!(matches!(error, CommitError::Rejected(_)), "{error}");
        assert!(all(&store).await.is_empty());
    }
}

async fn a_commit_outside_of_its_term_changes_nothing(mut fixture: impl Fixture) {
    let store = fixture.candidate();
    let deposed = |error: &CommitError| matches!(error, CommitError::Deposed { .. });
    let write = || vec![Write::put("a", vec![1])];
    let error = soon(store.commit(Epoch(0), write())).await.unwrap_err();
    assert!(deposed(&error), "{error}");

    let first = lead(&store).await;
    let old = first.epoch();
    let error = soon(store.commit(Epoch(old.0 + 1), write())).await.unwrap_err();
    assert!(deposed(&error), "{error}");
    soon(first.resign()).await;
    let error = soon(store.commit(old, write())).await.unwrap_err();
    assert!(deposed(&error), "{error}");

    let second = lead(&store).await;
    let error = soon(store.commit(old, write())).await.unwrap_err();
    assert!(deposed(&error), "{error}");
    assert!(all(&store).await.is_empty());
    soon(store.commit(second.epoch(), write())).await.unwrap();
}

async fn an_empty_commit_asks_whether_the_term_is_current(mut fixture: impl Fixture) {
    let store = fixture.candidate();
    let term = lead(&store).await;
    let epoch = term.epoch();
    soon(store.commit(epoch, vec![])).await.unwrap();
    soon(term.resign()).await;
    assert!(soon(store.commit(epoch, vec![])).await.is_err());
}

async fn commits_up_to_the_limits_are_taken_and_beyond_refused(mut fixture: impl Fixture) {
    let store = fixture.candidate();
    let term = lead(&store).await;
    let writes = |count: usize, size: usize| -> Vec<Write> {
        (0..count).map(|n| Write::put(format!("{n:04}"), vec![7; size - 4])).collect()
    };
    soon(store.commit(term.epoch(), writes(MAX_WRITES, MAX_BYTES / MAX_WRITES))).await.unwrap();
    soon(store.commit(term.epoch(), writes(1, MAX_BYTES))).await.unwrap();
    for beyond in [writes(MAX_WRITES + 1, 10), writes(1, MAX_BYTES + 1)] {
        let error = soon(store.commit(term.epoch(), beyond)).await.unwrap_err();
        assert!(matches!(error, CommitError::TooLarge { .. }), "{error}");
    }
    let loaded = all(&store).await;
    assert_eq!(loaded.len(), MAX_WRITES);
    assert_eq!(loaded["0000"].len(), MAX_BYTES - 4);
}

async fn a_registry_of_many_keys_is_loaded_whole(mut fixture: impl Fixture) {
    let store = fixture.candidate();
    let term = lead(&store).await;
    let mut expected = BTreeMap::new();
    for page in 0..10 {
        let keys = (0..100).map(|n| format!("agents/{page}-{n}"));
        let writes: Vec<_> = keys.map(|key| Write::put(key, vec![page; 2000])).collect();
        for write in &writes {
            let Change::Put(value) = &write.change else { unreachable!("only puts") };
            expected.insert(write.key.clone(), value.clone());
        }
        soon(store.commit(term.epoch(), writes)).await.unwrap();
    }
    assert_eq!(soon(store.load("agents/")).await.unwrap(), expected);
    assert!(soon(store.load("frameworks/")).await.unwrap().is_empty());
}

async fn data_and_epochs_survive_everybody(mut fixture: impl Fixture) {
    let store = fixture.candidate();
    let term = lead(&store).await;
    let epoch = term.epoch();
    soon(store.commit(epoch, vec![Write::put("a", vec![1])])).await.unwrap();
    soon(term.resign()).await;
    drop(store);
    let store = fixture.reopened();
    assert_eq!(all(&store).await, BTreeMap::from([("a".to_owned(), vec![1])]));
    assert!(lead(&store).await.epoch() > epoch);
}
