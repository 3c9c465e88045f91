//! The one way in.

use std::time::Duration;

use protocol::elector::LeaderChanged;
use protocol::{CallId, Epoch, Time};

use crate::effect::{Effect, Reply};
use crate::input::{Input, Seen, Timer};
use crate::state::{Standing, State};

/// Between two candidacies when the store fails. It takes its own time to find out that it cannot
/// be reached; this only keeps an error that comes at once from becoming a busy loop.
const RETRY: Duration = Duration::from_millis(500);

/// How long a host that has resigned leaves leading to others. Long enough for a process that is
/// about to end, which must not be elected again meanwhile.
const PAUSE: Duration = Duration::from_secs(5);

impl State {
    /// Takes one input; what is to be done is appended to `out`, to be performed in order.
    pub fn step(&mut self, now: Time, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Started => self.on_started(out),
            Input::GetLeader { call } => self.on_get_leader(call, out),
            Input::Resign { call } => self.on_resign(now, call, out),
            Input::Elected { epoch } => self.on_elected(epoch, out),
            Input::CampaignFailed { why } => self.on_campaign_failed(now, why, out),
            Input::TermEnded { epoch, why } => self.on_term_ended(now, epoch, why, out),
            Input::Observed(seen) => self.on_observed(seen, out),
            Input::TimerFired(Timer::Campaign) => self.on_campaign_timer(out),
        }
    }

    /// Followers of an earlier incarnation may believe that this host leads.
    fn on_started(&mut self, out: &mut Vec<Effect>) {
        self.publish(out);
        self.campaign(out);
    }

    fn campaign(&mut self, out: &mut Vec<Effect>) {
        self.standing = Standing::Candidate;
        out.push(Effect::Campaign);
    }

    fn on_campaign_timer(&mut self, out: &mut Vec<Effect>) {
        if self.standing == Standing::Idle {
            self.campaign(out);
        }
    }

    fn on_get_leader(&self, call: CallId, out: &mut Vec<Effect>) {
        out.push(Effect::Reply { call, result: Ok(Reply::Leadership(self.leadership())) });
    }

    fn on_elected(&mut self, epoch: Epoch, out: &mut Vec<Effect>) {
        if self.standing != Standing::Candidate {
            // Withdrawn too late to prevent it.
            return out.push(Effect::Resign { epoch });
        }
        let seen = self.seen.as_ref().is_some_and(|seen| seen.epoch == epoch);
        self.standing = Standing::Leading { epoch, seen };
        self.last_term = epoch;
        self.last_failure = None;
        self.publish(out);
    }

    fn on_campaign_failed(&mut self, now: Time, why: String, out: &mut Vec<Effect>) {
        self.last_failure = Some(why);
        if self.standing == Standing::Candidate {
            self.pause(now, RETRY, out);
        }
    }

    fn pause(&mut self, now: Time, pause: Duration, out: &mut Vec<Effect>) {
        self.standing = Standing::Idle;
        out.push(Effect::SetTimer { timer: Timer::Campaign, at: now + pause });
    }

    fn on_resign(&mut self, now: Time, call: CallId, out: &mut Vec<Effect>) {
        match &mut self.standing {
            Standing::Leading { epoch, .. } => {
                let epoch = *epoch;
                self.give_up(epoch, vec![call], out);
            }
            Standing::Resigning { calls, .. } => calls.push(call),
            Standing::Candidate | Standing::Idle => {
                if self.standing == Standing::Candidate {
                    out.push(Effect::Withdraw);
                }
                self.pause(now, PAUSE, out);
                out.push(Effect::Reply { call, result: Ok(Reply::Resigned) });
            }
        }
    }

    /// Followers stop first, then the store is told.
    fn give_up(&mut self, epoch: Epoch, calls: Vec<CallId>, out: &mut Vec<Effect>) {
        self.standing = Standing::Resigning { epoch, calls };
        self.publish(out);
        out.push(Effect::Resign { epoch });
    }

    fn on_term_ended(&mut self, now: Time, epoch: Epoch, why: String, out: &mut Vec<Effect>) {
        if epoch != self.last_term {
            return;
        }
        match std::mem::replace(&mut self.standing, Standing::Idle) {
            Standing::Leading { .. } => {
                self.last_failure = Some(why);
                self.publish(out);
                self.campaign(out);
            }
            Standing::Resigning { calls, .. } => {
                self.pause(now, PAUSE, out);
                let replies = calls.into_iter();
                out.extend(replies.map(|call| Effect::Reply { call, result: Ok(Reply::Resigned) }));
            }
            standing => self.standing = standing,
        }
    }

    fn on_observed(&mut self, seen: Option<Seen>, out: &mut Vec<Effect>) {
        self.seen = seen;
        let shown = self.seen.as_ref().map(|seen| seen.epoch);
        if let Standing::Leading { epoch, seen } = &mut self.standing {
            let epoch = *epoch;
            let passed = *seen || shown.is_some_and(|shown| shown > epoch);
            *seen |= shown == Some(epoch);
            if passed && shown != Some(epoch) {
                // The store has forgotten this term (its key was removed): it commits no more.
                self.last_failure = Some("the store shows another leader".to_owned());
                self.give_up(epoch, Vec::new(), out);
            }
        }
        self.publish(out);
    }

    /// Tells followers what has changed, if anything has.
    fn publish(&mut self, out: &mut Vec<Effect>) {
        let leadership = self.leadership();
        if self.published.as_ref() != Some(&leadership) {
            self.published = Some(leadership.clone());
            out.push(Effect::Publish(LeaderChanged { leadership }));
        }
    }
}
