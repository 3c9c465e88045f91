//! Questions of people that the allocator has a part in answering.

use std::time::Duration;

use protocol::allocator::ExplainFramework;
use protocol::explain::{ExplainOffers, ExplainRole, OffersExplanation, RoleStanding};
use protocol::{Address, Failure, FailureKind};
use runtime::{Context, Handler, Outcome};

use crate::actor::Frameworks;

/// An allocator that is asked why looks at every agent; one that does not know the question is slow
/// to say so at worst.
const EXPLAIN_DEADLINE: Duration = Duration::from_secs(3);

impl Handler<ExplainOffers> for Frameworks {
    fn handle(
        &mut self,
        question: ExplainOffers,
        ctx: &mut Context<Self>,
    ) -> Outcome<OffersExplanation> {
        let allocator = self.allocator(ctx);
        let told = match self.core.explain(&question, allocator.clone()) {
            Ok(told) => told,
            Err(failure) => return Outcome::Refuse(failure),
        };
        let reply = ctx.defer();
        let question = ExplainFramework { framework_id: question.framework_id };
        ctx.ask(&allocator, question, EXPLAIN_DEADLINE, move |this, answer, _| {
            let away = this.no_offers.as_deref();
            reply.reply(frameworks_core::complete_explanation(told, answer, away));
        });
        Outcome::Later
    }
}

impl Handler<ExplainRole> for Frameworks {
    fn handle(&mut self, question: ExplainRole, ctx: &mut Context<Self>) -> Outcome<RoleStanding> {
        if let Some(failure) = self.core.refusal() {
            return Outcome::Refuse(failure);
        }
        let (allocator, reply) = (self.allocator(ctx), ctx.defer());
        ctx.ask(
            &allocator.clone(),
            question,
            EXPLAIN_DEADLINE,
            move |this, answer, _| match answer {
                Ok(standing) => reply.reply(standing),
                Err(failure) => reply.refuse(this.unexplained(&allocator, failure)),
            },
        );
        Outcome::Later
    }
}

impl Frameworks {
    /// What its allocator does not tell is nobody's mistake who asks a master.
    fn unexplained(&self, allocator: &Address, failure: Failure) -> Failure {
        if let Some(why) = &self.no_offers {
            let text = format!("the allocator at {allocator} is away: {why}");
            return Failure::new(FailureKind::LinkDown, text);
        }
        match failure.kind {
            FailureKind::UnknownMessage => Failure::new(
                FailureKind::NoSuchActor,
                format!("{allocator} does not explain itself: it has no ExplainRole"),
            ),
            _ => failure,
        }
    }
}
