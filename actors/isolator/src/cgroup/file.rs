//! Reading and writing cgroup files, with errors that name them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::IsolatorError;

/// Writes a value; the kernel takes it in one write or refuses it.
pub(crate) fn write(path: &Path, value: impl ToString) -> Result<(), IsolatorError> {
    fs::write(path, value.to_string()).map_err(|e| IsolatorError::file("write", path, e))
}

/// Writes a value where the kernel has the file (features differ between versions).
pub(crate) fn write_if_there(path: &Path, value: impl ToString) -> Result<(), IsolatorError> {
    if path.exists() { write(path, value) } else { Ok(()) }
}

/// The whole file; `None` if it does not exist, or its cgroup went away while it was read.
pub(crate) fn read(path: &Path) -> Result<Option<String>, IsolatorError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if is_gone(&e) => Ok(None),
        Err(e) => Err(IsolatorError::file("read", path, e)),
    }
}

/// The number that the file holds; `None` if it is not there, or not a number (`max`).
pub(crate) fn read_number(path: &Path) -> Result<Option<u64>, IsolatorError> {
    Ok(read(path)?.and_then(|text| text.trim().parse().ok()))
}

/// The number after `key` in a file of `key value` lines.
pub(crate) fn read_keyed(path: &Path, key: &str) -> Result<Option<u64>, IsolatorError> {
    let Some(text) = read(path)? else { return Ok(None) };
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    Ok(value.and_then(|value| value.trim().parse().ok()))
}

/// The cgroups below `dir`, deepest first, then `dir` itself: the order in which they can be
/// removed. Empty if there is no `dir`.
pub(crate) fn tree(dir: &Path) -> Result<Vec<PathBuf>, IsolatorError> {
    let mut found = Vec::new();
    for child in children(dir)? {
        found.extend(tree(&child)?);
    }
    if dir.exists() {
        found.push(dir.to_owned());
    }
    Ok(found)
}

/// The cgroups directly below `dir`.
pub(crate) fn children(dir: &Path) -> Result<Vec<PathBuf>, IsolatorError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if is_gone(&e) => return Ok(Vec::new()),
        Err(e) => return Err(IsolatorError::file("list", dir, e)),
    };
    let dirs = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir()));
    Ok(dirs.map(|entry| entry.path()).collect())
}

/// The processes in `dir` and below.
pub(crate) fn processes(dir: &Path) -> Result<Vec<i32>, IsolatorError> {
    let mut pids = Vec::new();
    for dir in tree(dir)? {
        if let Some(text) = read(&dir.join(super::PROCS))? {
            pids.extend(text.lines().filter_map(|line| line.trim().parse::<i32>().ok()));
        }
    }
    Ok(pids)
}

/// ENODEV is what reading a file of a cgroup gives after its removal.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ENODEV)
}
