//! What a scheduler hears, as events of the v1 API.

use bytes::Bytes;
use protocol::FrameworkId;
use protocol::framework::Domain;
use protocol::scheduler::{
    ExecutorMessage, InverseOffers, ReportFailure, RescindInverseOffers, RescindOffers,
    ResourceOffers, UpdateOperation, UpdateStatus,
};

use crate::v1::convert::maintenance::inverse_offer_to;
use crate::v1::convert::master::info_to;
use crate::v1::convert::offer::offer_to;
use crate::v1::convert::operation;
use crate::v1::convert::resource::Dialect;
use crate::v1::convert::status::status_to;
use crate::v1::recordio::record;
use crate::v1::stream::HEARTBEAT_SECONDS;
use crate::v1::wire::mesos;
use crate::v1::wire::scheduler::{Event as WireEvent, event};
use crate::v1::{MediaType, encode};
use event::Type;

/// What is queued for a stream: as it came, because it is encoded where the stream is read.
#[derive(Debug)]
pub(crate) enum Event {
    Subscribed(Subscribed),
    Offers(ResourceOffers),
    Rescind(RescindOffers),
    Inverse(InverseOffers),
    RescindInverse(RescindInverseOffers),
    Update(UpdateStatus),
    Operation(UpdateOperation),
    Failure(ReportFailure),
    Message(ExecutorMessage),
    Error(String),
}

/// The first event.
#[derive(Debug)]
pub(crate) struct Subscribed {
    pub(crate) framework_id: FrameworkId,
    /// The HTTP edge of this master, `host:port`.
    pub(crate) http: String,
    /// Names this master in this term.
    pub(crate) master_id: String,
    /// Where the master is, if that is known.
    pub(crate) domain: Option<Domain>,
}

/// The records of an event. Rescinded offers have one each, and the first heartbeat comes right
/// behind the subscription: there are clients that see an event when the next one begins.
pub(crate) fn records(event: Event, media: MediaType, dialect: &Dialect) -> Vec<Bytes> {
    let to_record = |event: WireEvent| record(&encode(media, &event));
    match event {
        Event::Subscribed(subscribed) => {
            vec![to_record(subscribed_event(&subscribed)), heartbeat(media)]
        }
        Event::Rescind(rescind) => rescind
            .offer_ids
            .iter()
            .map(|id| event::Rescind { offer_id: mesos::OfferId { value: id.to_string() } })
            .map(|rescind| of(Type::Rescind, |event| event.rescind = Some(rescind)))
            .map(to_record)
            .collect(),
        Event::RescindInverse(rescind) => rescind
            .offer_ids
            .iter()
            .map(|id| event::RescindInverseOffer {
                inverse_offer_id: mesos::OfferId { value: id.to_string() },
            })
            .map(|it| of(Type::RescindInverseOffer, |event| event.rescind_inverse_offer = Some(it)))
            .map(to_record)
            .collect(),
        other => vec![to_record(single(other, dialect))],
    }
}

/// The record that says that the connection lives.
pub(crate) fn heartbeat(media: MediaType) -> Bytes {
    record(&encode(media, &of(Type::Heartbeat, |_| {})))
}

fn of(kind: Type, fill: impl FnOnce(&mut WireEvent)) -> WireEvent {
    let mut event = WireEvent { r#type: Some(kind.into()), ..WireEvent::default() };
    fill(&mut event);
    event
}

fn single(event: Event, dialect: &Dialect) -> WireEvent {
    match event {
        Event::Subscribed(subscribed) => subscribed_event(&subscribed),
        Event::Offers(message) => of(Type::Offers, |event| {
            let offers = message.offers.iter().map(|offer| offer_to(offer, dialect)).collect();
            event.offers = Some(event::Offers { offers });
        }),
        Event::Inverse(message) => of(Type::InverseOffers, |event| {
            let offers = message.inverse_offers.iter();
            let inverse_offers = offers.map(|offer| inverse_offer_to(offer, dialect)).collect();
            event.inverse_offers = Some(event::InverseOffers { inverse_offers });
        }),
        Event::Update(message) => of(Type::Update, |event| {
            event.update = Some(event::Update { status: status_to(&message.status) });
        }),
        Event::Operation(message) => of(Type::UpdateOperationStatus, |event| {
            let status = operation::status_to(&message.status, dialect);
            event.update_operation_status = Some(event::UpdateOperationStatus { status });
        }),
        Event::Failure(message) => of(Type::Failure, |event| {
            event.failure = Some(event::Failure {
                agent_id: Some(mesos::AgentId { value: message.agent_id.to_string() }),
                executor_id: message
                    .executor_id
                    .map(|id| mesos::ExecutorId { value: id.to_string() }),
                status: message.status,
            });
        }),
        Event::Message(message) => of(Type::Message, |event| {
            event.message = Some(event::Message {
                agent_id: mesos::AgentId { value: message.agent_id.to_string() },
                executor_id: mesos::ExecutorId { value: message.executor_id.to_string() },
                data: message.data.0,
            });
        }),
        Event::Error(message) => of(Type::Error, |event| {
            event.error = Some(event::Error { message });
        }),
        // These have a record for each of theirs.
        Event::Rescind(_) | Event::RescindInverse(_) => of(Type::Unknown, |_| {}),
    }
}

fn subscribed_event(subscribed: &Subscribed) -> WireEvent {
    of(Type::Subscribed, |event| {
        event.subscribed = Some(event::Subscribed {
            framework_id: mesos::FrameworkId { value: subscribed.framework_id.to_string() },
            heartbeat_interval_seconds: Some(HEARTBEAT_SECONDS as f64),
            master_info: Some(info_to(
                &subscribed.master_id,
                &subscribed.http,
                subscribed.domain.as_ref(),
            )),
        });
    })
}
