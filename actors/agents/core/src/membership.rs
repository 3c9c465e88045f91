//! The life of an agent in the eyes of the master: one enum, one transition function.

use protocol::agents::AgentState;

/// What can happen to an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Its registration is durable.
    Registered,
    /// The connection to it broke.
    LinkBroke,
    /// Too many pings missed, or too long away; the registry says unreachable.
    Expired,
    /// It said goodbye; the registry has forgotten it.
    SaidGoodbye,
    /// An operator marked it gone; the registry says so.
    MarkedGone,
}

impl Event {
    /// Every event, for tables and tests.
    pub const ALL: [Self; 5] =
        [Self::Registered, Self::LinkBroke, Self::Expired, Self::SaidGoodbye, Self::MarkedGone];
}

/// An event that cannot happen to an agent in that state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an agent that is {from:?} cannot be {event:?}")]
pub struct Rejected {
    /// Where it stands; `None`: it is not known.
    pub from: Option<AgentState>,
    pub event: Event,
}

/// The one transition function; `None` is an agent that is not known.
///
/// ```text
///            Registered              LinkBroke
///  (none) ──────────────► Active ◄────────────► Disconnected
///  Recovered ──Registered──► │      Registered       │
///      │                     │ Expired               │ Expired
///      └──Expired──► Unreachable ◄───────────────────┘
///                        └──Registered──► Active
///  any but Gone ──SaidGoodbye──► (none)     any but (none) ──MarkedGone──► Gone
/// ```
pub fn transition(from: Option<AgentState>, event: Event) -> Result<Option<AgentState>, Rejected> {
    use AgentState::{Active, Disconnected, Gone, Recovered, Unknown, Unreachable};
    match (from, event) {
        (Some(Unknown), _) => Err(Rejected { from, event }),
        (None | Some(Recovered | Active | Disconnected | Unreachable), Event::Registered) => {
            Ok(Some(Active))
        }
        (Some(Active), Event::LinkBroke) => Ok(Some(Disconnected)),
        (Some(Recovered | Active | Disconnected), Event::Expired) => Ok(Some(Unreachable)),
        (Some(Recovered | Active | Disconnected | Unreachable), Event::SaidGoodbye) => Ok(None),
        (Some(_), Event::MarkedGone) => Ok(Some(Gone)),
        _ => Err(Rejected { from, event }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AgentState::{Active, Disconnected, Gone, Recovered, Unknown, Unreachable};

    /// Rows: from. Columns: Registered, LinkBroke, Expired, SaidGoodbye, MarkedGone.
    /// `Err(())`: rejected; `Ok(None)`: no longer known.
    type Row = (Option<AgentState>, [Result<Option<AgentState>, ()>; 5]);

    const NO: Result<Option<AgentState>, ()> = Err(());
    const LEFT: Result<Option<AgentState>, ()> = Ok(None);

    const fn to(state: AgentState) -> Result<Option<AgentState>, ()> {
        Ok(Some(state))
    }

    const GRID: [Row; 7] = [
        (None, [to(Active), NO, NO, NO, NO]),
        (Some(Recovered), [to(Active), NO, to(Unreachable), LEFT, to(Gone)]),
        (Some(Active), [to(Active), to(Disconnected), to(Unreachable), LEFT, to(Gone)]),
        (Some(Disconnected), [to(Active), NO, to(Unreachable), LEFT, to(Gone)]),
        (Some(Unreachable), [to(Active), NO, NO, LEFT, to(Gone)]),
        (Some(Gone), [NO, NO, NO, NO, to(Gone)]),
        (Some(Unknown), [NO, NO, NO, NO, NO]),
    ];

    #[test]
    fn the_full_grid_of_transitions() {
        for (from, row) in GRID {
            for (event, expected) in Event::ALL.into_iter().zip(row) {
                let got = transition(from, event).map_err(|_| ());
                assert_eq!(got, expected, "{from:?} on {event:?}");
            }
        }
    }

    #[test]
    fn a_rejection_says_what_was_tried() {
        let rejected = transition(Some(Gone), Event::Registered).unwrap_err();
        assert_eq!(rejected.to_string(), "an agent that is Some(Gone) cannot be Registered");
    }
}
