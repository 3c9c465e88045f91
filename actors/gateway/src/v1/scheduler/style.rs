//! How the event stream of a scheduler is written, and who is told when it has ended.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use protocol::Address;
use runtime::Host;

use super::event::{Event, heartbeat, records};
use super::session::StreamClosed;
use crate::v1::MediaType;
use crate::v1::convert::resource::Dialect;
use crate::v1::stream;

/// Events that wait for a reader: an answer to the question for all of a framework's 50,000 tasks
/// comes at once. At some hundred bytes each they are some 40 MB, for as long as the kernel bears
/// with a reader that is stuck.
pub(crate) const MAX_QUEUED: usize = 65_536;

/// How a stream's records are written.
#[derive(Clone)]
pub(crate) struct Style {
    pub(crate) media: MediaType,
    pub(crate) dialect: Arc<Mutex<Dialect>>,
}

impl stream::Style for Style {
    type Event = Box<Event>;

    fn records(&self, event: Box<Event>) -> Vec<Bytes> {
        let dialect = self.dialect.lock().clone();
        records(*event, self.media, &dialect)
    }

    fn heartbeat(&self) -> Bytes {
        heartbeat(self.media)
    }

    fn farewell(&self, reason: &str) -> Vec<Bytes> {
        self.records(Box::new(Event::Error(reason.to_owned())))
    }
}

/// Tells the session when the reader is gone.
pub(crate) struct Notice {
    pub(crate) host: Host,
    pub(crate) session: Address,
}

impl Drop for Notice {
    fn drop(&mut self) {
        self.host.tell(&self.session, StreamClosed {});
    }
}
