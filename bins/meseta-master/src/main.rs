//! A master: who is in the cluster, and what is offered to whom.

mod config;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use agents::Agents;
use anyhow::{Result, bail};
use boot::Shutdown;
use boot::net::Opened;
use elector::Candidate;
use frameworks::Frameworks;
use gateway::{Gateway, MasterEdge};
use protocol::elector::Resign;
use registrar::Registrar;
use runtime::{Host, SpawnOptions};

use config::{Flags, Settings};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// etcd answers within milliseconds, or is not there; leadership then ends with the lease.
const RESIGN: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    boot::serve::<Flags, _>(serve)
}

async fn serve(settings: Settings, mut shutdown: Shutdown) -> Result<()> {
    let store = store::open(&settings.store()?, &settings.cluster, "master")?;
    let Opened { http, host, ready } = settings.place().open().await?;
    events::spawn(&host)?;
    allocator::spawn(&host, settings.allocator.options()?)?;
    let config = settings.frameworks.clone();
    host.spawn(frameworks::NAME, Frameworks::spawn_options(), move || Frameworks::new(&config))?;
    let config = settings.agents.clone();
    host.spawn(agents::NAME, Agents::spawn_options(), move || Agents::new(&config))?;
    let registry = Arc::clone(&store);
    host.spawn(registrar::NAME, SpawnOptions::default(), move || {
        Registrar::new(Arc::clone(&registry))
    })?;
    let gateway = Gateway::start(&host, http, MasterEdge)?;
    // Last: whoever leads has everything to lead with.
    let candidate = Candidate { host: ready.actors.clone(), http: ready.http.clone() };
    elector::spawn(&host, store, candidate)?;
    ready.announce()?;

    let fatal = tokio::select! {
        () = shutdown.asked() => None,
        why = host.fatal() => Some(why),
    };
    resign(&host).await;
    gateway.stop().await;
    host.shutdown().await;
    match fatal {
        Some(why) => bail!(why),
        None => Ok(()),
    }
}

/// First, so that another master leads while this one is still closing its doors.
async fn resign(host: &Host) {
    let resigned = host.ask(&host.address_of(elector::NAME), Resign {}, RESIGN).await;
    if let Err(failure) = resigned {
        tracing::warn!(%failure, "leadership is not given up; it ends with its lease");
    }
}
