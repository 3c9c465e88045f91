//! The only place that names sockets, so that they can be exchanged for simulated ones.

pub(crate) use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
pub(crate) use tokio::net::{TcpListener, TcpStream};
