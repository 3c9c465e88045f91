//! Opening a connection to another host.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use protocol::envelope::Welcome;
use protocol::{Failure, FailureKind, HostAddr};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::connection::{self, HANDSHAKE_TIMEOUT, HandshakeError};
use crate::host::Host;
use crate::net::TcpStream;
use crate::outbox::Sink;
use crate::peer::{Peer, Up};

/// How long connecting may take: a host on the same network answers within milliseconds, and a
/// SYN that was lost is repeated after one and three seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// How long the other of two crossed connections may take to arrive.
const CROSSED_WAIT: Duration = Duration::from_secs(1);

/// Dials once, and then carries messages until the connection ends.
pub(crate) async fn dial(host: Host, peer: Arc<Peer>, not_before: Option<Instant>) {
    if let Some(at) = not_before {
        sleep_until(at).await;
    }
    if !peer.is_dialling() {
        return; // The peer has connected to us meanwhile.
    }
    let mut buffer = BytesMut::new();
    let (stream, welcome) = match open(&host, &peer.host, &mut buffer).await {
        Ok(opened) => opened,
        Err(HandshakeError::Crossed) => {
            sleep(CROSSED_WAIT).await;
            return peer.dial_failed(&host, &failure_of(&peer, &HandshakeError::Crossed));
        }
        Err(error) => {
            tracing::info!(peer = %peer.host, %error, "cannot connect");
            return peer.dial_failed(&host, &failure_of(&peer, &error));
        }
    };
    let (read_half, write_half) = stream.into_split();
    let up = Up {
        sink: Sink { connection: host.next_connection(), half: Arc::new(write_half) },
        version: welcome.version,
        incarnation: welcome.incarnation,
        dialled: true,
        close: Arc::new(watch::Sender::new(false)),
    };
    if !peer.adopt(&host, &up) {
        return; // Overtaken by the peer's own connection.
    }
    tracing::debug!(peer = %peer.host, "connected");
    let why = connection::run(host.clone(), Arc::clone(&peer), up.clone(), read_half, buffer).await;
    tracing::info!(peer = %peer.host, why, "connection ended");
    peer.lost(&host, up.sink.connection, &why);
}

/// A host that is there and will not have us is not the same as one that is not there.
fn failure_of(peer: &Peer, error: &HandshakeError) -> Failure {
    let mut failure = peer.link_down(error);
    if matches!(error, HandshakeError::Rejected(_) | HandshakeError::NotAPeer(_)) {
        failure.kind = FailureKind::Unwelcome;
    }
    failure
}

async fn open(
    host: &Host,
    to: &HostAddr,
    buffer: &mut BytesMut,
) -> Result<(TcpStream, Welcome), HandshakeError> {
    let name = to.host().trim_start_matches('[').trim_end_matches(']');
    let connecting = TcpStream::connect((name, to.port()));
    let mut stream = timeout(CONNECT_TIMEOUT, connecting).await.map_err(|_| {
        std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            format!("it did not answer within {}s", CONNECT_TIMEOUT.as_secs()),
        )
    })??;
    stream.set_nodelay(true)?;
    let hello = connection::hello_of(host);
    let greeting = connection::greet(&mut stream, &hello, buffer);
    let welcome =
        timeout(HANDSHAKE_TIMEOUT, greeting).await.map_err(|_| HandshakeError::Timeout)??;
    Ok((stream, welcome))
}
