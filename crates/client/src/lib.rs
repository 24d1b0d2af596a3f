//! An asynchronous client for KMIP servers, over the payload types of [`kmip`].
//!
//! ```no_run
//! # async fn live() -> Result<(), client::Error> {
//! use client::{AttributeList, Client, Configuration};
//! use kmip::enumerations::CryptographicAlgorithm;
//!
//! let configuration = Configuration::load("kmip-dev/clients/demo/client.toml".as_ref())?;
//! let mut client = Client::connect(&configuration).await?;
//! let key = client.create_symmetric_key(CryptographicAlgorithm::AES, 256, AttributeList::new().name("disk-7")).await?;
//! client.activate(&key).await?;
//! let material = client.get(&key).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Architecture invariant: the crate knows sockets and TLS, but none of the server's crates; whatever it says to a server, it says in
//! the protocol.

mod attributes;
mod batch;
pub mod blocking;
mod client;
mod configuration;
mod connection;
mod error;
mod objects;
mod operations;
mod tls;

pub use attributes::AttributeList;
pub use batch::{Batch, BatchResults, Slot};
pub use client::{Client, OFFERED};
pub use configuration::{ClientLimits, Configuration, ConfigurationError, DEFAULT_PORT, TlsMaterial, parse_version};
pub use error::{Error, OperationError, spoken};
pub use objects::{KeyEncodingError, certificate, from_der, material, opaque_object, secret_data, symmetric_key};
pub use operations::{KeyPair, Located, Request};
