//! Any actor of any host: which there are, what they take, what they hold, how busy they are.

use protocol::runtime::{ActorStats, Describe, Description, Inspect, ListActors, Stats};
use protocol::{Address, HostAddr};
use serde_json::Value;

use crate::client::Client;
use crate::error::CliError;
use crate::output::{self, Format};

const HEADER: [&str; 8] =
    ["ACTOR", "LIFE", "WAITING", "CAPACITY", "HANDLED", "REFUSED", "P50", "P99"];

pub(crate) async fn actors(client: &Client, host: Option<&str>) -> Result<(), CliError> {
    let host = match host {
        Some(text) => HostAddr::parse(text)?,
        None => client.master().await?.host,
    };
    let found = client.ask(&Address::new("host", host), ListActors {}).await?;
    output::list(client.format(), &found, HEADER, &found.actors, row)
}

pub(crate) async fn stats(client: &Client, address: &str) -> Result<(), CliError> {
    let found = client.ask(&address.parse()?, Stats {}).await?;
    output::list(client.format(), &found, HEADER, [&found], row)
}

fn row(actor: &ActorStats) -> [String; 8] {
    [
        actor.address.to_string(),
        actor.incarnation.to_string(),
        actor.mailbox_depth.to_string(),
        actor.mailbox_capacity.to_string(),
        actor.handled.to_string(),
        (actor.refused + actor.rejected).to_string(),
        format!("{}us", actor.p50_us),
        format!("{}us", actor.p99_us),
    ]
}

pub(crate) async fn inspect(client: &Client, address: &str) -> Result<(), CliError> {
    let found = client.ask(&address.parse()?, Inspect {}).await?;
    match client.format() {
        Format::Json => output::json(&found),
        Format::Table => output::json(&found.state),
    }
}

pub(crate) async fn describe(client: &Client, address: &str) -> Result<(), CliError> {
    let found: Description = client.ask(&address.parse()?, Describe {}).await?;
    if client.format() == Format::Json {
        return output::json(&found);
    }
    output::line(&format!("{}: {}\n", found.address, found.about))?;
    let header = ["MESSAGE", "FIELDS", "REPLY"];
    output::list(Format::Table, &(), header, &found.messages, |message| {
        [message.name.clone(), fields(&message.body), fields(&message.reply)]
    })
}

/// The fields of an object's schema; a `?` marks those that may be left out.
fn fields(schema: &Value) -> String {
    let Some(properties) = schema["properties"].as_object() else {
        let nothing = schema["type"] == "null" || schema["type"] == "object";
        return if nothing { "-".to_owned() } else { kind(schema) };
    };
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let shown = properties.iter().map(|(name, property)| {
        let mark = if required.contains(&name.as_str()) { "" } else { "?" };
        format!("{name}{mark}: {}", kind(property))
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    if shown.is_empty() { "-".to_owned() } else { shown }
}

/// A schema in a word or two.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or(reference).to_owned();
    }
    if let Some(first) = schema["anyOf"].as_array().and_then(|options| options.first()) {
        return kind(first);
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("[{}]", kind(&schema["items"])),
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).find(|n| *n != "null").unwrap_or("any").into()
        }
        _ => "any".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_listed_with_their_kinds_and_optional_ones_marked() {
        let schema = serde_json::json!({
            "properties": {
                "a": { "type": "string" },
                "b": { "anyOf": [{ "$ref": "#/$defs/TaskId" }, { "type": "null" }] },
                "c": { "type": "array", "items": { "type": ["integer", "null"] } },
            },
            "required": ["a"],
        });
        assert_eq!(fields(&schema), "a: string, b?: TaskId, c?: [integer]");
        assert_eq!(fields(&serde_json::json!({ "type": "null" })), "-");
        assert_eq!(fields(&serde_json::json!({ "type": "object" })), "-");
    }
}
