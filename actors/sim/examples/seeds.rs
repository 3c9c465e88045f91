//! Runs seeds of the simulator by hand.
//!
//! ```text
//! cargo run -p meseta-sim --example seeds -- 17          # one, with everything that happens in it
//! cargo run -p meseta-sim --example seeds -- 1001-5000   # many, with the faults that they find
//! ```

use std::process::ExitCode;

use sim::{Options, run};

fn main() -> ExitCode {
    let text = std::env::args().nth(1).unwrap_or_default();
    let (from, to) = text.split_once('-').unwrap_or((&text, &text));
    match (from.parse(), to.parse()) {
        (Ok(seed), Ok(to)) if seed == to => replay(seed),
        (Ok(from), Ok(to)) => explore(from, to),
        _ => {
            eprintln!("seeds: expected a seed or two with a dash between, such as 17 or 1001-5000");
            ExitCode::from(64)
        }
    }
}

/// Everything that happens to stdout, and how it ends to stderr.
fn replay(seed: u64) -> ExitCode {
    let result = run(seed, &Options { keep_log: true, ..Options::default() });
    let log = result.as_ref().map_or_else(|fault| &fault.log, |outcome| &outcome.log);
    println!("{}", log.join("\n"));
    match result {
        Ok(outcome) => eprintln!("seed {seed} ends well after {} events", outcome.events),
        Err(fault) => {
            eprintln!("{fault}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn explore(from: u64, to: u64) -> ExitCode {
    let faults = (from..=to).filter_map(|seed| run(seed, &Options::default()).err());
    let found = faults.inspect(|fault| eprintln!("{fault}")).count();
    eprintln!("{found} faults in seeds {from} to {to}");
    if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
