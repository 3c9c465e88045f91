//! Addresses: what to bind, and how others reach it.

use std::net::{SocketAddr, TcpListener};

use protocol::HostAddr;

use crate::config::Invalid;

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

/// Binds the HTTP port.
pub fn bind_http(addr: SocketAddr) -> Result<TcpListener, BindError> {
    bind(addr, "HTTP", "--http")
}

/// Whether the actor port can be bound; the host binds it itself.
pub fn check_actors(addr: SocketAddr) -> Result<(), BindError> {
    bind(addr, "actors", "--listen").map(drop)
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
    fn a_taken_port_is_named_with_its_flag() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = taken.local_addr().unwrap();
        let error = bind_http(addr).unwrap_err().to_string();
        assert!(error.contains(&addr.to_string()) && error.contains("--http"), "{error}");
    }
}
