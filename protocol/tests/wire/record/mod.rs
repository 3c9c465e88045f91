//! The files of `tests/golden`: compared with what today's code writes, and written when they are
//! missing and `MESETA_BLESS=1` says so. A file that is there is never written again.

use std::path::{Path, PathBuf};

/// What writes those that are missing.
pub(crate) const BLESS: &str = "MESETA_BLESS=1 cargo test --package meseta-protocol";

/// Where the files are.
pub(crate) fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Whether it was that that started this.
pub(crate) fn is_blessed() -> bool {
    std::env::var_os("MESETA_BLESS").is_some_and(|value| value == "1")
}

/// Says what is wrong if `file` does not hold these bytes. `show` gives them as lines of text.
pub(crate) fn compare(file: &str, bytes: &[u8], show: fn(&[u8]) -> String) -> Option<String> {
    let path = dir().join(file);
    match std::fs::read(&path) {
        Ok(recorded) if recorded == bytes => None,
        Ok(recorded) => Some(changed(file, &show(&recorded), &show(bytes))),
        Err(_) if is_blessed() => {
            std::fs::create_dir_all(path.parent().expect("a golden file is in a directory"))
                .expect("the directory can be made");
            std::fs::write(&path, bytes).expect("a golden file can be written");
            None
        }
        Err(error) => Some(format!("{file}: {error}; if it is new, {BLESS} writes it")),
    }
}

fn changed(file: &str, recorded: &str, today: &str) -> String {
    let (stem, extension) = file.rsplit_once('.').expect("a golden file has an extension");
    format!(
        "{file}: its bytes are no longer those on record\n{}{}  \
         Peers of other versions read and write the recorded form. If the change is compatible (a new\n  \
         field with a default, a value of the sample), keep the old form beside the new one:\n    \
         cd protocol/tests/golden && git mv {file} {stem}.1.{extension}   # or the next free number\n    \
         {BLESS}\n  \
         The older form must still be readable then. If it is not, make a new message instead.",
        lines_without("recorded", recorded, today),
        lines_without("today", today, recorded),
    )
}

/// The lines of one that the other does not have.
fn lines_without(which: &str, one: &str, other: &str) -> String {
    let others: Vec<&str> = other.lines().collect();
    let own = one.lines().filter(|line| !others.contains(line));
    own.map(|line| format!("  {which}: {line}\n")).collect()
}

/// Fails with all complaints at once.
#[track_caller]
pub(crate) fn expect_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n\n{}\n", complaints.join("\n\n"));
}
