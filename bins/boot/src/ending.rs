//! How a role's life ends: when, and in which order.

use std::future::Future;
use std::time::Duration;

use protocol::elector::Resign;
use runtime::Host;

use crate::signals::Shutdown;

/// The actor that campaigns, on the hosts that have one.
const ELECTOR: &str = "elector";
/// etcd answers within milliseconds, or is not there; leadership then ends with the lease.
const RESIGN: Duration = Duration::from_secs(2);

/// An actor of the host has failed too often.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fatal(pub String);

/// Returns once the process has been asked to end, or has to.
pub async fn end_of(host: &Host, shutdown: &mut Shutdown) -> Result<(), Fatal> {
    tokio::select! {
        () = shutdown.asked() => Ok(()),
        why = host.fatal() => Err(Fatal(why)),
    }
}

/// The rest of the life of a role of which one leads: until it is to end, and then its end.
/// Leadership is given up first, so that another one leads while this one still `closes` its doors.
pub async fn lead_until_end(
    host: &Host,
    mut shutdown: Shutdown,
    closes: impl Future<Output = ()>,
) -> Result<(), Fatal> {
    let ended = end_of(host, &mut shutdown).await;
    resign(host).await;
    closes.await;
    host.shutdown().await;
    ended
}

async fn resign(host: &Host) {
    if let Err(failure) = host.ask(&host.address_of(ELECTOR), Resign {}, RESIGN).await {
        tracing::warn!(%failure, "leadership is not given up; it ends with its lease");
    }
}
