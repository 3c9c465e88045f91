//! A long answer in pieces that nobody puts together: threads write them apart, whoever is sent the
//! answer shares them.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;

/// In their order. A clone is the same pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pieces(Arc<[Bytes]>);

impl From<Vec<Bytes>> for Pieces {
    fn from(pieces: Vec<Bytes>) -> Self {
        Self(pieces.into())
    }
}

impl Pieces {
    /// Between two texts.
    pub(super) fn between(&self, before: String, after: &'static str) -> Self {
        let ends = [Bytes::from(before), Bytes::from_static(after.as_bytes())];
        let [before, after] = ends;
        let pieces = self.0.iter().cloned();
        Self(std::iter::once(before).chain(pieces).chain([after]).collect())
    }

    /// To be sent.
    pub(super) fn into_body(self) -> PiecesBody {
        PiecesBody { pieces: self, next: 0 }
    }
}

/// What is sent of [`Pieces`].
pub(super) struct PiecesBody {
    pieces: Pieces,
    next: usize,
}

impl MessageBody for PiecesBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.pieces.0.iter().map(|piece| piece.len() as u64).sum())
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        let piece = this.pieces.0.get(this.next).cloned();
        this.next += 1;
        Poll::Ready(piece.map(Ok))
    }
}
