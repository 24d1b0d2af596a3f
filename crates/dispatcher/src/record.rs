//! Stored objects as the bytes of a record.
//!
//! A record is TTLV: a structure of the format number, the version whose spelling the object has, the object type, then one
//! structure per attribute value (index and value) and, last, the object. The store seals it.

use kmip::attribute::Attribute;
use kmip::codec::{DecodeError, Fields, Value};
use kmip::enumerations::ObjectType;
use kmip::message::VersionNumbers;
use kmip::object::ManagedObject;
use kmip::tag;
use kmip::{ProtocolVersion, Versions};
use store::{Guard, Put, Record};
use ttlv_codec::{Reader, Tag, Writer};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::internal::{self, Kept};
use crate::keys::{Keys, living_name};
use crate::object::{Instance, StoredObject};
use crate::replaced;

/// The format this release writes, and the newest it reads.
const FORMAT: i32 = 1;

// Tags from the range that the standard leaves to vendors; they never leave the store.
const RECORD: Tag = Tag(0x54_0001);
const RECORD_FORMAT: Tag = Tag(0x54_0002);

/// What the store needs to write the object.
#[must_use]
pub(crate) fn to_put(object: &StoredObject) -> Put {
    let mut keys = Keys::begin(object);
    let body = encode(object, &mut keys);
    let Keys { terms, numbers } = keys;
    Put { identifier: object.identifier.clone(), owner: object.owner.clone(), expected: object.revision, body, terms, numbers }
}

/// A record of another store on its way into this one.
#[derive(Debug)]
pub struct TakenOver {
    /// What the store writes.
    pub put: Put,
    /// The names that the object has, each with what must be so that it stays the only one of them: no other living object of its
    /// owner has the name. None for one that is destroyed.
    pub names: Vec<(String, Guard)>,
}

/// What a store needs to take over an object from another store, which had this record of it: the record as it was, and what
/// the object can be found by, which no store tells. `None`: it is no object but a request that the other server accepted and
/// will do itself. That a client's certificate was replaced is taken over with the objects.
///
/// # Errors
/// Why the record is none of an object: of a newer format, or damaged.
pub fn take_over(record: Record) -> std::result::Result<Option<TakenOver>, String> {
    if internal::is_internal(&record.identifier) {
        let put = replaced::take_over(&Kept::from(record)).map_err(|error| error.to_string())?;
        return Ok(put.map(|put| TakenOver { put, names: Vec::new() }));
    }
    let body = record.body.clone();
    let object = from_record(record).map_err(|error| error.to_string())?;
    let name = |attribute: &Attribute| match attribute {
        Attribute::Name(name) if !object.is_destroyed() => {
            let guard = Guard { owner: object.owner.clone(), term: living_name(attribute) };
            Some((name.name_value.clone(), guard))
        }
        _ => None,
    };
    let names = object.attributes().filter_map(name).collect();
    Ok(Some(TakenOver { put: Put { expected: None, body, ..to_put(&object) }, names }))
}

/// The version in whose spelling a value is kept, whatever the version of its object.
#[must_use]
pub(crate) fn spelling_of(attribute: &Attribute) -> ProtocolVersion {
    newest_of(attribute.rules().versions)
}

/// The version in which nothing of a value is lost: 2.1, else the last or the first that has the attribute.
fn newest_of(versions: Versions) -> ProtocolVersion {
    [ProtocolVersion::V2_1, ProtocolVersion::V1_4, ProtocolVersion::V3_0]
        .into_iter()
        .find(|version| versions.contains(*version))
        .unwrap_or(ProtocolVersion::V1_0)
}

/// The bytes of an object, of which `keys` gets what it is found by.
fn encode(object: &StoredObject, keys: &mut Keys) -> Zeroizing<Vec<u8>> {
    let mut writer = Writer::with_capacity(2048);
    writer.structure(RECORD, |writer| {
        writer.integer(RECORD_FORMAT, FORMAT);
        VersionNumbers::from(object.spelling).write(writer, tag::ProtocolVersion, object.spelling);
        object.object_type.write(writer, tag::ObjectType, object.spelling);
        for instance in &object.instances {
            writer.structure(tag::Attributes, |writer| {
                writer.integer(tag::AttributeIndex, instance.index);
                let (attribute, start) = (&instance.attribute, writer.len());
                attribute.write_as(attribute.tag(), writer, spelling_of(attribute));
                keys.add(object, attribute, &writer.bytes()[start..]);
            });
        }
        if let Some(managed) = &object.object {
            managed.write_tagged(writer, object.spelling);
        }
    });
    Zeroizing::new(writer.finish())
}

/// The object of a record.
///
/// # Errors
/// General Failure, if the record is of a newer format or not one of ours; the cause names the object.
pub(crate) fn from_record(record: Record) -> Result<StoredObject> {
    let damaged = |cause: &dyn std::fmt::Display| Error::general_failure(format_args!("record {}: {cause}", record.identifier));
    let (object_type, spelling, instances, object) =
        decode(&record.body).map_err(|error| damaged(&error))?.map_err(|cause| damaged(&cause))?;
    Ok(StoredObject {
        identifier: record.identifier,
        owner: record.owner,
        object_type,
        revision: Some(record.revision),
        instances,
        object,
        spelling,
    })
}

type Body = (ObjectType, ProtocolVersion, Vec<Instance>, Option<ManagedObject>);

fn decode(body: &[u8]) -> Result<Result<Body, String>, DecodeError> {
    let any = ProtocolVersion::V2_1;
    let Some(item) = Reader::new(body).next_item()?.filter(|item| item.tag == RECORD) else {
        return Ok(Err("it is no record of an object".to_owned()));
    };
    let mut fields = Fields::of(&item, any)?;
    let format = read_required::<i32>(&mut fields, RECORD_FORMAT)?;
    if format != FORMAT {
        return Ok(Err(format!("its format is {format}, this release reads {FORMAT}")));
    }
    let numbers = read_required::<VersionNumbers>(&mut fields, tag::ProtocolVersion)?;
    let Some(spelling) = ProtocolVersion::from_numbers(numbers.major, numbers.minor) else {
        return Ok(Err(format!("its object is spelled in version {}.{}", numbers.major, numbers.minor)));
    };
    let object_type = read_required::<ObjectType>(&mut fields, tag::ObjectType)?;
    let mut instances = Vec::new();
    while let Some(item) = fields.take(tag::Attributes)? {
        let mut pair = Fields::of(&item, any)?;
        let index = read_required::<i32>(&mut pair, tag::AttributeIndex)?;
        let value = pair.next_item()?.ok_or(pair.missing(tag::Attribute))?;
        let attribute = read_attribute(&value)?;
        instances.push(Instance { index, attribute });
    }
    let object = match fields.next_item()? {
        Some(item) => ManagedObject::read_tagged(&item, spelling)?,
        None => None,
    };
    fields.end()?;
    Ok(Ok((object_type, spelling, instances, object)))
}

fn read_required<T: Value>(fields: &mut Fields<'_>, tag: Tag) -> Result<T, DecodeError> {
    let item = fields.take(tag)?.ok_or(fields.missing(tag))?;
    T::read(&item, fields.version)
}

fn read_attribute(item: &ttlv_codec::Item<'_>) -> Result<Attribute, DecodeError> {
    if item.tag == tag::Attribute {
        return Attribute::read_tagged(item, ProtocolVersion::V2_1);
    }
    let versions = kmip::attribute::rules_of(item.tag).ok_or(DecodeError::unexpected(item))?.versions;
    Attribute::read_as(item.tag, item, newest_of(versions))?.ok_or(DecodeError::unexpected(item))
}

#[cfg(test)]
mod tests {
    use kmip::Secret;
    use kmip::attribute::VendorAttribute;
    use kmip::codec::{ByteString, DateTime};
    use kmip::enumerations::{CryptographicAlgorithm, HashingAlgorithm, KeyFormatType};
    use kmip::object::{KeyBlock, KeyMaterial, KeyValue, PlainKeyValue, SymmetricKey};
    use kmip::structures::{CertificateIdentifier, Digest, Name};
    use store::Revision;
    use ttlv_codec::TreeValue;

    use super::*;

    /// An object with attributes of every kind: of all versions, of old ones only, of vendors, with gaps in their indices.
    fn sample() -> StoredObject {
        let instance = |index, attribute| Instance { index, attribute };
        let key_block = KeyBlock {
            key_format_type: KeyFormatType::Raw,
            key_compression_type: None,
            key_value: Some(KeyValue::Plain(PlainKeyValue {
                key_material: KeyMaterial::Bytes(Secret::from_slice(&[0xA5; 16])),
                attributes: None,
            })),
            cryptographic_algorithm: Some(CryptographicAlgorithm::AES),
            cryptographic_length: Some(128),
            key_wrapping_data: None,
        };
        StoredObject {
            identifier: "key-1".to_owned(),
            owner: "fred".to_owned(),
            object_type: ObjectType::SymmetricKey,
            revision: Some(Revision(7)),
            instances: vec![
                instance(0, Attribute::Name(Name::text("first"))),
                instance(3, Attribute::Name(Name::text("second"))),
                instance(0, Attribute::CryptographicAlgorithm(CryptographicAlgorithm::AES)),
                instance(0, Attribute::CryptographicLength(128)),
                instance(0, Attribute::ActivationDate(DateTime(-1))),
                instance(0, Attribute::OperationPolicyName("default".to_owned())),
                instance(
                    0,
                    Attribute::CertificateIdentifier(CertificateIdentifier { issuer: "CN=i".to_owned(), serial_number: None }),
                ),
                instance(
                    0,
                    Attribute::Digest(Digest {
                        hashing_algorithm: HashingAlgorithm::SHA_256,
                        digest_value: Some(ByteString(vec![1, 2, 3])),
                        key_format_type: Some(KeyFormatType::Raw),
                    }),
                ),
                instance(
                    1,
                    Attribute::Vendor(VendorAttribute {
                        vendor_identification: "x".to_owned(),
                        attribute_name: "Barcode".to_owned(),
                        attribute_value: TreeValue::TextString("B7".to_owned()),
                    }),
                ),
            ],
            object: Some(ManagedObject::SymmetricKey(SymmetricKey { key_block })),
            spelling: ProtocolVersion::V1_2,
        }
    }

    fn record(object: &StoredObject, body: &[u8]) -> Record {
        Record {
            identifier: object.identifier.clone(),
            owner: object.owner.clone(),
            revision: object.revision.unwrap(),
            created: Revision(1),
            body: Zeroizing::new(body.to_vec()),
        }
    }

    #[test]
    fn what_was_stored_is_what_is_loaded() {
        for spelling in ProtocolVersion::ALL {
            let living = StoredObject { spelling, ..sample() };
            let destroyed = StoredObject { object: None, ..living.clone() };
            for object in [living, destroyed] {
                let put = to_put(&object);
                assert_eq!(put.expected, object.revision);
                assert_eq!(from_record(record(&object, &put.body)).unwrap(), object, "{spelling}");
            }
        }
    }

    #[test]
    fn a_record_is_taken_over_as_it_is_with_all_it_can_be_found_by() {
        let written = to_put(&sample());
        let TakenOver { put, names } = take_over(record(&sample(), &written.body)).unwrap().unwrap();
        assert_eq!((put.identifier, put.owner, put.expected), (written.identifier, written.owner, None));
        assert!(put.body == written.body && put.terms == written.terms && put.numbers == written.numbers);
        assert_eq!(names.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["first", "second"]);
        assert!(names.iter().all(|(_, guard)| guard.owner == "fred" && put.terms.contains(&guard.term)));
        let mut destroyed = StoredObject { object: None, ..sample() };
        destroyed.set(Attribute::DestroyDate(DateTime(1)));
        let written = to_put(&destroyed);
        assert!(take_over(record(&destroyed, &written.body)).unwrap().unwrap().names.is_empty());
        assert!(take_over(record(&sample(), b"none")).unwrap_err().contains("key-1"));
        let internal = Record { identifier: internal::identifier("request", "00"), ..record(&sample(), b"none") };
        assert!(take_over(internal).unwrap().is_none());
    }

    /// The format is for ever: this record was written by the first release.
    #[test]
    fn format_1_byte_by_byte() {
        let body = to_put(&sample()).body;
        let hex: String = body.iter().map(|byte| format!("{byte:02x}")).collect();
        let fixture: String = include_str!("record_format_1.hex").split_whitespace().collect();
        assert_eq!(hex, fixture);
        let digit = |at| u8::from_str_radix(&fixture[at..at + 2], 16).unwrap();
        let stored: Vec<u8> = (0..fixture.len()).step_by(2).map(digit).collect();
        assert_eq!(from_record(record(&sample(), &stored)).unwrap(), sample());
    }

    #[test]
    fn a_newer_format_is_refused_by_its_number() {
        let mut body = to_put(&sample()).body.to_vec();
        // The structure's header, then the header of the format number.
        body[19] = 2;
        let error = from_record(record(&sample(), &body)).unwrap_err();
        let cause = error.cause.unwrap();
        assert!(cause.contains("key-1") && cause.contains("its format is 2"), "{cause}");
    }

    #[test]
    fn a_damaged_record_is_an_error_that_names_it() {
        let body = to_put(&sample()).body;
        let mut errors = 0;
        for at in 0..body.len() {
            if let Err(error) = from_record(record(&sample(), &body[..at])) {
                assert!(error.cause.unwrap().contains("key-1"));
                errors += 1;
            }
            let mut damaged = body.to_vec();
            damaged[at] ^= 0x10;
            // Whatever it is then, it is not what was stored.
            assert!(from_record(record(&sample(), &damaged)).map_or(true, |object| object != sample()), "byte {at}");
        }
        assert_eq!(errors, body.len(), "every truncation is noticed");
    }
}
