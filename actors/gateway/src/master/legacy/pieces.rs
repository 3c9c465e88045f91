//! A long answer in pieces that nobody puts together: threads write them apart, whoever is sent the
//! answer shares them.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use serde::Serialize;

/// In their order. A clone is the same pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pieces(Arc<[Bytes]>);

/// Pieces of which more are to come.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pieces: Vec<Bytes>,
    last: Vec<u8>,
}

/// What is copied into the last piece rather than made one of its own, in bytes.
const SMALL: usize = 4096;

impl From<Draft> for Pieces {
    fn from(mut draft: Draft) -> Self {
        draft.close();
        Self(draft.pieces.into())
    }
}

impl Draft {
    /// Goes on with a text.
    pub(super) fn text(&mut self, text: &str) {
        self.last.extend_from_slice(text.as_bytes());
    }

    /// The same, as JSON.
    pub(super) fn json(&mut self, value: &impl Serialize) -> serde_json::Result<()> {
        serde_json::to_writer(&mut self.last, value)
    }

    /// The same of an object to which more is added.
    pub(super) fn open_object(&mut self, value: &impl Serialize) -> serde_json::Result<()> {
        self.json(value)?;
        self.last.pop();
        Ok(())
    }

    /// Goes on with the items of a list. In each text, every item begins with a comma; that of the
    /// first is left out.
    pub(super) fn list<'a>(&mut self, texts: impl Iterator<Item = &'a Bytes>) {
        for (at, text) in texts.filter(|text| !text.is_empty()).enumerate() {
            self.piece(text.slice(usize::from(at == 0)..));
        }
    }

    /// Goes on with each of these, commas between them.
    pub(super) fn all(&mut self, drafts: impl IntoIterator<Item = Self>) {
        for (at, draft) in drafts.into_iter().enumerate() {
            if at > 0 {
                self.text(",");
            }
            draft.pieces.into_iter().for_each(|piece| self.piece(piece));
            self.last.extend(draft.last);
        }
    }

    fn piece(&mut self, piece: Bytes) {
        if piece.len() < SMALL {
            self.last.extend_from_slice(&piece);
        } else {
            self.close();
            self.pieces.push(piece);
        }
    }

    /// What comes next is another piece.
    fn close(&mut self) {
        if !self.last.is_empty() {
            self.pieces.push(std::mem::take(&mut self.last).into());
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_texts_are_put_together_and_long_ones_shared() {
        let item = |length| Bytes::from([b",".as_slice(), &vec![b'x'; length]].concat());
        let (small, long) = (item(3), item(SMALL));
        let mut inner = Draft::default();
        inner.text("[");
        inner.list([Bytes::new(), small.clone(), long.clone(), small.clone()].iter());
        inner.text("]");
        let mut draft = Draft::default();
        draft.open_object(&[0; 0]).unwrap();
        draft.all([inner, Draft::default()]);
        let pieces = Pieces::from(draft);
        assert_eq!(pieces.0.len(), 3);
        assert_eq!(pieces.0[1], long);
        assert_eq!(pieces.0[1].as_ptr(), long.as_ptr());
        let ends = ["[[xxx", ",xxx],"].map(|text| Bytes::from(text.to_owned()));
        assert_eq!([&pieces.0[0], &pieces.0[2]], [&ends[0], &ends[1]]);
    }
}
