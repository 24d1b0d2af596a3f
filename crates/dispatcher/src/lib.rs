//! The dispatcher: requests in, responses out. One file per KMIP operation, one path for all of them.
//!
//! [`Engine::handle`] reads a request, verifies its credentials, and runs its items in order. Every item takes the same path
//! (`operations.rs`): version gate, decode, plan, load, authorise, prepare, handle, encode at the client's version, check
//! Maximum Response Size, commit the changes together with their log entry, answer. An operation is a file that implements
//! `Operation` and a row in the table of `operations.rs`.
//!
//! Nothing here knows sockets, TLS, or the clock: they come in through the [`Environment`].

mod activate;
mod add_attribute;
mod adjust_attribute;
mod archive;
mod asynchronous;
mod attestation;
mod authorise;
mod batch;
mod cancel;
mod certificate;
mod change;
mod channel;
mod check;
mod commit;
mod conversion;
mod create;
mod create_key_pair;
mod create_split_key;
mod creation;
mod decrypt;
mod delegated_login;
mod delete_attribute;
mod derive_key;
mod destroy;
mod direct;
mod discover_versions;
mod encrypt;
mod engine;
mod environment;
mod error;
mod export;
mod factory;
mod get;
mod get_attribute_list;
mod get_attributes;
mod get_constraints;
mod get_usage_allocation;
mod hash;
mod hex;
mod import;
mod internal;
mod interop;
mod join_split_key;
mod key_material;
mod keys;
pub mod lifecycle;
mod locate;
mod log;
mod login;
mod logout;
mod mac;
mod mac_verify;
mod modify_attribute;
mod notice;
mod object;
mod obtain_lease;
mod one_time_pad;
mod operation;
mod operations;
mod ping;
mod pkcs12;
mod poll;
mod process;
mod query;
mod query_asynchronous_requests;
mod re_key;
mod re_key_key_pair;
mod re_provision;
mod record;
mod recover;
mod register;
mod release;
mod replaced;
mod replacement;
mod response_memory;
mod revoke;
mod rng_retrieve;
mod rng_seed;
mod rotation;
mod search;
mod service;
mod session;
mod set_attribute;
mod set_constraints;
mod set_defaults;
mod set_endpoint_role;
mod sign;
mod signature_verify;
mod spelling;
mod stand_in;
mod stream;
mod summary;
mod ticket;
mod use_of_key;
mod view;
mod wrapping;

pub use channel::Sending;
pub use engine::{Correlation, Engine, ItemLog, OFFERED, Response};
pub use environment::{
    AsynchronousSettings, AttestationSettings, Attestor, Authenticator, Clock, Environment, HeavyWork, NewKey, NoAttestor,
    NoRegistrar, NotAttested, NotCertified, Pending, Proved, Refused, Registrar, RngSeed, Settings, StreamSettings,
    TicketSettings,
};
pub use operations::{SUPPORTED, offered};
pub use query::{OBJECT_TYPES, QUERY_FUNCTIONS};
pub use record::{TakenOver, take_over};
pub use response_memory::ResponseHold;
pub use rotation::Rotations;
pub use session::Session;
pub use summary::{Summary, summarise};
