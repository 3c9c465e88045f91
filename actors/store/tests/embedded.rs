//! What only the embedded file can get wrong.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod common;

use common::soon;
use store::{Embedded, Store, StoreError, Write};

#[tokio::test]
async fn a_file_in_use_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry");
    let first = Embedded::open(&path, "master").unwrap();
    let Err(error) = Embedded::open(&path, "master") else { panic!("opened twice") };
    assert!(matches!(error, StoreError::InUse { .. }));
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    drop(first);
    Embedded::open(&path, "master").unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_store_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry");
    std::fs::write(&path, "hello".repeat(1000)).unwrap();
    let Err(error) = Embedded::open(&path, "master") else { panic!("opened") };
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), "hello".repeat(1000).as_bytes());
}

#[tokio::test]
async fn a_term_that_was_cut_off_by_a_crash_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry");
    let store = Embedded::open(&path, "master").unwrap();
    let term = soon(store.campaign(vec![])).await.unwrap();
    soon(store.commit(term.epoch(), vec![Write::put("a", vec![1])])).await.unwrap();
    // A copy of the file, taken while it is in use, is what a crash leaves behind.
    let copy = folder.path().join("copy");
    std::fs::copy(&path, &copy).unwrap();
    let recovered = Embedded::open(&copy, "master").unwrap();
    assert_eq!(soon(recovered.load("")).await.unwrap().len(), 1);
    assert!(soon(recovered.commit(term.epoch(), vec![])).await.is_err());
    assert!(soon(recovered.campaign(vec![])).await.unwrap().epoch() > term.epoch());
}

#[tokio::test]
async fn scopes_of_one_file_do_not_see_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry");
    let master = Embedded::open(&path, "master").unwrap();
    let term = soon(master.campaign(vec![])).await.unwrap();
    soon(master.commit(term.epoch(), vec![Write::put("a", vec![1])])).await.unwrap();
    drop(master);
    let services = Embedded::open(&path, "services").unwrap();
    assert!(soon(services.load("")).await.unwrap().is_empty());
}
