//! When machines are to be away, and who is asked to leave them.

use protocol::Time;
use protocol::framework::{InverseOffer, Unavailability};

use super::offer::url_to;
use super::resource::{Dialect, bag_to};
use crate::v1::wire::mesos;

/// A time of the v1 API, which has nanoseconds.
#[must_use]
pub fn time_to(time: Time) -> mesos::TimeInfo {
    let nanoseconds = time.0.saturating_mul(1000);
    mesos::TimeInfo { nanoseconds: i64::try_from(nanoseconds).unwrap_or(i64::MAX) }
}

/// From when on something is to be away, and for how long.
#[must_use]
pub fn unavailability_to(unavailability: &Unavailability) -> mesos::Unavailability {
    let duration = |milliseconds: u64| {
        let nanoseconds = milliseconds.saturating_mul(1_000_000);
        mesos::DurationInfo { nanoseconds: i64::try_from(nanoseconds).unwrap_or(i64::MAX) }
    };
    mesos::Unavailability {
        start: time_to(unavailability.start),
        duration: unavailability.duration_ms.map(duration),
    }
}

/// An inverse offer as a framework of this dialect reads it. No resources are all that it has there.
#[must_use]
pub fn inverse_offer_to(offer: &InverseOffer, dialect: &Dialect) -> mesos::InverseOffer {
    let wanted = offer.wanted.as_ref();
    let wanted = wanted.map(|wanted| bag_to(&wanted.resources, &wanted.role, dialect));
    mesos::InverseOffer {
        id: mesos::OfferId { value: offer.offer_id.to_string() },
        url: url_to(&offer.hostname, &offer.http),
        framework_id: mesos::FrameworkId { value: offer.framework_id.to_string() },
        agent_id: Some(mesos::AgentId { value: offer.agent_id.to_string() }),
        unavailability: unavailability_to(&offer.unavailability),
        resources: wanted.unwrap_or_default(),
    }
}
