//! Principals and their secrets.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use subtle::ConstantTimeEq;

/// Who can be authenticated by name and secret. `Debug` shows no secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    secrets: BTreeMap<String, String>,
}

/// Why a text is no list of credentials. Never says a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    #[error(
        "line {line}, column {column}: expected {{\"credentials\": [{{\"principal\": …, \"secret\": …}}, …]}}"
    )]
    Unreadable { line: usize, column: usize },
    #[error("credentials[{at}]: the principal has no name")]
    Nameless { at: usize },
    #[error("credentials[{at}]: the name of a principal has no `:` in HTTP")]
    Colon { at: usize },
    #[error("credentials[{at}]: principal `{principal}` has no secret")]
    NoSecret { at: usize, principal: String },
    #[error("credentials[{at}]: principal `{principal}` is there twice")]
    Twice { at: usize, principal: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    credentials: Vec<Credential>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credential {
    principal: String,
    #[serde(default)]
    secret: String,
}

impl Credentials {
    /// From the JSON of Mesos: `{"credentials": [{"principal": "a", "secret": "b"}]}`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn from_json(text: &str) -> Result<Self, CredentialsError> {
        // The error of the parser may quote what it read.
        let file: File = serde_json::from_str(text).map_err(|error| {
            CredentialsError::Unreadable { line: error.line(), column: error.column() }
        })?;
        let mut secrets = BTreeMap::new();
        for (at, Credential { principal, secret }) in file.credentials.into_iter().enumerate() {
            if principal.is_empty() {
                return Err(CredentialsError::Nameless { at });
            }
            if principal.contains(':') {
                return Err(CredentialsError::Colon { at });
            }
            if secret.is_empty() {
                return Err(CredentialsError::NoSecret { at, principal });
            }
            if secrets.insert(principal.clone(), secret).is_some() {
                return Err(CredentialsError::Twice { at, principal });
            }
        }
        Ok(Self { secrets })
    }

    /// Whether there is nobody who could be authenticated.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// Whether `secret` is that of `principal`. How long that takes may tell its length, no more of it.
    pub(super) fn admit(&self, principal: &str, secret: &str) -> bool {
        match self.secrets.get(principal) {
            Some(known) => known.as_bytes().ct_eq(secret.as_bytes()).into(),
            None => false,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.secrets.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_that_of_its_principal_only() {
        let text = r#"{"credentials": [
            {"principal": "a", "secret": "one"}, {"principal": "b", "secret": "two"}
        ]}"#;
        let known = Credentials::from_json(text).unwrap();
        assert!(known.admit("a", "one") && known.admit("b", "two"));
        for (principal, secret) in [("a", "two"), ("a", "on"), ("a", ""), ("c", "one"), ("", "")] {
            assert!(!known.admit(principal, secret), "{principal} {secret}");
        }
        assert_eq!(format!("{known:?}"), r#"{"a", "b"}"#);
    }

    #[test]
    fn what_is_wrong_is_named_and_no_secret_is_told() {
        for (text, why) in [
            ("", "line 1, column 0: expected"),
            (r#"{"credentials": [{"principal": "a", "secret": 7355608}]}"#, "line 1, column "),
            (r#"{"credentials": [{"secret": "7355608"}]}"#, "line 1, column "),
            (r#"{"credentials": [{"principal": "", "secret": "x"}]}"#, "credentials[0]"),
            (r#"{"credentials": [{"principal": "a:b", "secret": "x"}]}"#, "no `:` in HTTP"),
            (r#"{"credentials": [{"principal": "a"}]}"#, "principal `a` has no secret"),
            (
                r#"{"credentials": [{"principal": "a", "secret": "7355608"},
                    {"principal": "a", "secret": "y"}]}"#,
                "credentials[1]: principal `a` is there twice",
            ),
        ] {
            let fault = Credentials::from_json(text).unwrap_err().to_string();
            assert!(fault.contains(why), "{text}: {fault}");
            assert!(!fault.contains("7355608"), "{fault}");
        }
    }
}
