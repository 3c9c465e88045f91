//! What goes wrong, and when.

use std::time::Duration;

use agents_core as agents;
use protocol::AgentId;
use protocol::agents::MarkAgentGone;
use protocol::registrar::{AgentRecord, AgentStanding};

use crate::event::{Event, Peer};
use crate::hop::Actor;
use crate::master::Caller;
use crate::world::World;

impl World {
    /// Once a second: perhaps something breaks.
    pub(crate) fn torment(&mut self) {
        if !self.kernel.tormented {
            return;
        }
        self.kernel.after(Duration::from_secs(1), Event::Torment);
        self.torment_connections();
        self.torment_processes();
        self.torment_master();
    }

    fn torment_connections(&mut self) {
        let faults = self.kernel.options.faults;
        for peer in self.kernel.net.peers() {
            if self.kernel.chance(faults.disconnect / 2.0) {
                self.kernel.cut(peer);
            }
            if self.kernel.chance(faults.partition / 2.0) {
                self.kernel.net.partition(peer, true);
                self.kernel.cut(peer);
                let until = self.kernel.between(500, 12_000);
                self.kernel.after(until, Event::Healed { peer });
            }
        }
    }

    fn torment_processes(&mut self) {
        let faults = self.kernel.options.faults;
        for index in 0..self.agents.len() {
            if self.agents[index].up && self.kernel.chance(faults.agent_crash) {
                let reboot = self.kernel.chance(0.3);
                let wipe = self.kernel.chance(0.1);
                self.agents[index].crash(&mut self.kernel, reboot, wipe);
            }
        }
        for index in 0..self.schedulers.len() {
            if self.schedulers[index].up && self.kernel.chance(faults.scheduler_crash) {
                self.schedulers[index].crash(&mut self.kernel);
            }
        }
    }

    fn torment_master(&mut self) {
        let faults = self.kernel.options.faults;
        if self.master.is_none() {
            return;
        }
        if self.kernel.chance(faults.master_crash) {
            return self.crash_master();
        }
        if self.kernel.chance(faults.depose) {
            return self.depose();
        }
        if self.kernel.chance(faults.actor_restart) {
            self.restart_an_actor();
        }
        if self.kernel.chance(faults.operate) {
            self.operate();
        }
        if self.kernel.chance(faults.mark_gone) {
            let index = self.kernel.pick(self.agents.len());
            if let Some(agent_id) = self.agents[index].disk.agent_id.clone() {
                self.mark_gone(agent_id);
            }
        }
    }

    /// All three actors are lost with everything that they knew.
    fn crash_master(&mut self) {
        for peer in self.kernel.net.peers() {
            self.kernel.cut(peer);
        }
        self.kernel.net.set_master_up(false);
        self.master = None;
        let delay = self.kernel.between(10, 6000);
        self.kernel.after(delay, Event::Elect);
    }

    /// The process lives on as a standby, and leads again later.
    fn depose(&mut self) {
        let Some(master) = self.master.as_mut().filter(|master| master.leading) else { return };
        master.leading = false;
        master.announce(&mut self.kernel, false);
        let life = master.life;
        let delay = self.kernel.between(5, 3000);
        self.kernel.after(delay, Event::Reelect { life });
    }

    fn restart_an_actor(&mut self) {
        let Some(master) = &mut self.master else { return };
        match self.kernel.pick(3) {
            0 => master.restart_frameworks(&mut self.kernel),
            1 => master.restart_agents(&mut self.kernel),
            _ => master.restart_allocator(&mut self.kernel),
        }
    }

    fn mark_gone(&mut self, agent_id: AgentId) {
        let Some(master) = &mut self.master else { return };
        let call = master.call(Actor::Agents, Caller::Operator);
        let message = MarkAgentGone { agent_id };
        master.step_agents(&mut self.kernel, agents::Input::MarkAgentGone { call, message });
    }

    /// Agents whose machine has begun anew under another id will never come back.
    pub(crate) fn give_up_lost_agents(&mut self) {
        let owned: Vec<_> = self.agents.iter().filter_map(|a| a.disk.agent_id.clone()).collect();
        let records = self.store.registry.agents.iter();
        let given_up = |record: &AgentRecord| matches!(record.standing, AgentStanding::Gone { .. });
        let known: Vec<_> =
            records.filter(|(_, record)| !given_up(record)).map(|(id, _)| id.clone()).collect();
        for agent_id in known.into_iter().filter(|id| !owned.contains(id)) {
            self.mark_gone(agent_id);
        }
    }

    /// Whether a peer's process runs.
    pub(crate) fn is_up(&self, peer: Peer) -> bool {
        match peer {
            Peer::Agent(index) => self.agents[index].up,
            Peer::Scheduler(index) => self.schedulers[index].up,
        }
    }
}
