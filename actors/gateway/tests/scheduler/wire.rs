//! A scheduler that speaks protobuf, written from the table of the wire alone: no generated type
//! is used on its side.

use actix_web::http::Method;
use reqwest::RequestBuilder;

use crate::client::{Client, Stream};
use crate::fields::Fields;
use crate::stage::{AGENT, Stage};
use crate::tiny::{double, id, int, message, text};

const PROTOBUF: &str = "application/x-protobuf";

struct Framework {
    client: Client,
    id: String,
    stream: Stream,
}

fn post(client: &Client, body: Vec<u8>) -> RequestBuilder {
    let request = client.request(Method::POST, "/api/v1/scheduler");
    request.header("Content-Type", PROTOBUF).body(body)
}

impl Framework {
    async fn subscribe(client: Client) -> Self {
        // FrameworkInfo: user 1, name 2, failover_timeout 4, capabilities 10 { type 1 }.
        let info = [text(1, "root"), text(2, "wire"), double(4, 60.0), message(10, &[int(1, 5)])];
        let call = [int(2, 1), message(3, &[message(1, &info)])].concat();
        let request = post(&client, call).header("Accept", PROTOBUF);
        let mut stream = Stream::of(request.send().await.unwrap());
        assert_eq!(stream.content_type(), PROTOBUF);
        let event = Fields::read(&stream.record().await.unwrap());
        assert_eq!(event.int(1), 1);
        let subscribed = event.part(2);
        assert_eq!(subscribed.double(2), 15.0);
        assert_eq!(subscribed.part(3).text(6), "1.11.0");
        let id = subscribed.id(1);
        let heartbeat = Fields::read(&stream.record().await.unwrap());
        assert_eq!((heartbeat.int(1), heartbeat.count()), (8, 1));
        Self { client, id, stream }
    }

    /// A call of this type with this part.
    async fn tell(&self, kind: u64, part: Vec<u8>) {
        let call = [id(1, &self.id), int(2, kind), part].concat();
        let request = post(&self.client, call).header("Mesos-Stream-Id", &self.stream.id);
        assert_eq!(Client::answer(request).await, (202, String::new()));
    }

    /// The next event of this type.
    async fn next(&mut self, kind: u64) -> Fields {
        loop {
            let event = Fields::read(&self.stream.record().await.unwrap());
            if event.int(1) == kind {
                return event;
            }
        }
    }

    async fn status(&mut self) -> Fields {
        self.next(4).await.part(5).part(1)
    }
}

/// A TaskInfo: name 1, task_id 2, agent_id 3, resources 4 { name 1, type 2, scalar 3 }, command 7.
fn task(name: &str) -> Vec<u8> {
    let scalar = |name: &str, value: f64| {
        message(4, &[text(1, name), int(2, 0), message(3, &[double(1, value)])])
    };
    [
        text(1, name),
        id(2, name),
        id(3, AGENT),
        scalar("cpus", 0.5),
        scalar("mem", 64.0),
        message(7, &[text(3, "sleep 9")]),
    ]
    .concat()
}

#[actix_rt::test]
async fn a_whole_story_over_protobuf() {
    let stage = Stage::start().await;
    let mut framework = Framework::subscribe(stage.client()).await;

    let offer = framework.next(2).await.part(3).part(1);
    assert_eq!(
        (offer.id(2), offer.id(3), offer.text(4)),
        (framework.id.clone(), AGENT.into(), "node".into())
    );
    let launch = message(2, &[int(1, 1), message(2, &[message(1, &[task("t")])])]);
    let accept = message(4, &[id(1, &offer.id(1)), launch, message(3, &[double(1, 0.0)])]);
    framework.tell(3, accept).await;

    let running = framework.status().await;
    assert_eq!((running.id(1), running.int(2), running.id(5)), ("t".into(), 1, AGENT.into()));
    let uuid = running.bytes(11);
    assert_eq!(uuid.len(), 16);
    framework.tell(8, message(8, &[id(1, AGENT), id(2, "t"), text(3, &uuid)])).await;
    stage.routed("acknowledge t 67e55044-10b1-426f-9247-bb680e5fe0c8").await;

    framework.tell(9, message(9, &[message(1, &[id(1, "nobody"), id(2, AGENT)])])).await;
    let gone = framework.status().await;
    // TASK_GONE, of the master, because of the question.
    assert_eq!((gone.int(2), gone.int(9), gone.int(10)), (11, 0, 9));
    assert!(!gone.has(11), "nothing to acknowledge");

    framework.tell(6, message(6, &[id(1, "t")])).await;
    assert_eq!(framework.status().await.int(2), 4);

    let data = text(3, [0, 255]);
    framework.tell(10, message(10, &[id(1, AGENT), id(2, "t"), data])).await;
    assert_eq!(framework.next(5).await.part(6).bytes(3), [0, 255]);

    framework.tell(2, Vec::new()).await;
    while framework.stream.record().await.is_some() {}
}

#[actix_rt::test]
async fn the_body_may_be_in_one_encoding_and_the_events_in_the_other() {
    let stage = Stage::start().await;
    let info = [text(1, "root"), text(2, "wire")];
    let call = [int(2, 1), message(3, &[message(1, &info)])].concat();
    for (accept, kind) in
        [(None, "application/json"), (Some("*/*"), "application/json"), (Some(PROTOBUF), PROTOBUF)]
    {
        let mut request = post(&stage.client(), call.clone());
        if let Some(accept) = accept {
            request = request.header("Accept", accept);
        }
        let stream = Stream::of(request.send().await.unwrap());
        assert_eq!(stream.content_type(), kind);
    }
}
