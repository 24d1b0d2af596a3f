//! Attestation: a client shows what its platform is (2.1, sections 9.3, 9.11 and 9.14).
//!
//! Where a policy asks for it, a client that says that it can attest is answered Attestation Required, with a nonce. It sends the request again,
//! with an attestation that was made for the nonce, over the same connection: what the judge believes is then believed of this connection for a
//! while. A nonce is given to one connection, expires, and is gone once it is shown, whatever comes of it. All of this lives in memory with the
//! connection.
//!
//! An attestation proves no user: who asks is the client of the certificate, or the user of another credential.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kmip::codec::ByteString;
use kmip::credential::{Attestation, Nonce};
use kmip::enumerations::{AttestationType, Enumeration as _};
use kmip::message::RequestMessage;
use kmip::result_reason::ResultReason;
use policy::Actor;
use store::Store;

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::session::Session;

/// Bytes of a nonce and of its identifier. Of a nonce a TPM takes 66.
const NONCE_LENGTH: usize = 32;
const NONCE_ID_LENGTH: usize = 16;
/// Nonces of one connection that may still be used: a client that goes on with other requests meanwhile has a few.
const NONCES_MAX: usize = 4;
/// Bytes of a Nonce in the header of a response, and of each Attestation Type: with heads and padding.
const NONCE_SIZE: usize = 8 + 8 + NONCE_ID_LENGTH + 8 + NONCE_LENGTH;
const ATTESTATION_TYPE_SIZE: usize = 16;

/// What a connection has to do with attestation.
#[derive(Default)]
pub(crate) struct Attesting {
    nonces: Vec<Given>,
    attested: Option<Attested>,
}

/// A nonce that was given to the client.
struct Given {
    nonce: Nonce,
    expires_us: i64,
}

/// What an attestation has shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attested {
    until_us: i64,
    /// Of the judge.
    generation: u64,
}

/// What a client is offered to attest with, where it has to.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) nonce: Nonce,
    pub(crate) types: Vec<AttestationType>,
    expires_us: i64,
}

impl Offer {
    /// How much longer it makes a response, in bytes.
    pub(crate) const fn size(&self) -> usize {
        NONCE_SIZE + ATTESTATION_TYPE_SIZE * self.types.len()
    }
}

impl Attesting {
    /// The client has the nonce now. The oldest makes room.
    pub(crate) fn give(&mut self, offer: Offer) {
        if self.nonces.len() >= NONCES_MAX {
            self.nonces.remove(0);
        }
        self.nonces.push(Given { nonce: offer.nonce, expires_us: offer.expires_us });
    }

    /// Takes a nonce that the client shows; whether it could be used.
    fn take(&mut self, shown: &Nonce, now_us: i64) -> bool {
        self.nonces.retain(|given| given.expires_us > now_us);
        let Some(at) = self.nonces.iter().position(|given| given.nonce.nonce_id == shown.nonce_id) else { return false };
        let given = self.nonces.remove(at);
        crypto::equal(&given.nonce.nonce_value.0, &shown.nonce_value.0)
    }

    /// What an attestation has shown holds from now on.
    pub(crate) fn take_note(&mut self, attested: Attested) {
        self.attested = Some(attested);
    }

    /// Whether what was attested still holds.
    pub(crate) fn is_attested(&self, now_us: i64, generation: u64) -> bool {
        self.attested.is_some_and(|attested| attested.until_us > now_us && attested.generation == generation)
    }
}

impl<S: Store> Engine<S> {
    /// Whether an earlier attestation holds for a connection.
    pub(crate) fn is_attested(&self, session: &Session, now_us: i64) -> bool {
        session.attesting.is_attested(now_us, self.environment.attestor.generation())
    }

    /// What a client is offered that says that it can attest, and has not.
    pub(crate) fn offer(&self, client: &Actor, message: &RequestMessage<'_>, now_us: i64) -> Option<Offer> {
        if message.header.attestation_capable_indicator != Some(true) {
            return None;
        }
        let able = &message.header.attestation_types;
        let mut types = self.environment.attestor.types_for(client);
        types.retain(|known| able.is_empty() || able.contains(known));
        if types.is_empty() {
            return None;
        }
        let mut bytes = [0; NONCE_ID_LENGTH + NONCE_LENGTH];
        let fill = || self.environment.random.fill(&mut bytes).is_ok();
        // Without random bytes there is no nonce, and the client is refused.
        if !catch_unwind(AssertUnwindSafe(fill)).unwrap_or(false) {
            return None;
        }
        let (identifier, value) = bytes.split_at(NONCE_ID_LENGTH);
        let nonce = Nonce { nonce_id: ByteString(identifier.to_vec()), nonce_value: ByteString(value.to_vec()) };
        Some(Offer { nonce, types, expires_us: after(now_us, self.settings.attestation.nonce_expiry_s) })
    }

    /// Evaluates an attestation. Its nonce is used up, whatever comes of it.
    ///
    /// # Errors
    /// Attestation Failed; Feature Not Supported for a type that is not evaluated.
    pub(crate) fn attest(&self, session: &mut Session, attestation: &Attestation, now_us: i64) -> Result<Attested> {
        let failed = |text: String| Error::new(ResultReason::AttestationFailed, text);
        let attestor = &self.environment.attestor;
        // Read before anything is evaluated: what changes meanwhile makes the result stale, never fresh.
        let generation = attestor.generation();
        let client = &session.certificate_actor;
        let is_fresh = session.attesting.take(&attestation.nonce, now_us);
        let types = attestor.types_for(client);
        if types.is_empty() {
            return Err(failed("The server does not evaluate attestations of this client".to_owned()));
        }
        if !types.contains(&attestation.attestation_type) {
            let name = |known: AttestationType| known.name(kmip::ProtocolVersion::V2_1).unwrap_or("another type");
            let known: Vec<_> = types.iter().map(|known| name(*known)).collect();
            let text =
                format!("Of this client the server evaluates {}, not {}", known.join(", "), name(attestation.attestation_type));
            return Err(Error::new(ResultReason::FeatureNotSupported, text));
        }
        if !is_fresh {
            let text = "The Nonce was not given to this connection, was used before, or has expired";
            return Err(failed(text.to_owned()));
        }
        attestor.verify(client, attestation).map_err(|refusal| {
            failed(refusal.told.unwrap_or_else(|| "The attestation does not validate".to_owned())).because(refusal.cause)
        })?;
        Ok(Attested { until_us: after(now_us, self.settings.attestation.valid_s), generation })
    }
}

/// Seconds after a moment.
fn after(now_us: i64, seconds: u32) -> i64 {
    now_us.saturating_add(i64::from(seconds) * 1_000_000)
}

/// Why an actor may not do what it could do if its platform were attested.
pub(crate) fn required(can_attest: bool) -> Error {
    if can_attest {
        let text =
            "The client has to attest its platform for this: with an Attestation credential for the Nonce of this response";
        Error::new(ResultReason::AttestationRequired, text)
    } else {
        let text =
            "The client has to attest its platform for this, and says that it cannot, or the server evaluates nothing of it";
        Error::new(ResultReason::PermissionDenied, text)
    }
}
