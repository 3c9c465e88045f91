//! JSON Web Tokens: `<header>.<payload>.<signature>`, each in base64 (RFC 7519, RFC 7515).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::Time;
use serde_json::{Map, Value, json};

use crate::secret::TokenSecret;

/// What a token says of its bearer, as far as it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// `sub`, the principal.
    pub subject: Option<String>,
    /// `fid`, the framework.
    pub framework_id: Option<String>,
    /// `eid`, the executor.
    pub executor_id: Option<String>,
    /// `cid`, the container that the executor runs in.
    pub container_id: Option<String>,
}

/// Why a token is not accepted. `Display` says nothing that the token does: it is shown to whoever
/// sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("a token has three parts between full stops")]
    Parts,
    #[error("the header is no JSON object in base64")]
    Header,
    #[error("the header asks for what is not supported: the type is JWT, and there is no `crit`")]
    Unsupported,
    #[error("the algorithm is not HS256")]
    Algorithm,
    #[error("the signature is wrong")]
    Signature,
    #[error("the payload is no JSON object in base64")]
    Payload,
    #[error("a time in the payload is no number")]
    Time,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    Early,
}

impl TokenSecret {
    /// A token for the executor in this container. The same for the same executor, container and
    /// secret.
    pub fn token(&self, framework_id: &str, executor_id: &str, container_id: &str) -> String {
        self.token_of(&json!({ "fid": framework_id, "eid": executor_id, "cid": container_id }))
    }

    /// A token that claims this, which is an object.
    pub fn token_of(&self, payload: &Value) -> String {
        let header = json!({ "alg": "HS256", "typ": "JWT" });
        let signed = format!("{}.{}", encode(header.to_string()), encode(payload.to_string()));
        let signature = encode(self.sign(&signed));
        format!("{signed}.{signature}")
    }

    /// What the bearer of a token is.
    ///
    /// # Errors
    /// If it is not one that this secret has signed, or it is not valid at this time.
    pub fn claims(&self, token: &str, now: Time) -> Result<Claims, TokenError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Parts)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Parts)?;
        if payload.contains('.') {
            return Err(TokenError::Parts);
        }
        check_header(&object(header).ok_or(TokenError::Header)?)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Signature)?;
        if !self.has_signed(signed, &signature) {
            return Err(TokenError::Signature);
        }
        let payload = object(payload).ok_or(TokenError::Payload)?;
        check_times(&payload, now.as_secs_f64())?;
        let claim = |name| payload.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Claims {
            subject: claim("sub"),
            framework_id: claim("fid"),
            executor_id: claim("eid"),
            container_id: claim("cid"),
        })
    }
}

fn check_header(header: &Map<String, Value>) -> Result<(), TokenError> {
    if header.get("alg").and_then(Value::as_str) != Some("HS256") {
        return Err(TokenError::Algorithm);
    }
    let is_jwt = |kind: &Value| kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("JWT"));
    // Whoever does not know an extension in `crit` must refuse it; we know none.
    if header.contains_key("crit") || !header.get("typ").is_none_or(is_jwt) {
        return Err(TokenError::Unsupported);
    }
    Ok(())
}

/// Ours have no times; others may.
fn check_times(payload: &Map<String, Value>, now: f64) -> Result<(), TokenError> {
    let time = |name| payload.get(name).map(|time| time.as_f64().ok_or(TokenError::Time));
    if time("exp").transpose()?.is_some_and(|end| now >= end) {
        return Err(TokenError::Expired);
    }
    if time("nbf").transpose()?.is_some_and(|begin| now < begin) {
        return Err(TokenError::Early);
    }
    Ok(())
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_millis(1_300_000_000_000);

    fn secret(content: &[u8]) -> TokenSecret {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, content).unwrap();
        TokenSecret::read(&path).unwrap()
    }

    fn ours() -> TokenSecret {
        secret(b"a secret of more than thirty-two bytes")
    }

    /// With any header and payload, signed with our secret.
    fn signed(header: &Value, payload: &str) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(payload));
        let signature = encode(ours().sign(&signed));
        format!("{signed}.{signature}")
    }

    fn hs256() -> Value {
        json!({ "alg": "HS256" })
    }

    #[test]
    fn a_token_says_of_whom_it_is() {
        let token = ours().token("f-0001", "ex/ä", "r0-1-e");
        let claims = ours().claims(&token, NOW).unwrap();
        assert_eq!(claims.framework_id.as_deref(), Some("f-0001"));
        assert_eq!(claims.executor_id.as_deref(), Some("ex/ä"));
        assert_eq!(claims.container_id.as_deref(), Some("r0-1-e"));
        assert_eq!(claims.subject, None);
        let of_principal = ours().token_of(&json!({ "sub": "ops" }));
        let claims = ours().claims(&of_principal, NOW).unwrap();
        assert_eq!(claims, Claims { subject: Some("ops".into()), ..Claims::default() });
        assert_eq!(ours().token("f-0001", "ex/ä", "r0-1-e"), token, "over restarts of the agent");
        let visible = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        assert!(token.chars().all(visible), "{token}");
    }

    /// RFC 7515, appendix A.1.
    #[test]
    fn the_example_of_the_rfc_is_accepted_until_it_ends() {
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9\
            .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ\
            .dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let secret = secret(&URL_SAFE_NO_PAD.decode(key).unwrap());
        assert_eq!(secret.claims(token, NOW), Ok(Claims::default()));
        let end = Time::from_millis(1_300_819_380_000);
        assert_eq!(secret.claims(token, end), Err(TokenError::Expired));
        assert_eq!(ours().claims(token, NOW), Err(TokenError::Signature));
    }

    #[test]
    fn no_other_algorithm_is_accepted() {
        for header in [
            json!({ "alg": "none" }),
            json!({ "alg": "RS256" }),
            json!({ "alg": "HS512" }),
            json!({ "alg": "hs256" }),
            json!({ "alg": ["HS256"] }),
            json!({}),
        ] {
            let token = signed(&header, "{}");
            assert_eq!(ours().claims(&token, NOW), Err(TokenError::Algorithm), "{header}");
        }
        let unsigned = format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode("{}"));
        assert_eq!(ours().claims(&unsigned, NOW), Err(TokenError::Algorithm));
    }

    #[test]
    fn what_is_changed_is_not_signed() {
        let token = ours().token("f", "e", "c");
        let parts: Vec<&str> = token.split('.').collect();
        let [header, payload, signature] = parts[..] else { panic!("three parts") };
        let other = encode(json!({ "fid": "g", "eid": "e", "cid": "c" }).to_string());
        for (token, error) in [
            (format!("{header}.{other}.{signature}"), TokenError::Signature),
            (format!("{header}.{payload}."), TokenError::Signature),
            (format!("{header}.{payload}.{}", &signature[1..]), TokenError::Signature),
            (format!("{header}.{payload}.{signature}="), TokenError::Signature),
            (format!("{header}.{payload}"), TokenError::Parts),
            (format!("{token}.{signature}"), TokenError::Parts),
            (String::new(), TokenError::Parts),
            ("..".to_owned(), TokenError::Header),
            (format!("ü.{payload}.{signature}"), TokenError::Header),
        ] {
            assert_eq!(ours().claims(&token, NOW), Err(error), "{token}");
        }
    }

    #[test]
    fn what_is_signed_and_not_understood_is_refused() {
        for (header, payload, error) in [
            (json!({ "alg": "HS256", "typ": "at+jwt" }), "{}", TokenError::Unsupported),
            (json!({ "alg": "HS256", "crit": ["b64"] }), "{}", TokenError::Unsupported),
            (hs256(), "[]", TokenError::Payload),
            (hs256(), "", TokenError::Payload),
            (hs256(), r#"{"exp":"soon"}"#, TokenError::Time),
            (hs256(), r#"{"exp":1300000000}"#, TokenError::Expired),
            (hs256(), r#"{"nbf":1300000000.5}"#, TokenError::Early),
        ] {
            let token = signed(&header, payload);
            assert_eq!(ours().claims(&token, NOW), Err(error), "{header} {payload}");
        }
        let token = signed(&hs256(), r#"{"exp":1300000000.5,"nbf":1300000000,"fid":7}"#);
        assert_eq!(ours().claims(&token, NOW), Ok(Claims::default()), "a number is no framework");
    }
}
