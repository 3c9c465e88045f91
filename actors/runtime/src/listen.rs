//! Accepting connections from other hosts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use protocol::envelope::{Hello, Kind, Welcome, negotiate};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::connection::{self, HANDSHAKE_TIMEOUT, HandshakeError};
use crate::host::Host;
use crate::net::{TcpListener, TcpStream};
use crate::outbox::Sink;
use crate::peer::{Peer, Up};

/// Connections that a host accepts at once: a large cluster's agents on one master, with room.
/// Further ones are closed at once. (Processes need as many file descriptors.)
const MAX_INBOUND: usize = 65_536;

/// Connections that may be in their handshake at once; each holds at most 4 KiB.
const MAX_HANDSHAKES: usize = 8192;

/// After a failed accept (too many open files), the pause before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a peer that is connected already may take to prove it, when it seems to connect again.
const PROBE_WAIT: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Load {
    inbound: AtomicUsize,
    handshakes: AtomicUsize,
}

/// One connection's place among the limited number; given back when dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(counter: &'a AtomicUsize, max: usize) -> Option<Self> {
        let before = counter.fetch_add(1, Ordering::Relaxed);
        let place = Self(counter);
        (before < max).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) async fn accept_loop(host: Host, listener: TcpListener) {
    let load = Arc::new(Load::default());
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                let (host_, load) = (host.clone(), Arc::clone(&load));
                actix_rt::spawn(async move {
                    let Some(_place) = Place::take(&load.inbound, MAX_INBOUND) else { return };
                    if let Err(error) = welcome(&host_, &load, stream).await {
                        tracing::info!(%from, %error, "turned a connection away");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn welcome(host: &Host, load: &Load, mut stream: TcpStream) -> Result<(), HandshakeError> {
    stream.set_nodelay(true)?;
    let mut buffer = BytesMut::new();
    let handshake = async {
        let _place = Place::take(&load.handshakes, MAX_HANDSHAKES).ok_or(HandshakeError::Closed)?;
        accept(host, &mut stream, &mut buffer).await
    };
    let (peer, hello, version) =
        timeout(HANDSHAKE_TIMEOUT, handshake).await.map_err(|_| HandshakeError::Timeout)??;
    let (read_half, write_half) = stream.into_split();
    let up = Up {
        sink: Sink { connection: host.next_connection(), half: Arc::new(write_half) },
        version,
        incarnation: hello.incarnation,
        dialled: false,
        close: Arc::new(watch::Sender::new(false)),
    };
    if !peer.adopt(host, &up) {
        return Err(HandshakeError::Crossed);
    }
    tracing::debug!(peer = %peer.host, "connected");
    let connection = up.sink.connection;
    let why = connection::run(host.clone(), Arc::clone(&peer), up, read_half, buffer).await;
    tracing::debug!(peer = %peer.host, why, "connection ended");
    peer.lost(host, connection, &why);
    host.forget_if_undialable(&peer);
    Ok(())
}

/// The handshake of the accepting side.
async fn accept(
    host: &Host,
    stream: &mut TcpStream,
    buffer: &mut BytesMut,
) -> Result<(Arc<Peer>, Hello, u16), HandshakeError> {
    let hello = connection::read_hello(stream, buffer).await?;
    let version = match negotiate(&hello, host.cluster()) {
        Ok(version) => version,
        Err(why) => {
            connection::reject(stream, false, &why).await;
            return Err(HandshakeError::Rejected(why));
        }
    };
    let peer = host.peer(&hello.host);
    if is_crossed(host, &peer, &hello).await {
        connection::reject(stream, true, "both hosts dialled at once").await;
        return Err(HandshakeError::Crossed);
    }
    let answer = Welcome { version, host: host.addr().clone(), incarnation: host.incarnation() };
    connection::write_frame(stream, Kind::Welcome, "Welcome", &answer).await?;
    Ok((peer, hello, version))
}

/// Of two hosts that dial each other at once, the connection of the one with the smaller address
/// stays. A peer that is connected and connects again has lost the old connection, unless the old
/// one still answers.
async fn is_crossed(host: &Host, peer: &Peer, hello: &Hello) -> bool {
    if !hello.host.is_dialable() {
        return false;
    }
    if peer.is_dialling() {
        return host.addr() < &hello.host;
    }
    let Some(up) = peer.up().filter(|up| up.dialled && up.incarnation == hello.incarnation) else {
        return false;
    };
    let before = peer.received();
    connection::send_ping(peer, up.sink.connection);
    let deadline = tokio::time::Instant::now() + PROBE_WAIT;
    while tokio::time::Instant::now() < deadline {
        if peer.received() != before {
            return true;
        }
        sleep(Duration::from_millis(10)).await;
    }
    false
}
