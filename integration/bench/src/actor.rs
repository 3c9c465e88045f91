//! The actor that the message benchmarks talk to.

use protocol::messages;
use runtime::{Actor, Context, Handler, Handlers, Outcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// 100 bytes on the wire: a map of one, `text`, and 92 characters.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Note {
    pub(crate) text: String,
}

/// A message without anything on the heap, for what the way of a message itself costs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Tick {
    pub(crate) number: u64,
}

/// How many notes came; asked after those that were told.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Total {}

messages! { Note, Tick, Total -> u64 }

const TEXT: &str =
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890!";

pub(crate) fn note() -> Note {
    Note { text: TEXT.to_owned() }
}

#[derive(Default)]
pub(crate) struct Tally {
    seen: u64,
}

impl Actor for Tally {
    const ABOUT: &'static str = "how many notes came";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<Note>().on::<Tick>().on::<Total>();
    }
}

impl Handler<Note> for Tally {
    fn handle(&mut self, note: Note, _: &mut Context<Self>) -> Outcome<()> {
        self.seen += u64::from(!note.text.is_empty());
        Outcome::Reply(())
    }
}

impl Handler<Tick> for Tally {
    fn handle(&mut self, tick: Tick, _: &mut Context<Self>) -> Outcome<()> {
        self.seen += u64::from(tick.number > 0);
        Outcome::Reply(())
    }
}

impl Handler<Total> for Tally {
    fn handle(&mut self, _: Total, _: &mut Context<Self>) -> Outcome<u64> {
        Outcome::Reply(self.seen)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_note_is_a_hundred_bytes_on_the_wire() {
        assert_eq!(protocol::codec::encode(&super::note()).unwrap().len(), 100);
    }
}
