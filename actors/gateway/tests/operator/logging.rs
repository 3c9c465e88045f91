//! How much is logged: SET_LOGGING_LEVEL, GET_LOGGING_LEVEL and `/logging/toggle`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateway::Logs;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::stage::{Answer, Stage};
use crate::support::{SOON, leads};

/// What a log was told.
type Said = Arc<Mutex<Vec<u32>>>;

/// A master whose log says so much usually.
async fn stage(usual: u32) -> (Stage, Said) {
    let said = Said::default();
    let log = Arc::clone(&said);
    let change = move |level| {
        log.lock().unwrap().push(level);
        Ok(())
    };
    (Stage::with_logs(Logs::new(usual, change)).await, said)
}

fn set(level: u32, duration: Duration) -> Value {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap();
    let part = json!({ "level": level, "duration": { "nanoseconds": nanoseconds } });
    json!({ "type": "SET_LOGGING_LEVEL", "set_logging_level": part })
}

async fn toggle(stage: &Stage, query: &str) -> Answer {
    Stage::answer(stage.request(Method::POST, &format!("/logging/toggle{query}"))).await
}

async fn level(stage: &Stage) -> u64 {
    stage.read("GET_LOGGING_LEVEL").await["level"].as_u64().unwrap()
}

/// Asks in one encoding: between two answers the level may change.
async fn until_level(stage: &Stage, expected: u64) {
    let call = json!({ "type": "GET_LOGGING_LEVEL" });
    let told = async || {
        let (status, text) = stage.call(&call).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["get_logging_level"]["level"].as_u64().unwrap()
    };
    let reached = async {
        while told().await != expected {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, reached).await.unwrap();
}

#[actix_rt::test]
async fn more_is_logged_for_as_long_as_the_call_says() {
    let (stage, said) = stage(0).await;
    assert_eq!(level(&stage).await, 0);
    let done = (StatusCode::OK, String::new());
    assert_eq!(stage.call(&set(2, Duration::from_secs(600))).await, done);
    assert_eq!(level(&stage).await, 2);
    assert_eq!(stage.call(&set(1, Duration::from_millis(20))).await, done);
    until_level(&stage, 0).await;
    assert_eq!(*said.lock().unwrap(), [2, 1, 0]);
}

#[actix_rt::test]
async fn the_endpoint_tells_the_level_and_sets_it() {
    let (stage, _) = stage(0).await;
    let told = |level: &str| (StatusCode::OK, format!("{level}\n"));
    assert_eq!(toggle(&stage, "").await, told("0"));
    assert_eq!(toggle(&stage, "?level=1&duration=10mins").await, (StatusCode::OK, String::new()));
    assert_eq!((toggle(&stage, "").await, level(&stage).await), (told("1"), 1));
    for path in ["/logging/toggle.json", "/master/logging/toggle"] {
        let answer = Stage::answer(stage.request(Method::GET, path)).await;
        assert_eq!(answer, told("1"), "{path}");
    }
    assert_eq!(toggle(&stage, "?level=2&duration=20ms").await.0, StatusCode::OK);
    until_level(&stage, 0).await;
}

#[actix_rt::test]
async fn what_is_wrong_with_a_wish_is_said() {
    let (stage, said) = stage(1).await;
    for (query, fault) in [
        ("?level=2", "Expecting 'duration=value' in query.\n"),
        ("?duration=5secs", "Expecting 'level=value' in query.\n"),
        ("?level=x&duration=5secs", "Failed to convert 'x' to number.\n"),
        ("?level=-1&duration=5secs", "Invalid level '-1'.\n"),
        ("?level=0&duration=5secs", "'0' < original level.\n"),
        ("?level=2&duration=5", "Unknown duration unit ''.\n"),
        ("?level=2&duration=-5secs", "Invalid duration '-5secs'.\n"),
    ] {
        let bad = (StatusCode::BAD_REQUEST, fault.to_owned());
        assert_eq!(toggle(&stage, query).await, bad, "{query}");
    }
    let mut negative = set(2, Duration::ZERO);
    negative["set_logging_level"]["duration"]["nanoseconds"] = json!(-1);
    let missing = json!({ "type": "SET_LOGGING_LEVEL", "set_logging_level": { "level": 1 } });
    for (call, fault) in [
        (set(0, Duration::from_secs(1)), "'0' < original level."),
        (negative, "'duration' must not be negative"),
        (json!({ "type": "SET_LOGGING_LEVEL" }), "Expecting 'set_logging_level' to be present"),
        (missing, "duration"),
    ] {
        let (status, text) = stage.call(&call).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{call}");
        assert!(text.contains(fault), "{text}");
    }
    assert!(said.lock().unwrap().is_empty(), "nothing has changed");
}

#[actix_rt::test]
async fn a_log_that_cannot_be_changed_says_so() {
    let stage = Stage::with_logs(Logs::default()).await;
    let fault = "failed to set the logging level: the log of this process is fixed";
    let (status, text) = stage.call(&set(1, Duration::from_secs(1))).await;
    assert_eq!((status, text.as_str()), (StatusCode::SERVICE_UNAVAILABLE, fault));
    let answer = toggle(&stage, "?level=1&duration=1secs").await;
    assert_eq!(answer, (StatusCode::SERVICE_UNAVAILABLE, format!("{fault}\n")));
}

#[actix_rt::test]
async fn a_master_that_does_not_lead_has_a_log_too() {
    let (stage, said) = stage(0).await;
    stage.world.elect(leads(false, "10.0.0.2:5050")).await;
    let redirected = async {
        while stage.call(&set(1, Duration::ZERO)).await.0 != StatusCode::TEMPORARY_REDIRECT {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, redirected).await.unwrap();
    assert_eq!(toggle(&stage, "?level=2&duration=1hrs").await.0, StatusCode::OK);
    assert_eq!(said.lock().unwrap().last(), Some(&2));
}
