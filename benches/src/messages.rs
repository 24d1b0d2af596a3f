//! Messages as clients send them and servers answer them.

use kmip::attribute::{Attribute, AttributeFilter, AttributeFilters, Attributes, TemplateAttribute};
use kmip::codec::{DateTime, Value};
use kmip::enumerations::{CryptographicAlgorithm, KeyFormatType, ObjectType, ResultStatus};
use kmip::identifier::UniqueIdentifier;
use kmip::masks::CryptographicUsageMask;
use kmip::message::{RequestHeader, ResponseBatchItem, ResponseHeader, ResponseMessage, write_request_item};
use kmip::object::{KeyBlock, KeyMaterial, KeyValue, ManagedObject, PlainKeyValue, SymmetricKey};
use kmip::operation::Operation;
use kmip::payload::create::CreateRequest;
use kmip::payload::get::{GetRequest, GetResponse};
use kmip::payload::locate::LocateRequest;
use kmip::structures::Name;
use kmip::{ProtocolVersion, Secret, tag};
use ttlv_codec::{Limits, Writer};

/// A request of one item.
#[must_use]
pub fn request(version: ProtocolVersion, operation: Operation, payload: &impl Value) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.structure(tag::RequestMessage, |writer| {
        RequestHeader::new(version, 1).write(writer, tag::RequestHeader, version);
        write_request_item(writer, version, operation, None, payload);
    });
    writer.finish()
}

/// A request of several items, which `write` writes, each with an item identifier of its own.
#[must_use]
pub fn batch(version: ProtocolVersion, items: usize, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.structure(tag::RequestMessage, |writer| {
        let mut header = RequestHeader::new(version, i32::try_from(items).unwrap_or(i32::MAX));
        header.batch_order_option = Some(true);
        header.write(writer, tag::RequestHeader, version);
        write(writer);
    });
    writer.finish()
}

/// A successful response of one item.
#[must_use]
pub fn response(version: ProtocolVersion, operation: Operation, payload: &impl Value) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.structure(tag::ResponseMessage, |writer| {
        let header = ResponseHeader {
            protocol_version: version.into(),
            time_stamp: DateTime(1_793_312_212),
            nonce: None,
            server_hashed_password: None,
            attestation_types: Vec::new(),
            client_correlation_value: None,
            server_correlation_value: None,
            batch_count: Some(1),
        };
        header.write(writer, tag::ResponseHeader, version);
        let item = ResponseBatchItem {
            operation: Some(operation),
            unique_batch_item_id: None,
            result_status: ResultStatus::Success,
            result_reason: None,
            result_message: None,
            asynchronous_correlation_value: None,
            payload: None,
            message_extension: None,
        };
        item.write(writer, version, Some(|writer: &mut Writer| payload.write(writer, tag::ResponsePayload, version)));
    });
    writer.finish()
}

/// Attributes of a new AES-256 key, with a Name where one is given.
#[must_use]
pub fn key_attributes(name: Option<&str>) -> Attributes {
    let mut attributes = Attributes::default();
    attributes.push(Attribute::CryptographicAlgorithm(CryptographicAlgorithm::AES));
    attributes.push(Attribute::CryptographicLength(256));
    attributes.push(Attribute::CryptographicUsageMask(CryptographicUsageMask::Encrypt | CryptographicUsageMask::Decrypt));
    if let Some(name) = name {
        attributes.push(Attribute::Name(Name::text(name)));
    }
    attributes
}

/// The payload of a Create of an AES-256 key.
#[must_use]
pub fn create_payload(name: Option<&str>) -> CreateRequest {
    CreateRequest {
        object_type: ObjectType::SymmetricKey,
        attributes: TemplateAttribute { names: Vec::new(), attributes: key_attributes(name) },
        protection_storage_masks: None,
    }
}

/// The payload of a Get.
#[must_use]
pub fn get_payload(identifier: &str) -> GetRequest {
    GetRequest {
        unique_identifier: Some(identifier.into()),
        key_format_type: None,
        key_wrap_type: None,
        key_compression_type: None,
        key_wrapping_specification: None,
    }
}

/// The response payload of a Get of an AES-256 key, of bytes that are no secret.
#[must_use]
pub fn got_payload(identifier: &str) -> GetResponse {
    let material = KeyMaterial::Bytes(Secret::new(vec![0x5A; 32]));
    let key_block = KeyBlock {
        key_format_type: KeyFormatType::Raw,
        key_compression_type: None,
        key_value: Some(KeyValue::Plain(PlainKeyValue { key_material: material, attributes: None })),
        cryptographic_algorithm: Some(CryptographicAlgorithm::AES),
        cryptographic_length: Some(256),
        key_wrapping_data: None,
    };
    GetResponse {
        object_type: ObjectType::SymmetricKey,
        unique_identifier: UniqueIdentifier(identifier.to_owned()),
        object: ManagedObject::SymmetricKey(SymmetricKey { key_block }),
    }
}

/// The payload of a Locate of the newest `maximum` objects that have an attribute; of all of them without a maximum.
#[must_use]
pub fn locate_payload(attribute: &Attribute, maximum: Option<i32>, version: ProtocolVersion) -> LocateRequest {
    LocateRequest {
        maximum_items: maximum,
        offset_items: None,
        storage_status_mask: None,
        object_group_member: None,
        object_class_mask: None,
        attributes: AttributeFilters(AttributeFilter::exactly(attribute, version).into_iter().collect()),
        template_attribute: None,
    }
}

/// Why a response is not a success.
#[derive(Debug, thiserror::Error)]
pub enum ResponseError {
    /// It cannot be read.
    #[error("the response cannot be read: {0}")]
    Unreadable(String),
    /// The server refused.
    #[error("the server refused: {0}")]
    Refused(String),
}

/// The payload of the only item of a successful response.
///
/// # Errors
/// If the response is anything else.
pub fn success<T: Value>(response: &[u8]) -> Result<T, ResponseError> {
    let unreadable = |error: &dyn std::fmt::Display| ResponseError::Unreadable(error.to_string());
    let mut payloads = successes(response, |_| true)?;
    if payloads.len() != 1 {
        return Err(unreadable(&"it does not have one item"));
    }
    payloads.pop().ok_or_else(|| unreadable(&"it has no payload"))
}

/// The payloads of those items of a response that `wanted` names by their position; all items must be successes.
///
/// # Errors
/// If the response is anything else.
pub fn successes<T: Value>(response: &[u8], wanted: impl Fn(usize) -> bool) -> Result<Vec<T>, ResponseError> {
    let unreadable = |error: &dyn std::fmt::Display| ResponseError::Unreadable(error.to_string());
    let message = ResponseMessage::read(response, &Limits::default()).map_err(|error| unreadable(&error))?;
    let mut payloads = Vec::with_capacity(message.items.len());
    for (position, item) in message.items.iter().enumerate() {
        if item.result_status != ResultStatus::Success {
            let reason = item.result_reason.map(|reason| format!("{reason:?}")).unwrap_or_default();
            return Err(ResponseError::Refused(format!("{reason} {}", item.result_message.clone().unwrap_or_default())));
        }
        if wanted(position) {
            let payload = item.payload.as_ref().ok_or_else(|| unreadable(&"it has no payload"))?;
            payloads.push(T::read(payload, message.version).map_err(|error| unreadable(&error))?);
        }
    }
    Ok(payloads)
}
