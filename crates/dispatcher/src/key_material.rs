//! The key inside a stored object, for operations that compute with it.
//!
//! Every Key Format Type that is understood will do, the transparent ones included. What is wrapped is not a key: the server holds it in
//! a form that it cannot use. Sensitive and Extractable do not matter here, since nothing leaves the server (2.1, sections 4.17 and 4.54).

use crypto::{CertificateFacts, CryptoError, PrivateKey, PublicKey};
use kmip::Secret;
use kmip::enumerations::{CertificateType, KeyFormatType, ObjectType};
use kmip::object::{KeyBlock, KeyMaterial, ManagedObject};
use kmip::result_reason::ResultReason;

use crate::conversion;
use crate::error::{Error, Result};
use crate::object::StoredObject;

/// The bytes of a symmetric key, or of Secret Data.
///
/// # Errors
/// Invalid Object Type for another object; Wrong Key Lifecycle State, Key Value Not Present, Permission Denied for a wrapped key; Key
/// Format Type Not Supported or Invalid Field for what cannot be read.
pub(crate) fn symmetric(object: &StoredObject) -> Result<Secret> {
    let block = match managed(object)? {
        ManagedObject::SymmetricKey(key) => &key.key_block,
        ManagedObject::SecretData(data) => &data.key_block,
        _ => return Err(wrong_type()),
    };
    let material = in_clear(block)?;
    // Secret data is bytes, whatever they mean.
    if let (ObjectType::SecretData, KeyMaterial::Bytes(bytes), KeyFormatType::Opaque) =
        (object.object_type, material, block.key_format_type)
    {
        return Ok(bytes.clone());
    }
    conversion::bytes(block.key_format_type, material).map_err(unreadable)
}

/// A private key.
///
/// # Errors
/// As [`symmetric`].
pub(crate) fn private(object: &StoredObject) -> Result<PrivateKey> {
    let ManagedObject::PrivateKey(key) = managed(object)? else { return Err(wrong_type()) };
    let block = &key.key_block;
    conversion::private(block, in_clear(block)?).map_err(unreadable)
}

/// A public key, or that of an X.509 certificate.
///
/// # Errors
/// As [`symmetric`].
pub(crate) fn public(object: &StoredObject) -> Result<PublicKey> {
    match managed(object)? {
        ManagedObject::PublicKey(key) => {
            let block = &key.key_block;
            conversion::public(block, in_clear(block)?).map_err(unreadable)
        }
        ManagedObject::Certificate(certificate) if certificate.certificate_type == CertificateType::X_509 => {
            let facts = CertificateFacts::parse(certificate.certificate_value.expose()).map_err(unreadable)?;
            PublicKey::parse(KeyFormatType::X_509, &facts.public_key_info).map_err(unreadable)
        }
        _ => Err(wrong_type()),
    }
}

fn managed(object: &StoredObject) -> Result<&ManagedObject> {
    match &object.object {
        Some(managed) => Ok(managed),
        None if object.is_destroyed() => Err(Error::new(ResultReason::WrongKeyLifecycleState, "The key has been destroyed")),
        None => Err(Error::key_value_not_present()),
    }
}

fn in_clear(block: &KeyBlock) -> Result<&KeyMaterial> {
    if block.key_value.is_none() {
        return Err(Error::key_value_not_present());
    }
    conversion::plain_material(block).ok_or_else(|| {
        Error::new(ResultReason::PermissionDenied, "The key is wrapped; the server can only use keys that it holds in clear")
    })
}

fn wrong_type() -> Error {
    Error::new(ResultReason::InvalidObjectType, "The object is not a key of the kind that the operation needs")
}

/// A key that cannot be read for an operation. What was registered may be anything that calls itself a key.
fn unreadable(error: CryptoError) -> Error {
    match error {
        CryptoError::InvalidKey { .. } | CryptoError::InvalidCertificate(_) => {
            Error::new(ResultReason::InvalidField, "The Key Material of the object is not a key in its Key Format Type")
                .because(error)
        }
        error => error.into(),
    }
}
