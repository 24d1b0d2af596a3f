//! What happened, who did it, and proof that the account was not altered.
//!
//! [`AuditRecord`] is one thing that was done or refused: it carries names, identifiers and reasons, never key material.
//! [`AuditRecord::encode`] makes the compact bytes that the store keeps in its log; [`Verifier`] recomputes the hash chain
//! over those bytes, and a [`SignedCheckpoint`] kept elsewhere shows whether its end is still there. The store treats entries as opaque and this crate does not know the store: they share only the
//! definition of the chain, SHA-256 over the previous hash, the sequence number (8 bytes, big-endian) and the entry.

mod chain;
mod checkpoint;
mod encoding;
mod record;

pub use chain::{ChainError, Hash, Verified, Verifier, link, verify};
pub use checkpoint::{Checkpoint, NotOne, PublicKey, SignedCheckpoint, SigningKey};
pub use encoding::DecodeError;
pub use record::{Action, AuditRecord, Outcome};
