//! The `gateway` actor: tells the HTTP server beside it who leads, and people how it is doing.

use std::net::TcpListener;

use protocol::elector::{LEADER_TOPIC, LeaderChanged, Leadership};
use protocol::runtime::Exited;
use runtime::{Actor, Context, Handler, Handlers, Host, HostError, Outcome, SpawnOptions};
use serde_json::json;
use tokio::sync::watch;

use crate::common::Common;
use crate::duty::Duty;
use crate::server::{Edge, ServeError, Server};

/// Its name on every host that has one.
pub const NAME: &str = "gateway";

const ELECTOR: &str = "elector";

/// Why an edge could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Spawn(#[from] HostError),
}

/// A running edge: the server and its actor.
pub struct Gateway {
    server: Server,
}

impl Gateway {
    /// Serves `edge` on a bound listener. Must be called inside an actix system.
    pub fn start(host: &Host, listener: TcpListener, edge: impl Edge) -> Result<Self, StartError> {
        let nobody = Leadership { leader: None, leading: false };
        let leadership = watch::Sender::new(nobody);
        let duty = match edge.open_paths() {
            None => Duty::Always,
            Some(open) => Duty::WhileLeading { leadership: leadership.subscribe(), open },
        };
        let follows = edge.open_paths().is_some();
        let server = Server::start(host, listener, edge, duty)?;
        let common = server.common().clone();
        let http = server.address().to_string();
        host.spawn(NAME, SpawnOptions::default(), move || GatewayActor {
            http: http.clone(),
            follows,
            leadership: leadership.clone(),
            common: common.clone(),
        })?;
        Ok(Self { server })
    }

    /// Where it listens, with the port that was chosen if it was bound to port 0.
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// Stops accepting, ends the streams, and lets running requests finish for a short while. The
    /// first step of a host's shutdown: the actors that answer stop after it.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

struct GatewayActor {
    http: String,
    follows: bool,
    leadership: watch::Sender<Leadership>,
    common: Common,
}

impl Actor for GatewayActor {
    const ABOUT: &'static str = "the HTTP and WebSocket edge of this host; decides nothing";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<LeaderChanged>();
    }

    fn started(&mut self, ctx: &mut Context<Self>) {
        if self.follows {
            let elector = ctx.local(ELECTOR);
            ctx.follow(&elector, LEADER_TOPIC);
        }
    }

    fn exited(&mut self, _: Exited, _: &mut Context<Self>) {
        // Nobody here leads without an elector, until it is back and says otherwise.
        self.common.note_leading(false);
        self.leadership.send_modify(|known| known.leading = false);
    }

    fn inspect(&self) -> serde_json::Value {
        json!({
            "http": self.http,
            "leadership": self.follows.then(|| self.leadership.borrow().clone()),
            "streams": self.common.streams(),
            "schedulers": self.common.schedulers.count(),
        })
    }
}

impl Handler<LeaderChanged> for GatewayActor {
    fn handle(&mut self, message: LeaderChanged, ctx: &mut Context<Self>) -> Outcome<()> {
        if let Err(failure) = ctx.only_from(&ctx.local(ELECTOR)) {
            return Outcome::Refuse(failure);
        }
        let elector = ctx.sender().clone();
        ctx.link(&elector);
        self.common.note_leading(message.leadership.leading);
        self.leadership.send_replace(message.leadership);
        Outcome::Reply(())
    }
}
