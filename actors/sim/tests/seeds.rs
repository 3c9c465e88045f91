//! A thousand bad days, each of which must end well.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::path::PathBuf;

use sim::{Fault, Faults, Options, run};

/// Runs these seeds; the first fault is run again with its log kept, and shown with its end.
fn survive(seeds: impl Iterator<Item = u64>, options: &Options) {
    for seed in seeds {
        if let Err(fault) = run(seed, options) {
            let again = run(seed, &Options { keep_log: true, ..options.clone() }).unwrap_err();
            assert_eq!(again.what, fault.what, "seed {seed} does not replay");
            show(&again);
            panic!("{fault}");
        }
    }
}

fn show(fault: &Fault) {
    let from = fault.log.len().saturating_sub(25);
    for line in &fault.log[from..] {
        eprintln!("{line}");
    }
    eprintln!("{fault}");
}

/// Where `replay` leaves what happened.
fn log_path(seed: u64) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_TMPDIR");
    let folder = target.map_or_else(std::env::temp_dir, PathBuf::from);
    folder.join(format!("meseta-sim-{seed}.log"))
}

/// `MESETA_SEED=n cargo test -p meseta-sim replay -- --nocapture` runs one seed and writes down
/// everything that happens.
#[test]
fn replay() {
    let Some(seed) = std::env::var("MESETA_SEED").ok().and_then(|text| text.parse().ok()) else {
        return;
    };
    let result = run(seed, &Options { keep_log: true, ..Options::default() });
    let log = result.as_ref().map_or_else(|fault| &fault.log, |outcome| &outcome.log);
    let path = log_path(seed);
    std::fs::write(&path, log.join("\n")).unwrap();
    eprintln!("{} events, written to {}", log.len(), path.display());
    if let Err(fault) = result {
        panic!("{fault}");
    }
}

macro_rules! batches {
    ($($name:ident: $seeds:expr),+ $(,)?) => {$(
        #[test]
        fn $name() {
            survive($seeds, &Options::default());
        }
    )+};
}

batches! {
    seeds_1_to_250_end_well: 1..=250,
    seeds_251_to_500_end_well: 251..=500,
    seeds_501_to_750_end_well: 501..=750,
    seeds_751_to_1000_end_well: 751..=1000,
}

#[test]
fn a_run_is_decided_by_its_seed() {
    for seed in 1..=10 {
        let options = Options { keep_log: true, ..Options::default() };
        let (first, second) = (run(seed, &options).unwrap(), run(seed, &options).unwrap());
        assert_eq!(first.hash, second.hash);
        assert!(first == second, "seed {seed} happens differently the second time");
    }
}

#[test]
fn different_seeds_are_different_days() {
    let options = Options::default();
    assert_ne!(run(1, &options).unwrap().hash, run(2, &options).unwrap().hash);
}

#[test]
fn a_day_without_accidents_ends_well_too() {
    survive(1..=20, &Options { faults: Faults::NONE, ..Options::default() });
}

#[test]
fn a_larger_cluster_ends_well_too() {
    survive(1..=10, &Options { agents: 8, schedulers: 5, ..Options::default() });
}
/// `MESETA_SEEDS=1001-5000 cargo test -p meseta-sim explore -- --nocapture` looks for faults
/// beyond those seeds that every test run tries, and lists all that it finds.
#[test]
fn explore() {
    let Some(seeds) = std::env::var("MESETA_SEEDS").ok() else { return };
    let (from, to) = seeds.split_once('-').expect("MESETA_SEEDS is from-to");
    let (from, to): (u64, u64) = (from.parse().unwrap(), to.parse().unwrap());
    let mut faults = 0;
    for seed in from..=to {
        if let Err(fault) = run(seed, &Options::default()) {
            faults += 1;
            eprintln!("{fault}");
        }
    }
    assert_eq!(faults, 0, "faults in seeds {seeds}");
}
