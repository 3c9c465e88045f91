//! The event stream over WebSocket: `?types=a,b&from=seq&epoch=n`.
//!
//! Each frame is one event with `seq`, `epoch`, `time`, `type` and `data`: JSON in text frames, or
//! MessagePack in binary frames with the subprotocol `meseta.msgpack`. Without `from` the first is
//! a `snapshot` of everything as of its `seq`; what follows may be in it already. With `from` (and,
//! to be safe across a change of the leader, the `epoch` of that event) it is what came after. A
//! `gap` says how many events the reader has `missed` and cannot have any more; if the log is not
//! the one that was read, it says so, and a `snapshot` follows.
//!
//! The stream pulls from `events` only what its reader has taken, so a slow one costs nobody
//! anything but its own connection.

mod frame;
mod query;
mod stream;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use crate::answer::{Answer, ApiError};
use crate::common::Common;
use frame::Format;
use query::Wish;
use stream::Stream;

/// The most bytes in a frame of a client, which has nothing to say.
const MAX_CLIENT_FRAME: usize = 4096;

/// Answers a request for the event stream. `snapshot` makes the data of a `snapshot` event.
pub async fn stream_events(
    request: &HttpRequest,
    payload: web::Payload,
    common: &Common,
    snapshot: impl AsyncFn() -> Result<Value, ApiError> + 'static,
) -> Answer {
    // Everything that can go wrong does so before the upgrade, as an answer that people can read.
    let wish = Wish::parse(request.query_string())?;
    let place = common.place_for_stream()?;
    let mut stream = Stream::begin(common.clone(), wish, snapshot).await?;
    let upgrade = actix_ws::handle_with_protocols(request, payload, &Format::SUBPROTOCOLS);
    let (response, session, client) =
        upgrade.map_err(|error| ApiError::bad_request(format!("not a WebSocket: {error}")))?;
    let format = Format::chosen(&response);
    let client = client.max_frame_size(MAX_CLIENT_FRAME);
    // Ends with its client, or when `Common::ended` says so.
    actix_rt::spawn(async move {
        stream.run(format, session, client).await;
        drop(place);
    });
    Ok(response)
}

/// The format that the handshake has settled on; JSON if the client names none.
impl Format {
    fn chosen(response: &HttpResponse) -> Self {
        let named = response.headers().get(actix_web::http::header::SEC_WEBSOCKET_PROTOCOL);
        match named.is_some_and(|name| name == Self::MSGPACK) {
            true => Self::MessagePack,
            false => Self::Json,
        }
    }
}
