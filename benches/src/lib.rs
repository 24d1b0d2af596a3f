//! Measurements: the codec alone, and a running server beside the least that any server must do.
//!
//! `cargo run --release -p benches -- codec` times reading and writing of typical messages in one thread.
//! `cargo run --release -p benches -- timing` tells whether the time of a refused decryption or MAC says what was wrong ([`timing`]).
//! `cargo run --release -p benches -- load --dir kmip-dev` sends Get and Create over mutual TLS to a running endpoint and, in turns
//! with it, to the [`floor`]: a server that answers every request with fixed bytes of the same size, under the same certificates and
//! cipher suite. The ratio of the two is what to compare between machines and versions; the rates alone say little.
//! `cargo run --release -p benches -- heavy` takes the time of Get alone and while clients generate RSA key pairs.
//!
//! [`fill`], [`drive`], [`process`] and [`sync`] are what `cargo xtask scale` and `cargo xtask creates` measure a kmipd of their own with.
//!
//! Architecture invariant: this crate knows the protocol, TLS and (for [`timing`]) the crate `crypto`, and nothing of the server: any
//! KMIP endpoint can be measured.

pub mod codec;
pub mod connection;
pub mod drive;
pub mod fill;
pub mod floor;
pub mod heavy;
pub mod load;
pub mod messages;
pub mod process;
pub mod statistics;
pub mod sync;
pub mod timing;
