//! Programs that use a KMIP server, to be run and to be read.
//!
//! - `lifecycle` (Rust, over the library `client`): a key's whole life, step by step.
//! - `envelope` (Rust, over the library `client`): files sealed under keys that only the server keeps.
//! - `pykmip/lifecycle.py` (Python, over PyKMIP): a key's whole life in every version that client speaks.
//!
//! The tests run them against a server of their own.

pub mod envelope;
