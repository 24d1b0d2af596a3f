//! Keys that are replaced: by a command, or by the server when their interval has passed.

use std::time::{SystemTime, UNIX_EPOCH};

use client::{Client, Error, spoken};
use kmip::attribute::{Attribute, AttributeReference, Attributes};
use kmip::codec::{DateTime, Interval};
use kmip::enumerations::{LinkType, ObjectType, State};
use kmip::identifier::{ObjectReference, UniqueIdentifier};
use kmip::payload::{ReKeyKeyPairRequest, ReKeyRequest};
use kmip::{ProtocolVersion, tag};
use serde_json::{Value as Json, json};

use crate::arguments::ReKey;
use crate::attribute_text as text;
use crate::output::{self, Failure, Output};

/// Puts a new key or pair in place of one.
pub(crate) async fn re_key(client: &mut Client, output: Output, arguments: &ReKey) -> Result<(), Failure> {
    let identifier: UniqueIdentifier = arguments.identifier.as_str().into();
    let reference = || Some(ObjectReference::from(identifier.clone()));
    let offset = arguments.offset.map(Interval);
    let attributes = client.get_attributes(&identifier, &[AttributeReference::Standard(tag::ObjectType)]).await?;
    if attributes.object_type() == Some(&ObjectType::PrivateKey) {
        let request = ReKeyKeyPairRequest {
            private_key_unique_identifier: reference(),
            unique_identifier: None,
            offset,
            common_attributes: None,
            private_key_attributes: None,
            public_key_attributes: None,
            common_protection_storage_masks: None,
            private_protection_storage_masks: None,
            public_protection_storage_masks: None,
        };
        let made = client.call(&request).await?;
        let (private, public) = (made.private_key_unique_identifier.0, made.public_key_unique_identifier.0);
        output.result(
            format_args!("private key {private}\npublic key {public}"),
            || json!({ "private_key_unique_identifier": private, "public_key_unique_identifier": public }),
        );
        return Ok(());
    }
    let request = ReKeyRequest { unique_identifier: reference(), offset, attributes: None, protection_storage_masks: None };
    let made = client.call(&request).await?.unique_identifier.0;
    output.result(&made, || json!({ "unique_identifier": made }));
    Ok(())
}

/// What is read of each key.
const ASKED: [ttlv_codec::Tag; 11] = [
    tag::ObjectType,
    tag::State,
    tag::Name,
    tag::InitialDate,
    tag::RevocationReason,
    tag::RotateAutomatic,
    tag::RotateInterval,
    tag::RotateGeneration,
    tag::RotateName,
    tag::RotateOffset,
    tag::Link,
];

/// A key that the server will rotate.
struct Rotation {
    identifier: String,
    due: i64,
    attributes: Attributes,
}

/// Lists the keys that the server rotates.
pub(crate) async fn list(client: &mut Client, output: Output) -> Result<(), Failure> {
    let version = client.version();
    if version < ProtocolVersion::V2_1 {
        return Err(Error::NotInVersion { what: "rotations".to_owned(), version }.into());
    }
    let found = client.locate([Attribute::RotateAutomatic(true)].into_iter().collect(), None).await?;
    let references = ASKED.map(AttributeReference::Standard);
    let mut rotations = Vec::new();
    for identifier in found.unique_identifiers {
        let attributes = match client.get_attributes(&identifier, &references).await {
            Ok(attributes) => attributes,
            // Removed meanwhile.
            Err(Error::Operation(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        if let Some(due) = due(&attributes) {
            rotations.push(Rotation { identifier: identifier.0, due, attributes });
        }
    }
    rotations.sort_by(|one, other| (one.due, &one.identifier).cmp(&(other.due, &other.identifier)));
    let now =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX));
    if output.json {
        let all: Vec<Json> = rotations.iter().map(|rotation| rotation.document(now, version)).collect();
        output::line(format_args!("{:#}", json!({ "rotations": all })));
    } else {
        rotations.iter().for_each(|rotation| output::line(rotation.text(now, version)));
    }
    Ok(())
}

/// When a key is to be rotated; `None`: it has come to the end of its life, or was replaced.
fn due(attributes: &Attributes) -> Option<i64> {
    let replaced = attributes
        .iter()
        .any(|attribute| matches!(attribute, Attribute::Link(link) if link.link_type == LinkType::ReplacementObjectLink));
    let living = matches!(*attributes.state()?, State::PreActive | State::Active | State::Deactivated);
    if replaced || !living || attributes.revocation_reason().is_some() || attributes.rotate_automatic() != Some(&true) {
        return None;
    }
    let Interval(interval) = *attributes.rotate_interval()?;
    let DateTime(initial) = *attributes.initial_date()?;
    (interval > 0).then(|| initial.saturating_add(i64::from(interval)))
}

impl Rotation {
    fn name(&self) -> Option<&str> {
        let of_set = self.attributes.rotate_name().map(|name| name.rotate_name_value.as_str());
        self.attributes.name().map(|name| name.name_value.as_str()).or(of_set)
    }

    fn date(&self, version: ProtocolVersion) -> String {
        text::value_text(&DateTime(self.due), tag::RotateDate, version)
    }

    fn interval(&self) -> u32 {
        self.attributes.rotate_interval().map_or(0, |interval| interval.0)
    }

    fn generation(&self) -> i32 {
        self.attributes.rotate_generation().copied().unwrap_or(0)
    }

    fn text(&self, now: i64, version: ProtocolVersion) -> String {
        let name = self.name().unwrap_or("-");
        let late = if self.due <= now { "due" } else { "   " };
        let (date, every, generation) = (self.date(version), self.interval(), self.generation());
        format!("{date}  {late}  {}  every {every} s  generation {generation}  {name}", self.identifier)
    }

    fn document(&self, now: i64, version: ProtocolVersion) -> Json {
        let state = self.attributes.state().map(|state| spoken(*state));
        let object_type = self.attributes.object_type().map(|object_type| spoken(*object_type));
        json!({
            "unique_identifier": self.identifier,
            "object_type": object_type,
            "state": state,
            "name": self.attributes.name().map(|name| &name.name_value),
            "rotate_name": self.attributes.rotate_name().map(|name| &name.rotate_name_value),
            "rotate_interval": self.interval(),
            "rotate_offset": self.attributes.rotate_offset().map(|offset| offset.0),
            "rotate_generation": self.generation(),
            "rotates_at": self.date(version),
            "is_due": self.due <= now,
        })
    }
}
