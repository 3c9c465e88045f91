//! The HTTP edge of the service scheduler, as `app` uses it: Marathon's API.

use std::time::Duration;

use boot::exit;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::error::CliError;

/// A Marathon-compatible API.
pub(crate) struct Marathon {
    base: String,
    client: reqwest::Client,
}

impl Marathon {
    /// The API at `host:port`. A standby's 307 is followed, body included.
    pub(crate) fn new(http: &str, timeout: Duration) -> Result<Self, CliError> {
        let client =
            reqwest::Client::builder().timeout(timeout).no_proxy().build().map_err(|error| {
                CliError::Failed(format!("cannot make an HTTP client: {error}"))
            })?;
        Ok(Self { base: format!("http://{http}"), client })
    }

    /// One request. `path` begins with `/v2`.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Value, CliError> {
        let url = format!("{}{path}", self.base);
        let mut request = self.client.request(method, &url);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let response = request.send().await.map_err(|error| unreachable(&url, &error))?;
        let status = response.status();
        let text = response.text().await.map_err(|error| unreachable(&url, &error))?;
        let answer = serde_json::from_str(&text).unwrap_or(Value::String(text));
        if status.is_success() { Ok(answer) } else { Err(refusal(status, &answer)) }
    }
}

fn unreachable(url: &str, error: &reqwest::Error) -> CliError {
    if error.is_timeout() {
        return CliError::Timeout(format!("no answer from {url} in time"));
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    CliError::Unreachable(format!("cannot reach {url}: {cause}"))
}

/// Marathon's error body as one line: its message, and which field is wrong in which way.
fn refusal(status: StatusCode, answer: &Value) -> CliError {
    let mut text = match &answer["message"] {
        Value::String(message) => message.clone(),
        _ => match answer {
            Value::String(text) if !text.is_empty() => text.clone(),
            _ => status.to_string(),
        },
    };
    for detail in answer["details"].as_array().into_iter().flatten() {
        let errors = detail["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let errors = errors.collect::<Vec<_>>().join(", ");
        if let (Some(path), false) = (detail["path"].as_str(), errors.is_empty()) {
            text.push_str(&format!("; {path}: {errors}"));
        }
    }
    let code = match status {
        StatusCode::NOT_FOUND => exit::NOT_FOUND,
        StatusCode::CONFLICT => exit::CONFLICT,
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => exit::BAD_MESSAGE,
        StatusCode::SERVICE_UNAVAILABLE => exit::NOT_LEADER,
        _ => exit::REFUSED,
    };
    CliError::Http { code, text: text.replace('\n', " ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_refusal_names_the_fields_on_one_line() {
        let answer = json!({ "message": "Object is not valid", "details": [
            { "path": "/id", "errors": ["must not be empty"] },
            { "path": "/cpus", "errors": ["error.min", "x"] },
        ]});
        let error = refusal(StatusCode::UNPROCESSABLE_ENTITY, &answer);
        assert_eq!(
            error.to_string(),
            "Object is not valid; /id: must not be empty; /cpus: error.min, x"
        );
        assert_eq!(error.exit_code(), exit::BAD_MESSAGE);
        assert_eq!(refusal(StatusCode::NOT_FOUND, &json!("")).exit_code(), exit::NOT_FOUND);
    }
}
