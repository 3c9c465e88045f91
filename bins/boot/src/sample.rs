//! What the tests of a role check of its sample file in `config/`: people copy from it, so it has
//! every key, with its default.

use std::path::Path;

use figment::Figment;
use figment::providers::{Format, Toml};

use crate::config::{Settings, load};
use crate::origin::leaves;

/// What is wrong with the sample file of `T`, and with what `--print-config` makes of it.
pub fn faults<T: Settings + PartialEq>(sample: &Path) -> Vec<String> {
    let loaded = match load::<T>(Some(sample), |_| None, &()) {
        Ok(loaded) => loaded,
        Err(error) => return vec![error.to_string()],
    };
    let text = std::fs::read_to_string(sample).unwrap_or_default();
    let mut faults: Vec<String> =
        keys_missing_from::<T>(&text).iter().map(|key| format!("`{key}` is missing")).collect();
    if loaded.settings != T::default() {
        faults.push(format!("a value is not the default:\n{loaded}"));
    }
    match Figment::from(Toml::string(&loaded.to_string())).extract::<T>() {
        Ok(again) if again == loaded.settings => {}
        Ok(_) => faults.push(format!("printed, it means something else:\n{loaded}")),
        Err(error) => faults.push(format!("printed, it cannot be read: {error}")),
    }
    faults
}

/// Commented out is there, too.
fn keys_missing_from<T: Settings>(sample: &str) -> Vec<String> {
    let known = leaves(&T::default()).unwrap_or_default();
    let has = |key: &str| {
        let name = key.rsplit('.').next().unwrap_or(key);
        let starts = |line: &str| line.trim_start_matches("# ").starts_with(&format!("{name} = "));
        sample.lines().any(starts)
    };
    known.into_iter().map(|(key, _)| key).filter(|key| !has(key)).collect()
}
