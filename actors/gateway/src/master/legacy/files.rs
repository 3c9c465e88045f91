//! `/files/*`: a master writes its log to its standard error and keeps no files, so there is nothing
//! to browse, and every path is unknown.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use actix_web::web::Query;
use protocol::Failure;
use protocol::access::Action;
use serde::Deserialize;
use serde_json::json;

use super::Wrapping;
use crate::access::Caller;
use crate::answer::Answer;

/// As text: what cannot be read is told in the words of Mesos.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    path: Option<String>,
    offset: Option<String>,
    length: Option<String>,
}

impl Which {
    /// What is wrong with the question.
    fn fault(&self) -> Option<String> {
        if self.path.as_ref().is_none_or(String::is_empty) {
            return Some("Expecting 'path=value' in query.\n".to_owned());
        }
        let numbers = [("offset", &self.offset, -1), ("length", &self.length, -1)];
        numbers.into_iter().find_map(|(name, text, least)| {
            let text = text.as_ref()?;
            match text.parse::<i64>() {
                Err(error) => Some(format!("Failed to parse {name}: {error}.\n")),
                Ok(number) if number < least => {
                    Some(format!("Negative {name} provided: {number}.\n"))
                }
                Ok(_) => None,
            }
        })
    }
}

/// `/files/browse`, `/files/read` and `/files/download`.
pub(super) async fn nothing(caller: Caller, Query(which): Query<Which>) -> Answer {
    if let Some(fault) = which.fault() {
        return Ok(HttpResponse::BadRequest().insert_header(ContentType::plaintext()).body(fault));
    }
    may_read(&caller, which.path.as_deref().unwrap_or_default())?;
    Ok(HttpResponse::NotFound().finish())
}

/// The log is where Mesos has it, for those who may not read it.
pub(crate) fn may_read(caller: &Caller, path: &str) -> Result<(), Failure> {
    match path.trim_end_matches('/') {
        "/master/log" => caller.may(Action::AccessMesosLogs, None),
        _ => Ok(()),
    }
}

/// `/files/debug`: where each path leads.
pub(super) async fn debug(caller: Caller, Query(wrapping): Query<Wrapping>) -> Answer {
    wrapping.check()?;
    caller.may(Action::GetEndpoints, Some("/files/debug"))?;
    Ok(wrapping.answer(wrapping.write(&json!({}))?))
}
