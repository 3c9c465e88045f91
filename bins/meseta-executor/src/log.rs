//! The executor's own log: a file beside the task's output, made when there is something to say.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use tracing::Level;

/// The file's name in the sandbox.
const FILE: &str = "executor.log";

/// Sends warnings and errors to the log. Task output stays the task's.
pub(crate) fn start(sandbox: &str) {
    let file = LazyFile { path: PathBuf::from(sandbox).join(FILE), file: OnceLock::new() };
    let file: &'static LazyFile = Box::leak(Box::new(file));
    tracing_subscriber::fmt()
        .with_max_level(Level::WARN)
        .with_ansi(false)
        .with_writer(move || file)
        .init();
}

/// Opened by its first line.
struct LazyFile {
    path: PathBuf,
    file: OnceLock<Option<File>>,
}

impl LazyFile {
    /// The sandbox belongs to the task's user, who may have put a link there: not followed.
    fn open(&self) -> Option<&File> {
        let open = || {
            let mut options = OpenOptions::new();
            options.append(true).create(true).mode(0o644).custom_flags(libc::O_NOFOLLOW);
            options.open(&self.path).ok()
        };
        self.file.get_or_init(open).as_ref()
    }
}

impl Write for &LazyFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A log that cannot be written is no reason to fail a task.
        self.open().map_or(Ok(line.len()), |mut file| file.write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
