//! A master: who is in the cluster, and what is offered to whom.

mod access;
mod config;

use std::process::ExitCode;
use std::sync::Arc;

use agents::Agents;
use anyhow::Result;
use boot::net::Opened;
use boot::{Settings as _, Shutdown};
use elector::Candidate;
use frameworks::Frameworks;
use gateway::{About, Gateway, Logs, MasterEdge};
use registrar::Registrar;
use runtime::SpawnOptions;

use config::{Flags, Settings};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    boot::serve::<Flags, _>(serve)
}

async fn serve(settings: Settings, shutdown: Shutdown) -> Result<()> {
    boot::limits::raise_open_files();
    let store = store::open(&settings.store()?, &settings.cluster, "master")?;
    let Opened { http, host, ready } = settings.place().open().await?;
    events::spawn(&host)?;
    allocator::spawn(&host, settings.options()?)?;
    let (access, acls) = settings.access.read()?;
    if let Some(file) = settings.access.open_secrets() {
        tracing::warn!(file = %file.display(), "others can read the secrets in it; chmod 600 it");
    }
    let (config, roles) = (settings.frameworks.clone(), settings.allocator.roles());
    host.spawn(frameworks::NAME, Frameworks::spawn_options(), move || {
        Frameworks::with_rules(&config, roles.clone(), Arc::clone(&acls))
    })?;
    let config = settings.agents.clone();
    host.spawn(agents::NAME, Agents::spawn_options(), move || Agents::new(&config))?;
    let registry = Arc::clone(&store);
    host.spawn(registrar::NAME, SpawnOptions::default(), move || {
        Registrar::new(Arc::clone(&registry))
    })?;
    let about = About::new(&settings.cluster, &serde_json::to_value(&settings)?);
    let edge = MasterEdge.about(about.at(settings.domain.clone()));
    let logs = Logs::new(boot::logs::usual_verbosity(), boot::logs::set_verbosity);
    let gateway = Gateway::start(&host, http, edge.logging(logs).guarded(access))?;
    // Last: whoever leads has everything to lead with.
    let candidate = Candidate { host: ready.actors.clone(), http: ready.http.clone() };
    elector::spawn(&host, store, candidate)?;
    ready.announce()?;

    Ok(boot::lead_until_end(&host, shutdown, gateway.stop()).await?)
}
