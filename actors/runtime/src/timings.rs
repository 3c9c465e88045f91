//! How long something takes that is done again and again, for metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Durations up to this are told apart, to two digits; longer ones count as this.
const MAX_MICROS: u64 = 600_000_000;
/// The percentiles that Mesos shows.
const PERCENTILES: [(&str, f64); 6] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999), ("p9999", 0.9999)];

/// All durations so far, in a few kilobytes.
#[derive(Clone, Debug)]
pub struct Timings {
    last: Option<Duration>,
    times: Histogram<u64>,
}

impl Default for Timings {
    fn default() -> Self {
        let times =
            Histogram::new_with_bounds(1, MAX_MICROS, 2).expect("constant bounds are valid");
        Self { last: None, times }
    }
}

impl Timings {
    /// It has taken so long once more.
    pub fn record(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(MAX_MICROS);
        self.times.saturating_record(micros.clamp(1, MAX_MICROS));
        self.last = Some(took);
    }

    /// Writes what is known, in milliseconds: the last one under `name`, and below it how many
    /// there were, the extremes and the percentiles. Before the first there is only the count.
    pub fn write(&self, name: &str, values: &mut BTreeMap<String, f64>) {
        let ms = |micros: u64| micros as f64 / 1000.0;
        values.insert(format!("{name}/count"), self.times.len() as f64);
        let Some(last) = self.last else { return };
        values.insert(name.to_owned(), last.as_secs_f64() * 1000.0);
        values.insert(format!("{name}/min"), ms(self.times.min()));
        values.insert(format!("{name}/max"), ms(self.times.max()));
        for (percentile, quantile) in PERCENTILES {
            let value = ms(self.times.value_at_quantile(quantile));
            values.insert(format!("{name}/{percentile}"), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_all_and_the_name_itself_is_the_last() {
        let mut timings = Timings::default();
        let mut values = BTreeMap::new();
        timings.write("store_ms", &mut values);
        assert_eq!(values, [("store_ms/count".to_owned(), 0.0)].into());
        for ms in 1..=100 {
            timings.record(Duration::from_millis(ms));
        }
        timings.record(Duration::from_micros(2500));
        timings.write("store_ms", &mut values);
        assert_eq!((values["store_ms"], values["store_ms/count"]), (2.5, 101.0));
        assert!((values["store_ms/p50"] - 50.0).abs() < 1.0, "{values:?}");
        assert!((values["store_ms/p99"] - 99.0).abs() < 1.0, "{values:?}");
        assert!((values["store_ms/max"] - 100.0).abs() < 1.0, "{values:?}");
        assert_eq!(values.len(), 10);
    }

    #[test]
    fn what_takes_for_ever_counts_as_the_longest() {
        let mut timings = Timings::default();
        timings.record(Duration::MAX);
        timings.record(Duration::ZERO);
        let mut values = BTreeMap::new();
        timings.write("x", &mut values);
        assert_eq!(values["x/count"], 2.0);
    }
}
