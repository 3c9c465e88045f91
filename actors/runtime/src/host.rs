//! A host: the actors of one process, their names, and its connections to other hosts.

use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use foldhash::HashMap;
use parking_lot::{Mutex, RwLock};
use protocol::address::{AddressError, check_name};
use protocol::runtime::{ActorStats, ConnectionStats};
use protocol::{Address, HostAddr, Incarnation, Time};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::actor::Actor;
use crate::cell::{Cell, DEFAULT_RESTART, start_here};
use crate::clock::Clock;
use crate::context::Context;
use crate::delivery::{Delivery, Payload, Reply, System};
use crate::handlers::Handlers;
use crate::host_actor::{self, HostActor};
use crate::links::Links;
use crate::mailbox::{DEFAULT_CAPACITY, Mailbox, Overflow};
use crate::net::TcpListener;
use crate::peer::Peer;
use crate::probe::{Probe, ProbeState};
use crate::registry::{ActorShared, Registry};
use crate::stats::TraceRing;
use crate::{dial, listen};

/// How long `shutdown` waits for actors that are in the middle of something, all together.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// How long `shutdown` waits for what is still to be written.
const FLUSH_WAIT: Duration = Duration::from_secs(1);

/// What a host needs to know of itself.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Hosts of other clusters are refused.
    pub cluster: String,
    /// Where to listen; port 0 takes a free one. `None`: this host only dials (a client).
    pub listen: Option<SocketAddr>,
    /// How others reach it, if that is not where it listens.
    pub advertise: Option<HostAddr>,
}

/// Why a host or one of its actors could not start.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error("cannot listen on {at}")]
    Listen {
        at: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("{0} is not an address that others can reach; say how they reach it (advertise)")]
    Unspecified(SocketAddr),
    #[error(transparent)]
    Name(#[from] AddressError),
    #[error("there is an actor named `{0}` on this host already")]
    NameTaken(String),
    #[error("a host runs within an actix system; none runs on this thread")]
    NoSystem,
}

/// Where an actor runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// On the thread of the host's connections: the shortest way for messages from other hosts.
    #[default]
    Shared,
    /// On a thread of its own, for hot actors.
    Own,
}

/// What the supervisor does with an actor that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Makes the next incarnation, up to `times` within any `within`; then it is over, and the
    /// host reports it by [`Host::fatal`].
    UpTo { times: usize, within: Duration },
    /// Lets it end, and reports it by [`Host::fatal`].
    Never,
}

/// How to run an actor.
#[derive(Clone, Copy, Debug)]
pub struct SpawnOptions {
    pub placement: Placement,
    /// Messages that may wait for it.
    pub capacity: usize,
    pub overflow: Overflow,
    pub restart: Restart,
}

impl Default for SpawnOptions {
    fn default() -> Self {
        Self {
            placement: Placement::Shared,
            capacity: DEFAULT_CAPACITY,
            overflow: Overflow::DropNewest,
            restart: DEFAULT_RESTART,
        }
    }
}

impl SpawnOptions {
    /// The defaults, on a thread of its own.
    pub fn own() -> Self {
        Self { placement: Placement::Own, ..Self::default() }
    }
}

/// The actors of one process. Cheap to clone; every clone is the same host.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    cluster: String,
    addr: HostAddr,
    /// `host@…`: in whose name code outside of actors sends.
    own_address: Address,
    incarnation: Incarnation,
    clock: Clock,
    registry: Registry,
    peers: RwLock<HashMap<HostAddr, Arc<Peer>>>,
    links: Links,
    traces: TraceRing,
    probe: ProbeState,
    home: actix_rt::ArbiterHandle,
    connections: AtomicU64,
    fatal: watch::Sender<Option<String>>,
    accepting: Mutex<Option<JoinHandle<()>>>,
    /// In the order of their start; they are stopped in the reverse.
    order: Mutex<Vec<String>>,
    threads: Mutex<HashMap<String, actix_rt::ArbiterHandle>>,
}

impl Host {
    /// Starts a host on the present thread's actix system, listening before it returns.
    pub async fn start(config: HostConfig) -> Result<Self, HostError> {
        let home = actix_rt::Arbiter::try_current().ok_or(HostError::NoSystem)?;
        let random = RandomState::new().build_hasher().finish();
        let (addr, listener) = bind(&config, random).await?;
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let host = Self {
            inner: Arc::new(Inner {
                cluster: config.cluster,
                own_address: Address::new(host_actor::NAME, addr.clone()),
                addr,
                incarnation: Incarnation(since_epoch.as_micros() as u64),
                clock: Clock::start(),
                registry: Registry::default(),
                peers: RwLock::default(),
                links: Links::default(),
                traces: TraceRing::default(),
                probe: ProbeState::default(),
                home,
                connections: AtomicU64::new(0),
                fatal: watch::Sender::new(None),
                accepting: Mutex::new(None),
                order: Mutex::default(),
                threads: Mutex::default(),
            }),
        };
        host.spawn(host_actor::NAME, SpawnOptions::default(), || HostActor)?;
        if let Some(listener) = listener {
            let accepting = actix_rt::spawn(listen::accept_loop(host.clone(), listener));
            *host.inner.accepting.lock() = Some(accepting);
        }
        Ok(host)
    }

    /// How this host is addressed.
    pub fn addr(&self) -> &HostAddr {
        &self.inner.addr
    }

    /// The cluster that it belongs to.
    pub fn cluster(&self) -> &str {
        &self.inner.cluster
    }

    /// Which life of this host this is.
    pub fn incarnation(&self) -> Incarnation {
        self.inner.incarnation
    }

    /// The actor `name` of this host, whether or not it is there.
    pub fn address_of(&self, name: &str) -> Address {
        Address::new(name, self.inner.addr.clone())
    }

    /// Now, on the clock that all actors of this host share.
    pub fn now(&self) -> Time {
        self.inner.clock.now()
    }

    pub(crate) fn instant(&self, at: Time) -> Instant {
        self.inner.clock.instant(at)
    }

    // --- actors ---

    /// Starts an actor under a name. The factory makes each of its incarnations.
    pub fn spawn<A: Actor>(
        &self,
        name: &str,
        options: SpawnOptions,
        factory: impl FnMut() -> A + Send + 'static,
    ) -> Result<Address, HostError> {
        check_name(name)?;
        let address = self.address_of(name);
        let mailbox = Mailbox::new(options.capacity, options.overflow);
        let shared = Arc::new(ActorShared::new(address.clone(), mailbox));
        if !self.inner.registry.insert(Arc::clone(&shared)) {
            return Err(HostError::NameTaken(name.to_owned()));
        }
        self.inner.order.lock().push(name.to_owned());
        let host = self.clone();
        let start = move || {
            let ctx = Context::new(host, shared, Rc::new(Handlers::of_actor()));
            start_here(Cell::new(ctx, Box::new(factory), &options));
        };
        match options.placement {
            Placement::Shared => self.inner.home.spawn_fn(start),
            Placement::Own => {
                let thread = actix_rt::Arbiter::new().handle();
                let started = thread.spawn_fn(start);
                self.inner.threads.lock().insert(name.to_owned(), thread);
                started
            }
        };
        Ok(address)
    }

    /// Stops an actor and waits until it has ended. Nothing happens if there is none.
    pub async fn stop_actor(&self, name: &str) {
        let Some(actor) = self.inner.registry.get(name) else { return };
        let mut ended = actor.ended.subscribe();
        self.deliver_system(name, System::Stop);
        // The sender lives in `actor`, so this ends only when the actor has.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// Stops all actors, the last started first, writes what is still to be written, and closes all
    /// connections. Takes at most four seconds.
    pub async fn shutdown(&self) {
        if let Some(accepting) = self.inner.accepting.lock().take() {
            accepting.abort();
        }
        let stopping = async {
            let mut names = self.inner.order.lock().clone();
            while let Some(name) = names.pop() {
                self.stop_actor(&name).await;
            }
        };
        if tokio::time::timeout(STOP_GRACE, stopping).await.is_err() {
            tracing::warn!(left = ?self.actor_names(), "actors did not stop in time");
        }
        let peers: Vec<_> = self.inner.peers.read().values().cloned().collect();
        let deadline = Instant::now() + FLUSH_WAIT;
        while peers.iter().any(|p| p.up().is_some() && p.outbox.queued_bytes() > 0)
            && Instant::now() < deadline
        {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        for peer in peers {
            peer.close();
        }
        tokio::task::yield_now().await;
    }

    /// Resolves when an actor has failed and will not be restarted: the process should end.
    pub async fn fatal(&self) -> String {
        let mut fatal = self.inner.fatal.subscribe();
        let why = fatal.wait_for(Option::is_some).await;
        why.ok().and_then(|why| why.clone()).unwrap_or_default()
    }

    pub(crate) fn report_fatal(&self, actor: &Address, why: &str) {
        self.inner.fatal.send_replace(Some(format!("{actor} {why}, too often to be restarted")));
    }

    pub(crate) fn remove_actor(&self, name: &str) {
        self.inner.registry.remove(name);
        self.inner.order.lock().retain(|other| other != name);
        if let Some(thread) = self.inner.threads.lock().remove(name) {
            thread.stop();
        }
    }

    /// How many messages wait before an actor of this host; `None` if there is no such actor.
    pub fn mailbox_depth(&self, name: &str) -> Option<usize> {
        self.inner.registry.with(name, |actor| actor.map(|actor| actor.mailbox.depth()))
    }

    pub(crate) fn actors(&self) -> Vec<ActorStats> {
        self.inner.registry.list().iter().map(|actor| actor.stats()).collect()
    }

    pub(crate) fn actor_names(&self) -> Vec<String> {
        let actors = self.inner.registry.list();
        actors.iter().map(|actor| actor.address.name().to_owned()).collect()
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    pub(crate) fn own_address(&self) -> &Address {
        &self.inner.own_address
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.inner
            .registry
            .list()
            .iter()
            .all(|actor| actor.mailbox.depth() == 0 && !actor.busy.load(Ordering::Relaxed))
    }

    // --- test verbs and traces ---

    /// The test verbs for this host.
    pub fn probe(&self) -> Probe {
        Probe::new(self.clone())
    }

    pub(crate) fn probe_state(&self) -> &ProbeState {
        &self.inner.probe
    }

    pub(crate) fn traces(&self) -> &TraceRing {
        &self.inner.traces
    }

    // --- peers ---

    pub(crate) fn peer(&self, addr: &HostAddr) -> Arc<Peer> {
        if let Some(peer) = self.inner.peers.read().get(addr) {
            return Arc::clone(peer);
        }
        let mut peers = self.inner.peers.write();
        Arc::clone(peers.entry(addr.clone()).or_insert_with(|| Arc::new(Peer::new(addr.clone()))))
    }

    /// A client's address never comes back; its peer goes with its connection.
    pub(crate) fn forget_if_undialable(&self, peer: &Arc<Peer>) {
        if !peer.host.is_dialable() && peer.up().is_none() {
            self.inner.peers.write().remove(&peer.host);
        }
    }

    pub(crate) fn connections(&self) -> Vec<ConnectionStats> {
        let mut all: Vec<_> = self.inner.peers.read().values().filter_map(|p| p.stats()).collect();
        all.sort_by(|a, b| a.peer.cmp(&b.peer));
        all
    }

    pub(crate) fn next_connection(&self) -> u64 {
        self.inner.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn dial(&self, peer: Arc<Peer>, not_before: Option<Instant>) {
        self.spawn_task(dial::dial(self.clone(), peer, not_before));
    }

    /// Runs a task of the runtime on the thread of the host's connections, among the actors there:
    /// one that an actor wakes, or that wakes one, runs without a look at the sockets in between.
    /// It ends with what it serves; the process does not wait for it.
    pub(crate) fn spawn_task(&self, task: impl Future<Output = ()> + Send + 'static) {
        if !self.inner.home.spawn(task) {
            tracing::debug!("the system has ended, and with it its tasks");
        }
    }

    // --- links ---

    pub(crate) fn links(&self) -> &Links {
        &self.inner.links
    }

    pub(crate) fn deliver_system(&self, to: &str, system: System) {
        let payload = Payload::System(system);
        let delivery = Delivery { from: None, trace: 0, reply: Reply::Nobody, payload };
        self.deliver(to, self.own_address(), delivery);
    }
}

async fn bind(
    config: &HostConfig,
    random: u64,
) -> Result<(HostAddr, Option<TcpListener>), HostError> {
    let Some(at) = config.listen else {
        // Nobody can dial it: the name only has to be its own.
        let own = HostAddr::parse(&format!("client-{}-{random:016x}:0", std::process::id()))?;
        return Ok((own, None));
    };
    let error = |source| HostError::Listen { at, source };
    let listener = TcpListener::bind(at).await.map_err(error)?;
    let bound = listener.local_addr().map_err(error)?;
    let addr = match &config.advertise {
        Some(advertise) if advertise.port() == 0 => {
            HostAddr::parse(&format!("{}:{}", advertise.host(), bound.port()))?
        }
        Some(advertise) => advertise.clone(),
        None if bound.ip().is_unspecified() => return Err(HostError::Unspecified(bound)),
        None => HostAddr::parse(&bound.to_string())?,
    };
    Ok((addr, Some(listener)))
}
