//! What clients that took the server's role are told: a Put for a new object, a Notify for a changed one (2.1, sections 6.2.2 and
//! 6.2.3). What is told is what commits change: a state that comes true by its date alone is not.

use std::sync::Arc;

use kmip::attribute::{Attribute, AttributeInstance, AttributeReference, Attributes};
use kmip::codec::{DateTime, Value};
use kmip::enumerations::{LinkType, PutFunction};
use kmip::identifier::{ObjectReference, UniqueIdentifier};
use kmip::message::RequestHeader;
use kmip::operation::Operation as Code;
use kmip::payload::notify::NotifyRequest;
use kmip::payload::put::PutRequest;
use kmip::{ProtocolVersion, tag};
use ttlv_codec::Writer;
use zeroize::Zeroizing;

use crate::object::StoredObject;
use crate::release::{self, Form};
use crate::spelling;

/// Something a client is to be told.
#[derive(Debug)]
pub(crate) struct Notice {
    /// The object as it is now.
    object: StoredObject,
    /// The object as it was; `None`: it is new.
    before: Option<StoredObject>,
    /// When, in seconds since 1970.
    now: i64,
    /// About how many bytes it holds.
    pub(crate) size: usize,
}

/// A request for such a client.
pub(crate) struct Telling {
    pub(crate) operation: Code,
    pub(crate) identifier: String,
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

impl Notice {
    /// What there is to tell of a change; `None`: nothing changed that has a name.
    pub(crate) fn new(before: Option<StoredObject>, object: StoredObject, now: i64) -> Option<Arc<Self>> {
        // That somebody has it now, who is the same client, is no event.
        let told = |object: &StoredObject| {
            let instances = object.instances.iter().filter(|instance| instance.attribute.tag() != tag::Fresh);
            instances.cloned().collect::<Vec<_>>()
        };
        let is_same = before.as_ref().is_some_and(|before| told(before) == told(&object));
        let size = |object: &StoredObject| 256 + object.instances.len() * 128 + object.material_length();
        let size = size(&object) + before.as_ref().map_or(0, size);
        (!is_same).then(|| Arc::new(Self { object, before, now, size }))
    }

    /// Which object it is of.
    #[cfg(test)]
    pub(crate) fn identifier(&self) -> &str {
        &self.object.identifier
    }

    /// Whose object it is.
    pub(crate) fn owner(&self) -> &str {
        &self.object.owner
    }

    /// The object as it is now.
    pub(crate) const fn object(&self) -> &StoredObject {
        &self.object
    }

    /// The request that tells it, as a version spells it, with the material of a new object if the client may have it; `None`: that
    /// version has no word for it.
    pub(crate) fn telling(&self, version: ProtocolVersion, correlation: &str, now: i64, released: bool) -> Option<Telling> {
        let identifier = self.object.identifier.clone();
        match self.put(version).filter(|_| released) {
            Some(put) => {
                Some(Telling { operation: Code::Put, identifier, bytes: message(Code::Put, &put, version, correlation, now) })
            }
            None => {
                let notify = self.notify(version)?;
                let bytes = message(Code::Notify, &notify, version, correlation, now);
                Some(Telling { operation: Code::Notify, identifier, bytes })
            }
        }
    }

    /// A new object that may leave the server.
    fn put(&self, version: ProtocolVersion) -> Option<PutRequest> {
        let managed = self.object.object.as_ref().filter(|_| self.before.is_none())?;
        release::check_release(&self.object, &Form::default()).ok()?;
        release::check_spelling(managed, version).ok()?;
        let replaced = self.object.attributes().find_map(|attribute| match attribute {
            Attribute::Link(link) if link.link_type == LinkType::ReplacedObjectLink => match &link.linked_object_identifier {
                ObjectReference::Identifier(identifier) => Some(UniqueIdentifier(identifier.clone())),
                _ => None,
            },
            _ => None,
        });
        let mut attributes = self.object.view(self.now);
        attributes.0.retain(|instance| !matches!(instance.attribute, Attribute::UniqueIdentifier(_)));
        spelling::attributes(&mut attributes, version);
        Some(PutRequest {
            unique_identifier: UniqueIdentifier(self.object.identifier.clone()),
            put_function: if replaced.is_some() { PutFunction::Replace } else { PutFunction::New },
            replaced_unique_identifier: replaced,
            object: managed.clone(),
            attributes: Some(attributes),
        })
    }

    fn notify(&self, version: ProtocolVersion) -> Option<NotifyRequest> {
        let now = self.object.view(self.now).0;
        let before = self.before.as_ref().map(|before| before.view(self.now).0).unwrap_or_default();
        let is_lost = |instance: &AttributeInstance| !now.iter().any(|other| same_place(instance, other));
        // Of an attribute that lost one value of several, those that are left are told: a client cannot be told which one went.
        let shrunk: Vec<AttributeReference> =
            before.iter().filter(|instance| is_lost(instance)).map(|instance| instance.attribute.reference()).collect();
        let has = |reference: &AttributeReference| now.iter().any(|instance| instance.attribute.is(reference));
        let mut attribute_references: Vec<AttributeReference> = Vec::new();
        for reference in shrunk.iter().filter(|reference| !has(reference) && reference.in_version(version)) {
            if !attribute_references.contains(reference) {
                attribute_references.push(reference.clone());
            }
        }
        // At least Last Change Date.
        let is_told = |instance: &AttributeInstance| {
            !before.contains(instance)
                || matches!(instance.attribute, Attribute::LastChangeDate(_))
                || shrunk.iter().any(|reference| instance.attribute.is(reference))
        };
        let mut attributes = Attributes(now.iter().filter(|instance| is_told(instance)).cloned().collect());
        spelling::attributes(&mut attributes, version);
        Some(NotifyRequest {
            unique_identifier: UniqueIdentifier(self.object.identifier.clone()),
            attributes: Some(attributes),
            attribute_references,
        })
    }
}

/// Whether two values stand at the same index of the same attribute.
fn same_place(one: &AttributeInstance, other: &AttributeInstance) -> bool {
    one.index == other.index && one.attribute.is(&other.attribute.reference())
}

/// A request of the server: with a Server Correlation Value and a Time Stamp, and without what only clients may ask for (2.1,
/// sections 9.10 and 9.20).
pub(crate) fn message(
    operation: Code,
    payload: &impl Value,
    version: ProtocolVersion,
    correlation: &str,
    now: i64,
) -> Zeroizing<Vec<u8>> {
    let header = RequestHeader {
        server_correlation_value: Some(correlation.to_owned()),
        time_stamp: Some(DateTime(now)),
        ..RequestHeader::new(version, 1)
    };
    let mut writer = Writer::new();
    writer.structure(tag::RequestMessage, |writer| {
        header.write(writer, tag::RequestHeader, version);
        writer.structure(tag::BatchItem, |writer| {
            operation.write(writer, tag::Operation, version);
            payload.write(writer, tag::RequestPayload, version);
        });
    });
    Zeroizing::new(writer.finish())
}
