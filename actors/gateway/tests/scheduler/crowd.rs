//! Many frameworks that have nothing to do.

use std::time::Instant;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stage::Stage;

/// Enough to see that there is no limit on the way; the size of the story of ten thousand is
/// `MESETA_CROWD=10000`, with as many open files allowed and more than twice as many again.
const CROWD: usize = 2000;

#[actix_rt::test]
async fn a_crowd_of_idle_frameworks_is_subscribed() {
    let crowd = std::env::var("MESETA_CROWD").ok().and_then(|n| n.parse().ok()).unwrap_or(CROWD);
    let stage = Stage::start().await;
    let (begun, before) = (Instant::now(), resident_kib());
    let mut streams = Vec::new();
    for n in 0..crowd {
        streams.push(idle(&stage, n).await);
    }
    let each = (resident_kib() - before) * 1024 / crowd as u64;
    println!(
        "{crowd} idle frameworks in {:?}, {each} bytes each with their clients",
        begun.elapsed()
    );
    // Who comes next is served as ever.
    let mut framework = stage.client().subscribe().await;
    framework.launch("t").await;
}

/// A subscription that wants no offers, and its socket.
async fn idle(stage: &Stage, n: usize) -> TcpStream {
    let body = json!({ "type": "SUBSCRIBE", "subscribe": {
        "framework_info": { "user": "root", "name": format!("idle-{n}") },
        "suppressed_roles": ["*"] } })
    .to_string();
    let mut socket = TcpStream::connect(stage.gateway.address()).await.unwrap();
    let head = "POST /api/v1/scheduler HTTP/1.1\r\nhost: m\r\ncontent-type: application/json";
    let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut said = String::new();
    while !said.contains("HEARTBEAT") {
        let mut buffer = [0; 1024];
        let count = socket.read(&mut buffer).await.unwrap();
        assert!(count > 0, "{said}");
        said.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    socket
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
