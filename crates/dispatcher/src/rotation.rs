//! The rotation that keys promise with Rotate Automatic and Rotate Interval (2.1, sections 4.48 to 4.54).
//!
//! A key is due when its Initial Date is a Rotate Interval ago. It is then re-keyed by its owner's own Re-key or Re-key Key Pair, with
//! the Rotate Offset: the same path that a request takes, with the same checks, the same record in the log, and one commit. So a crash
//! leaves either the old key or the new one in its place, never half of it; and since nothing but the objects says what is due, a
//! server that was down goes on where it stopped. Intervals that passed meanwhile are not made up for: the new key begins anew.
//!
//! Not rotated are keys that were replaced, destroyed, compromised, revoked or archived, and those whose replacement would be born deactivated,
//! because their Deactivation Date has passed and no Rotate Offset moves it. Nor are certificates, whose rotation is a
//! Re-certify, which the server does not perform: they keep the attributes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kmip::ProtocolVersion;
use kmip::attribute::Attribute;
use kmip::codec::{DateTime, Interval, Value as _};
use kmip::enumerations::{LinkType, ObjectType, State};
use kmip::identifier::ObjectReference;
use kmip::message::RequestHeader;
use kmip::operation::Operation;
use kmip::payload::re_key::ReKeyRequest;
use kmip::payload::re_key_key_pair::ReKeyKeyPairRequest;
use kmip::tag;
use policy::Actor;
use store::{Page, Query, Store, StoreError, Tenant};
use ttlv_codec::Writer;

use crate::engine::Engine;
use crate::keys;
use crate::object::StoredObject;
use crate::record;
use crate::session::Session;

/// How many keys are looked up at a time.
const CHUNK: usize = 64;

/// The pause after each rotation: a hundred in a second at most, so that clients hardly notice that many keys are due.
const PAUSE: Duration = Duration::from_millis(10);

/// When a key whose rotation failed is tried again, in seconds.
const RETRY_S: i64 = 3_600;

/// Whose requests these are, in the log.
const PEER: &str = "automatic rotation";

/// What a round of rotations did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotations {
    /// Keys, or pairs, that have a replacement now.
    pub done: usize,
    /// Those that could not be replaced; the log says why. They are tried again in an hour.
    pub failed: usize,
}

/// Keys whose rotation failed, and when they are tried again.
#[derive(Default)]
pub(crate) struct Failures(Mutex<HashMap<(Tenant, String), i64>>);

impl Failures {
    fn waits(&self, tenant: Tenant, identifier: &str, now: i64) -> bool {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was ahead for a while must not keep a key waiting for long.
        waiting
            .get(&(tenant, identifier.to_owned()))
            .is_some_and(|until| (now..=now.saturating_add(RETRY_S)).contains(until) && *until > now)
    }

    fn note(&self, tenant: Tenant, identifier: &str, now: i64) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, until| *until > now);
        waiting.insert((tenant, identifier.to_owned()), now.saturating_add(RETRY_S));
    }
}

/// When a key is to be rotated, in seconds since 1970; `None`: it is not.
#[must_use]
pub(crate) fn due(object: &StoredObject) -> Option<i64> {
    if !matches!(object.object_type, ObjectType::SymmetricKey | ObjectType::PrivateKey | ObjectType::PublicKey) {
        return None;
    }
    let (mut automatic, mut interval, mut initial) = (false, None, None);
    for attribute in object.attributes() {
        match attribute {
            Attribute::RotateAutomatic(value) => automatic = *value,
            Attribute::RotateInterval(Interval(seconds)) => interval = Some(i64::from(*seconds)),
            Attribute::InitialDate(DateTime(date)) => initial = Some(*date),
            // What is archived is not touched; when it is recovered it is due again.
            Attribute::DestroyDate(_)
            | Attribute::CompromiseDate(_)
            | Attribute::RevocationReason(_)
            | Attribute::ArchiveDate(_) => return None,
            _ => {}
        }
    }
    // An interval of nothing would rotate the key for ever.
    let interval = interval.filter(|interval| automatic && *interval > 0)?;
    if object.linked(LinkType::ReplacementObjectLink).is_some() {
        return None;
    }
    Some(initial?.saturating_add(interval))
}

/// The Rotate Offset of a key.
fn offset(object: &StoredObject) -> Option<Interval> {
    object.first(|attribute| match attribute {
        Attribute::RotateOffset(offset) => Some(*offset),
        _ => None,
    })
}

impl<S: Store> Engine<S> {
    /// Rotates the keys that are due, one after the other. To be called from time to time, by one task.
    ///
    /// # Errors
    /// That the store cannot be searched or read.
    pub async fn rotate(&self) -> Result<Rotations, String> {
        let mut rotations = Rotations::default();
        let now = self.environment.clock.now_us().div_euclid(1_000_000);
        for tenant in self.store.tenants().await.map_err(|error| error.to_string())? {
            self.rotate_in(tenant, now, &mut rotations).await?;
        }
        Ok(rotations)
    }

    async fn rotate_in(&self, tenant: Tenant, now: i64, rotations: &mut Rotations) -> Result<(), String> {
        let query = Query { ranges: vec![keys::to_rotate(now)], ..Query::default() };
        let mut after = None;
        loop {
            let page = Page { after, limit: CHUNK };
            let found = self.store.find(tenant, &query, page).await.map_err(|error| error.to_string())?;
            let failures = &self.rotation_failures;
            for identifier in found.identifiers.iter().filter(|identifier| !failures.waits(tenant, identifier, now)) {
                match self.rotate_one(tenant, identifier, now).await? {
                    None => continue,
                    Some(Ok(())) => rotations.done += 1,
                    Some(Err(cause)) => {
                        tracing::warn!(identifier, cause, "a key could not be rotated; it is tried again in an hour");
                        self.rotation_failures.note(tenant, identifier, now);
                        rotations.failed += 1;
                    }
                }
                self.environment.clock.sleep(PAUSE).await;
            }
            match found.next {
                Some(cursor) => after = Some(cursor),
                None => return Ok(()),
            }
        }
    }

    /// Rotates a key, if it still is to be; `None`: it is not.
    async fn rotate_one(&self, tenant: Tenant, identifier: &str, now: i64) -> Result<Option<Result<(), String>>, String> {
        let loaded = match self.store.load(tenant, &[identifier]).await {
            // One damaged record must not keep the other keys from their rotation.
            Err(error @ StoreError::Damaged { .. }) => return Ok(Some(Err(error.to_string()))),
            loaded => loaded.map_err(|error| error.to_string())?,
        };
        let Some(record) = loaded.into_iter().next().flatten() else { return Ok(None) };
        let object = match record::from_record(record) {
            Ok(object) => object,
            Err(error) => return Ok(Some(Err(error.to_string()))),
        };
        if due(&object).is_none_or(|due| due > now) {
            return Ok(None);
        }
        let offset = offset(&object);
        if offset.is_none() && object.state(now) == State::Deactivated {
            // Looked at again in an hour: it is due for ever, unless somebody gives it an offset.
            self.rotation_failures.note(tenant, identifier, now);
            return Ok(None);
        }
        let request = match request(&object, offset) {
            Ok(request) => request,
            Err(cause) => return Ok(Some(Err(cause))),
        };
        let owner = Actor::of(object.owner.clone(), tenant.0);
        let mut session = Session::new(owner, PEER.to_owned());
        let response = self.handle(&mut session, &request).await;
        let failure = match response.items.first() {
            Some(item) if item.result == "Success" => None,
            Some(item) => Some(item.cause.clone().unwrap_or_else(|| item.result.to_owned())),
            None => Some("no answer".to_owned()),
        };
        Ok(Some(failure.map_or(Ok(()), Err)))
    }
}

/// The request that replaces a key.
fn request(object: &StoredObject, offset: Option<Interval>) -> Result<Vec<u8>, String> {
    let version = ProtocolVersion::V2_1;
    let mut writer = Writer::new();
    let message = writer.begin(tag::RequestMessage);
    RequestHeader::new(version, 1).write(&mut writer, tag::RequestHeader, version);
    let only = writer.begin(tag::BatchItem);
    item(object, offset, &mut writer, version)?;
    writer.end(only);
    writer.end(message);
    Ok(writer.finish())
}

fn item(object: &StoredObject, offset: Option<Interval>, writer: &mut Writer, version: ProtocolVersion) -> Result<(), String> {
    // A pair is replaced by its private key, whichever half is due.
    let private = match object.object_type {
        ObjectType::SymmetricKey => {
            Operation::ReKey.write(writer, tag::Operation, version);
            let request = ReKeyRequest {
                unique_identifier: Some(ObjectReference::from(object.identifier.as_str())),
                offset,
                attributes: None,
                protection_storage_masks: None,
            };
            request.write(writer, tag::RequestPayload, version);
            return Ok(());
        }
        ObjectType::PrivateKey => object.identifier.as_str(),
        _ => object.linked(LinkType::PrivateKeyLink).ok_or("the public key is not linked with a private key")?,
    };
    Operation::ReKeyKeyPair.write(writer, tag::Operation, version);
    let request = ReKeyKeyPairRequest {
        private_key_unique_identifier: Some(ObjectReference::from(private)),
        unique_identifier: None,
        offset,
        common_attributes: None,
        private_key_attributes: None,
        public_key_attributes: None,
        common_protection_storage_masks: None,
        private_protection_storage_masks: None,
        public_protection_storage_masks: None,
    };
    request.write(writer, tag::RequestPayload, version);
    Ok(())
}
