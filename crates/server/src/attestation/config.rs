//! What kmipd.toml says about attestation.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where platforms are described, and how long nonces and attestations hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttestationConfig {
    /// The file of platforms. Absent: `attestation.toml`, which need not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// How long a nonce may be used, in seconds.
    pub nonce_expiry_s: u32,
    /// How long an attestation holds on its connection, in seconds; 0: for its own request alone.
    pub valid_s: u32,
}

impl Default for AttestationConfig {
    fn default() -> Self {
        let dispatcher::AttestationSettings { nonce_expiry_s, valid_s } = dispatcher::AttestationSettings::default();
        Self { file: None, nonce_expiry_s, valid_s }
    }
}

/// The file of platforms where the configuration names none.
pub(crate) const FILE: &str = "attestation.toml";
