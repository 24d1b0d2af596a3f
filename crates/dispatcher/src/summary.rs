//! What a report tells of a stored object: its attributes, its links, by what it is wrapped. Never its material.

use kmip::attribute::Attribute;
use kmip::codec::DateTime;
use kmip::enumerations::{CertificateType, CryptographicAlgorithm, LinkType, ObjectType, State};
use kmip::identifier::ObjectReference;
use kmip::masks::CryptographicUsageMask;
use kmip::object::ManagedObject;
use store::Record;

use crate::object::StoredObject;
use crate::{internal, record, rotation};

/// An object as a report knows it. Dates are in seconds since 1970.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its identifier.
    pub identifier: String,
    /// Whose it is.
    pub owner: String,
    /// Its type.
    pub object_type: ObjectType,
    /// Its state at the moment that was asked for.
    pub state: State,
    /// The first of its names.
    pub name: Option<String>,
    /// Cryptographic Algorithm.
    pub algorithm: Option<CryptographicAlgorithm>,
    /// Cryptographic Length, in bits.
    pub length: Option<i32>,
    /// Cryptographic Usage Mask.
    pub usage: CryptographicUsageMask,
    /// Initial Date.
    pub initial: Option<i64>,
    /// Activation Date.
    pub activation: Option<i64>,
    /// Deactivation Date.
    pub deactivation: Option<i64>,
    /// Fresh: nobody has obtained it yet. `None`: unknown.
    pub fresh: Option<bool>,
    /// Whether it is in the archive.
    pub archived: bool,
    /// When the server rotates it, if it does.
    pub rotates: Option<i64>,
    /// Its links to objects: of which type, and to which identifier.
    pub links: Vec<(LinkType, String)>,
    /// The keys that its Key Wrapping Data name: those it is encrypted under, or authenticated by.
    pub wrapped_by: Vec<String>,
    /// The certificate, if it is one of X.509 (DER).
    pub certificate: Option<Vec<u8>>,
}

impl Summary {
    /// Whether another object has replaced it.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.links.iter().any(|(link_type, _)| *link_type == LinkType::ReplacementObjectLink)
    }

    /// Whether it is destroyed.
    #[must_use]
    pub fn is_destroyed(&self) -> bool {
        matches!(self.state, State::Destroyed | State::DestroyedCompromised)
    }
}

/// What a record of a store tells of its object at a moment, in seconds since 1970; `None`: it is none of an object.
///
/// # Errors
/// Why the record cannot be read.
pub fn summarise(record: Record, now: i64) -> Result<Option<Summary>, String> {
    if internal::is_internal(&record.identifier) {
        return Ok(None);
    }
    let object = record::from_record(record).map_err(|error| error.cause.unwrap_or_else(|| "unreadable".to_owned()))?;
    Ok(Some(of(object, now)))
}

fn of(object: StoredObject, now: i64) -> Summary {
    let mut summary = Summary {
        state: object.state(now),
        rotates: rotation::due(&object),
        archived: object.is_archived(),
        wrapped_by: object.object.as_ref().map(wrapped_by).unwrap_or_default(),
        certificate: object.object.as_ref().and_then(certificate),
        identifier: object.identifier,
        owner: object.owner,
        object_type: object.object_type,
        name: None,
        algorithm: None,
        length: None,
        usage: CryptographicUsageMask::default(),
        initial: None,
        activation: None,
        deactivation: None,
        fresh: None,
        links: Vec::new(),
    };
    for instance in object.instances {
        match instance.attribute {
            Attribute::Name(name) => summary.name = summary.name.or(Some(name.name_value)),
            Attribute::CryptographicAlgorithm(algorithm) => summary.algorithm = Some(algorithm),
            Attribute::CryptographicLength(length) => summary.length = Some(length),
            Attribute::CryptographicUsageMask(usage) => summary.usage = usage,
            Attribute::InitialDate(DateTime(date)) => summary.initial = Some(date),
            Attribute::ActivationDate(DateTime(date)) => summary.activation = Some(date),
            Attribute::DeactivationDate(DateTime(date)) => summary.deactivation = Some(date),
            Attribute::Fresh(fresh) => summary.fresh = Some(fresh),
            Attribute::Link(link) => {
                if let ObjectReference::Identifier(identifier) = link.linked_object_identifier {
                    summary.links.push((link.link_type, identifier));
                }
            }
            _ => {}
        }
    }
    summary
}

fn wrapped_by(object: &ManagedObject) -> Vec<String> {
    let Some(data) = object.key_block().and_then(|block| block.key_wrapping_data.as_ref()) else { return Vec::new() };
    let encryption = data.encryption_key_information.as_ref().map(|key| &key.unique_identifier);
    let authentication = data.mac_signature_key_information.as_ref().map(|key| &key.unique_identifier);
    let identifier = |reference: &ObjectReference| match reference {
        ObjectReference::Identifier(identifier) => Some(identifier.clone()),
        _ => None,
    };
    encryption.into_iter().chain(authentication).filter_map(identifier).collect()
}

fn certificate(object: &ManagedObject) -> Option<Vec<u8>> {
    match object {
        ManagedObject::Certificate(certificate) if certificate.certificate_type == CertificateType::X_509 => {
            Some(certificate.certificate_value.expose().to_vec())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use kmip::ProtocolVersion;
    use kmip::enumerations::KeyFormatType;
    use kmip::object::{KeyBlock, KeyMaterial, KeyValue, PlainKeyValue, SymmetricKey};
    use kmip::structures::Link;
    use store::Revision;

    use super::*;

    #[test]
    fn a_summary_tells_what_there_is_and_no_material() {
        let mut object = StoredObject::new("key-1".into(), "fred".into(), ObjectType::SymmetricKey, ProtocolVersion::V2_1);
        object.set(Attribute::CryptographicAlgorithm(CryptographicAlgorithm::AES));
        object.set(Attribute::CryptographicLength(128));
        object.set(Attribute::ActivationDate(DateTime(10)));
        object.set(Attribute::Fresh(true));
        object.add(Attribute::Link(Link {
            link_type: LinkType::DerivationBaseObjectLink,
            linked_object_identifier: "base".into(),
        }));
        object.object = Some(ManagedObject::SymmetricKey(SymmetricKey {
            key_block: KeyBlock {
                key_format_type: KeyFormatType::Raw,
                key_compression_type: None,
                key_value: Some(KeyValue::Plain(PlainKeyValue {
                    key_material: KeyMaterial::Bytes(kmip::Secret::from_slice(&[0xA5; 16])),
                    attributes: None,
                })),
                cryptographic_algorithm: Some(CryptographicAlgorithm::AES),
                cryptographic_length: Some(128),
                key_wrapping_data: None,
            },
        }));
        let read = |now| {
            let put = record::to_put(&object);
            let (identifier, owner, body) = (put.identifier, put.owner, put.body);
            summarise(Record { identifier, owner, revision: Revision(1), created: Revision(1), body }, now).unwrap().unwrap()
        };
        let summary = read(11);
        assert_eq!((summary.state, summary.length, summary.fresh), (State::Active, Some(128), Some(true)));
        assert_eq!(summary.links, [(LinkType::DerivationBaseObjectLink, "base".to_owned())]);
        assert!(!format!("{summary:?}").contains("165, 165"));
        assert_eq!(read(9).state, State::PreActive);
    }
}
