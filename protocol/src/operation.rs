//! Operations on what an agent has: reservations and persistent volumes.
//!
//! An operation turns resources into others of the same agent. What it amounts to is a
//! [`Conversion`]; whether it makes sense is decided by `frameworks`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::framework::OperationStatus;
use crate::id::{AgentId, ConversionId, FrameworkId, OperationId};
use crate::resources::{Resource, Resources, Scalar};

/// What is wanted, as it is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResourceOperation {
    /// Hold these: with the reservation that they are to have. They may have been reserved before:
    /// then `source` has them as they are.
    Reserve {
        resources: Resources,
        #[serde(default, skip_serializing_if = "Resources::is_empty")]
        source: Resources,
    },
    /// Hold these no longer: with the reservation that they have.
    Unreserve { resources: Resources },
    /// Make reserved disk into these volumes.
    Create { volumes: Resources },
    /// Delete these volumes and their data; the disk stays reserved.
    Destroy { volumes: Resources },
    /// Add disk to a volume.
    GrowVolume { volume: Resource, addition: Resource },
    /// Take so much off a volume.
    ShrinkVolume { volume: Resource, subtract: Scalar },
}

impl ResourceOperation {
    /// Its name in the v1 API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reserve { .. } => "RESERVE",
            Self::Unreserve { .. } => "UNRESERVE",
            Self::Create { .. } => "CREATE",
            Self::Destroy { .. } => "DESTROY",
            Self::GrowVolume { .. } => "GROW_VOLUME",
            Self::ShrinkVolume { .. } => "SHRINK_VOLUME",
        }
    }
}

/// What an operation amounts to: these are gone, and those are there instead.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conversion {
    pub consumed: Resources,
    pub produced: Resources,
}

impl Conversion {
    /// What becomes of `resources`, if all that is consumed is there.
    pub fn apply(&self, resources: &Resources) -> Option<Resources> {
        let mut rest = resources.checked_sub(&self.consumed).ok()?;
        rest.add_all(&self.produced);
        Some(rest)
    }
}

/// An operation that is valid, on its way to its agent or done there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentOperation {
    pub conversion_id: ConversionId,
    /// Absent: an operator wanted it.
    #[serde(default)]
    pub framework_id: Option<FrameworkId>,
    /// There: its scheduler wants to hear of it, and acknowledges.
    #[serde(default)]
    pub operation_id: Option<OperationId>,
    pub operation: ResourceOperation,
    pub conversion: Conversion,
}

/// An operation and how it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationReport {
    pub operation: AgentOperation,
    pub status: OperationStatus,
}

/// The same, with its place: as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationView {
    pub agent_id: AgentId,
    pub report: OperationReport,
}

/// What operations have made of an agent's resources: those that are reserved at run time, and
/// volumes.
pub fn changed(resources: &Resources) -> Resources {
    resources.filter(is_changed)
}

/// What resources were before any operation.
pub fn original(resources: &Resources) -> Resources {
    resources.iter().map(before_operations).collect()
}

fn is_changed(resource: &Resource) -> bool {
    resource.disk.is_some() || resource.reservations.iter().any(|layer| layer.dynamic)
}

fn before_operations(resource: &Resource) -> Resource {
    let mut original = resource.without_disk();
    original.reservations.retain(|layer| !layer.dynamic);
    original
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{Disk, Reservation};

    fn reserved(text: &str, dynamic: &[bool], disk: Option<&str>) -> Resources {
        let layer = |(at, dynamic): (usize, &bool)| Reservation {
            role: ["eng", "eng/web"][at].to_owned(),
            dynamic: *dynamic,
            principal: None,
            labels: std::collections::BTreeMap::new(),
        };
        let reservations: Vec<_> = dynamic.iter().enumerate().map(layer).collect();
        let disk = disk.map(|id| Disk {
            persistence_id: id.to_owned(),
            container_path: "data".to_owned(),
            principal: None,
        });
        let bag = Resources::parse(text).expect("it is written out");
        bag.iter()
            .map(|r| Resource {
                reservations: reservations.clone(),
                disk: disk.clone(),
                ..r.clone()
            })
            .collect()
    }

    #[test]
    fn a_volume_on_a_refined_reservation_was_plain_or_statically_reserved_disk() {
        let plain = Resources::parse("disk=5").expect("it is written out");
        assert_eq!(original(&reserved("disk=5", &[true, true], Some("v"))), plain);
        let fixed = reserved("disk=5", &[false], None);
        assert_eq!(original(&reserved("disk=5", &[false, true], Some("v"))), fixed);
        assert_eq!(original(&fixed), fixed);
    }

    #[test]
    fn what_the_configuration_says_is_not_changed() {
        let mut all = reserved("cpus=1", &[false], None);
        assert_eq!(changed(&all), Resources::EMPTY);
        let volume = reserved("disk=1", &[false], Some("v"));
        all.add_all(&volume);
        let mine = reserved("cpus=1", &[true], None);
        all.add_all(&mine);
        assert_eq!(changed(&all), &volume + &mine);
    }

    #[test]
    fn a_conversion_needs_what_it_consumes() {
        let (consumed, produced) =
            (Resources::parse("cpus=2").expect("plain"), reserved("cpus=2", &[true], None));
        let conversion = Conversion { consumed, produced: produced.clone() };
        let has = |text: &str| Resources::parse(text).expect("plain");
        assert_eq!(conversion.apply(&has("cpus=3")), Some(&has("cpus=1") + &produced));
        assert_eq!(conversion.apply(&has("cpus=1.9")), None);
    }
}
