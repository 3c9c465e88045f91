//! Which cgroups there are below one that an agent owns.

use std::path::{Path, PathBuf};

const MOUNT: &str = "/sys/fs/cgroup";

/// Every directory of the group `root`, in any hierarchy, the innermost first.
pub fn below(root: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for base in bases() {
        collect(&base.join(root), &mut found);
    }
    found
}

/// The mount itself (v2), and each of its directories (v1).
fn bases() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(MOUNT).into_iter().flatten().flatten();
    let controllers = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
    std::iter::once(PathBuf::from(MOUNT)).chain(controllers).collect()
}

fn collect(dir: &Path, found: &mut Vec<PathBuf>) {
    if !dir.is_dir() || dir.is_symlink() {
        return;
    }
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), found);
        }
    }
    found.push(dir.to_path_buf());
}

/// Removes them; those that still have processes stay.
pub fn remove(root: &str) {
    for dir in below(root) {
        let _ = std::fs::remove_dir(dir);
    }
}
