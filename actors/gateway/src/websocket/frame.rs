//! An event as a WebSocket message.

use actix_web::web::Bytes;
use actix_ws::Message;
use protocol::events::Event;

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// In text frames; the default.
    Json,
    /// In binary frames, with field names.
    MessagePack,
}

impl Format {
    pub(crate) const JSON: &'static str = "meseta.json";
    pub(crate) const MSGPACK: &'static str = "meseta.msgpack";
    /// As a client names them; the first that it names and that is here is taken.
    pub(crate) const SUBPROTOCOLS: [&'static str; 2] = [Self::JSON, Self::MSGPACK];

    /// The event as a message; `None` if it cannot be written, which no event is.
    pub(crate) fn message(self, event: &Event) -> Option<Message> {
        match self {
            Self::Json => Some(Message::Text(serde_json::to_string(event).ok()?.into())),
            Self::MessagePack => {
                Some(Message::Binary(Bytes::from(protocol::codec::encode(event).ok()?)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::Time;
    use protocol::id::Epoch;
    use serde_json::json;

    use super::*;

    #[test]
    fn both_formats_carry_the_same_fields() {
        let kind = "task_added".to_owned();
        let event = Event { seq: 3, epoch: Epoch(2), time: Time(9), kind, data: json!({"a": [1]}) };
        let Some(Message::Text(text)) = Format::Json.message(&event) else { panic!("not text") };
        assert!(text.contains(r#""type":"task_added""#), "{text}");
        let Some(Message::Binary(bytes)) = Format::MessagePack.message(&event) else {
            panic!("not binary")
        };
        assert_eq!(protocol::codec::decode::<Event>(&bytes).unwrap(), event);
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }
}
