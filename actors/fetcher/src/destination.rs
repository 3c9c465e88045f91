//! Places within a sandbox, which nothing leads out of.

use std::fs;
use std::path::{Component, Path, PathBuf};

use uuid::Uuid;

use crate::error::FetchError;

/// A sandbox as the fetcher sees it.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    /// Without links, so that places can be compared with it.
    root: PathBuf,
}

impl Destination {
    /// The sandbox at `path`.
    pub(crate) fn open(path: &str) -> Result<Self, FetchError> {
        let root = fs::canonicalize(path).map_err(|e| FetchError::file("open", path, e))?;
        Ok(Self { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A new name in the sandbox, for a file that is not whole yet.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.root.join(format!(".fetch-{}", Uuid::new_v4()))
    }

    /// The place of a relative path, with its directories made. An earlier artifact may have left
    /// links to anywhere: where the place really is decides.
    pub(crate) fn place(&self, relative: &Path) -> Result<PathBuf, FetchError> {
        let plain = |component: Component<'_>| {
            matches!(component, Component::Normal(_) | Component::CurDir)
        };
        let escapes = || FetchError::Escapes(relative.to_owned());
        if !relative.components().all(plain) {
            return Err(escapes());
        }
        let name = relative.file_name().ok_or_else(escapes)?;
        let mut parent = self.root.clone();
        for component in relative.parent().into_iter().flat_map(Path::components) {
            parent = self.enter(&parent.join(component)).map_err(|e| e.unwrap_or_else(escapes))?;
        }
        Ok(parent.join(name))
    }

    /// The real path of a directory, made if it is not there; `Err(None)` if it is elsewhere.
    fn enter(&self, directory: &Path) -> Result<PathBuf, Option<FetchError>> {
        let failed = |action| move |e| Some(FetchError::file(action, directory, e));
        if fs::symlink_metadata(directory).is_err() {
            fs::create_dir(directory).map_err(failed("make directory"))?;
        }
        let real = fs::canonicalize(directory).map_err(failed("open"))?;
        if real.starts_with(&self.root) { Ok(real) } else { Err(None) }
    }

    /// Gives a whole file its name; what had the name before is gone, a link itself and not what
    /// it led to.
    pub(crate) fn settle(&self, temporary: &Path, place: &Path) -> Result<(), FetchError> {
        fs::rename(temporary, place).map_err(|e| FetchError::file("write", place, e))
    }
}

/// The output file of a uri, if it is a relative path that stays below where it starts.
pub(crate) fn checked_output(output: &str) -> Result<&Path, FetchError> {
    let path = Path::new(output);
    let plain = |component: Component<'_>| matches!(component, Component::Normal(_));
    match !output.is_empty() && !output.ends_with('/') && path.components().all(plain) {
        true => Ok(path),
        false => Err(FetchError::Output(output.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_within_the_sandbox_or_refused() {
        let (sandbox, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let destination = Destination::open(sandbox.path().to_str().unwrap()).unwrap();
        let root = destination.root().to_owned();
        std::os::unix::fs::symlink(outside.path(), root.join("out")).unwrap();
        std::os::unix::fs::symlink(".", root.join("here")).unwrap();
        let place = |path: &str| destination.place(Path::new(path)).ok();
        assert_eq!(place("a/b/c"), Some(root.join("a/b/c")));
        assert_eq!(place("./a/../b"), None);
        assert_eq!(place("here/d"), Some(root.join("d")));
        assert!(root.join("a/b").is_dir());
        for bad in ["out/x", "out/x/y", "../x", "/etc/x", ""] {
            assert_eq!(place(bad), None, "{bad}");
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_output_file_is_relative() {
        assert!(checked_output("a/b").is_ok());
        for bad in ["", "/a", "../a", "a/../b", "a/"] {
            assert!(checked_output(bad).is_err(), "{bad}");
        }
    }
}
