//! A service scheduler: keeps apps running.

mod config;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use boot::net::Opened;
use boot::{Settings as _, Shutdown};
use elector::Candidate;
use gateway::{Gateway, ServicesEdge};
use services::Services;

use config::{Flags, Settings};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    boot::serve::<Flags, _>(serve)
}

async fn serve(settings: Settings, shutdown: Shutdown) -> Result<()> {
    let store = store::open(&settings.store()?, &settings.cluster, "services")?;
    let Opened { http, host, ready } = settings.place().open().await?;
    events::spawn(&host)?;
    let (config, masters) = (settings.services.clone(), settings.masters.clone());
    let apps = Arc::clone(&store);
    host.spawn(services::NAME, Services::spawn_options(), move || {
        Services::new(&config, masters.clone(), Arc::clone(&apps))
    })?;
    let edge = ServicesEdge::new(host.clone(), &ready.http, &settings.services.role);
    let gateway = Gateway::start(&host, http, edge)?;
    // Last: whoever leads has everything to lead with.
    let candidate = Candidate { host: ready.actors.clone(), http: ready.http.clone() };
    elector::spawn(&host, store, candidate)?;
    ready.announce()?;

    Ok(boot::lead_until_end(&host, shutdown, gateway.stop()).await?)
}
