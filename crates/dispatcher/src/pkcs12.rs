//! A private key as a PKCS#12 file, with the certificates it is linked to and under the password it is linked to (2.1, section 6.1.19).
//!
//! Of a certificate there is none: 2.1 lets a Get name one, but a Certificate has no Key Block whose format could say that its value is
//! such a file, and the standard names no other place for it.

use kmip::Secret;
use kmip::attribute::Attribute;
use kmip::enumerations::{KeyFormatType, LinkType, ObjectType, SecretDataType, State};
use kmip::identifier::ObjectReference;
use kmip::object::{KeyBlock, KeyMaterial, KeyValue, ManagedObject, PrivateKey};
use kmip::result_reason::ResultReason;
use store::Revision;
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

/// A file, and what it was made from.
#[derive(Clone)]
pub(crate) struct File {
    from: Vec<(String, Option<Revision>)>,
    bytes: Secret,
}

/// What a file of some objects is made from.
fn sources<'a>(objects: impl Iterator<Item = &'a StoredObject>) -> Vec<(String, Option<Revision>)> {
    objects.map(|object| (object.identifier.clone(), object.revision)).collect()
}

/// Makes the file of the first of some objects, if it is a key that there can be one of. Whether it may be released is not judged here.
///
/// # Errors
/// Invalid Field for a password that is none, Key Format Type Not Supported for a key that is not understood.
pub(crate) fn make(objects: &[StoredObject]) -> Result<Option<File>> {
    let Some((key, others)) = objects.split_first() else { return Ok(None) };
    if others.is_empty() || key.object_type != ObjectType::PrivateKey || key.is_destroyed() {
        return Ok(None);
    }
    let unsupported =
        || Error::new(ResultReason::KeyFormatTypeNotSupported, "The object is not available in this Key Format Type");
    let named = password_of(key)?;
    let find = |identifier: &String| others.iter().find(|object| object.identifier == *identifier);
    let password = text_of(find(&named).ok_or_else(Error::object_not_found)?)?;
    let mut chain: Vec<&StoredObject> = Vec::new();
    let mut last = key;
    while let Some(next) = next_in_chain(last)?.next().as_ref().and_then(find)
        && chain.iter().all(|known| known.identifier != next.identifier)
    {
        chain.push(next);
        last = next;
    }
    let certificates: Vec<&[u8]> = chain
        .iter()
        .filter_map(|object| match &object.object {
            Some(ManagedObject::Certificate(certificate)) => Some(certificate.certificate_value.expose()),
            _ => None,
        })
        .collect();
    if certificates.len() > crypto::PKCS12_CHAIN_MAX {
        let text = format!(
            "The chain of the key has {} certificates; the server takes {}",
            certificates.len(),
            crypto::PKCS12_CHAIN_MAX
        );
        return Err(Error::new(ResultReason::ServerLimitExceeded, text));
    }
    let alias = key.first(friendly_name);
    let block = key.material()?.key_block().ok_or_else(unsupported)?;
    let material = conversion::plain_material(block).ok_or_else(unsupported)?;
    let private = conversion::private(block, material).map_err(|cause| unsupported().because(cause))?;
    let bytes = crypto::write_pkcs12(&private, &certificates, alias.as_deref().unwrap_or(ALIAS), &password)?;
    Ok(Some(File { from: sources(objects.iter()), bytes }))
}

/// The file as it is released: the one that was made, or another, if one of its objects was changed meanwhile.
///
/// # Errors
/// Wrong Key Lifecycle State for a password that is not Active, and those of [`make`].
pub(crate) fn released(
    key: &StoredObject,
    others: &[StoredObject],
    file: Option<&File>,
    context: &Context<'_>,
) -> Result<ManagedObject> {
    let named = password_of(key)?;
    let password = others.iter().find(|object| object.identifier == named).ok_or_else(Error::object_not_found)?;
    check_is_active(password, context)?;
    let now = sources(std::iter::once(key).chain(others));
    let bytes = match file {
        // What wraps the file may follow in its list.
        Some(file) if file.from.starts_with(&now) => file.bytes.clone(),
        _ => {
            let objects: Vec<StoredObject> = std::iter::once(key).chain(others).cloned().collect();
            let unsupported = || Error::new(ResultReason::KeyFormatTypeNotSupported, "The object has no PKCS#12 file");
            make(&objects)?.ok_or_else(unsupported)?.bytes
        }
    };
    let key_block = KeyBlock {
        key_format_type: KeyFormatType::PKCS_12,
        key_compression_type: None,
        // A Byte String in place of the structure, as of a wrapped key: the file is encrypted.
        key_value: Some(KeyValue::Wrapped(bytes)),
        cryptographic_algorithm: None,
        cryptographic_length: None,
        key_wrapping_data: None,
    };
    Ok(ManagedObject::PrivateKey(PrivateKey { key_block }))
}

/// The PKCS#12 Friendly Name.
pub(crate) fn friendly_name(attribute: &Attribute) -> Option<String> {
    match attribute {
        Attribute::PKCS_12FriendlyName(name) => Some(name.clone()),
        _ => None,
    }
}

/// That the password of a file may be used now.
///
/// # Errors
/// Wrong Key Lifecycle State.
pub(crate) fn check_is_active(password: &StoredObject, context: &Context<'_>) -> Result<()> {
    match password.state(context.now) {
        State::Active => Ok(()),
        _ => Err(Error::new(ResultReason::WrongKeyLifecycleState, "The password of the PKCS#12 file is not Active")),
    }
}

/// The text of a password.
///
/// # Errors
/// Invalid Field, if it is none.
pub(crate) fn text_of(password: &StoredObject) -> Result<Zeroizing<String>> {
    let none = || Error::invalid_field("PKCS#12 Password Link must lead to Secret Data that is a Password");
    let ManagedObject::SecretData(secret) = password.material()? else { return Err(none()) };
    if secret.secret_data_type != SecretDataType::Password {
        return Err(none());
    }
    match conversion::plain_material(&secret.key_block) {
        Some(KeyMaterial::Bytes(bytes)) => {
            let text = std::str::from_utf8(bytes.expose()).map_err(|_| none())?;
            Ok(Zeroizing::new(text.to_owned()))
        }
        _ => Err(none()),
    }
}
