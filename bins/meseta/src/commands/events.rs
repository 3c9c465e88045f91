//! What happened, in order.

use std::time::Duration;

use protocol::Address;
use protocol::events::{Event, EventBatch, NextEvents};

use crate::cli::{EventSource, Events};
use crate::client::Client;
use crate::error::CliError;
use crate::output::{self, Format};

/// How long one question may wait for the next event.
const WAIT: Duration = Duration::from_secs(20);
/// How many events one answer may have.
const BATCH: usize = 500;

pub(crate) async fn events(client: &Client, options: &Events) -> Result<(), CliError> {
    let mut log = find(client, options.source).await?;
    let mut after = 0;
    loop {
        match next(client, &log, options, after).await {
            Ok(batch) => {
                print(client.format(), after, &batch)?;
                let done = batch.events.len() < BATCH && !options.follow;
                if done {
                    return Ok(());
                }
                after = batch.next;
            }
            Err(error) if options.follow => {
                output::note(format_args!("meseta: {error}; looking for the leader"));
                let found = find(client, options.source).await?;
                // Another host's log, or the same host's next life, counts anew.
                (log, after) = (found, 0);
            }
            Err(error) => return Err(error),
        }
    }
}

async fn find(client: &Client, source: EventSource) -> Result<Address, CliError> {
    let leader = match source {
        EventSource::Master => client.master().await?,
        EventSource::Services => client.services().await?,
    };
    Ok(Address::new("events", leader.host))
}

async fn next(
    client: &Client,
    log: &Address,
    options: &Events,
    after: u64,
) -> Result<EventBatch, CliError> {
    let wait = if options.follow { WAIT } else { Duration::ZERO };
    let question = NextEvents {
        after: Some(after),
        types: options.types.clone(),
        max: BATCH,
        wait_ms: protocol::time::millis(wait),
        ..NextEvents::default()
    };
    Ok(client.host.ask(log, question, wait + client.timeout()).await?)
}

fn print(format: Format, after: u64, batch: &EventBatch) -> Result<(), CliError> {
    // Before the first question nothing was missed that had been seen coming.
    if batch.missed > 0 && after > 0 {
        output::note(format_args!("meseta: {} events are no longer kept", batch.missed));
    }
    for event in &batch.events {
        match format {
            Format::Json => output::json_line(event)?,
            Format::Table => output::line(&line_of(event))?,
        }
    }
    Ok(())
}

fn line_of(event: &Event) -> String {
    format!("{} {:>6} {:<20} {}", event.time.to_iso(), event.seq, event.kind, event.data)
}
