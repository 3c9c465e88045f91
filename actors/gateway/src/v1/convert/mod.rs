//! Between the messages of the v1 API and the vocabulary of the actors.
//!
//! What the actors cannot do yet is refused by the name of its field, never dropped silently.
//! Whether a value makes sense in the cluster is for the actors to say; here it is only whether it
//! can be expressed.

pub mod constraints;
pub mod describe;
pub mod domain;
pub mod framework;
pub mod maintenance;
pub mod master;
pub mod offer;
pub mod operation;
pub mod quota;
pub mod report;
pub mod resource;
pub mod schedule;
pub mod status;
pub mod task;
pub mod update_id;

use std::collections::BTreeMap;

use protocol::task::Label;
use thiserror::Error;

use super::wire::mesos;

/// Why a message has no counterpart. Paths are like `task_infos[0].command.uris[1].value`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConvertError {
    #[error("'{field}' is not supported yet")]
    Unsupported { field: String },
    #[error("'{field}' {reason}")]
    Invalid { field: String, reason: String },
    /// In the words of Mesos.
    #[error("Invalid resource quantity for '{name}': {reason}")]
    Quantity { name: String, reason: String },
}

impl ConvertError {
    fn unsupported(field: impl Into<String>) -> Self {
        Self::Unsupported { field: field.into() }
    }

    fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), reason: reason.into() }
    }

    fn missing(field: &str) -> Self {
        Self::invalid(field, "must be set")
    }

    fn within(mut self, parent: &str) -> Self {
        if let Self::Unsupported { field } | Self::Invalid { field, .. } = &mut self {
            *field = format!("{parent}.{field}");
        }
        self
    }
}

/// Puts the path of a part before the field that is wrong in it.
trait Within {
    #[must_use]
    fn within(self, parent: &str) -> Self;
}

impl<T> Within for Result<T, ConvertError> {
    fn within(self, parent: &str) -> Self {
        self.map_err(|error| error.within(parent))
    }
}

/// Every item of a repeated field; an error names its place.
fn each<W, T, C: FromIterator<T>>(
    items: &[W],
    field: &str,
    convert: impl Fn(&W) -> Result<T, ConvertError>,
) -> Result<C, ConvertError> {
    let numbered = items.iter().enumerate();
    numbered.map(|(at, item)| convert(item).within(&format!("{field}[{at}]"))).collect()
}

/// Refuses the first of these fields that is there.
fn unsupported(fields: &[(&str, bool)]) -> Result<(), ConvertError> {
    match fields.iter().find(|(_, there)| *there) {
        Some((field, _)) => Err(ConvertError::unsupported(*field)),
        None => Ok(()),
    }
}

/// Empty text is what some clients send for unset.
fn non_empty(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).cloned()
}

/// A duration of the v1 API in whole milliseconds.
fn milliseconds(duration: &mesos::DurationInfo, field: &str) -> Result<u64, ConvertError> {
    let nanoseconds = u64::try_from(duration.nanoseconds)
        .map_err(|_| ConvertError::invalid(field, "must not be negative"))?;
    Ok(nanoseconds / 1_000_000)
}

fn labels_from(labels: Option<&mesos::Labels>) -> Vec<Label> {
    let labels = labels.map_or([].as_slice(), |labels| &labels.labels);
    labels
        .iter()
        .map(|label| Label { key: label.key.clone(), value: label.value.clone() })
        .collect()
}

pub(crate) fn labels_to(labels: &[Label]) -> Option<mesos::Labels> {
    let label = |label: &Label| mesos::Label { key: label.key.clone(), value: label.value.clone() };
    (!labels.is_empty()).then(|| mesos::Labels { labels: labels.iter().map(label).collect() })
}

fn label_map_from(labels: Option<&mesos::Labels>) -> BTreeMap<String, String> {
    let labels = labels_from(labels).into_iter();
    labels.map(|label| (label.key, label.value.unwrap_or_default())).collect()
}

fn label_map_to(labels: &BTreeMap<String, String>) -> Option<mesos::Labels> {
    let labels = labels.iter();
    let labels: Vec<_> =
        labels.map(|(key, value)| Label { key: key.clone(), value: Some(value.clone()) }).collect();
    labels_to(&labels)
}
