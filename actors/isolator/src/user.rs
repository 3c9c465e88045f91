//! Unix users: a name becomes the ids that a process takes on.

use std::ffi::CString;
use std::io;
use std::os::unix::fs::lchown;
use std::path::Path;

use nix::unistd::{Gid, Uid, User, getgrouplist};

use crate::error::IsolatorError;

/// A user with all its groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
    pub(crate) groups: Vec<Gid>,
    pub(crate) home: String,
    pub(crate) name: String,
}

impl Identity {
    /// The user of that name.
    pub fn of(name: &str) -> Result<Self, IsolatorError> {
        let lookup = |errno: nix::Error| IsolatorError::UserLookup {
            user: name.to_owned(),
            source: io::Error::from(errno),
        };
        let user = User::from_name(name).map_err(lookup)?;
        let user = user.ok_or_else(|| IsolatorError::NoSuchUser(name.to_owned()))?;
        let text = CString::new(name)
            .map_err(|source| IsolatorError::UserText { user: name.to_owned(), source })?;
        let groups = getgrouplist(&text, user.gid).map_err(lookup)?;
        let home = user.dir.to_string_lossy().into_owned();
        Ok(Self { uid: user.uid, gid: user.gid, groups, home, name: name.to_owned() })
    }

    /// The user's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The user's home directory.
    pub fn home(&self) -> &str {
        &self.home
    }

    /// Makes the user own `path`; of a link, the link itself.
    pub fn own(&self, path: &Path) -> Result<(), IsolatorError> {
        lchown(path, Some(self.uid.as_raw()), Some(self.gid.as_raw()))
            .map_err(|e| IsolatorError::file("change the owner of", path, e))
    }
}
