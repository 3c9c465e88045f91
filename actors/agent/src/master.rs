//! The search for the leading master: whoever of the masters knows it is believed, and the core
//! decides whether it is news.

use std::time::Duration;

use agent_core::{Input, Registration};
use protocol::elector::{GetLeader, LEADER_TOPIC, LeaderChanged};
use protocol::runtime::Subscribe;
use protocol::{Address, HostAddr};
use runtime::{Context, Handler, Outcome};

use crate::actor::{Agent, Alarm};

/// How often the masters are asked while the agent is not registered. A master that leads tells
/// its subscribers itself; this covers masters that were not there to be subscribed to.
const SEARCH_INTERVAL: Duration = Duration::from_millis(500);
/// How often otherwise: a subscription ends unnoticed when its master is restarted.
const REFRESH_INTERVAL: Duration = Duration::from_secs(10);
/// How long a master may take to say who leads.
const DEADLINE: Duration = Duration::from_secs(2);

impl Agent {
    /// Asks every master, and again after a while.
    pub(crate) fn find_leader(&mut self, ctx: &mut Context<Self>) {
        for master in self.config.masters.clone() {
            self.ask_elector(&master, ctx);
        }
        let registered = self
            .state
            .as_ref()
            .is_some_and(|state| matches!(state.registration(), Registration::Registered { .. }));
        let interval = if registered { REFRESH_INTERVAL } else { SEARCH_INTERVAL };
        ctx.set_timer(Alarm::FindLeader, interval);
    }

    /// Asks one master, which may not be among those that are configured.
    pub(crate) fn ask_elector(&mut self, master: &HostAddr, ctx: &mut Context<Self>) {
        let elector = Address::new("elector", master.clone());
        ctx.tell(&elector, Subscribe { topic: LEADER_TOPIC.to_owned(), subscriber: None });
        ctx.ask(&elector, GetLeader {}, DEADLINE, |agent, answer, ctx| match answer {
            Ok(leadership) => {
                if let Some(leader) = leadership.leader {
                    agent.take(Input::LeaderFound(leader), ctx);
                }
            }
            Err(failure) => tracing::debug!(%failure, "a master does not say who leads"),
        });
    }
}

impl Handler<LeaderChanged> for Agent {
    fn handle(&mut self, message: LeaderChanged, ctx: &mut Context<Self>) -> Outcome<()> {
        if let Some(leader) = message.leadership.leader {
            self.take(Input::LeaderFound(leader), ctx);
        }
        Outcome::Reply(())
    }
}
