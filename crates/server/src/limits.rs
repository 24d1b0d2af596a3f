//! Every limit of the server, with its default and the reason for it. All are keys of `[limits]` in kmipd.toml.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Largest request in bytes, header included: twice the largest object a client is known to register (1 MiB).
pub const REQUEST_LENGTH_MAX: usize = 2 * 1024 * 1024;
/// Bytes of requests that may be arriving at one time, over all connections, beyond the first 16 KiB of each. A request beyond it
/// waits for others to finish, within its time-out: memory stays bounded whatever clients announce or send.
pub const REQUEST_MEMORY_MAX: usize = 32 * 1024 * 1024;
/// Connections in all: the design's figure of 10,000 idle clients, with each under 16 KiB.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Connections of one peer address. High, because whole sites come through one translated address, but never all of them.
pub const CONNECTIONS_PER_PEER_MAX: usize = 4_096;
/// Time for the TLS handshake, from the accepted connection on. Slow devices need 3 s; a stalled client only costs its socket.
pub const HANDSHAKE_TIMEOUT_MS: u64 = 10_000;
/// Time without a request after which a connection is closed. Pools of clients keep connections for minutes.
pub const IDLE_TIMEOUT_MS: u64 = 600_000;
/// Time for a request to arrive whole, from its first byte on. Never more than [`REQUEST_TIMEOUT_CEILING_MS`].
pub const REQUEST_TIMEOUT_MS: u64 = 15_000;
/// The most `request_timeout_ms` and `handshake_timeout_ms` can be set to: a client that trickles bytes is gone within 30 s.
pub const REQUEST_TIMEOUT_CEILING_MS: u64 = 30_000;
/// Time for a response to be taken by the client.
pub const RESPONSE_TIMEOUT_MS: u64 = 30_000;
/// Time a shutdown waits for requests in flight.
pub const SHUTDOWN_TIMEOUT_MS: u64 = 25_000;
/// Sessions kept for resumption. One costs about 2 KiB (it holds the client's chain); the oldest make room.
pub const TLS_SESSIONS_MAX: usize = 4_096;
/// Slow computations (key generation) at one time; the rest of the processors serves requests. 0: half of the processors.
pub const HEAVY_WORK_MAX: usize = 0;
/// Slow computations that may wait for a free thread.
pub const HEAVY_WORK_WAITING_MAX: usize = 256;
/// Passwords verified at one time: each takes 19 MiB and some 20 ms of a processor by the choice of Argon2id parameters.
pub const PASSWORD_WORK_MAX: usize = 2;

/// Structures nested in a message. Requests of real clients have fewer than 10.
pub const NESTING_MAX: usize = 32;
/// Items in a message, of all kinds: a batch of 256 with all its attributes.
pub const MESSAGE_ITEMS_MAX: usize = 65_536;
/// Batch items in a message. Tape libraries send batches of 32.
pub const BATCH_ITEMS_MAX: usize = 256;
/// Bytes of a response, whatever Maximum Response Size a client allows.
pub const RESPONSE_LENGTH_MAX: usize = 16 * 1024 * 1024;
/// Bytes of responses that wait for their clients, over all connections, beyond the first 16 KiB of each. What is beyond it fails with
/// Server Limit Exceeded: clients that ask for much and read nothing cost others nothing but large responses.
pub const RESPONSE_MEMORY_MAX: usize = 32 * 1024 * 1024;
/// Identifiers in the answer to a Locate that names no maximum. MySQL asks for 65,535 at its start.
pub const LOCATED_ITEMS_MAX: usize = 65_536;
/// Bytes of the material of one object: the largest that a client is known to register.
pub const OBJECT_LENGTH_MAX: usize = 1024 * 1024;
/// Attribute values of one object, without the server's own. Tape libraries keep 30 and more custom attributes with a key.
pub const ATTRIBUTES_PER_OBJECT_MAX: usize = 1_000;

/// Iterations of PBKDF2 for one derived key, times the blocks of its hash: several times what is recommended for any hash, and some
/// seconds of one thread of those for slow work.
pub const DERIVATION_ITERATIONS_MAX: u64 = 10_000_000;

/// The limits as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// [`REQUEST_LENGTH_MAX`]
    pub request_length_max: usize,
    /// [`REQUEST_MEMORY_MAX`]
    pub request_memory_max: usize,
    /// [`CONNECTIONS_MAX`]
    pub connections_max: usize,
    /// [`CONNECTIONS_PER_PEER_MAX`]
    pub connections_per_peer_max: usize,
    /// [`HANDSHAKE_TIMEOUT_MS`]
    pub handshake_timeout_ms: u64,
    /// [`IDLE_TIMEOUT_MS`]
    pub idle_timeout_ms: u64,
    /// [`REQUEST_TIMEOUT_MS`]
    pub request_timeout_ms: u64,
    /// [`RESPONSE_TIMEOUT_MS`]
    pub response_timeout_ms: u64,
    /// [`SHUTDOWN_TIMEOUT_MS`]
    pub shutdown_timeout_ms: u64,
    /// [`TLS_SESSIONS_MAX`]
    pub tls_sessions_max: usize,
    /// [`HEAVY_WORK_MAX`]
    pub heavy_work_max: usize,
    /// [`HEAVY_WORK_WAITING_MAX`]
    pub heavy_work_waiting_max: usize,
    /// [`PASSWORD_WORK_MAX`]
    pub password_work_max: usize,
    /// [`NESTING_MAX`]
    pub nesting_max: usize,
    /// [`MESSAGE_ITEMS_MAX`]
    pub message_items_max: usize,
    /// [`BATCH_ITEMS_MAX`]
    pub batch_items_max: usize,
    /// [`RESPONSE_LENGTH_MAX`]
    pub response_length_max: usize,
    /// [`RESPONSE_MEMORY_MAX`]
    pub response_memory_max: usize,
    /// [`LOCATED_ITEMS_MAX`]
    pub located_items_max: usize,
    /// [`OBJECT_LENGTH_MAX`]
    pub object_length_max: usize,
    /// [`ATTRIBUTES_PER_OBJECT_MAX`]
    pub attributes_per_object_max: usize,
    /// [`DERIVATION_ITERATIONS_MAX`]
    pub derivation_iterations_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_length_max: REQUEST_LENGTH_MAX,
            request_memory_max: REQUEST_MEMORY_MAX,
            connections_max: CONNECTIONS_MAX,
            connections_per_peer_max: CONNECTIONS_PER_PEER_MAX,
            handshake_timeout_ms: HANDSHAKE_TIMEOUT_MS,
            idle_timeout_ms: IDLE_TIMEOUT_MS,
            request_timeout_ms: REQUEST_TIMEOUT_MS,
            response_timeout_ms: RESPONSE_TIMEOUT_MS,
            shutdown_timeout_ms: SHUTDOWN_TIMEOUT_MS,
            tls_sessions_max: TLS_SESSIONS_MAX,
            heavy_work_max: HEAVY_WORK_MAX,
            heavy_work_waiting_max: HEAVY_WORK_WAITING_MAX,
            password_work_max: PASSWORD_WORK_MAX,
            nesting_max: NESTING_MAX,
            message_items_max: MESSAGE_ITEMS_MAX,
            batch_items_max: BATCH_ITEMS_MAX,
            response_length_max: RESPONSE_LENGTH_MAX,
            response_memory_max: RESPONSE_MEMORY_MAX,
            located_items_max: LOCATED_ITEMS_MAX,
            object_length_max: OBJECT_LENGTH_MAX,
            attributes_per_object_max: ATTRIBUTES_PER_OBJECT_MAX,
            derivation_iterations_max: DERIVATION_ITERATIONS_MAX,
        }
    }
}

impl Limits {
    /// What is wrong with the limits, if anything.
    ///
    /// # Errors
    /// The key and the bound it breaks.
    pub fn check(&self) -> Result<(), String> {
        let bounds: [(&str, u64, u64, u64); 18] = [
            ("request_length_max", self.request_length_max as u64, 1024, 64 * 1024 * 1024),
            ("request_memory_max", self.request_memory_max as u64, self.request_length_max as u64, 1 << 36),
            ("connections_max", self.connections_max as u64, 1, 1_000_000),
            ("connections_per_peer_max", self.connections_per_peer_max as u64, 1, 1_000_000),
            ("handshake_timeout_ms", self.handshake_timeout_ms, 50, REQUEST_TIMEOUT_CEILING_MS),
            ("request_timeout_ms", self.request_timeout_ms, 50, REQUEST_TIMEOUT_CEILING_MS),
            ("idle_timeout_ms", self.idle_timeout_ms, 50, 24 * 3_600_000),
            ("response_timeout_ms", self.response_timeout_ms, 50, 600_000),
            ("password_work_max", self.password_work_max as u64, 1, 64),
            ("nesting_max", self.nesting_max as u64, 16, ttlv_codec::Limits::DEPTH_CEILING as u64),
            ("message_items_max", self.message_items_max as u64, 256, 1 << 24),
            ("batch_items_max", self.batch_items_max as u64, 1, 65_536),
            ("response_length_max", self.response_length_max as u64, 4_096, 1 << 30),
            ("response_memory_max", self.response_memory_max as u64, self.response_length_max as u64, 1 << 36),
            ("located_items_max", self.located_items_max as u64, 1, 10_000_000),
            // A store keeps 4 MiB in one record: some of them are for the attributes.
            ("object_length_max", self.object_length_max as u64, 4_096, 3 * 1024 * 1024),
            ("attributes_per_object_max", self.attributes_per_object_max as u64, 32, 65_536),
            ("derivation_iterations_max", self.derivation_iterations_max, 1, 1_000_000_000),
        ];
        for (key, value, least, most) in bounds {
            if !(least..=most).contains(&value) {
                return Err(format!("limits.{key} = {value}: must be between {least} and {most}"));
            }
        }
        Ok(())
    }

    /// `handshake_timeout_ms` as a duration.
    #[must_use]
    pub fn handshake_timeout(&self) -> Duration {
        Duration::from_millis(self.handshake_timeout_ms)
    }

    /// `idle_timeout_ms` as a duration.
    #[must_use]
    pub fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    /// `request_timeout_ms` as a duration.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// `response_timeout_ms` as a duration.
    #[must_use]
    pub fn response_timeout(&self) -> Duration {
        Duration::from_millis(self.response_timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_keep_their_own_bounds() {
        Limits::default().check().unwrap();
    }

    #[test]
    fn a_request_time_out_above_the_ceiling_is_refused_by_name() {
        let limits = Limits { request_timeout_ms: 30_001, ..Limits::default() };
        assert!(limits.check().unwrap_err().contains("request_timeout_ms = 30001"));
    }
}
