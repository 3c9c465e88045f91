//! Any message to any actor.

use protocol::runtime::Describe;
use protocol::{Address, Failure, FailureKind};

use crate::body;
use crate::cli::Send;
use crate::client::Client;
use crate::error::{CliError, nearest};
use crate::output;

/// Random, so that what follows from the message can be found by `GetTrace`.
fn new_trace() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0.max(1)
}

pub(crate) async fn send(client: &Client, options: &Send) -> Result<(), CliError> {
    let address: Address = options.address.parse()?;
    let body = body::pack(&options.body)?;
    if options.tell {
        return tell(client, &address, options, &body).await;
    }
    let asked =
        client.host.ask_raw(&address, &options.message, &body, client.timeout(), new_trace());
    match asked.await {
        Ok(reply) => output::json(&body::unpack(&reply)?),
        Err(failure) => Err(helpful(client, &address, &options.message, failure).await),
    }
}

/// A tell that cannot be delivered vanishes; so the actor is asked first whether it has that
/// message at all.
async fn tell(
    client: &Client,
    address: &Address,
    options: &Send,
    body: &[u8],
) -> Result<(), CliError> {
    let known = client.ask(address, Describe {}).await?;
    if !known.messages.iter().any(|message| message.name == options.message) {
        let unknown = Failure::new(FailureKind::UnknownMessage, String::new());
        return Err(helpful(client, address, &options.message, unknown).await);
    }
    client.host.tell_raw(address, &options.message, body)?;
    // An answer to anything sent after it means that it has been written and read.
    client.ask(address, Describe {}).await?;
    Ok(())
}

/// Adds to a failure what would have been right.
async fn helpful(client: &Client, address: &Address, typed: &str, failure: Failure) -> CliError {
    let text = match failure.kind {
        FailureKind::UnknownMessage => unknown_message(client, address, typed).await,
        FailureKind::BadMessage => Some(format!(
            "the body does not fit {typed}: {}; see `meseta describe {address}`",
            failure.message
        )),
        FailureKind::Timeout => Some(format!(
            "no answer from {address} within {:?}; it may or may not have handled {typed}",
            client.timeout()
        )),
        FailureKind::LinkDown => {
            Some(format!("{} is not there: {}", address.host(), failure.message))
        }
        _ => None,
    };
    let text = text.unwrap_or(failure.message).replace('\n', " ");
    CliError::Failure { kind: failure.kind, text }
}

async fn unknown_message(client: &Client, address: &Address, typed: &str) -> Option<String> {
    let known = client.ask(address, Describe {}).await.ok()?;
    let names: Vec<&str> = known.messages.iter().map(|message| message.name.as_str()).collect();
    let hint = match nearest(typed, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("it takes {}", names.join(", ")),
    };
    Some(format!("{address} has no message `{typed}`; {hint}"))
}
