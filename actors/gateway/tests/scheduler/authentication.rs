//! Who asks: first of all, and for which realm.

use std::sync::Arc;

use actix_web::http::Method;
use gateway::{Access, Credentials, Realm};
use protocol::access::Acls;
use serde_json::{Value, json};

use crate::client::{Client, JSON, secret_of};
use crate::operators::read;
use crate::stage::Stage;
use crate::support::leads;

const ALL: [Realm; 3] = [Realm::Schedulers, Realm::Readonly, Realm::Readwrite];

/// `ops`, `web` and `eve` are known; these realms are guarded, by these lists.
pub(crate) fn access(guarded: &[Realm], acls: &Arc<Acls>) -> Access {
    let known = ["ops", "web", "eve"]
        .map(|principal| json!({ "principal": principal, "secret": secret_of(principal) }));
    let known = json!({ "credentials": known }).to_string();
    let credentials = Credentials::from_json(&known).unwrap();
    Access::new(credentials, guarded.iter().copied(), Arc::clone(acls))
}

async fn guarded(realms: &[Realm]) -> Stage {
    let acls = Arc::default();
    let leader = leads(true, "127.0.0.1:5050");
    let stage = Stage::start_guarded(leader, access(realms, &acls), acls).await;
    stage.introduce().await;
    stage.rejoin(vec![]);
    stage
}

/// Status, realm and body.
async fn answer(request: reqwest::RequestBuilder) -> (u16, String, String) {
    let response = request.send().await.unwrap();
    let realm = response.headers().get("www-authenticate");
    let realm = realm.map_or("", |realm| realm.to_str().unwrap()).to_owned();
    (response.status().as_u16(), realm, response.text().await.unwrap())
}

async fn is_turned_away(request: reqwest::RequestBuilder, realm: &str) {
    let (status, asked, text) = answer(request).await;
    assert_eq!((status, asked), (401, format!("Basic realm=\"{realm}\"")), "{text}");
    assert!(text.contains(realm) && !text.contains("'s secret"), "{text}");
}

#[actix_rt::test]
async fn a_scheduler_must_say_who_it_is_before_anything_else_is_looked_at() {
    let stage = guarded(&ALL).await;
    let client = stage.client();
    let realm = "mesos-master-scheduler";
    // Neither the method nor the body is looked at.
    for path in ["/api/v1/scheduler", "/master/api/v1/scheduler"] {
        is_turned_away(client.request(Method::GET, path), realm).await;
        is_turned_away(client.request(Method::POST, path).body("{"), realm).await;
    }
    let post = || client.post(&json!({ "type": "SUBSCRIBE" }));
    is_turned_away(post(), realm).await;
    is_turned_away(post().basic_auth("ops", Some("wrong")), realm).await;
    is_turned_away(post().basic_auth("ops", None::<&str>), realm).await;
    is_turned_away(post().basic_auth("nobody", Some("secret")), realm).await;
    is_turned_away(post().bearer_auth("b3BzOm9wcydzIHNlY3JldA=="), realm).await;
    is_turned_away(post().header("Authorization", "Basic ?"), realm).await;
    let (status, asked, text) = answer(client.clone().of("ops").post(&json!({}))).await;
    assert_eq!((status, asked.as_str()), (400, ""), "{text}");
}

#[actix_rt::test]
async fn a_standby_asks_too_before_it_sends_anybody_away() {
    let acls = Arc::default();
    let leader = leads(false, "10.0.0.9:5050");
    let stage = Stage::start_guarded(leader, access(&ALL, &acls), acls).await;
    let client = stage.client();
    let path = "/api/v1/scheduler";
    is_turned_away(client.request(Method::POST, path), "mesos-master-scheduler").await;
    let known = client.of("ops");
    for _ in 0..500 {
        let (status, _) = Client::answer(known.request(Method::POST, path)).await;
        if status == 307 {
            return;
        }
        assert_eq!(status, 503, "no leader is known yet");
        actix_rt::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the standby sends nobody to the leader");
}

#[actix_rt::test]
async fn every_call_and_endpoint_of_operators_is_in_a_realm() {
    let stage = guarded(&ALL).await;
    let client = stage.client();
    for (method, path, realm) in [
        (Method::POST, "/api/v1", "readwrite"),
        (Method::POST, "/api/v1/operator", "readwrite"),
        (Method::POST, "/master/api/v1", "readwrite"),
        (Method::GET, "/state", "readonly"),
        (Method::GET, "/master/state.json", "readonly"),
        (Method::GET, "/state-summary", "readonly"),
        (Method::GET, "/slaves", "readonly"),
        (Method::GET, "/frameworks", "readonly"),
        (Method::GET, "/tasks", "readonly"),
        (Method::GET, "/roles", "readonly"),
        (Method::GET, "/flags", "readonly"),
        (Method::GET, "/metrics/snapshot", "readonly"),
        (Method::GET, "/files/read?path=/master/log", "readonly"),
        (Method::GET, "/api/v1/explain/role/dev", "readonly"),
        (Method::GET, "/api/v1/meseta/tasks", "readonly"),
        (Method::GET, "/api/v1/events", "readonly"),
        (Method::POST, "/logging/toggle", "readwrite"),
        (Method::POST, "/teardown", "readwrite"),
        (Method::POST, "/reserve", "readwrite"),
        (Method::POST, "/unreserve", "readwrite"),
        (Method::POST, "/create-volumes", "readwrite"),
        (Method::POST, "/destroy-volumes", "readwrite"),
        (Method::GET, "/quota", "readwrite"),
        (Method::DELETE, "/quota/dev", "readwrite"),
        (Method::PUT, "/weights", "readwrite"),
        (Method::GET, "/maintenance/schedule", "readwrite"),
        (Method::GET, "/maintenance/status", "readwrite"),
        (Method::POST, "/machine/down", "readwrite"),
        (Method::POST, "/machine/up", "readwrite"),
        (Method::POST, "/api/v1/tasks/t/resize", "readwrite"),
    ] {
        let request = || client.request(method.clone(), path);
        is_turned_away(request(), &format!("mesos-master-{realm}")).await;
        let known = request().basic_auth("ops", Some(secret_of("ops")));
        assert_ne!(answer(known).await.0, 401, "{path}");
    }
    for path in ["/health", "/version", "/master/version", "/redirect", "/system/stats.json"] {
        let (status, ..) = answer(client.request(Method::GET, path)).await;
        assert!(matches!(status, 200 | 307), "{path}: {status}");
    }
}

#[actix_rt::test]
async fn a_path_in_another_spelling_is_in_no_other_realm() {
    let stage = guarded(&[Realm::Schedulers, Realm::Readonly]).await;
    let client = stage.client();
    for path in ["/api/v1/%73cheduler", "/%6daster/api/v1/scheduler"] {
        is_turned_away(client.request(Method::POST, path), "mesos-master-scheduler").await;
    }
    for path in ["/%73tate", "/master/stat%65.json", "/api/v1/%6deseta/tasks"] {
        is_turned_away(client.request(Method::GET, path), "mesos-master-readonly").await;
    }
    // Nothing is there, so nobody is asked.
    for path in ["//state", "/state/", "/STATE", "/master/master/state", "/state;x"] {
        assert_eq!(answer(client.request(Method::GET, path)).await.0, 404, "{path}");
    }
}

#[actix_rt::test]
async fn a_realm_that_is_not_guarded_asks_nobody_and_believes_nobody() {
    let stage = guarded(&[Realm::Readwrite]).await;
    let client = stage.client();
    let (status, ..) = answer(client.request(Method::GET, "/state")).await;
    assert_eq!(status, 200);
    // A wrong secret is not looked at, so the principal is that of the framework's word.
    let call = json!({ "type": "SUBSCRIBE", "subscribe": {
        "framework_info": { "user": "root", "name": "demo", "principal": "web" } } });
    let request = client.post(&call).basic_auth("ops", Some("wrong"));
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[actix_rt::test]
async fn a_token_is_as_good_as_a_secret_if_it_names_somebody() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    std::fs::write(&file, "forty bytes, of which nobody is to know.").unwrap();
    let secret = tokens::TokenSecret::read(&file).unwrap();
    let acls = Arc::default();
    let access = access(&ALL, &acls).with_tokens(Some(secret.clone()));
    let stage = Stage::start_guarded(leads(true, "127.0.0.1:5050"), access, acls).await;
    stage.introduce().await;
    let client = stage.client();
    let say = |token: String| client.post(&subscribe(Some("web"))).bearer_auth(token);
    let stream = say(secret.token_of(&json!({ "sub": "web" }))).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    // Of another principal than the framework.
    let (status, _, text) = answer(say(secret.token_of(&json!({ "sub": "eve" })))).await;
    assert_eq!(status, 400, "{text}");
    // An executor's, or anybody's who is not named: before the method is looked at.
    let nameless = "The request's authenticated principal contains claims, but no value string. The \
                    master currently requires that principals have a value";
    for claims in [json!({ "fid": "f", "eid": "e" }), json!({ "sub": 1 }), json!({ "sub": "" })] {
        let token = secret.token_of(&claims);
        let refused = (403, String::new(), nameless.to_owned());
        assert_eq!(answer(say(token.clone())).await, refused);
        for path in ["/api/v1/scheduler", "/api/v1", "/state"] {
            let request = client.request(Method::GET, path).bearer_auth(&token);
            assert_eq!(answer(request).await, refused, "{path}");
        }
    }
    // Good no more, or never.
    let expired = secret.token_of(&json!({ "sub": "web", "exp": 1 }));
    let good = secret.token_of(&json!({ "sub": "web" }));
    for (token, why) in [
        (expired, "the token has expired"),
        (good[..good.len() - 1].to_owned(), "the signature is wrong"),
        ("x".to_owned(), "three parts"),
    ] {
        let response = say(token).send().await.unwrap();
        let asked = response.headers().get_all("www-authenticate").iter();
        let asked: Vec<_> = asked.map(|realm| realm.to_str().unwrap().to_owned()).collect();
        let realm = "mesos-master-scheduler";
        assert_eq!(
            asked,
            [format!("Basic realm=\"{realm}\""), format!("Bearer realm=\"{realm}\"")]
        );
        assert_eq!(response.status(), 401);
        let text = response.text().await.unwrap();
        assert!(text.contains(why), "{text}");
    }
}

fn subscribe(principal: Option<&str>) -> Value {
    let mut info = json!({ "user": "root", "name": "demo", "failover_timeout": 60.0 });
    if let Some(principal) = principal {
        info["principal"] = principal.into();
    }
    json!({ "type": "SUBSCRIBE", "subscribe": { "framework_info": info } })
}

#[actix_rt::test]
async fn a_framework_is_of_the_principal_that_speaks_for_it() {
    let stage = guarded(&ALL).await;
    let web = stage.client().of("web");
    let other = "Failed to validate mesos.v1.scheduler.Call: Authenticated principal 'web' does not \
                 match principal 'ops' set in `FrameworkInfo`";
    let (status, text) = Client::answer(web.post(&subscribe(Some("ops")))).await;
    let tail = |text: &str| text.split_once("Call: ").map(|(_, tail)| tail.to_owned());
    assert_eq!((status, tail(&text)), (400, tail(other)), "{text}");
    // One that says nothing gets it.
    let framework = web.subscribe().await;
    let all = read(&stage.client().of("ops"), "GET_FRAMEWORKS").await;
    assert_eq!(all["frameworks"][0]["framework_info"]["principal"], "web", "{all}");
    // An update, too.
    let mut info = json!({ "user": "root", "name": "other", "failover_timeout": 60.0,
        "id": { "value": framework.id } });
    let update = framework.request("UPDATE_FRAMEWORK", &json!({ "framework_info": info }));
    assert_eq!(Client::answer(update).await, (200, String::new()));
    info["principal"] = "eve".into();
    let update = framework.request("UPDATE_FRAMEWORK", &json!({ "framework_info": info }));
    let (status, text) = Client::answer(update).await;
    assert_eq!(status, 400);
    assert!(text.contains("'web' does not match principal 'eve'"), "{text}");
}

#[actix_rt::test]
async fn nobody_speaks_for_the_framework_of_another_principal() {
    let stage = guarded(&ALL).await;
    let framework = stage.client().of("web").subscribe().await;
    let eve = stage.client().of("eve");
    let mismatch = "Authenticated principal 'eve' does not match principal 'web' set in \
                    `FrameworkInfo`";
    let refused = (400, mismatch.to_owned());
    for kind in ["TEARDOWN", "REVIVE", "SUPPRESS"] {
        let call = framework.call(kind, &Value::Null);
        // Before the stream's id is looked at, and also if it is right.
        assert_eq!(Client::answer(eve.post(&call)).await, refused);
        let request = eve.post(&call).header("Mesos-Stream-Id", &framework.stream.id);
        assert_eq!(Client::answer(request).await, refused);
    }
    // Somebody else's id is not taken over either.
    let mut call = subscribe(None);
    call["framework_id"] = json!({ "value": framework.id });
    call["subscribe"]["framework_info"]["id"] = json!({ "value": framework.id });
    let stream = crate::client::Stream::of(eve.post(&call).send().await.unwrap());
    assert_eq!(stream.error().await, "Changing framework's principal is not allowed.");
    // Nor once it is disconnected: that is said later.
    let (id, teardown) = (framework.id.clone(), framework.call("TEARDOWN", &Value::Null));
    drop(framework);
    let web = stage.client().of("web");
    for _ in 0..500 {
        let (status, text) = Client::answer(web.post(&teardown)).await;
        if (status, text.as_str()) == (403, "Framework is not subscribed") {
            assert_eq!(Client::answer(eve.post(&teardown)).await, refused, "{id}");
            return;
        }
        actix_rt::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the framework is still subscribed");
}

#[actix_rt::test]
async fn an_operators_secret_is_asked_for_in_the_api_and_its_answer_is_as_ever() {
    let stage = guarded(&ALL).await;
    let call = json!({ "type": "GET_HEALTH" }).to_string();
    let post = |client: &Client| {
        let request = client.request(Method::POST, "/api/v1").header("Content-Type", JSON);
        request.body(call.clone())
    };
    let healthy = r#"{"type":"GET_HEALTH","get_health":{"healthy":true}}"#.to_owned();
    assert_eq!(Client::answer(post(&stage.client().of("ops"))).await, (200, healthy));
    is_turned_away(post(&stage.client()), "mesos-master-readwrite").await;
}
