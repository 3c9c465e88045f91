//! From a request to who asks.

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{AUTHORIZATION, ContentType, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpMessage, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use protocol::Time;
use tokens::TokenError;

use super::{Access, Realm};

/// Who has authenticated, beside the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Principal(pub(super) String);

/// Notes who asks, if the request is for a realm that is guarded. The answer to who may not ask: 401,
/// with the realm, for who is not known there; 403 for who has no name.
pub(crate) fn turn_away(
    access: &Access,
    now: Time,
    request: &ServiceRequest,
) -> Option<HttpResponse> {
    // As the routes see it: `%73tate` is `state`.
    let path = request.match_info().as_str();
    let realm = Realm::of_master(path).filter(|it| access.guarded.contains(it))?;
    match access.principal(request.headers().get(AUTHORIZATION), now) {
        Ok(principal) => {
            request.extensions_mut().insert(Principal(principal));
            None
        }
        Err(Unknown::Nameless) => {
            let mut response = HttpResponse::Forbidden();
            response.insert_header(ContentType::plaintext());
            Some(response.body(Unknown::Nameless.to_string()))
        }
        Err(why) => {
            // Who tries in vain is somebody with an old secret, or guesses.
            if why != Unknown::Silent {
                let peer = request.peer_addr();
                tracing::info!(?peer, realm = realm.name(), %why, "not authenticated");
            }
            Some(access.challenge(realm, &why))
        }
    }
}

/// Why it is not known who asks. `Display` is for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Unknown {
    #[error("This realm needs a principal and its secret")]
    Silent,
    #[error("There is no principal with this secret")]
    Wrong,
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The text is Mesos's.
    #[error(
        "The request's authenticated principal contains claims, but no value string. The master \
         currently requires that principals have a value"
    )]
    Nameless,
}

impl Access {
    /// Who says this of themselves, if it is true.
    fn principal(&self, header: Option<&HeaderValue>, now: Time) -> Result<String, Unknown> {
        let header = header.ok_or(Unknown::Silent)?;
        let (scheme, rest) = scheme(header).ok_or(Unknown::Wrong)?;
        if let (Some(secret), "bearer") = (&self.tokens, scheme.as_str()) {
            let subject = secret.claims(rest, now)?.subject;
            return subject.filter(|name| !name.is_empty()).ok_or(Unknown::Nameless);
        }
        let (principal, secret) =
            Some(rest).filter(|_| scheme == "basic").and_then(basic).ok_or(Unknown::Wrong)?;
        match self.credentials.admit(&principal, &secret) {
            true => Ok(principal),
            false => Err(Unknown::Wrong),
        }
    }

    fn challenge(&self, realm: Realm, why: &Unknown) -> HttpResponse {
        let name = realm.name();
        let mut response = HttpResponse::Unauthorized();
        response.insert_header((WWW_AUTHENTICATE, format!("Basic realm=\"{name}\"")));
        if self.tokens.is_some() {
            response.append_header((WWW_AUTHENTICATE, format!("Bearer realm=\"{name}\"")));
        }
        response.insert_header(ContentType::plaintext()).body(format!("{why} ({name})"))
    }
}

/// The scheme, in lower case, and what is said in it.
fn scheme(header: &HeaderValue) -> Option<(String, &str)> {
    let (scheme, rest) = header.to_str().ok()?.split_once(' ')?;
    Some((scheme.to_ascii_lowercase(), rest.trim()))
}

/// Principal and secret, of what follows `Basic` (RFC 7617).
fn basic(encoded: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (principal, secret) = text.split_once(':')?;
    Some((principal.to_owned(), secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_principal_and_a_secret_that_may_have_colons() {
        let read = |text: &str| {
            let header = HeaderValue::from_str(text).ok()?;
            let (scheme, rest) = scheme(&header)?;
            let (principal, secret) = basic(rest).filter(|_| scheme == "basic")?;
            Some(format!("{principal} {secret}"))
        };
        assert_eq!(read("Basic b3BzOnNlY3JldA=="), Some("ops secret".into()));
        assert_eq!(read("bASIC  YTpiOmM= "), Some("a b:c".into()));
        for odd in ["", "Basic", "Basic !", "Bearer b3BzOnNlY3JldA==", "Basic b3Bz", "Basic /w=="] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }
}
