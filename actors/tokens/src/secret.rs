//! What tokens are signed with, and the file that it is read from.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What RFC 7518 (section 3.2) asks of a key for HS256: as many bytes as a signature has. A token can
/// be tried against guesses of the secret anywhere; it is to be the signature that is hard to guess.
const MIN_LEN: usize = 32;
/// More is not a secret, but the wrong file.
const MAX_LEN: usize = 64 << 10;

/// What tokens are signed with. Cheap to clone.
#[derive(Clone)]
pub struct TokenSecret {
    /// HMAC with the key taken in.
    keyed: Hmac<Sha256>,
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("failed to read the secret for tokens from `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "`{}` has {length} bytes, and a secret for tokens needs {MIN_LEN}: a \
         shorter one is easier to guess than a signature; `openssl rand -hex 32` makes one",
        path.display()
    )]
    Short { path: PathBuf, length: usize },
    #[error(
        "`{}` has more than {MAX_LEN} bytes, so it is no secret for tokens",
        path.display()
    )]
    Long { path: PathBuf },
}

impl TokenSecret {
    /// Reads a secret: the whole file, as it is. Blank space at its end counts for nothing in its
    /// length. Warns if everybody on the machine may read it, or write it.
    ///
    /// # Errors
    /// If it cannot be read, or what is in it is too short or too long.
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let (secret, mode) =
            read(path).map_err(|source| SecretError::Read { path: path.to_owned(), source })?;
        if secret.len() > MAX_LEN {
            return Err(SecretError::Long { path: path.to_owned() });
        }
        let length = secret.trim_ascii_end().len();
        if length < MIN_LEN {
            return Err(SecretError::Short { path: path.to_owned(), length });
        }
        if is_open_to_others(mode) {
            tracing::warn!(
                path = %path.display(), mode = format!("{:o}", mode & 0o777),
                "everybody on this machine can get at the secret for tokens"
            );
        }
        let keyed = Hmac::new_from_slice(&secret).expect("HMAC takes keys of any length");
        Ok(Self { keyed })
    }

    /// The signature of this text.
    pub(crate) fn sign(&self, text: &str) -> [u8; 32] {
        self.over(text).finalize().into_bytes().into()
    }

    /// Whether this is the signature of this text, in a time that does not tell where they differ.
    pub(crate) fn has_signed(&self, text: &str, signature: &[u8]) -> bool {
        self.over(text).verify_slice(signature).is_ok()
    }

    fn over(&self, text: &str) -> Hmac<Sha256> {
        let mut keyed = self.keyed.clone();
        keyed.update(text.as_bytes());
        keyed
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(..)")
    }
}

/// What is in a file, up to a little more than is looked at, and its mode.
fn read(path: &Path) -> io::Result<(Vec<u8>, u32)> {
    let file = File::open(path)?;
    let mode = file.metadata()?.mode();
    let mut content = Vec::new();
    file.take(MAX_LEN as u64 + 1).read_to_end(&mut content)?;
    Ok((content, mode))
}

fn is_open_to_others(mode: u32) -> bool {
    mode & 0o007 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret_of(content: &[u8]) -> Result<TokenSecret, SecretError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, content).unwrap();
        TokenSecret::read(&path)
    }

    #[test]
    fn a_secret_has_at_least_as_many_bytes_as_a_signature() {
        assert!(secret_of(&[b'x'; 32]).is_ok());
        for (content, length) in [(&b""[..], 0), (&[b'x'; 31], 31), (&[b'\n'; 64], 0)] {
            let error = secret_of(content).unwrap_err();
            assert!(matches!(error, SecretError::Short { length: l, .. } if l == length));
            let text = error.to_string();
            assert!(text.contains(&format!("has {length} bytes")), "{text}");
            assert!(text.contains("openssl rand -hex 32"), "{text}");
        }
        let with_newline = [&[b'x'; 31][..], b"\n"].concat();
        assert!(matches!(secret_of(&with_newline), Err(SecretError::Short { length: 31, .. })));
    }

    #[test]
    fn a_file_that_is_no_secret_is_refused() {
        assert!(matches!(secret_of(&vec![0; MAX_LEN + 1]), Err(SecretError::Long { .. })));
        let error = TokenSecret::read(Path::new("/nowhere/key")).unwrap_err();
        let text = "failed to read the secret for tokens from `/nowhere/key`";
        assert_eq!(error.to_string(), text);
        assert!(matches!(TokenSecret::read(Path::new("/")), Err(SecretError::Read { .. })));
    }

    #[test]
    fn everybody_is_everybody_but_the_owner_and_the_group() {
        let modes = [0o600, 0o640, 0o660, 0o644, 0o602, 0o666];
        assert_eq!(modes.map(is_open_to_others), [false, false, false, true, true, true]);
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret = secret_of(&[b'x'; 32]).unwrap();
        assert_eq!(format!("{secret:?}"), "TokenSecret(..)");
    }
}
