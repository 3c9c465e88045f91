//! A container's directory, and the files that its output goes to.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use crate::error::IsolatorError;
use crate::user::Identity;

/// Others of the machine's users may not look into a sandbox.
const SANDBOX_MODE: u32 = 0o750;
const OUTPUT_MODE: u32 = 0o644;
/// The files' names are part of the interface: `logs`, the web page and people look for them.
pub(crate) const STDOUT: &str = "stdout";
pub(crate) const STDERR: &str = "stderr";

/// A sandbox that is there.
#[derive(Debug)]
pub(crate) struct Sandbox {
    path: PathBuf,
    /// Made by us now, so a failed launch removes it.
    new: bool,
}

impl Sandbox {
    /// Makes the directory, owned by the user. One that is there already is used as it is.
    pub(crate) fn make(path: &str, owner: Option<&Identity>) -> Result<Self, IsolatorError> {
        let path = PathBuf::from(path);
        if !path.is_absolute() {
            return Err(IsolatorError::RelativeSandbox(path.display().to_string()));
        }
        let failed = |source| IsolatorError::file("make sandbox", &path, source);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let new = match DirBuilder::new().mode(SANDBOX_MODE).create(&path) {
            Ok(()) => true,
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => false,
            Err(e) => return Err(failed(e)),
        };
        let sandbox = Self { path, new };
        match owner.map_or(Ok(()), |owner| owner.own(&sandbox.path)) {
            Ok(()) => Ok(sandbox),
            Err(error) => {
                sandbox.discard();
                Err(error)
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens one of the output files to append to. The owner of the directory may have put
    /// anything there: links are not followed.
    pub(crate) fn output(
        &self,
        name: &str,
        owner: Option<&Identity>,
    ) -> Result<File, IsolatorError> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(OUTPUT_MODE).custom_flags(libc::O_NOFOLLOW);
        let file = options.open(&path).map_err(|e| IsolatorError::file("open", &path, e))?;
        if let Some(owner) = owner {
            fchown(&file, Some(owner.uid.as_raw()), Some(owner.gid.as_raw()))
                .map_err(|e| IsolatorError::file("change the owner of", &path, e))?;
        }
        Ok(file)
    }

    /// Removes what [`Self::make`] made.
    pub(crate) fn discard(&self) {
        if self.new {
            // What remains is found by the agent's garbage collection of sandboxes.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
