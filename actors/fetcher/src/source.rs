//! What a uri stands for: a file of this machine, or something on a server.

use std::path::PathBuf;

use crate::error::FetchError;

/// Where an artifact is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Local(PathBuf),
    /// Fetched as it is written.
    Http(String),
}

impl Source {
    /// From the text of a uri; people leave blanks around them.
    pub(crate) fn parse(uri: &str) -> Result<Self, FetchError> {
        let uri = uri.trim();
        if uri.starts_with('/') {
            return Ok(Self::Local(uri.into()));
        }
        match uri.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("file") => local(rest),
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("http") => Ok(Self::Http(uri.into())),
            Some((scheme, _)) => Err(FetchError::Scheme(scheme.to_owned())),
            None => Err(FetchError::RelativePath),
        }
    }

    /// The name that it gets in the sandbox unless another is given: the last part of its path.
    pub(crate) fn name(&self) -> Result<String, FetchError> {
        let name = match self {
            Self::Local(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
            Self::Http(url) => name_in_url(url),
        };
        name.filter(|name| !matches!(name.as_str(), "" | "." | "..")).ok_or(FetchError::NoName)
    }
}

fn local(rest: &str) -> Result<Source, FetchError> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    match path.starts_with('/') {
        true => Ok(Source::Local(path.into())),
        false => Err(FetchError::RemoteFile(rest.split('/').next().unwrap_or(rest).to_owned())),
    }
}

fn name_in_url(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let path = rest.split(['?', '#']).next()?;
    // Without a path there is no slash, and the host is no name.
    let (_, name) = path.rsplit_once('/')?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_files_are_absolute_paths_or_file_uris_of_this_machine() {
        let local = |uri: &str| match Source::parse(uri) {
            Ok(Source::Local(path)) => path.to_string_lossy().into_owned(),
            other => panic!("{uri}: {other:?}"),
        };
        assert_eq!(local("/a/b"), "/a/b");
        assert_eq!(local(" file:///a/b "), "/a/b");
        assert_eq!(local("file://localhost/a/b"), "/a/b");
    }

    #[test]
    fn what_cannot_be_fetched_says_why() {
        let why = |uri: &str| Source::parse(uri).unwrap_err().to_string();
        assert!(why("file://elsewhere/a").starts_with("`elsewhere` is another host"));
        assert!(why("s3://bucket/a").starts_with("scheme `s3` is not supported"));
        assert!(why("a/b").starts_with("a relative path"));
    }

    #[test]
    fn the_name_is_the_last_part_of_the_path() {
        let name = |uri: &str| Source::parse(uri).unwrap().name().ok();
        assert_eq!(name("http://h:1/a/b.tar.gz?x=/y#z").as_deref(), Some("b.tar.gz"));
        assert_eq!(name("http://h/b").as_deref(), Some("b"));
        assert_eq!(name("/a/b").as_deref(), Some("b"));
        for nameless in ["http://h", "http://h/", "http://h/a/", "http://h/..", "/"] {
            assert_eq!(name(nameless), None, "{nameless}");
        }
    }
}
