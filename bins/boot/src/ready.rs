//! The line by which a role says that it serves, for people and for the program that started it.

use std::fmt;
use std::io::{self, Write};

use protocol::HostAddr;

/// `ready http=127.0.0.1:5050 actors=127.0.0.1:7050`: the only line of a role's stdout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Where its HTTP edge is, `host:port`.
    pub http: String,
    /// Where its actors are.
    pub actors: HostAddr,
}

impl Ready {
    /// Prints it.
    pub fn announce(&self) -> io::Result<()> {
        let mut out = io::stdout();
        writeln!(out, "{self}")?;
        out.flush()
    }

    /// Reads it; `None` for any other line.
    pub fn parse(line: &str) -> Option<Self> {
        let rest = line.trim_end().strip_prefix("ready http=")?;
        let (http, actors) = rest.split_once(" actors=")?;
        Some(Self { http: http.to_owned(), actors: HostAddr::parse(actors).ok()? })
    }
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ready http={} actors={}", self.http, self.actors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_reads_back() {
        let ready =
            Ready { http: "h:1".to_owned(), actors: HostAddr::parse("127.0.0.1:7050").unwrap() };
        assert_eq!(Ready::parse(&format!("{ready}\n")), Some(ready));
        assert_eq!(Ready::parse("ready or not"), None);
    }
}
