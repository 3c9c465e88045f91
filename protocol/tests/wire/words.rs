//! Every word that an enum has on the wire is on record in `tests/golden/words.txt`, since a sample
//! shows one of each at most. Words are added and never renamed or taken away.

use std::collections::BTreeSet;
use std::fs;

use protocol::Failure;
use serde_json::Value as Json;

use crate::{record, samples};

/// `<Enum> <word>` for every enum of every message.
fn words() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(schemars::schema_for!(Failure).as_value(), &mut found);
    for sample in samples::all() {
        collect(&(sample.schema)(), &mut found);
    }
    found
}

fn collect(schema: &Json, found: &mut BTreeSet<String>) {
    let own = schema["title"].as_str().map(|title| (title, schema));
    let parts = schema["$defs"].as_object().into_iter().flatten();
    for (name, part) in own.into_iter().chain(parts.map(|(name, part)| (name.as_str(), part))) {
        let variants = part["oneOf"].as_array().into_iter().flatten();
        for variant in variants.chain([part]) {
            found.extend(words_of(variant).into_iter().map(|word| format!("{name} {word}")));
        }
    }
}

/// Bare words, and the word of one that brings something along.
fn words_of(variant: &Json) -> Vec<&str> {
    let listed = variant["enum"].as_array().into_iter().flatten().chain([&variant["const"]]);
    let along = variant["properties"].as_object().into_iter().flatten();
    let along = along.filter(|_| variant["additionalProperties"] == false);
    listed.filter_map(Json::as_str).chain(along.map(|(word, _)| word.as_str())).collect()
}

#[test]
fn every_word_on_record_is_still_understood_and_new_ones_are_recorded() {
    let words = words();
    let file = record::dir().join("words.txt");
    let recorded = fs::read_to_string(&file).unwrap_or_default();
    let recorded: BTreeSet<String> = recorded.lines().map(str::to_owned).collect();
    let gone: Vec<_> = recorded.difference(&words).collect();
    assert!(gone.is_empty(), "peers of other versions say these, so they must stay: {gone:#?}");
    let new: Vec<_> = words.difference(&recorded).collect();
    if !new.is_empty() && record::is_blessed() {
        let lines: String = words.iter().map(|word| format!("{word}\n")).collect();
        return fs::write(file, lines).unwrap();
    }
    assert!(new.is_empty(), "{} records these: {new:#?}", record::BLESS);
}
