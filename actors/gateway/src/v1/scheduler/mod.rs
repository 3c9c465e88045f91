//! The scheduler half of the v1 API: `POST /api/v1/scheduler`, for frameworks that speak HTTP.
//!
//! | module | what |
//! |---|---|
//! | [`handler`] | a request from its headers to its answer, in the order in which Mesos checks |
//! | [`call`] | a call of a subscribed framework as messages to `frameworks` |
//! | [`session`] | an actor for each event stream: the scheduler in the eyes of `frameworks` |
//! | [`sessions`] | which streams are open, and for whom |
//! | [`style`] | how the body of an event stream is written |
//! | [`event`] | what `frameworks` tells a scheduler as events |
//! | [`refusal`] | what a request is answered with that is not done |
//!
//! An event stream ends with its connection, and with it the session; `frameworks`, which is linked
//! to the session, takes the scheduler for lost from then on. A session ends with `frameworks` too:
//! then the stream is closed, and the client subscribes again.

mod call;
mod event;
mod handler;
mod refusal;
mod session;
mod sessions;
mod style;

pub(crate) use handler::routes;
pub(crate) use sessions::Sessions;
