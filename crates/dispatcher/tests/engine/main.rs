//! The dispatcher from the bytes of a request to the bytes of its response, over the store in memory.
//!
//! Every response of every test passes [`fidelity::check`]: it holds nothing that its version does not define.

#![allow(clippy::unwrap_used)] // A failed unwrap is a failed test.

mod adjust;
mod answers;
mod asynchronous;
mod asynchronous_trouble;
mod attestation;
mod attributes;
mod batch;
mod client;
mod clock;
mod concurrency;
mod credentials;
mod definitions;
mod derive_key;
mod factory;
mod failures;
mod fidelity;
mod formats;
mod header;
mod import_export;
mod key_use;
mod lifecycle;
mod limits;
mod locate;
mod log;
mod model;
mod objects;
mod operation_policy;
mod operations;
mod ownership;
mod paging;
mod policies;
mod re_key;
mod reasons;
mod roles;
mod rotation;
mod rules;
mod samples;
mod server;
mod services;
mod several;
mod sizes;
mod split_keys;
mod states;
mod storage;
mod streams;
mod tickets;
mod undo;
mod unknown;
mod usage;
mod ways_out;
mod wrapping;
