//! The table that is printed and `target/bench/summary.json`.

use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

/// One measured number beside what it could be at best.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// The same work without the system, measured in the same run.
    pub(crate) bound: Option<f64>,
    /// `value / bound`.
    pub(crate) ratio: Option<f64>,
    /// What the project wants, in words: `>= 5000000`, `ratio <= 1.5`.
    pub(crate) target: &'static str,
}

impl Measure {
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, bound: None, ratio: None, target: "" }
    }

    pub(crate) fn bound(mut self, bound: f64) -> Self {
        self.bound = Some(bound);
        self.ratio = Some(self.value / bound);
        self
    }

    pub(crate) fn target(mut self, target: &'static str) -> Self {
        self.target = target;
        self
    }
}

/// The measures so far; each is printed as it comes.
#[derive(Default)]
pub(crate) struct Report {
    measures: Vec<Measure>,
}

impl Report {
    pub(crate) fn start() -> Self {
        println!(
            "{:<44} {:>14} {:<6} {:>14} {:>7}  target",
            "what", "value", "unit", "bound", "ratio"
        );
        Self::default()
    }

    pub(crate) fn add(&mut self, measure: Measure) {
        let bound = measure.bound.map_or_else(String::new, number);
        let ratio = measure.ratio.map_or_else(String::new, |r| format!("{r:.2}"));
        println!(
            "{:<44} {:>14} {:<6} {:>14} {:>7}  {}",
            measure.name,
            number(measure.value),
            measure.unit,
            bound,
            ratio,
            measure.target
        );
        self.measures.push(measure);
    }

    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("failed to make {}", folder.display()))?;
        }
        let text = serde_json::to_string_pretty(&self.measures)?;
        std::fs::write(path, text)
            .with_context(|| format!("failed to write {}", path.display()))?;
        eprintln!("written to {}", path.display());
        Ok(())
    }
}

fn number(value: f64) -> String {
    if value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
