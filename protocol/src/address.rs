//! `name@host:port`: where an actor is.
//!
//! A host that does not listen (the CLI, a short-lived client) has an address too, with port 0 and
//! a random host part; it can be answered over the connection that it opened, and not dialled.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest actor name, in bytes. Names are short nouns; longer ones are a mistake.
pub const MAX_NAME_LEN: usize = 128;
/// The longest host part including the port, in bytes: a DNS name is at most 253.
pub const MAX_HOST_LEN: usize = 262;

/// Why a string is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error(
        "`{0}` is not an address: expected name@host:port, for example allocator@127.0.0.1:7050"
    )]
    Shape(String),
    #[error("`{0}` is not a host: expected host:port, for example 127.0.0.1:7050")]
    Host(String),
    #[error(
        "`{0}` is not an actor name: 1 to {MAX_NAME_LEN} letters, digits, `-`, `_`, `.`, `:`, `(`, `)` or `/`"
    )]
    Name(String),
}

/// `host:port` of an actor host, exactly as it announces itself. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostAddr(Arc<str>);

impl HostAddr {
    /// Parses `host:port`; IPv6 hosts are written `[::1]:7050`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError::Host(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(error)?;
        port.parse::<u16>().map_err(|_| error())?;
        let bare_v6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == '@' || c == '/';
        if host.is_empty() || text.len() > MAX_HOST_LEN || bare_v6 || host.contains(odd) {
            return Err(error());
        }
        Ok(Self(text.into()))
    }

    /// The text `host:port`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the port.
    pub fn host(&self) -> &str {
        self.0.rsplit_once(':').map_or("", |(host, _)| host)
    }

    /// The port; 0 for a host that cannot be dialled.
    pub fn port(&self) -> u16 {
        self.0.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(0)
    }

    /// Whether somebody can open a connection to it.
    pub fn is_dialable(&self) -> bool {
        self.port() != 0
    }
}

/// Where an actor is: its name and its host. Cloning is one reference count: every local message
/// carries its sender.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(Arc<Parts>);

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Parts {
    name: Box<str>,
    host: HostAddr,
}

impl Address {
    /// The actor `name` on `host`. The name is taken as it is.
    pub fn new(name: impl Into<Box<str>>, host: HostAddr) -> Self {
        Self(Arc::new(Parts { name: name.into(), host }))
    }

    /// The actor's name within its host.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether both are copies of one, as opposed to being equal by chance: told without a look at
    /// the text.
    pub fn is_copy_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The host's address.
    pub fn host(&self) -> &HostAddr {
        &self.0.host
    }
}

/// Whether `name` can be an actor's name.
pub fn check_name(name: &str) -> Result<(), AddressError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:()/".contains(c);
    if name.is_empty() || name.len() > MAX_NAME_LEN || !name.chars().all(allowed) {
        return Err(AddressError::Name(name.to_owned()));
    }
    Ok(())
}

impl FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (name, host) =
            text.split_once('@').ok_or_else(|| AddressError::Shape(text.to_owned()))?;
        check_name(name)?;
        Ok(Self::new(name, HostAddr::parse(host)?))
    }
}

impl FromStr for HostAddr {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name(), self.host())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name(), self.host())
    }
}

impl fmt::Display for HostAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for HostAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! as_text {
    ($($name:ident: $pattern:literal),+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    )+};
}

as_text!(Address: "^[^@]+@.+:[0-9]+$", HostAddr: "^.+:[0-9]+$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_name_at_a_host_with_a_port() {
        let address: Address = "allocator@10.0.0.1:7050".parse().unwrap();
        assert_eq!(address.name(), "allocator");
        assert_eq!(address.host().host(), "10.0.0.1");
        assert_eq!(address.host().port(), 7050);
        assert_eq!(address.to_string(), "allocator@10.0.0.1:7050");
        assert!("executor(1)@[::1]:7050".parse::<Address>().is_ok());
    }

    #[test]
    fn what_is_not_an_address_is_refused_with_an_example() {
        for bad in [
            "allocator",
            "@h:1",
            "a@",
            "a@h",
            "a@h:x",
            "a@h:70000",
            "a b@h:1",
            "a@::1:5",
            "a@b@h:1",
        ] {
            let error = bad.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains("expected") || error.contains("letters"), "{bad}: {error}");
        }
    }
}
