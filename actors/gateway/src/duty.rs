//! Who answers: every host, or only the leader while the others send the client to it.

use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, ResponseError};
use protocol::elector::{Leader, Leadership};
use tokio::sync::watch;

use crate::answer::ApiError;

/// When this host answers.
#[derive(Clone, Debug)]
pub enum Duty {
    /// Always: an agent.
    Always,
    /// While it leads. Otherwise paths that are not `open` are redirected to the leader.
    WhileLeading {
        leadership: watch::Receiver<Leadership>,
        /// Paths that every host answers for itself.
        open: &'static [&'static str],
    },
}

impl Duty {
    /// What a request is answered with by a host that does not lead; `None`: it is answered here.
    pub(crate) fn elsewhere(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        let Self::WhileLeading { leadership, open } = self else { return None };
        let known = leadership.borrow();
        if known.leading || open.contains(&request.path()) {
            return None;
        }
        Some(match &known.leader {
            Some(leader) => redirect_to(&leader.http, path_and_query(request)),
            None => no_leader().error_response(),
        })
    }

    /// Whether this host leads.
    pub(crate) fn leading(&self) -> bool {
        match self {
            Self::Always => true,
            Self::WhileLeading { leadership, .. } => leadership.borrow().leading,
        }
    }

    /// Who leads, as far as this host knows.
    pub(crate) fn leader(&self) -> Option<Leader> {
        match self {
            Self::Always => None,
            Self::WhileLeading { leadership, .. } => leadership.borrow().leader.clone(),
        }
    }

    /// Returns once this host has nothing to answer any more: it does not lead.
    pub async fn over(&self) {
        match self {
            Self::Always => std::future::pending().await,
            Self::WhileLeading { leadership, .. } => {
                // An error means that the edge is gone, and its duty with it.
                let _ = leadership.clone().wait_for(|known| !known.leading).await;
            }
        }
    }
}

/// 307 to the same path and query on `http` (`host:port`). Without a scheme, as Mesos answers, so
/// that TLS stays TLS.
pub(crate) fn redirect_to(http: &str, path_and_query: &str) -> HttpResponse {
    HttpResponse::build(StatusCode::TEMPORARY_REDIRECT)
        .insert_header((LOCATION, format!("//{http}{path_and_query}")))
        .finish()
}

/// The answer when there is nobody to send the client to.
pub(crate) fn no_leader() -> ApiError {
    ApiError::unavailable("No leader elected")
}

fn path_and_query(request: &ServiceRequest) -> &str {
    request.uri().path_and_query().map_or("/", |both| both.as_str())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use protocol::HostAddr;
    use protocol::id::Epoch;

    use super::*;

    fn duty(leading: bool, leader: Option<&str>) -> (watch::Sender<Leadership>, Duty) {
        let leader = leader.map(|http| Leader {
            host: HostAddr::parse("10.0.0.2:7050").unwrap(),
            http: http.to_owned(),
            epoch: Epoch(1),
        });
        let (sender, leadership) = watch::channel(Leadership { leader, leading });
        (sender, Duty::WhileLeading { leadership, open: &["/health"] })
    }

    fn answer(duty: &Duty, uri: &str) -> Option<HttpResponse> {
        duty.elsewhere(&TestRequest::with_uri(uri).to_srv_request())
    }

    #[test]
    fn a_standby_sends_the_client_to_the_same_place_on_the_leader() {
        let (_sender, duty) = duty(false, Some("10.0.0.2:5050"));
        let response = answer(&duty, "/v2/apps?id=a%2Fb").unwrap();
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(response.headers().get(LOCATION).unwrap(), "//10.0.0.2:5050/v2/apps?id=a%2Fb");
    }

    #[test]
    fn an_open_path_is_answered_by_every_host() {
        let (_sender, duty) = duty(false, None);
        assert!(answer(&duty, "/health?x=1").is_none());
    }

    #[test]
    fn without_a_leader_there_is_nobody_to_send_the_client_to() {
        let (_sender, duty) = duty(false, None);
        assert_eq!(answer(&duty, "/x").unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn leadership_is_read_at_every_request() {
        let (sender, duty) = duty(false, Some("10.0.0.2:5050"));
        assert!(answer(&duty, "/x").is_some());
        sender.send_modify(|l| l.leading = true);
        assert!(answer(&duty, "/x").is_none());
    }
}
