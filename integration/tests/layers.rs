//! Dependencies point one way: bins -> actors -> their cores -> protocol; and cores are pure.

#![allow(clippy::unwrap_used, reason = "a test's helpers")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// What shells share that is not an actor of a role: each may be used by any shell.
const FOUNDATIONS: &[&str] =
    &["meseta-runtime", "meseta-store", "meseta-journal", "meseta-tokens", "meseta-driver"];

/// Drives cores without their shells, in a world of its own: nothing that a role runs on.
const SIMULATOR: &str = "meseta-sim";

/// A shell that uses another, with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    // A task is started by our executor and must be in its container before it is: the way in is
    // the isolator's, and so is the `unsafe` of it.
    ("meseta-executor", "meseta-isolator"),
    // A local file is copied by a process with the rights of the task's user.
    ("meseta-fetcher", "meseta-isolator"),
];

/// What a core may use beside `protocol`: data, nothing that reads a clock, draws or does I/O. `regex`
/// is a function of its text, in time and memory that are bounded: constraints on offers have them.
const PURE: &[&str] = &["serde", "serde_json", "schemars", "thiserror", "regex"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Protocol,
    Core,
    Foundation,
    Shell,
    Simulator,
    Boot,
    Program,
    Stories,
}

fn layer(package: &Package, root: &Path) -> Layer {
    let dir = package.manifest_path.as_std_path().parent().unwrap();
    let parts: Vec<&str> =
        dir.strip_prefix(root).unwrap().iter().map(|part| part.to_str().unwrap()).collect();
    match parts.as_slice() {
        ["protocol"] => Layer::Protocol,
        ["actors", _, "core"] => Layer::Core,
        ["actors", ..] if FOUNDATIONS.contains(&package.name.as_str()) => Layer::Foundation,
        ["actors", _] if package.name == SIMULATOR => Layer::Simulator,
        ["actors", _] => Layer::Shell,
        ["bins", "boot"] => Layer::Boot,
        ["bins", _] => Layer::Program,
        ["integration", ..] => Layer::Stories,
        other => panic!("{} is in no layer: {other:?}", package.name),
    }
}

/// Whether a crate of one layer may use one of another in what it ships.
fn allowed(from: (&Package, Layer), to: (&Package, Layer)) -> bool {
    use Layer::*;
    let own_core = || to.0.name.as_str() == format!("{}-core", from.0.name);
    match (from.1, to.1) {
        (Protocol, _) => false,
        (_, Protocol) => true,
        (Core, _) => false,
        (Foundation | Shell, Core) => own_core(),
        (Foundation | Shell, Foundation) => true,
        (Shell, Shell) => EXCEPTIONS.contains(&(from.0.name.as_str(), to.0.name.as_str())),
        (Foundation | Shell, _) => false,
        (Simulator, to) => to == Core,
        (Boot, to) => to == Foundation,
        (Program, Shell | Foundation | Boot) => true,
        (Program, _) => false,
        (Stories, _) => true,
    }
}

fn metadata() -> (Metadata, PathBuf) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf();
    let metadata = MetadataCommand::new().current_dir(&root).no_deps().exec().unwrap();
    (metadata, root)
}

fn shipped(package: &Package) -> impl Iterator<Item = &str> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development)
        .map(|dependency| dependency.name.as_str())
}

#[test]
fn dependencies_point_inwards_only() {
    let (metadata, root) = metadata();
    let ours: BTreeMap<&str, &Package> =
        metadata.packages.iter().map(|package| (package.name.as_str(), package)).collect();
    let mut breaches = Vec::new();
    for package in ours.values() {
        for other in shipped(package).filter_map(|name| ours.get(name)) {
            let (from, to) = (layer(package, &root), layer(other, &root));
            if !allowed((package, from), (other, to)) {
                breaches.push(format!("{} ({from:?}) -> {} ({to:?})", package.name, other.name));
            }
        }
    }
    assert!(breaches.is_empty(), "{breaches:#?}");
}

#[test]
fn a_core_depends_on_data_only_and_carries_the_rules_of_purity() {
    let (metadata, root) = metadata();
    let rules = std::fs::read_to_string(root.join(".config/core.clippy.toml")).unwrap();
    let cores = metadata.packages.iter().filter(|p| layer(p, &root) == Layer::Core);
    let mut seen = 0;
    for core in cores {
        seen += 1;
        let impure: Vec<&str> =
            shipped(core).filter(|d| *d != "meseta-protocol" && !PURE.contains(d)).collect();
        assert!(impure.is_empty(), "{} depends on {impure:?}", core.name);
        let own = core.manifest_path.parent().unwrap().join(".clippy.toml");
        let own_rules = std::fs::read_to_string(&own).unwrap_or_default();
        assert_eq!(own_rules, rules, "{own} must be a copy of .config/core.clippy.toml");
    }
    assert!(seen >= 5, "only {seen} cores found");
}

#[test]
fn every_crate_inherits_the_lints_and_names_its_dependencies_in_the_one_table() {
    let (metadata, _) = metadata();
    let mut names = BTreeSet::new();
    for package in &metadata.packages {
        assert!(names.insert(package.name.clone()), "two crates named {}", package.name);
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        let inherits =
            manifest.split("[lints]").nth(1).is_some_and(|r| r.contains("workspace = true"));
        assert!(inherits, "{} does not inherit the lints", package.manifest_path);
        let versions: Vec<&str> = manifest
            .lines()
            .skip_while(|line| !line.contains("dependencies]"))
            .take_while(|line| !line.starts_with("[lints]"))
            .filter(|line| line.contains("version =") || line.contains("path ="))
            .filter(|line| !line.starts_with("path"))
            .collect();
        assert!(versions.is_empty(), "{}: {versions:?}", package.manifest_path);
    }
}
