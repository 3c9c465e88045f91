//! Who asks, and whether they may.
//!
//! A request to a realm that is guarded must say whose it is, before anything else is looked at; to
//! others nobody has to, and what is said is not looked at. What a `Caller` may do the lists of
//! [`protocol::access`] say. Of what a request names itself that is checked here, before any actor is
//! asked; of what only `frameworks` knows (tasks' users, who has reserved what) it is checked there,
//! with the principal that travels in the message.
//!
//! | module | what |
//! |---|---|
//! | `credentials` | who is known, and their secrets |
//! | [`Realm`] | which requests are guarded together |
//! | `authenticate` | from a request to a principal, or to 401 |
//! | `caller` | what handlers know of who asks |
//! | `sight` | what those may see who may not see everything |

mod authenticate;
mod caller;
mod credentials;
mod realm;
mod sight;

use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::access::Acls;
use tokens::TokenSecret;

pub(crate) use authenticate::turn_away;
pub(crate) use caller::Caller;
pub use credentials::{Credentials, CredentialsError};
pub use realm::Realm;
pub(crate) use sight::Sight;

/// Which realms of an edge are guarded, and who may do what. By default none is, and everybody may
/// do everything.
#[derive(Clone, Debug, Default)]
pub struct Access {
    credentials: Arc<Credentials>,
    /// What the tokens of principals are signed with, if they may have some.
    tokens: Option<TokenSecret>,
    guarded: BTreeSet<Realm>,
    acls: Arc<Acls>,
}

impl Access {
    /// Where these realms are guarded.
    pub fn new(
        credentials: Credentials,
        guarded: impl IntoIterator<Item = Realm>,
        acls: Arc<Acls>,
    ) -> Self {
        let guarded = guarded.into_iter().collect();
        Self { credentials: Arc::new(credentials), tokens: None, guarded, acls }
    }

    /// The same, where tokens that are signed with this are as good as credentials: they name their
    /// principal as the subject.
    #[must_use]
    pub fn with_tokens(self, secret: Option<TokenSecret>) -> Self {
        Self { tokens: secret, ..self }
    }
}
