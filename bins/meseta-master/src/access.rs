//! The `[access]` section: who must say who they are, and who may do what.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use boot::Invalid;
use gateway::{Access, Credentials, Realm};
use protocol::access::Acls;
use serde::{Deserialize, Serialize};
use tokens::TokenSecret;

/// Where the files are, and which realms are guarded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AccessSettings {
    credentials: Option<PathBuf>,
    token_secret_file: Option<PathBuf>,
    acls: Option<PathBuf>,
    schedulers: bool,
    readonly: bool,
    readwrite: bool,
}

impl AccessSettings {
    /// What the files say.
    pub(crate) fn read(&self) -> Result<(Access, Arc<Acls>), Invalid> {
        let credentials = match &self.credentials {
            None => Credentials::default(),
            Some(file) => read(file, "access.credentials", Credentials::from_json)?,
        };
        let guarded: Vec<Realm> = self.guarded().into_iter().map(|(realm, _)| realm).collect();
        let tokens = self.token_secret()?;
        let nobody = credentials.is_empty() && tokens.is_none();
        if let (Some((_, key)), true) = (self.guarded().first(), nobody) {
            let text = "nobody could be authenticated: `access.credentials` names nobody, and there \
                        is no `access.token_secret_file`";
            return Err(Invalid::new(*key, text));
        }
        let acls = match &self.acls {
            None => Acls::default(),
            Some(file) => read(file, "access.acls", Acls::from_json)?,
        };
        let acls = Arc::new(acls);
        let access = Access::new(credentials, guarded, Arc::clone(&acls));
        Ok((access.with_tokens(tokens), acls))
    }

    fn token_secret(&self) -> Result<Option<TokenSecret>, Invalid> {
        let secret = self.token_secret_file.as_deref().map(TokenSecret::read).transpose();
        secret.map_err(|fault| Invalid::because("access.token_secret_file", &fault))
    }

    fn guarded(&self) -> Vec<(Realm, &'static str)> {
        let all = [
            (Realm::Schedulers, "access.schedulers", self.schedulers),
            (Realm::Readonly, "access.readonly", self.readonly),
            (Realm::Readwrite, "access.readwrite", self.readwrite),
        ];
        all.into_iter().filter(|(.., on)| *on).map(|(realm, key, _)| (realm, key)).collect()
    }

    /// Whom else the secrets are open to; to be said once.
    pub(crate) fn open_secrets(&self) -> Option<&Path> {
        let file = self.credentials.as_deref()?;
        let mode = fs::metadata(file).ok()?.permissions().mode();
        (mode & 0o077 != 0).then_some(file)
    }
}

fn read<T, E: std::fmt::Display>(
    file: &Path,
    key: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, Invalid> {
    let text = fs::read_to_string(file)
        .map_err(|error| Invalid::new(key, format!("cannot read {}: {error}", file.display())))?;
    parse(&text).map_err(|fault| Invalid::new(key, format!("{}: {fault}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dir: &Path, name: &str, text: &str) -> Option<PathBuf> {
        let path = dir.join(name);
        fs::write(&path, text).unwrap();
        Some(path)
    }

    fn fault(settings: &AccessSettings) -> String {
        settings.read().map(drop).unwrap_err().to_string()
    }

    #[test]
    fn who_must_authenticate_must_be_known() {
        assert!(AccessSettings::default().read().is_ok());
        let settings = AccessSettings { readwrite: true, ..AccessSettings::default() };
        let text = fault(&settings);
        assert!(text.contains("access.readwrite") && text.contains("access.credentials"), "{text}");
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_with_its_key_and_place() {
        let dir = tempfile::tempdir().unwrap();
        let none = AccessSettings::default();
        let missing = AccessSettings { acls: Some(dir.path().join("no")), ..none.clone() };
        let text = fault(&missing);
        assert!(text.contains("access.acls") && text.contains("cannot read"), "{text}");
        let acls = file(dir.path(), "acls", r#"{"run_tasks": 1}"#);
        let text = fault(&AccessSettings { acls, ..none.clone() });
        assert!(text.contains("run_tasks: expected a list of entries"), "{text}");
        let token_secret_file = file(dir.path(), "short", "secret");
        let text = fault(&AccessSettings { token_secret_file, ..none.clone() });
        assert!(text.contains("access.token_secret_file") && text.contains("6 bytes"), "{text}");
        let credentials = file(dir.path(), "c", r#"{"credentials": [{"principal": "a"}]}"#);
        let text = fault(&AccessSettings { credentials, ..none });
        assert!(text.contains("principal `a` has no secret"), "{text}");
    }

    #[test]
    fn the_example_is_one() {
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/examples/acls.json");
        let settings = AccessSettings { acls: Some(example.into()), ..AccessSettings::default() };
        let (_, acls) = settings.read().unwrap();
        assert!(!acls.permissive && acls.lists.len() > 5);
    }

    #[test]
    fn a_file_of_secrets_that_others_may_read_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let credentials = file(dir.path(), "c", r#"{"credentials": []}"#);
        let path = credentials.clone().unwrap();
        let settings = AccessSettings { credentials, ..AccessSettings::default() };
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(settings.open_secrets(), Some(path.as_path()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(settings.open_secrets(), None);
    }
}
