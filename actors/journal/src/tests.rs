//! What a journal promises, by opening it again after each kind of end.

use super::*;

fn write(journal: &mut Journal, records: &[&str]) {
    let mut out = Vec::new();
    for record in records {
        encode(&mut out, record).unwrap();
    }
    journal.append(&out).unwrap();
}

fn open(path: &Path) -> Opened<String> {
    Journal::open(path).unwrap()
}

#[test]
fn what_was_appended_is_read_back_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/down/a.journal");
    let mut journal = open(&path).journal;
    write(&mut journal, &["one", "two"]);
    write(&mut journal, &["three"]);
    journal.sync().unwrap();
    drop(journal);
    let opened = open(&path);
    assert_eq!(opened.records, ["one", "two", "three"]);
    assert_eq!(opened.discarded, 0);
    assert_eq!(opened.journal.size(), fs::metadata(&path).unwrap().len());
}

#[test]
fn a_file_that_ends_anywhere_gives_its_whole_records_and_can_be_appended_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.journal");
    let mut journal = open(&path).journal;
    write(&mut journal, &["one", "two", "three"]);
    drop(journal);
    let whole = fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let Opened { mut journal, records, .. } = open(&path);
        assert_eq!(records, ["one", "two", "three"][..records.len()], "cut at {cut}");
        write(&mut journal, &["after"]);
        drop(journal);
        assert_eq!(open(&path).records.last().unwrap(), "after", "cut at {cut}");
    }
}

#[test]
fn a_flipped_bit_ends_what_is_believed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.journal");
    let mut journal = open(&path).journal;
    write(&mut journal, &["one"]);
    let second = usize::try_from(journal.size()).unwrap();
    write(&mut journal, &["two", "three"]);
    drop(journal);
    let mut bytes = fs::read(&path).unwrap();
    bytes[second + 9] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let opened = open(&path);
    assert_eq!(opened.records, ["one"]);
    assert_eq!(opened.discarded, (bytes.len() - second) as u64);
}

#[test]
fn zeros_at_the_end_are_a_torn_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.journal");
    let mut journal = open(&path).journal;
    write(&mut journal, &["one"]);
    journal.append(&[0; 64]).unwrap();
    drop(journal);
    let opened = open(&path);
    assert_eq!((opened.records.as_slice(), opened.discarded), (&["one".to_owned()][..], 64));
}

#[test]
fn rewriting_replaces_everything_and_appending_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.journal");
    let mut journal = open(&path).journal;
    write(&mut journal, &["one", "two"]);
    let mut out = Vec::new();
    encode(&mut out, &"two").unwrap();
    journal.rewrite(&out).unwrap();
    write(&mut journal, &["three"]);
    drop(journal);
    assert_eq!(open(&path).records, ["two", "three"]);
}

#[test]
fn what_a_crashed_rewrite_left_behind_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.journal");
    fs::write(dir.path().join("a.new"), b"half a rewrite").unwrap();
    let mut journal = open(&path).journal;
    let mut out = Vec::new();
    encode(&mut out, &"kept").unwrap();
    journal.rewrite(&out).unwrap();
    drop(journal);
    assert_eq!(open(&path).records, ["kept"]);
}

#[test]
fn a_journal_is_open_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.journal");
    let _first = open(&path);
    let second = Journal::open::<String>(&path).unwrap_err();
    assert!(matches!(second, JournalError::Locked { .. }), "{second}");
}

#[test]
fn a_file_that_is_something_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.journal");
    fs::write(&path, "a letter to my aunt").unwrap();
    let error = Journal::open::<String>(&path).unwrap_err();
    assert!(matches!(error, JournalError::NotAJournal { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "a letter to my aunt");
}

#[test]
fn an_intact_record_of_another_kind_is_an_error_and_not_a_torn_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.journal");
    let mut journal = open(&path).journal;
    write(&mut journal, &["one"]);
    drop(journal);
    let error = Journal::open::<u64>(&path).unwrap_err();
    assert!(matches!(error, JournalError::UnknownRecord { offset: 8, .. }), "{error}");
}
