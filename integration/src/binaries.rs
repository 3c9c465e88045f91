//! Where the programs are.

use std::path::PathBuf;

/// The directory that cargo built the programs into: the one above that of this test.
pub fn dir() -> PathBuf {
    let own = std::env::current_exe().expect("a process has an executable");
    let deps = own.parent().expect("an executable is in a directory");
    if deps.ends_with("deps") {
        deps.parent().expect("deps is in a profile's directory").to_path_buf()
    } else {
        deps.to_path_buf()
    }
}

/// One of the programs. They are built before the tests run, by `make test`.
pub fn path(name: &str) -> PathBuf {
    let path = dir().join(name);
    assert!(path.is_file(), "{} is not there; `make build` builds it", path.display());
    path
}
