//! One HTTP server on a bound listener: limits, defaults, and an end that lets answers finish.
//!
//! It runs inside the current actix system on worker threads of its own, so a large answer never
//! holds up an actor.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError};
use actix_web::http::{KeepAlive, StatusCode};
use actix_web::middleware::from_fn;
use actix_web::web::{self, JsonConfig, PathConfig, PayloadConfig, QueryConfig, ServiceConfig};
use actix_web::{App, HttpRequest, HttpServer};
use runtime::Host;
use socket2::{SockRef, TcpKeepalive};

use crate::access::Access;
use crate::answer::{Answer, ApiError};
use crate::common::Common;
use crate::duty::Duty;
use crate::middleware::answer_or_redirect;

/// Two, so that one long answer (a list of every task) does not hold up `/health`.
const WORKERS: usize = 2;
/// A launch of a thousand tasks with 2 KB of environment each is 2 MB; twice that.
pub const MAX_BODY: usize = 4 << 20;
/// Of each worker; further ones wait in the listener's backlog. Both together are enough for every
/// event stream of a scheduler ([`crate::v1`] has 20,000 at most), for every other stream, and for as
/// many clients beside them as one worker can answer. An idle connection costs some 20 KB.
const MAX_CONNECTIONS: usize = 16_384;
/// A client that takes nothing of what is sent to it for so long is cut off by the kernel: four
/// heartbeats of an event stream.
const STUCK: Duration = Duration::from_secs(60);
/// After so long without a byte the kernel asks whether the client's machine is still there...
const SILENT: Duration = Duration::from_secs(120);
/// ...and asks again, until the client has been [`STUCK`] for too long.
const PROBE: Duration = Duration::from_secs(15);
/// For the head of a request; cuts off clients that trickle it.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long running requests may take to finish once the server stops.
const GRACE: Duration = Duration::from_secs(2);
/// For the last answers to reach their sockets.
const FLUSH: Duration = Duration::from_millis(20);

/// What one kind of host serves.
pub trait Edge: Clone + Send + 'static {
    /// Paths that a host answers while it does not lead; others are redirected to the leader then.
    /// `None`: this kind of host has no leader and answers everything.
    fn open_paths(&self) -> Option<&'static [&'static str]>;

    /// Which requests need a principal, and who may do what.
    fn access(&self) -> Access {
        Access::default()
    }

    /// Adds its routes and, where its API defines other ones, its error handlers. Handlers reach
    /// the actors through `web::Data<Common>`.
    fn routes(&self, config: &mut ServiceConfig);
}

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("failed to serve HTTP on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("failed to read the address of a listener")]
    Address { source: io::Error },
}

/// A running server. Dropping it leaves it running; [`Server::stop`] ends it.
pub(crate) struct Server {
    address: SocketAddr,
    handle: ServerHandle,
    common: Common,
}

impl Server {
    /// Serves `edge` on `listener`. Must be called inside an actix system.
    pub(crate) fn start(
        host: &Host,
        listener: TcpListener,
        edge: impl Edge,
        duty: Duty,
    ) -> Result<Self, ServeError> {
        let address = listener.local_addr().map_err(|source| ServeError::Address { source })?;
        if let Err(error) = cut_off_the_dead(&listener) {
            tracing::warn!(%address, %error, "clients that take nothing will not be cut off");
        }
        let common = Common::new(host.clone(), duty, edge.access());
        let data = web::Data::new(common.clone());
        let factory = move || {
            App::new()
                .app_data(data.clone())
                .configure(defaults)
                .configure(|config| edge.routes(config))
                .wrap(from_fn(answer_or_redirect))
        };
        let server = HttpServer::new(factory)
            .workers(WORKERS)
            .max_connections(MAX_CONNECTIONS)
            // Mesos never cuts an idle connection, and its clients do not repeat the call that finds
            // one cut: the update in it would be lost.
            .keep_alive(KeepAlive::Os)
            .client_request_timeout(HEAD_TIMEOUT)
            // A client that has closed its side is gone: its stream ends now, not at the next write.
            .h1_allow_half_closed(false)
            .disable_signals()
            .listen(listener)
            .map_err(|source| ServeError::Listen { address, source })?
            .run();
        let handle = server.handle();
        // Ends with `stop`; should the accept loop fail before, the log says so and clients do.
        actix_rt::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%address, %error, "http server ended");
            }
        });
        Ok(Self { address, handle, common })
    }

    /// Where it listens, with the port that was chosen if it was bound to port 0.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What its handlers reach.
    pub(crate) fn common(&self) -> &Common {
        &self.common
    }

    /// Stops accepting, ends the streams, and lets running requests finish for a short while.
    /// Idle connections are cut: actix's own graceful stop would wait for them.
    pub(crate) async fn stop(self) {
        self.handle.pause().await;
        if tokio::time::timeout(GRACE, self.common.close()).await.is_err() {
            tracing::warn!(address = %self.address, "requests were cut off by the end");
        }
        tokio::time::sleep(FLUSH).await;
        self.handle.stop(false).await;
    }
}

/// Inherited by every connection. Without it a client that is stuck, or whose machine is gone, holds
/// its connection for ever.
fn cut_off_the_dead(listener: &TcpListener) -> io::Result<()> {
    let socket = SockRef::from(listener);
    socket.set_tcp_user_timeout(Some(STUCK))?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(SILENT).with_interval(PROBE))
}

/// Limits, and errors in our shape, for every edge that does not set its own.
fn defaults(config: &mut ServiceConfig) {
    config
        .app_data(PayloadConfig::new(MAX_BODY))
        .app_data(JsonConfig::default().limit(MAX_BODY).error_handler(json_error))
        .app_data(QueryConfig::default().error_handler(query_error))
        .app_data(PathConfig::default().error_handler(path_error))
        .default_service(web::to(no_such_path));
}

fn json_error(error: JsonPayloadError, _: &HttpRequest) -> actix_web::Error {
    let status = match error {
        JsonPayloadError::OverflowKnownLength { .. } | JsonPayloadError::Overflow { .. } => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        JsonPayloadError::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        _ => StatusCode::BAD_REQUEST,
    };
    ApiError::new(status, format!("failed to read the JSON body: {error}")).into()
}

fn query_error(error: QueryPayloadError, _: &HttpRequest) -> actix_web::Error {
    ApiError::bad_request(format!("failed to read the query: {error}")).into()
}

fn path_error(error: PathError, _: &HttpRequest) -> actix_web::Error {
    ApiError::bad_request(format!("failed to read the path: {error}")).into()
}

async fn no_such_path(request: HttpRequest) -> Answer {
    Err(ApiError::not_found(format!("there is no {} {}", request.method(), request.path())))
}
