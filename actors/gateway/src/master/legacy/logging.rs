//! `/logging/toggle`: how much is logged, or for a while more of it.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use actix_web::web::{Data, Query};
use protocol::access::Action;
use serde::Deserialize;

use crate::access::Caller;
use crate::logs::{Logs, LogsError};

/// As text: what cannot be read is told in the words of Mesos.
#[derive(Debug, Deserialize)]
pub(super) struct Wish {
    level: Option<String>,
    duration: Option<String>,
}

/// `?level=…&duration=…`; without either, the level is told. Every master answers for itself.
pub(super) async fn toggle(
    logs: Data<Logs>,
    caller: Caller,
    Query(wish): Query<Wish>,
) -> HttpResponse {
    if let Err(denied) = caller.may(Action::GetEndpoints, Some("/logging/toggle")) {
        return plain(HttpResponse::Forbidden(), format!("{denied}\n"));
    }
    let (level, duration) = match (wish.level, wish.duration) {
        (None, None) => return plain(HttpResponse::Ok(), format!("{}\n", logs.level())),
        (Some(_), None) => return refuse("Expecting 'duration=value' in query."),
        (None, Some(_)) => return refuse("Expecting 'level=value' in query."),
        (Some(level), Some(duration)) => (level, duration),
    };
    let Ok(number) = level.parse::<i64>() else {
        return refuse(&format!("Failed to convert '{level}' to number."));
    };
    let Ok(number) = u32::try_from(number) else {
        return refuse(&format!("Invalid level '{number}'."));
    };
    let duration = match read(&duration) {
        Ok(duration) => duration,
        Err(fault) => return refuse(&fault),
    };
    match logs.set(number, duration) {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(fault @ LogsError::TooLow(_)) => refuse(&fault.to_string()),
        Err(fault) => plain(HttpResponse::ServiceUnavailable(), format!("{fault}\n")),
    }
}

fn refuse(fault: &str) -> HttpResponse {
    plain(HttpResponse::BadRequest(), format!("{fault}\n"))
}

fn plain(mut response: actix_web::HttpResponseBuilder, text: String) -> HttpResponse {
    response.insert_header(ContentType::plaintext()).body(text)
}

/// The units of Mesos, in nanoseconds.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("ms", 1e6),
    ("secs", 1e9),
    ("mins", 60e9),
    ("hrs", 3600e9),
    ("days", 86_400e9),
    ("weeks", 604_800e9),
];

/// A number and a unit, as `1.5mins`.
fn read(text: &str) -> Result<Duration, String> {
    let is_number = |c: char| c.is_ascii_digit() || "+-.".contains(c);
    let unit = text.trim_start_matches(is_number);
    let number = &text[..text.len() - unit.len()];
    let Some((_, nanoseconds)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("Unknown duration unit '{unit}'."));
    };
    let number: f64 = number.parse().map_err(|_| format!("Invalid duration '{text}'."))?;
    let seconds = number * nanoseconds / 1e9;
    // What a duration of Mesos, 64 bits of nanoseconds, can hold.
    if !(0.0..=i64::MAX as f64 / 1e9).contains(&seconds) {
        return Err(format!("Invalid duration '{text}'."));
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, ms) in
            [("5secs", 5000), ("1.5mins", 90_000), ("250ms", 250), ("1weeks", 604_800_000)]
        {
            assert_eq!(read(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for (text, fault) in [
            ("5", "Unknown duration unit ''."),
            ("5 secs", "Unknown duration unit ' secs'."),
            ("", "Unknown duration unit ''."),
            ("secs", "Invalid duration 'secs'."),
            ("1.2.3secs", "Invalid duration '1.2.3secs'."),
            ("-1secs", "Invalid duration '-1secs'."),
            ("99999999weeks", "Invalid duration '99999999weeks'."),
        ] {
            assert_eq!(read(text), Err(fault.to_owned()), "{text}");
        }
    }
}
