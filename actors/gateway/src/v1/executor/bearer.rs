//! Who calls: the token of a request, where executors have one, and whether it is that of the executor
//! which the call is about.
//!
//! It is looked at before anything else of the request, its body included. The texts are those of
//! Mesos.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use protocol::ContainerId;
use serde_json::{Value, json};
use tokens::Claims;

use super::ExecutorApi;
use super::refusal::Refusal;
use crate::common::Common;
use crate::v1::wire::executor::Call;

/// What a caller says of itself, and has a signature for. Absent where nobody is asked.
#[derive(Debug)]
pub(super) struct Bearer(Option<Claims>);

impl FromRequest for Bearer {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(authenticate(request).inspect_err(|why| {
            tracing::debug!(path = request.path(), %why, "an executor is not let in");
        }))
    }
}

fn authenticate(request: &HttpRequest) -> Result<Bearer, Refusal> {
    let api = request.app_data::<Data<ExecutorApi>>().expect("the routes of the API bring it");
    let Some(secret) = &api.secret else { return Ok(Bearer(None)) };
    let common = request.app_data::<Data<Common>>().expect("every edge has it");
    let claims = secret
        .claims(token_of(request.headers())?, common.host().now())
        .map_err(|error| Refusal::BadToken(format!("Invalid JWT: {error}")))?;
    Ok(Bearer(Some(claims)))
}

/// The one token in the header. Whoever comes with another scheme has shown none.
fn token_of(headers: &HeaderMap) -> Result<&str, Refusal> {
    let malformed = || Refusal::BadToken("Malformed 'Authorization' header".to_owned());
    let mut values = headers.get_all(AUTHORIZATION);
    let value = values.next().ok_or(Refusal::NoToken)?;
    if values.next().is_some() {
        return Err(malformed());
    }
    let value = value.to_str().map_err(|_| malformed())?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(Refusal::NoToken);
    }
    let token = token.trim_matches(' ');
    if token.is_empty() || token.contains(' ') { Err(malformed()) } else { Ok(token) }
}

impl Bearer {
    /// Whether the caller may speak for the executor that runs in this container.
    pub(super) fn check(&self, call: &Call, container_id: &ContainerId) -> Result<(), Refusal> {
        let Some(claims) = &self.0 else { return Ok(()) };
        let (framework, executor) = (&call.framework_id.value, &call.executor_id.value);
        let lacks = if claims.framework_id.as_ref() != Some(framework) {
            format!("an 'fid' claim with the framework ID {framework}, which is set in the call")
        } else if claims.executor_id.as_ref() != Some(executor) {
            format!("an 'eid' claim with the executor ID {executor}, which is set in the call")
        } else if claims.container_id.as_deref() != Some(container_id.as_str()) {
            "a 'cid' claim with the correct active ContainerID".to_owned()
        } else {
            return Ok(());
        };
        let principal = shown(claims);
        Err(Refusal::NotTheirs(format!(
            "Authenticated principal '{principal}' does not contain {lacks}"
        )))
    }
}

/// As Mesos writes a principal that has no name: what it claims, in JSON.
fn shown(claims: &Claims) -> Value {
    let named = [
        ("cid", &claims.container_id),
        ("eid", &claims.executor_id),
        ("fid", &claims.framework_id),
    ];
    let said =
        named.into_iter().filter_map(|(name, said)| Some((name.to_owned(), json!(said.as_ref()?))));
    json!({ "claims": said.collect::<serde_json::Map<_, _>>() })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn token_in(values: &[&str]) -> Result<String, Refusal> {
        let request = TestRequest::default();
        let with = |request: TestRequest, value: &&str| {
            request.append_header((AUTHORIZATION, (*value).to_owned()))
        };
        let request = values.iter().fold(request, with).to_http_request();
        token_of(request.headers()).map(str::to_owned)
    }

    #[test]
    fn a_request_has_one_token() {
        for value in ["Bearer a.b.c", "bearer  a.b.c", "BEARER a.b.c "] {
            assert_eq!(token_in(&[value]), Ok("a.b.c".to_owned()), "{value}");
        }
        for values in [&[][..], &["Basic YTpi"], &["Negotiate"], &[""]] {
            assert_eq!(token_in(values), Err(Refusal::NoToken), "{values:?}");
        }
        let text = "Malformed 'Authorization' header";
        for values in [&["Bearer"][..], &["Bearer "], &["Bearer a b"], &["Bearer a", "Bearer a"]] {
            assert_eq!(token_in(values), Err(Refusal::BadToken(text.to_owned())), "{values:?}");
        }
    }
}
