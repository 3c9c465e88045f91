//! One connection between two hosts: the handshake, the reader, the writer, and keeping it alive.
//!
//! Reader and writer are plain tokio tasks on the host's thread. The reader routes frames and never
//! runs actor code; the writer writes whatever its peer's outbox holds.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use foldhash::HashMap;
use protocol::codec;
use protocol::envelope::{
    Envelope, EnvelopeHeader, FrameError, Hello, Kind, LENGTH_PREFIX, MAX_VERSION, MIN_VERSION,
    Welcome, next_frame, take_frame, take_frames,
};
use protocol::runtime::{ExitReason, Exited};
use protocol::{Address, Failure, FailureKind};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use crate::delivery::{AskKey, Delivery, Payload, RemoteReply, Reply, WireMessage};
use crate::host::Host;
use crate::net::{OwnedReadHalf, TcpStream};
use crate::outbox::Sink;
use crate::peer::{Peer, Up};

/// How much is read at once: what one write of a busy peer holds.
const READ_CHUNK: usize = 64 * 1024;

/// Frames of one connection that are routed before other tasks of the thread get a turn.
const FRAMES_PER_TURN: usize = 256;

/// A handshake that takes longer is a stranger. One frame each way needs a round trip.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest `Hello` or `Welcome`: strangers cannot make a host hold more than this.
const MAX_HANDSHAKE_LEN: usize = 4096;

/// How often an idle connection is looked at; it is pinged when nothing came meanwhile.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// A connection over which nothing came for this long is dead: five pings went unanswered.
const SILENCE: Duration = Duration::from_secs(30);

/// Senders whose addresses a connection remembers, so that they are not parsed for every message.
const SENDER_CACHE: usize = 1024;

// --- handshake -----------------------------------------------------------------------------------

/// What can go wrong before a connection carries messages.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("it closed the connection during the handshake")]
    Closed,
    #[error("it did not finish the handshake within {}s", HANDSHAKE_TIMEOUT.as_secs())]
    Timeout,
    #[error("it does not speak this protocol: {0}")]
    NotAPeer(String),
    #[error("it refused: {0}")]
    Rejected(String),
    /// Both dialled at once; the other connection is the one that stays.
    #[error("both hosts dialled at once")]
    Crossed,
}

/// The name of a `Reject` that means [`HandshakeError::Crossed`].
const CROSSED: &str = "Crossed";

pub(crate) async fn write_frame<T: Serialize>(
    stream: &mut TcpStream,
    kind: Kind,
    name: &str,
    body: &T,
) -> Result<(), HandshakeError> {
    let header = EnvelopeHeader { to: "", from: "", name, kind, id: 0, deadline_ms: 0, trace: 0 };
    let mut out = Vec::with_capacity(256);
    let open = header.open(&mut out);
    codec::encode_into(&mut out, body).map_err(|e| HandshakeError::NotAPeer(e.to_string()))?;
    open.close(&mut out).map_err(|e| HandshakeError::NotAPeer(e.to_string()))?;
    stream.write_all(&out).await?;
    Ok(())
}

async fn read_frame(
    stream: &mut TcpStream,
    buffer: &mut BytesMut,
) -> Result<Bytes, HandshakeError> {
    let not_a_peer = |e: FrameError| HandshakeError::NotAPeer(e.to_string());
    loop {
        if let Some(prefix) = buffer.first_chunk::<LENGTH_PREFIX>()
            && u32::from_be_bytes(*prefix) as usize > MAX_HANDSHAKE_LEN
        {
            let length = u32::from_be_bytes(*prefix);
            let text = format!("a handshake of {length} bytes, at most {MAX_HANDSHAKE_LEN}");
            return Err(HandshakeError::NotAPeer(text));
        }
        if let Some(frame) = take_frame(buffer).map_err(not_a_peer)? {
            return Ok(frame.freeze());
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(HandshakeError::Closed);
        }
    }
}

/// The dialling side: says hello, and learns the version or why not.
pub(crate) async fn greet(
    stream: &mut TcpStream,
    hello: &Hello,
    buffer: &mut BytesMut,
) -> Result<Welcome, HandshakeError> {
    write_frame(stream, Kind::Hello, "Hello", hello).await?;
    let frame = read_frame(stream, buffer).await?;
    let envelope = Envelope::decode(&frame).map_err(|e| HandshakeError::NotAPeer(e.to_string()))?;
    match envelope.kind {
        Kind::Welcome => {
            codec::decode(envelope.body).map_err(|f| HandshakeError::NotAPeer(f.message))
        }
        Kind::Reject if envelope.name == CROSSED => Err(HandshakeError::Crossed),
        Kind::Reject => {
            let failure: Failure = codec::decode(envelope.body)
                .unwrap_or_else(|_| Failure::refused("no reason was given"));
            Err(HandshakeError::Rejected(failure.message))
        }
        other => Err(HandshakeError::NotAPeer(format!("it answered hello with {other:?}"))),
    }
}

/// The accepting side: reads the hello.
pub(crate) async fn read_hello(
    stream: &mut TcpStream,
    buffer: &mut BytesMut,
) -> Result<Hello, HandshakeError> {
    let frame = read_frame(stream, buffer).await?;
    let envelope = Envelope::decode(&frame).map_err(|e| HandshakeError::NotAPeer(e.to_string()))?;
    if envelope.kind != Kind::Hello {
        return Err(HandshakeError::NotAPeer(format!("it began with {:?}", envelope.kind)));
    }
    codec::decode(envelope.body).map_err(|f| HandshakeError::NotAPeer(f.message))
}

/// Refuses a hello; the caller then closes the connection.
pub(crate) async fn reject(stream: &mut TcpStream, crossed: bool, why: &str) {
    let name = if crossed { CROSSED } else { "Reject" };
    // The stranger may be gone already; it is being turned away either way.
    let _ = write_frame(stream, Kind::Reject, name, &Failure::refused(why)).await;
    let _ = stream.shutdown().await;
}

pub(crate) fn hello_of(host: &Host) -> Hello {
    Hello {
        min_version: MIN_VERSION,
        max_version: MAX_VERSION,
        cluster: host.cluster().to_owned(),
        host: host.addr().clone(),
        incarnation: host.incarnation(),
    }
}

// --- running -------------------------------------------------------------------------------------

/// Carries messages until the connection ends, and says why it did. The peer has adopted `up`.
pub(crate) async fn run(
    host: Host,
    peer: Arc<Peer>,
    up: Up,
    read_half: OwnedReadHalf,
    buffer: BytesMut,
) -> String {
    let reader = Reader {
        host: host.clone(),
        peer: Arc::clone(&peer),
        connection: up.sink.connection,
        senders: HashMap::default(),
        run: Vec::with_capacity(FRAMES_PER_TURN),
        run_to: String::new(),
    };
    let mut reading = actix_rt::spawn(reader.run(read_half, buffer));
    let mut writing = actix_rt::spawn(write_loop(Arc::clone(&peer), up.sink.clone()));
    let mut closing = up.close.subscribe();
    let why = tokio::select! {
        biased;
        _ = closing.wait_for(|close| *close) => "closed by this host".to_owned(),
        why = &mut reading => why.unwrap_or_else(|e| e.to_string()),
        why = &mut writing => why.unwrap_or_else(|e| e.to_string()),
        why = keep_alive(&peer, up.sink.connection) => why,
    };
    reading.abort();
    writing.abort();
    why
}

/// A task of its own, so that a message costs a look at the outbox and nothing else.
async fn write_loop(peer: Arc<Peer>, sink: Sink) -> String {
    let mut buffer = Vec::new();
    loop {
        std::future::poll_fn(|cx| peer.outbox.poll_take(sink.connection, &mut buffer, cx)).await;
        if let Err(error) = write_all(&sink, &buffer).await {
            return error.to_string();
        }
    }
}

async fn write_all(sink: &Sink, mut left: &[u8]) -> std::io::Result<()> {
    while !left.is_empty() {
        match sink.half.try_write(left) {
            Ok(n) => left = &left[n..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => sink.half.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Pings a silent peer, and gives up on one that stays so.
async fn keep_alive(peer: &Peer, connection: u64) -> String {
    let mut heard = (peer.received(), Instant::now());
    loop {
        sleep(KEEPALIVE).await;
        let received = peer.received();
        if received != heard.0 {
            heard = (received, Instant::now());
        } else if heard.1.elapsed() > SILENCE {
            return format!("nothing came for {}s", SILENCE.as_secs());
        } else {
            send_bare(peer, connection, Kind::Ping);
        }
    }
}

/// Asks for a sign of life.
pub(crate) fn send_ping(peer: &Peer, connection: u64) {
    send_bare(peer, connection, Kind::Ping);
}

fn send_bare(peer: &Peer, connection: u64, kind: Kind) {
    let header =
        EnvelopeHeader { to: "", from: "", name: "", kind, id: 0, deadline_ms: 0, trace: 0 };
    // With a full outbox the peer has more pressing things to read than a ping.
    let _ = peer.outbox.push(Some(connection), &header, |_| Ok(()));
}

struct Reader {
    host: Host,
    peer: Arc<Peer>,
    connection: u64,
    senders: HashMap<Box<str>, Address>,
    /// Messages in a row for one actor, which go into its mailbox together, and for whom they are.
    run: Vec<Delivery>,
    run_to: String,
}

impl Reader {
    async fn run(mut self, mut half: OwnedReadHalf, mut buffer: BytesMut) -> String {
        loop {
            if let Err(error) = self.receive_all(&mut buffer).await {
                return format!("it broke the protocol: {error}");
            }
            buffer.reserve(READ_CHUNK);
            match half.read_buf(&mut buffer).await {
                Ok(0) => return "closed by the peer".to_owned(),
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
        }
    }

    /// Routes what is there of whole frames.
    async fn receive_all(&mut self, buffer: &mut BytesMut) -> Result<(), FrameError> {
        loop {
            let mut frames = take_frames(buffer)?;
            if frames.is_empty() {
                return Ok(());
            }
            let mut count = 0;
            while let Some(frame) = next_frame(&mut frames) {
                let received = self.receive(frame);
                count += 1;
                if count % FRAMES_PER_TURN == 0 || received.is_err() {
                    self.deliver_run();
                }
                received?;
                if count % FRAMES_PER_TURN == 0 {
                    tokio::task::yield_now().await;
                }
            }
            self.deliver_run();
            self.peer.count_received(count as u64);
        }
    }

    fn receive(&mut self, frame: Bytes) -> Result<(), FrameError> {
        let envelope = Envelope::decode(&frame)?;
        if !matches!(envelope.kind, Kind::Tell | Kind::Ask) {
            self.deliver_run();
            return self.on_signal(&frame, &envelope);
        }
        if self.run_to != envelope.to {
            self.deliver_run();
            self.run_to.clear();
            self.run_to.push_str(envelope.to);
        }
        let within = |part: &[u8]| {
            let start = part.as_ptr() as usize - frame.as_ptr() as usize;
            start..start + part.len()
        };
        let (name, body) = (within(envelope.name.as_bytes()), within(envelope.body));
        let reply = if envelope.kind == Kind::Ask {
            let key = AskKey { connection: self.connection, id: envelope.id };
            Reply::Remote(RemoteReply::new(Arc::clone(&self.peer), key))
        } else {
            Reply::Nobody
        };
        let (from, trace) = (Some(self.sender(envelope.from)), envelope.trace);
        let payload = Payload::Wire(WireMessage { frame, name, body });
        self.run.push(Delivery { from, trace, reply, payload });
        Ok(())
    }

    fn deliver_run(&mut self) {
        if !self.run.is_empty() {
            self.host.deliver_all(&self.run_to, &mut self.run);
        }
    }

    /// Everything that is not a message.
    fn on_signal(&mut self, frame: &Bytes, envelope: &Envelope<'_>) -> Result<(), FrameError> {
        match envelope.kind {
            Kind::Reply => self.peer.asks.answer(envelope.id, Ok(frame.slice_ref(envelope.body))),
            Kind::Error => self.on_error(envelope),
            Kind::Link => self.on_link(envelope),
            Kind::Unlink => {
                let watcher = self.sender(envelope.from);
                self.host.links().unwatch_local(&watcher, envelope.to);
            }
            Kind::Exited => self.on_exited(envelope),
            Kind::Ping => send_bare(&self.peer, self.connection, Kind::Pong),
            Kind::Pong => {}
            Kind::Tell | Kind::Ask => unreachable!("messages are routed before"),
            Kind::Hello | Kind::Welcome | Kind::Reject => {
                return Err(FrameError::Malformed("a handshake in the middle of a connection"));
            }
        }
        Ok(())
    }

    fn on_error(&self, envelope: &Envelope<'_>) {
        let failure = codec::decode(envelope.body).unwrap_or_else(|unreadable| {
            Failure::new(FailureKind::Unknown, format!("unreadable failure: {unreadable}"))
        });
        self.peer.asks.answer(envelope.id, Err(failure));
    }

    fn on_link(&mut self, envelope: &Envelope<'_>) {
        let watcher = self.sender(envelope.from);
        if !self.host.watch_local(&watcher, envelope.to) {
            let gone = self.host.address_of(envelope.to);
            self.host.send_exited(&watcher, &gone, &ExitReason::NoSuchActor);
        }
    }

    fn on_exited(&mut self, envelope: &Envelope<'_>) {
        let target = self.sender(envelope.from);
        let reason = codec::decode::<Exited>(envelope.body)
            .map_or(ExitReason::Unknown, |exited| exited.reason);
        self.host.remote_exited(envelope.to, &target, reason);
    }

    /// The full address of a `from`.
    fn sender(&mut self, from: &str) -> Address {
        if let Some(known) = self.senders.get(from) {
            return known.clone();
        }
        let address = from.parse().unwrap_or_else(|_| Address::new(from, self.peer.host.clone()));
        if self.senders.len() >= SENDER_CACHE {
            self.senders.clear();
        }
        self.senders.insert(from.into(), address.clone());
        address
    }
}
