//! Apps, through the Marathon-compatible API: what is valid is said there, and only there.

use std::io::Read;

use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::App;
use crate::client::Client;
use crate::error::CliError;
use crate::http::Marathon;
use crate::output::{self, Format};
use crate::text::{clip, list};

/// How much of a command a table shows.
const COMMAND_WIDTH: usize = 50;

pub(crate) async fn app(client: &Client, command: &App) -> Result<(), CliError> {
    let definition = match command {
        App::Create { file } => Some(read(file)?),
        _ => None,
    };
    let leader = client.services().await?;
    let api = Marathon::new(&leader.http, client.timeout())?;
    match command {
        App::Create { .. } => create(client, &api, definition).await,
        App::List => show_list(client, &api).await,
        App::Show { id } => show(client, &api, id).await,
        App::Scale { id, instances, force } => {
            // The same request would create an app that is not there.
            api.call(Method::GET, &path(id, "", false), None).await?;
            let body = Some(json!({ "instances": instances }).to_string());
            change(client, &api, Method::PUT, &path(id, "", *force), body).await
        }
        App::Restart { id, force } => {
            change(client, &api, Method::POST, &path(id, "/restart", *force), None).await
        }
        App::Delete { id, force } => {
            change(client, &api, Method::DELETE, &path(id, "", *force), None).await
        }
    }
}

fn read(file: &str) -> Result<String, CliError> {
    let mut text = String::new();
    let result = if file == "-" {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(file).map(|read| text = read)
    };
    result.map_err(|error| CliError::Usage(format!("cannot read {file}: {error}")))?;
    // Said here rather than by the server, because here the place can be pointed at.
    crate::body::pack(&text)?;
    Ok(text)
}

/// `/v2/apps/<id>`, whether or not the id was typed with its first slash.
fn path(id: &str, suffix: &str, force: bool) -> String {
    let force = if force { "?force=true" } else { "" };
    format!("/v2/apps/{}{suffix}{force}", id.trim_matches('/'))
}

async fn create(client: &Client, api: &Marathon, body: Option<String>) -> Result<(), CliError> {
    let app = api.call(Method::POST, "/v2/apps", body).await?;
    match client.format() {
        Format::Json => output::json(&app),
        Format::Table => output::line(&format!(
            "created {} with {} instances",
            text(&app["id"]),
            text(&app["instances"])
        )),
    }
}

async fn change(
    client: &Client,
    api: &Marathon,
    method: Method,
    path: &str,
    body: Option<String>,
) -> Result<(), CliError> {
    let answer = api.call(method, path, body).await?;
    match client.format() {
        Format::Json => output::json(&answer),
        Format::Table => {
            output::line(&format!("accepted, deployment {}", text(&answer["deploymentId"])))
        }
    }
}

async fn show_list(client: &Client, api: &Marathon) -> Result<(), CliError> {
    let answer = api.call(Method::GET, "/v2/apps", None).await?;
    let apps = answer["apps"].as_array().cloned().unwrap_or_default();
    let header = ["APP", "RUNNING", "WANTED", "CPUS", "MEM", "VERSION", "COMMAND"];
    output::list(client.format(), &answer, header, &apps, |app| {
        [
            text(&app["id"]),
            text(&app["tasksRunning"]),
            text(&app["instances"]),
            text(&app["cpus"]),
            text(&app["mem"]),
            text(&app["version"]),
            clip(&command_of(app), COMMAND_WIDTH),
        ]
    })
}

async fn show(client: &Client, api: &Marathon, id: &str) -> Result<(), CliError> {
    let answer = api.call(Method::GET, &path(id, "", false), None).await?;
    let app = &answer["app"];
    if client.format() == Format::Json {
        return output::json(app);
    }
    for (title, value) in [
        ("id", text(&app["id"])),
        ("command", command_of(app)),
        (
            "instances",
            format!("{} running of {}", text(&app["tasksRunning"]), text(&app["instances"])),
        ),
        ("each has", format!("cpus:{};mem:{};disk:{}", app["cpus"], app["mem"], app["disk"])),
        ("version", text(&app["version"])),
        (
            "deploying",
            list(app["deployments"].as_array().into_iter().flatten().map(|d| text(&d["id"]))),
        ),
    ] {
        output::line(&format!("{title:<10} {value}"))?;
    }
    let failure = &app["lastTaskFailure"];
    if failure.is_object() {
        let (state, message) = (text(&failure["state"]), text(&failure["message"]));
        let at = text(&failure["timestamp"]);
        output::line(&format!("{:<10} {state} at {at}: {message}", "failed"))?;
    }
    output::line("")?;
    let tasks = app["tasks"].as_array().cloned().unwrap_or_default();
    let header = ["TASK", "STATE", "HOST", "PORTS", "STARTED"];
    output::list(Format::Table, &(), header, &tasks, |task| {
        let ports = list(task["ports"].as_array().into_iter().flatten());
        [
            text(&task["id"]),
            text(&task["state"]),
            text(&task["host"]),
            ports,
            text(&task["startedAt"]),
        ]
    })
}

fn command_of(app: &Value) -> String {
    match (&app["cmd"], app["args"].as_array()) {
        (Value::String(cmd), _) => cmd.clone(),
        (_, Some(args)) => args.iter().map(text).collect::<Vec<_>>().join(" "),
        _ => "-".to_owned(),
    }
}

/// A JSON value without quotes, `-` for nothing.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_taken_with_and_without_their_slash() {
        assert_eq!(path("/web/app", "", false), "/v2/apps/web/app");
        assert_eq!(path("web", "/restart", true), "/v2/apps/web/restart?force=true");
    }
}
