//! Around every request: may it be asked, is it for this host, and is it answered to the end, without holding up
//! the answers to others?

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::Error;
use actix_web::body::{BodySize, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use tokio::sync::Semaphore;

use crate::access::turn_away;
use crate::common::{Answering, Common};

/// Of a long answer, what a worker sends before it looks who else wants something. Takes it some
/// 10 us; a server's default buffer for a socket is 64 times as long.
const SLICE: usize = 32 << 10;

/// Turns away who does not say who it is, answers, or sends the client to the leader: in this order,
/// as Mesos does.
pub(crate) async fn answer_or_redirect<B: MessageBody>(
    common: Data<Common>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<Served<B>>>, Error> {
    if let Some(response) = turn_away(&common.access, common.host().now(), &request) {
        return Ok(request.into_response(response).map_into_right_body());
    }
    if let Some(response) = common.duty.elsewhere(&request) {
        return Ok(request.into_response(response).map_into_right_body());
    }
    let answering = common.answering();
    let response = next.call(request).await?;
    let served = |_: &mut _, body| Served::new(body, answering);
    Ok(response.map_body(served).map_into_left_body())
}

/// A body that counts as being answered until its last byte is taken, and that gives way to other
/// connections of its worker after every [`SLICE`]. Chunks of a stream stay whole: clients read one
/// record in each.
pub(crate) struct Served<B> {
    body: Pin<Box<B>>,
    sliced: bool,
    /// Of the body's last chunk, what is still to be sent.
    rest: Bytes,
    /// Bytes of this slice, which may be of several chunks.
    sent: usize,
    /// Others are being served.
    gives_way: Option<Pin<Box<dyn Future<Output = ()>>>>,
    _answering: Answering,
}

impl<B: MessageBody> Served<B> {
    fn new(body: B, answering: Answering) -> Self {
        let sliced = matches!(body.size(), BodySize::Sized(_));
        let body = Box::pin(body);
        Self { body, sliced, rest: Bytes::new(), sent: 0, gives_way: None, _answering: answering }
    }

    /// What of the chunk is in this slice. The next one waits for its turn.
    fn slice(&mut self) -> Bytes {
        let slice = self.rest.split_to(self.rest.len().min(SLICE - self.sent));
        self.sent += slice.len();
        if self.sent == SLICE {
            self.sent = 0;
            self.gives_way = Some(Box::pin(turn()));
        }
        slice
    }
}

thread_local! {
    /// Passed by one long answer at a time: however many a worker has, it sends one slice of one of
    /// them, and looks who else wants something.
    static TURNSTILE: Rc<Semaphore> = Rc::new(Semaphore::new(1));
}

/// Others are served: other connections of this worker, and other threads, which the kernel would
/// let wait for some milliseconds.
async fn turn() {
    let turnstile = TURNSTILE.with(Rc::clone);
    // It is never closed.
    let _turn = turnstile.acquire().await;
    std::thread::yield_now();
    tokio::task::yield_now().await;
}

impl<B: MessageBody> MessageBody for Served<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if let Some(others) = &mut this.gives_way {
            ready!(others.as_mut().poll(cx));
            this.gives_way = None;
        }
        if this.rest.is_empty() {
            match ready!(this.body.as_mut().poll_next(cx)) {
                Some(Ok(chunk)) if this.sliced => this.rest = chunk,
                other => return Poll::Ready(other),
            }
        }
        Poll::Ready(Some(Ok(this.slice())))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn chunks(body: impl MessageBody) -> Vec<usize> {
        chunks_and_turns(body).await.0
    }

    /// The lengths of the chunks, and how often others were let go first.
    async fn chunks_and_turns(body: impl MessageBody) -> (Vec<usize>, usize) {
        let mut served = Box::pin(Served::new(body, Answering::alone()));
        let (mut lengths, mut turns) = (Vec::new(), 0);
        let mut next = async || {
            poll_fn(|cx| {
                let polled = served.as_mut().poll_next(cx);
                turns += usize::from(polled.is_pending());
                polled
            })
            .await
        };
        while let Some(chunk) = next().await {
            let Ok(chunk) = chunk else { panic!("a body failed") };
            lengths.push(chunk.len());
        }
        (lengths, turns)
    }

    /// Several chunks of a known length together.
    struct Several(Vec<Bytes>);

    impl MessageBody for Several {
        type Error = std::convert::Infallible;

        fn size(&self) -> BodySize {
            BodySize::Sized(self.0.iter().map(|chunk| chunk.len() as u64).sum())
        }

        fn poll_next(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Bytes, Self::Error>>> {
            Poll::Ready(self.get_mut().0.pop().map(Ok))
        }
    }

    #[actix_web::test]
    async fn a_slice_may_be_of_many_small_chunks() {
        let some = || Bytes::from(vec![b'x'; SLICE / 4]);
        let body = Several((0..11).map(|_| some()).chain([some().slice(1..)]).collect());
        let (lengths, turns) = chunks_and_turns(body).await;
        assert_eq!(lengths.iter().sum::<usize>(), 3 * SLICE - 1);
        assert_eq!(turns, 2);
        let body = Several(vec![some(), Bytes::from(vec![b'x'; SLICE]), some()]);
        let expected = [SLICE / 4, 3 * SLICE / 4, SLICE / 4, SLICE / 4];
        assert_eq!(chunks_and_turns(body).await, (expected.to_vec(), 1));
    }

    #[actix_web::test]
    async fn a_long_answer_goes_in_slices_and_a_record_of_a_stream_in_one() {
        assert_eq!(chunks(Bytes::from_static(b"short")).await, [5]);
        let long = Bytes::from(vec![b'x'; 2 * SLICE + 3]);
        assert_eq!(chunks(long.clone()).await, [SLICE, SLICE, 3]);
        let record = futures_util::stream::iter([Ok::<_, std::io::Error>(long)]);
        assert_eq!(chunks(actix_web::body::BodyStream::new(record)).await, [2 * SLICE + 3]);
    }

    #[actix_web::test]
    async fn others_are_served_between_two_slices() {
        let long = Bytes::from(vec![b'x'; 100 * SLICE]);
        let sent = actix_web::rt::spawn(chunks(long));
        for turn in 0..50 {
            tokio::task::yield_now().await;
            assert!(!sent.is_finished(), "all was sent before turn {turn} of others");
        }
        assert_eq!(sent.await.unwrap().len(), 100);
    }

    #[actix_web::test]
    async fn many_long_answers_take_turns() {
        let long = Bytes::from(vec![b'x'; 50 * SLICE]);
        let sent: Vec<_> = (0..10).map(|_| actix_web::rt::spawn(chunks(long.clone()))).collect();
        // 500 slices: of all together, one goes in each turn of others but for the first of each.
        for turn in 0..400 {
            tokio::task::yield_now().await;
            let ended = sent.iter().filter(|answer| answer.is_finished()).count();
            assert!(ended < 10, "all was sent before turn {turn} of others");
        }
        for answer in sent {
            assert_eq!(answer.await.unwrap().len(), 50);
        }
    }
}
