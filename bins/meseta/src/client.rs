//! A host of our own that only dials, and the search for who leads.

use std::time::{Duration, Instant};

use protocol::elector::{GetLeader, Leader};
use protocol::{Address, FailureKind, HostAddr, Message};
use runtime::{Host, HostConfig};

use crate::cli::Global;
use crate::error::CliError;
use crate::output::Format;

/// How long to wait for an answer unless `--timeout` says otherwise.
const ANSWER: Duration = Duration::from_secs(5);
/// How long one candidate may take to say who leads: another one may know.
const CANDIDATE: Duration = Duration::from_secs(2);
/// Between two rounds of questions while nobody leads.
const PAUSE: Duration = Duration::from_millis(100);

/// A way to ask the actors of a cluster.
pub(crate) struct Client {
    pub(crate) host: Host,
    pub(crate) global: Global,
}

impl Client {
    /// Starts a host that does not listen.
    pub(crate) async fn start(global: &Global) -> Result<Self, CliError> {
        let config = HostConfig { cluster: global.cluster.clone(), listen: None, advertise: None };
        let host = Host::start(config).await.map_err(|e| CliError::Failed(e.to_string()))?;
        Ok(Self { host, global: global.clone() })
    }

    /// How long to wait for an answer.
    pub(crate) fn timeout(&self) -> Duration {
        self.global.timeout.unwrap_or(ANSWER)
    }

    pub(crate) fn format(&self) -> Format {
        self.global.output
    }

    /// Asks an actor.
    pub(crate) async fn ask<M: Message>(
        &self,
        to: &Address,
        message: M,
    ) -> Result<M::Reply, CliError> {
        Ok(self.host.ask(to, message, self.timeout()).await?)
    }

    /// Asks an actor of the leading master.
    pub(crate) async fn ask_master<M: Message>(
        &self,
        actor: &str,
        message: M,
    ) -> Result<M::Reply, CliError> {
        let leader = self.master().await?;
        self.ask(&Address::new(actor, leader.host), message).await
    }

    /// The leading master.
    pub(crate) async fn master(&self) -> Result<Leader, CliError> {
        self.leader(&self.global.master, "master", "--master").await
    }

    /// The leading service scheduler.
    pub(crate) async fn services(&self) -> Result<Leader, CliError> {
        self.leader(&self.global.services, "service scheduler", "--services").await
    }

    /// Asks the candidates until one knows the leader, or time is up, or none can be reached.
    async fn leader(
        &self,
        candidates: &[HostAddr],
        what: &str,
        flag: &str,
    ) -> Result<Leader, CliError> {
        let until = Instant::now() + self.timeout();
        loop {
            let mut unreachable = Vec::new();
            for candidate in candidates {
                let elector = Address::new("elector", candidate.clone());
                match self.host.ask(&elector, GetLeader {}, CANDIDATE.min(self.timeout())).await {
                    Ok(leadership) => match leadership.leader {
                        Some(leader) => return Ok(leader),
                        None => continue,
                    },
                    Err(failure) if failure.kind == FailureKind::LinkDown => {
                        unreachable.push(failure.message);
                    }
                    Err(failure) if failure.kind == FailureKind::Timeout => {}
                    Err(failure) => return Err(failure.into()),
                }
            }
            if unreachable.len() == candidates.len() {
                return Err(CliError::Unreachable(format!(
                    "no {what} can be reached ({}); start a cluster with `meseta up`, or say where \
                     it is with {flag}",
                    unreachable.join("; ")
                )));
            }
            if Instant::now() >= until {
                return Err(CliError::Timeout(format!(
                    "no {what} leads after {:?}; the electors answer, try again soon",
                    self.timeout()
                )));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
