//! A private key as a PKCS#12 file, with the certificates it is linked to and under the password it is linked to (2.1, section 6.1.19).

use kmip::attribute::Attribute;
use kmip::enumerations::{KeyFormatType, LinkType, ObjectType, SecretDataType, State};
use kmip::identifier::ObjectReference;
use kmip::object::{KeyBlock, KeyMaterial, KeyValue, ManagedObject, PrivateKey};
use kmip::result_reason::ResultReason;
use zeroize::Zeroizing;

use crate::authorise::Authorised;
use crate::conversion;
use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::Context;

/// The Friendly Name where the key has none (1.4, section 3.45).
const ALIAS: &str = "alias";

/// The objects that are still needed for the file of the first of `loaded`: its password and its certificates, one after the other.
///
/// # Errors
/// Invalid Field for none or several passwords, and where several chains of certificates begin.
pub(crate) fn follow(loaded: &[Authorised]) -> Result<Vec<String>> {
    let (Some(key), Some(last)) = (loaded.first(), loaded.last()) else { return Ok(Vec::new()) };
    if key.object_type != ObjectType::PrivateKey || has_format(key) {
        return Ok(Vec::new());
    }
    let mut next = Vec::new();
    if loaded.len() == 1 {
        next.push(password_of(key)?);
    }
    let is_known = |identifier: &String| loaded.iter().any(|object| object.identifier == *identifier);
    if matches!(last.object_type, ObjectType::PrivateKey | ObjectType::PublicKey | ObjectType::Certificate) || loaded.len() == 1 {
        next.extend(next_in_chain(last)?.filter(|identifier| !is_known(identifier)));
    }
    Ok(next)
}

/// Whether the key was registered as such a file.
pub(crate) fn has_format(object: &StoredObject) -> bool {
    let block = object.object.as_ref().and_then(ManagedObject::key_block);
    block.is_some_and(|block| block.key_format_type == KeyFormatType::PKCS_12)
}

fn links(object: &StoredObject, wanted: LinkType) -> Vec<String> {
    let linked = object.attributes().filter_map(|attribute| match attribute {
        Attribute::Link(link) if link.link_type == wanted => match &link.linked_object_identifier {
            ObjectReference::Identifier(identifier) => Some(identifier.clone()),
            _ => None,
        },
        _ => None,
    });
    linked.collect()
}

fn password_of(key: &StoredObject) -> Result<String> {
    match <[String; 1]>::try_from(links(key, LinkType::PKCS_12PasswordLink)) {
        Ok([password]) => Ok(password),
        Err(_) => Err(Error::invalid_field("The key must have one PKCS#12 Password Link")),
    }
}

/// What follows a key or certificate in its chain: by the links made for this purpose, else by those to the public key and to
/// certificates.
fn next_in_chain(object: &StoredObject) -> Result<std::option::IntoIter<String>> {
    let kinds: &[LinkType] = match object.object_type {
        ObjectType::PrivateKey => &[LinkType::PKCS_12CertificateLink, LinkType::CertificateLink, LinkType::PublicKeyLink],
        _ => &[LinkType::PKCS_12CertificateLink, LinkType::CertificateLink],
    };
    for kind in kinds {
        let mut linked = links(object, *kind);
        match linked.len() {
            0 => {}
            1 => return Ok(linked.pop().into_iter()),
            _ => return Err(Error::invalid_field("Several chains of certificates begin at the key or one of its certificates")),
        }
    }
    Ok(None.into_iter())
}

/// The file. `others` are the objects that [`follow`] named.
///
/// # Errors
/// Invalid Field for a password that is none, Wrong Key Lifecycle State for one that is not Active, Key Format Type Not Supported for
/// a key that is not understood.
pub(crate) fn file(key: &StoredObject, others: &[StoredObject], context: &Context<'_>) -> Result<ManagedObject> {
    let unsupported =
        || Error::new(ResultReason::KeyFormatTypeNotSupported, "The object is not available in this Key Format Type");
    let named = password_of(key)?;
    let password = others.iter().find(|object| object.identifier == named).ok_or_else(Error::object_not_found)?;
    let password = text_of(password, context)?;
    let certificates: Vec<&[u8]> = others
        .iter()
        .filter_map(|object| match &object.object {
            Some(ManagedObject::Certificate(certificate)) => Some(certificate.certificate_value.expose()),
            _ => None,
        })
        .collect();
    let alias = key.first(|attribute| match attribute {
        Attribute::PKCS_12FriendlyName(name) => Some(name.clone()),
        _ => None,
    });
    let block = key.material()?.key_block().ok_or_else(unsupported)?;
    let material = conversion::plain_material(block).ok_or_else(unsupported)?;
    let private = conversion::private(block, material).map_err(|cause| unsupported().because(cause))?;
    let file = crypto::write_pkcs12(&private, &certificates, alias.as_deref().unwrap_or(ALIAS), &password)?;
    let key_block = KeyBlock {
        key_format_type: KeyFormatType::PKCS_12,
        key_compression_type: None,
        // A Byte String in place of the structure, as of a wrapped key: the file is encrypted.
        key_value: Some(KeyValue::Wrapped(file)),
        cryptographic_algorithm: None,
        cryptographic_length: None,
        key_wrapping_data: None,
    };
    Ok(ManagedObject::PrivateKey(PrivateKey { key_block }))
}

fn text_of(password: &StoredObject, context: &Context<'_>) -> Result<Zeroizing<String>> {
    let none = || Error::invalid_field("PKCS#12 Password Link must lead to Secret Data that is a Password");
    let ManagedObject::SecretData(secret) = password.material()? else { return Err(none()) };
    if secret.secret_data_type != SecretDataType::Password {
        return Err(none());
    }
    if password.state(context.now) != State::Active {
        return Err(Error::new(ResultReason::WrongKeyLifecycleState, "The password of the PKCS#12 file is not Active"));
    }
    match conversion::plain_material(&secret.key_block) {
        Some(KeyMaterial::Bytes(bytes)) => {
            let text = std::str::from_utf8(bytes.expose()).map_err(|_| none())?;
            Ok(Zeroizing::new(text.to_owned()))
        }
        _ => Err(none()),
    }
}
