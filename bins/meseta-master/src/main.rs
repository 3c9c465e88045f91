//! A master: who is in the cluster, and what is offered to whom.

mod config;

use std::process::ExitCode;
use std::sync::Arc;

use agents::Agents;
use anyhow::Result;
use boot::Shutdown;
use boot::net::Opened;
use elector::Candidate;
use frameworks::Frameworks;
use gateway::{Gateway, MasterEdge};
use registrar::Registrar;
use runtime::SpawnOptions;

use config::{Flags, Settings};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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

    let ended = boot::end_of(&host, &mut shutdown).await;
    boot::resign(&host).await;
    gateway.stop().await;
    host.shutdown().await;
    Ok(ended?)
}
