//! Around every request: is it for this host, and is it answered to the end?

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::Error;
use actix_web::body::{BodySize, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};

use crate::common::{Answering, Common};

/// Answers, or sends the client to the leader.
pub(crate) async fn answer_or_redirect<B: MessageBody>(
    common: Data<Common>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<Counted<B>>>, Error> {
    if let Some(response) = common.duty.elsewhere(&request) {
        return Ok(request.into_response(response).map_into_right_body());
    }
    let answering = common.answering();
    let response = next.call(request).await?;
    let count = |_: &mut _, body| Counted { body: Box::pin(body), _answering: answering };
    Ok(response.map_body(count).map_into_left_body())
}

/// A body that counts as being answered until its last byte is taken.
pub(crate) struct Counted<B> {
    body: Pin<Box<B>>,
    _answering: Answering,
}

impl<B: MessageBody> MessageBody for Counted<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.get_mut().body.as_mut().poll_next(cx)
    }
}
