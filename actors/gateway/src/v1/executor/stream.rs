//! The queue between a session and its connection: records in order, a bounded number of bytes.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::web::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::v1::wire::executor::Event;
use crate::v1::{MediaType, encode, recordio};

/// What may wait for a reader, in bytes: a thousand launches of 16 KB. More means that the executor
/// does not read, and is better off subscribing again.
const MAX_WAITING: usize = 16 << 20;

/// The reader is too slow, or gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stuck;

/// Where a session puts its events. Dropping it ends the stream after what waits in it.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    media: MediaType,
    /// Bounded by `waiting`.
    records: UnboundedSender<Bytes>,
    waiting: Arc<AtomicUsize>,
}

/// A stream in this encoding: each record in one piece, which becomes one chunk.
pub(super) fn channel(
    media: MediaType,
) -> (Writer, impl Stream<Item = Result<Bytes, Infallible>> + use<>) {
    let (records, reader) = unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let writer = Writer { media, records, waiting: Arc::clone(&waiting) };
    (writer, unfold((reader, waiting), next))
}

type Reading = (UnboundedReceiver<Bytes>, Arc<AtomicUsize>);

async fn next((mut reader, waiting): Reading) -> Option<(Result<Bytes, Infallible>, Reading)> {
    let record = reader.recv().await?;
    waiting.fetch_sub(record.len(), Ordering::Relaxed);
    Some((Ok(record), (reader, waiting)))
}

impl Writer {
    /// Queues an event. One that is larger than the bound is let through when nothing else waits.
    pub(super) fn send(&self, event: &Event) -> Result<(), Stuck> {
        let record = recordio::record(&encode(self.media, event));
        let before = self.waiting.fetch_add(record.len(), Ordering::Relaxed);
        if before > 0 && before + record.len() > MAX_WAITING {
            return Err(Stuck);
        }
        self.records.send(record).map_err(|_| Stuck)
    }

    /// How many bytes wait for the reader.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Returns once nobody reads any more. The stream does not end before.
    pub(super) async fn closed(self) {
        self.records.closed().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::super::event;
    use super::*;

    #[actix_rt::test]
    async fn each_record_is_one_piece_and_the_last_ones_arrive_after_the_end() {
        let (writer, reader) = channel(MediaType::Json);
        writer.send(&event::heartbeat()).unwrap();
        writer.send(&event::shutdown()).unwrap();
        drop(writer);
        let pieces: Vec<_> = reader.map(|piece| piece.unwrap()).collect().await;
        assert_eq!(pieces, ["20\n{\"type\":\"HEARTBEAT\"}", "19\n{\"type\":\"SHUTDOWN\"}"]);
    }

    #[actix_rt::test]
    async fn a_reader_that_does_not_read_is_stuck_after_so_many_bytes() {
        let (writer, reader) = channel(MediaType::Protobuf);
        let megabyte = event::message(vec![0; 1 << 20]);
        let sent = (0..100).take_while(|_| writer.send(&megabyte).is_ok()).count();
        assert_eq!(sent, 15);
        drop(reader);
        assert_eq!(writer.send(&event::heartbeat()), Err(Stuck));
    }

    #[actix_rt::test]
    async fn one_record_may_be_larger_than_the_bound() {
        let (writer, _reader) = channel(MediaType::Protobuf);
        let large = event::message(vec![0; MAX_WAITING + 1]);
        assert_eq!(writer.send(&large), Ok(()));
        assert_eq!(writer.send(&event::heartbeat()), Err(Stuck));
    }
}
