//! Addresses: what to bind, and how others reach it.

use std::net::{SocketAddr, TcpListener};

use protocol::HostAddr;
use runtime::{Host, HostConfig, HostError};

use crate::invalid::Invalid;
use crate::ready::Ready;

/// The actor port is the HTTP port plus this, unless configured.
pub const ACTOR_PORT_OFFSET: u16 = 2000;

/// Why a port could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr} for {what}; is another process using port {port}? choose another with `{flag}`", port = addr.port())]
pub struct BindError {
    addr: SocketAddr,
    what: &'static str,
    flag: &'static str,
    #[source]
    source: std::io::Error,
}

/// Why a role cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("failed to start the actors' host")]
    Host(#[source] HostError),
    #[error("failed to read the address of the HTTP listener")]
    Address(#[source] std::io::Error),
    #[error(transparent)]
    Name(Invalid),
}

/// Where a role is to be reached, as configured.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    pub cluster: &'a str,
    pub http: SocketAddr,
    pub listen: Option<SocketAddr>,
    pub advertise: Option<&'a str>,
}

/// Where a role is reached.
pub struct Opened {
    /// Bound, and not served yet.
    pub http: TcpListener,
    pub host: Host,
    /// What to announce once it serves.
    pub ready: Ready,
}

impl Place<'_> {
    /// What can be seen to be wrong before a port is bound.
    pub fn validate(&self) -> Result<(), Invalid> {
        if self.cluster.is_empty() || self.cluster.contains('/') {
            return Err(Invalid::new("cluster", "expected a name without `/`"));
        }
        host_addr(&advertised_name(self.advertise, self.http), 1).map(drop)
    }

    /// Binds both ports and starts the host.
    pub async fn open(&self) -> Result<Opened, OpenError> {
        let http = bind(self.http, "HTTP", "--http")?;
        let http_port = http.local_addr().map_err(OpenError::Address)?.port();
        let mut listen = actor_addr(self.listen, self.http);
        // The host binds it itself; here it is seen whether it can, and which one 0 stands for.
        let probe = bind(listen, "actors", "--listen")?;
        listen.set_port(probe.local_addr().map_err(OpenError::Address)?.port());
        drop(probe);
        let name = advertised_name(self.advertise, listen);
        let advertise = host_addr(&name, listen.port()).map_err(OpenError::Name)?;
        let config = HostConfig {
            cluster: self.cluster.to_owned(),
            listen: Some(listen),
            advertise: Some(advertise),
        };
        let host = Host::start(config).await.map_err(OpenError::Host)?;
        let authority = format!("{}:{http_port}", advertised_name(self.advertise, self.http));
        let ready = Ready { http: authority, actors: host.addr().clone() };
        Ok(Opened { http, host, ready })
    }
}

/// Where actors listen: as configured, or beside HTTP. Port 0 stays 0: any free port.
pub fn actor_addr(listen: Option<SocketAddr>, http: SocketAddr) -> SocketAddr {
    listen.unwrap_or_else(|| {
        let port = match http.port() {
            0 => 0,
            port => port.checked_add(ACTOR_PORT_OFFSET).unwrap_or(0),
        };
        SocketAddr::new(http.ip(), port)
    })
}

fn bind(
    addr: SocketAddr,
    what: &'static str,
    flag: &'static str,
) -> Result<TcpListener, BindError> {
    TcpListener::bind(addr).map_err(|source| BindError { addr, what, flag, source })
}

/// How others name this machine: as configured; else the address that it listens on; and where
/// that is every address, the machine's name.
pub fn advertised_name(advertise: Option<&str>, addr: SocketAddr) -> String {
    match advertise {
        Some(name) => name.to_owned(),
        None if addr.ip().is_unspecified() => hostname(),
        None if addr.is_ipv6() => format!("[{}]", addr.ip()),
        None => addr.ip().to_string(),
    }
}

/// `name:port` as an address.
pub fn host_addr(name: &str, port: u16) -> Result<HostAddr, Invalid> {
    HostAddr::parse(&format!("{name}:{port}")).map_err(|e| Invalid::new("advertise", e.to_string()))
}

/// A master on this machine, on its default port.
pub fn default_masters() -> Vec<HostAddr> {
    vec![HostAddr::parse("127.0.0.1:7050").expect("a constant that a test parses")]
}

/// Whether the masters under `key` are at least one, and only such as can be dialled.
pub fn check_masters(key: &str, masters: &[HostAddr]) -> Result<(), Invalid> {
    if masters.is_empty() {
        return Err(Invalid::new(key, "expected at least one host:port"));
    }
    match masters.iter().find(|master| !master.is_dialable()) {
        Some(master) => Err(Invalid::new(key, format!("`{master}` has no port to dial"))),
        None => Ok(()),
    }
}

/// The machine's name.
pub fn hostname() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn actors_listen_2000_above_http_unless_told_otherwise() {
        assert_eq!(actor_addr(None, addr("10.0.0.1:5050")), addr("10.0.0.1:7050"));
        assert_eq!(actor_addr(None, addr("10.0.0.1:0")).port(), 0);
        assert_eq!(actor_addr(Some(addr("[::1]:9")), addr("10.0.0.1:1")), addr("[::1]:9"));
    }

    #[test]
    fn a_host_is_advertised_by_what_it_listens_on() {
        assert_eq!(advertised_name(None, addr("10.0.0.1:1")), "10.0.0.1");
        assert_eq!(advertised_name(None, addr("[::1]:1")), "[::1]");
        assert_eq!(advertised_name(None, addr("0.0.0.0:1")), hostname());
        assert_eq!(advertised_name(Some("m1.example"), addr("0.0.0.0:1")), "m1.example");
    }

    #[test]
    fn masters_must_be_dialable() {
        assert_eq!(check_masters("masters", &default_masters()), Ok(()));
        assert!(check_masters("masters", &[]).is_err());
        assert!(check_masters("masters", &[HostAddr::parse("h:0").unwrap()]).is_err());
    }

    #[test]
    fn a_taken_port_is_named_with_its_flag() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = taken.local_addr().unwrap();
        let error = bind(addr, "HTTP", "--http").unwrap_err().to_string();
        assert!(error.contains(&addr.to_string()) && error.contains("--http"), "{error}");
    }
}
