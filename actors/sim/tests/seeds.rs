//! A thousand bad days, each of which must end well.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use protocol::Scalar;
use protocol::quota::Quota;
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

/// A role has a guarantee, and gets it back from whoever has it: offers and tasks of others go.
#[test]
fn days_on_which_things_are_taken_back_end_well_too() {
    let quota = Quota {
        guarantees: [("cpus".to_owned(), Scalar::from_milli(3000))].into(),
        limits: Default::default(),
    };
    let allocator = allocator_core::Options {
        quotas: [("web".to_owned(), quota)].into(),
        preempt_grace_ms: Some(2000),
        ..Default::default()
    };
    survive(1..=50, &Options { allocator, ..Options::default() });
}

#[test]
fn a_larger_cluster_ends_well_too() {
    survive(1..=10, &Options { agents: 8, schedulers: 5, ..Options::default() });
}
