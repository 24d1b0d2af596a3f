//! The server: sockets, TLS, limits, configuration, administration. The composition root of kmipd.
//!
//! Nothing here knows what a KMIP operation does: a request is a run of bytes with a limit, handed to a [`service::Service`].

pub mod config;
mod connection;
pub mod explain;
pub mod files;
pub mod framing;
pub mod identity;
pub mod limits;
pub mod listener;
pub mod metrics;
pub mod service;
pub mod tls;
