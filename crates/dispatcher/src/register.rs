//! Register: the client brings an object of any type (2.1, section 6.1.49).

use crypto::{CryptoError, Pkcs12Contents};
use kmip::ProtocolVersion;
use kmip::Secret;
use kmip::attribute::Attribute;
use kmip::enumerations::{
    CertificateType, CryptographicAlgorithm, Enumeration as _, KeyFormatType, LinkType, ObjectType, UniqueIdentifierEnumeration,
};
use kmip::identifier::{ObjectReference, UniqueIdentifier};
use kmip::object::{Certificate, KeyBlock, KeyMaterial, KeyValue, ManagedObject, PlainKeyValue};
use kmip::payload::register::{RegisterRequest, RegisterResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::Link;
use policy::Permission;

use crate::authorise::Authorised;
use crate::conversion;
use crate::creation::{self, Origin};
use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::{Change, Context, Done, KeyUse, Loaded, Material, Operation, Plan};
use crate::pkcs12;
use crate::wrapping;

pub(crate) struct Register;

impl Operation for Register {
    type Request = RegisterRequest;
    type Response = RegisterResponse;
    type Prepared = Option<Pkcs12Contents>;

    const PERMISSION: Permission = Permission::Register;
    /// A PKCS#12 file says itself how much work its key derivations are.
    const HEAVY: bool = true;
    const PREPARES_FROM_OBJECTS: bool = true;
    const USES_FACTORY: bool = true;

    fn plan(request: &RegisterRequest, context: &Context<'_>) -> Result<Plan> {
        creation::check_protection_storage(
            request.protection_storage_masks.as_ref(),
            ResultReason::ProtectionStorageUnavailable,
        )?;
        if request.object_type != request.object.object_type() {
            return Err(Error::invalid_field("Object Type differs from the type of the object"));
        }
        if !request.object_type.known_in(context.version) {
            return Err(creation::unknown_object_type(context.version));
        }
        creation::plan(&[Some(&request.attributes)], context)
    }

    fn keys(request: &RegisterRequest, _: &[Authorised], keys: &[Authorised], context: &Context<'_>) -> Result<Vec<KeyUse>> {
        if pkcs12_file(request).is_none() {
            return Ok(Vec::new());
        }
        if let Some(password) = keys.first() {
            pkcs12::text_of(password).map_err(|error| Error { reason: ResultReason::BadPassword, ..error })?;
            // Up to 1.4 it is Permission Denied (TC-PKCS12-2).
            pkcs12::check_is_active(password, context).map_err(|error| match context.version.is_1x() {
                true => error,
                false => Error { reason: ResultReason::BadPassword, ..error },
            })?;
        }
        Ok(vec![KeyUse { identifier: password_link(request)?, permission: Permission::Get }])
    }

    fn prepares(request: &RegisterRequest) -> bool {
        pkcs12_file(request).is_some()
    }

    fn prepare(request: &RegisterRequest, material: &Material<'_>) -> Result<Option<Pkcs12Contents>> {
        let (Some(file), Some(password)) = (pkcs12_file(request), material.keys.last()) else { return Ok(None) };
        let name = request.attributes.attributes.iter().find_map(pkcs12::friendly_name);
        let opened = crypto::read_pkcs12(file, &pkcs12::text_of(password)?, name.as_deref());
        opened.map(Some).map_err(|error| match error {
            CryptoError::Refused => {
                Error::new(ResultReason::BadPassword, "The PKCS#12 file cannot be opened with the password it is linked to")
            }
            error => Error::invalid_field(format!("The PKCS#12 file cannot be read: {error}")),
        })
    }

    fn handle(
        request: &RegisterRequest,
        loaded: Loaded,
        opened: &Option<Pkcs12Contents>,
        context: &Context<'_>,
    ) -> Result<Done<RegisterResponse>> {
        let identifier = context.new_identifier()?;
        let owner = context.actor.name.clone();
        let mut object = StoredObject::new(identifier.clone(), owner, request.object_type, context.version);
        let given = creation::merged(Some(&request.attributes), &mut loaded.templates.iter(), context.settings)?;
        creation::apply(&mut object, given, context)?;
        // The request stays whole, because the operation may have to run again: this copy is the one that is kept.
        let mut managed = request.object.clone();
        let certificates = match opened {
            Some(contents) => unpack(&mut object, &mut managed, contents, context)?,
            None => Vec::new(),
        };
        take_in(&mut object, managed, context)?;
        context.factory.complete(&mut object, context.settings)?;
        creation::complete(&mut object, Origin::Registered, context)?;
        let response = RegisterResponse { unique_identifier: UniqueIdentifier(identifier.clone()), template_attribute: None };
        let mut done = Done::reply(response)
            .with(Change::Write(Box::new(object)))
            .returning(UniqueIdentifierEnumeration::Register, &identifier);
        for certificate in certificates {
            done = done.about(&certificate.identifier).with(Change::Write(Box::new(certificate)));
        }
        Ok(done)
    }
}

/// The PKCS#12 file that a request brings, as a private key in clear (1.4, sections 2.1.3 and 3.45; 2.1, section 4.39).
fn pkcs12_file(request: &RegisterRequest) -> Option<&[u8]> {
    let ManagedObject::PrivateKey(key) = &request.object else { return None };
    let block = &key.key_block;
    if block.key_format_type != KeyFormatType::PKCS_12 || block.key_wrapping_data.is_some() {
        return None;
    }
    match block.key_value.as_ref()? {
        KeyValue::Wrapped(bytes) => Some(bytes.expose()),
        KeyValue::Plain(plain) => match &plain.key_material {
            KeyMaterial::Bytes(bytes) => Some(bytes.expose()),
            KeyMaterial::Transparent(_) => None,
        },
    }
}

/// The password of the file: the request links the key with it.
fn password_link(request: &RegisterRequest) -> Result<String> {
    let is_password =
        |attribute: &&Attribute| matches!(attribute, Attribute::Link(link) if link.link_type == LinkType::PKCS_12PasswordLink);
    let mut links = request.attributes.attributes.iter().filter(is_password);
    match (links.next(), links.next()) {
        (Some(Attribute::Link(Link { linked_object_identifier: ObjectReference::Identifier(identifier), .. })), None) => {
            Ok(identifier.clone())
        }
        _ => Err(Error::new(ResultReason::BadPassword, "A PKCS#12 file must come with one PKCS#12 Password Link")),
    }
}

/// Puts the key of a file in the place of the file. Its certificates become objects of their own, linked as their chain goes; returns
/// them.
fn unpack(
    object: &mut StoredObject,
    managed: &mut ManagedObject,
    contents: &Pkcs12Contents,
    context: &Context<'_>,
) -> Result<Vec<StoredObject>> {
    if let Some(block) = managed.key_block_mut() {
        block.key_format_type = KeyFormatType::PKCS_8;
        let key_material = KeyMaterial::Bytes(contents.pkcs8.clone());
        block.key_value = Some(KeyValue::Plain(PlainKeyValue { key_material, attributes: None }));
    }
    let name = contents.friendly_name.clone().map(Attribute::PKCS_12FriendlyName);
    name.iter().for_each(|name| object.set_if_absent(name.clone()));
    if object.linked(LinkType::PKCS_12CertificateLink).is_some() && !contents.chain.is_empty() {
        let text = "PKCS#12 Certificate Link is the server's to make: the file holds the certificates";
        return Err(Error::invalid_field(text));
    }
    let mut certificates: Vec<StoredObject> = Vec::with_capacity(contents.chain.len());
    for value in &contents.chain {
        let (identifier, owner) = (context.new_identifier()?, context.actor.name.clone());
        match certificates.last_mut() {
            None => {
                object.add(creation::link(LinkType::PKCS_12CertificateLink, &identifier));
            }
            Some(issued) => {
                issued.add(creation::link(LinkType::CertificateLink, &identifier));
            }
        }
        let mut certificate = StoredObject::new(identifier, owner, ObjectType::Certificate, context.version);
        if certificates.is_empty() {
            name.iter().for_each(|name| certificate.set(name.clone()));
        }
        certificate.object = Some(ManagedObject::Certificate(Certificate {
            certificate_type: CertificateType::X_509,
            certificate_value: Secret::from_slice(value),
        }));
        context.factory.complete(&mut certificate, context.settings)?;
        creation::complete(&mut certificate, Origin::Registered, context)?;
        certificates.push(certificate);
    }
    Ok(certificates)
}

/// Links a wrapped object with the key that it is wrapped with (2.1, section 6.1.43): the one that encrypts, or else the one that signs. The
/// link type is one of 2.0. What came over an older version has it, too: its clients are not told of it, and whoever asks what hangs on the
/// key is.
fn link_wrapping_key(object: &mut StoredObject, context: &Context<'_>) {
    let Some(data) = object.object.as_ref().and_then(|managed| managed.key_block()?.key_wrapping_data.as_ref()) else { return };
    let signs = data.mac_signature_key_information.as_ref().map(|information| &information.unique_identifier);
    let key = data.encryption_key_information.as_ref().map(|information| &information.unique_identifier).or(signs);
    // Who says which key it is need not have it here.
    let Some(key) = key.and_then(|key| context.identifier(Some(key)).ok()) else { return };
    if object.linked(LinkType::WrappingKeyLink).is_none() {
        object.add(creation::link(LinkType::WrappingKeyLink, &key));
    }
}

/// Gives an object what the client brought.
///
/// # Errors
/// Invalid Field where the attributes and the Key Block contradict each other, Index Out Of Bounds for a large template.
pub(crate) fn take_in(object: &mut StoredObject, mut managed: ManagedObject, context: &Context<'_>) -> Result<()> {
    if let ManagedObject::Template(template) = &managed {
        creation::check_count(template.attributes.0.len(), context.settings)?;
        // A template is found by the Name among its attributes (1.4, section 2.2.6).
        let names = template.attributes.iter().filter(|attribute| matches!(attribute, Attribute::Name(_)));
        for name in names.cloned() {
            if !object.attributes().any(|known| *known == name) {
                object.add(name);
            }
        }
    }
    let object_type = object.object_type;
    if let Some(block) = managed.key_block_mut() {
        learn(object, object_type, block, context.version)?;
    }
    object.object = Some(managed);
    link_wrapping_key(object, context);
    Ok(())
}

/// Brings attributes and key block together: algorithm and length must not contradict each other, and what only one of them
/// says, or only the key itself, both say afterwards.
fn learn(object: &mut StoredObject, object_type: ObjectType, block: &mut KeyBlock, version: ProtocolVersion) -> Result<()> {
    check_shape(block, version)?;
    wrapping::check_registered(block)?;
    if block.key_value.is_none() && version < ProtocolVersion::V1_2 {
        // 1.0, section 2.1.3.
        return Err(Error::new(ResultReason::InvalidMessage, "Key Value is missing"));
    }
    let stated_algorithm = object.first(|attribute| match attribute {
        Attribute::CryptographicAlgorithm(algorithm) => Some(*algorithm),
        _ => None,
    });
    let stated_length = object.first(|attribute| match attribute {
        Attribute::CryptographicLength(length) => Some(*length),
        _ => None,
    });
    // An algorithm that only later versions name is not said of the key: its own client could not have it back.
    let parsed = facts(object_type, block, stated_algorithm.or(block.cryptographic_algorithm));
    let parsed = parsed.filter(|(algorithm, _)| algorithm.known_in(version));
    agree("Cryptographic Algorithm", stated_algorithm, block.cryptographic_algorithm)?;
    agree("Cryptographic Length", stated_length, block.cryptographic_length)?;
    if block.key_value.is_none() {
        // The key is held elsewhere (1.2, section 2.1.3).
        object.set(Attribute::KeyValuePresent(false));
    }
    if let Some((algorithm, length)) = parsed {
        check_facts(object, block, algorithm, length)?;
    }
    let is_key = object_type != ObjectType::SecretData;
    let algorithm = stated_algorithm.or(block.cryptographic_algorithm).or(parsed.map(|(algorithm, _)| algorithm));
    let length = stated_length.or(block.cryptographic_length).or(parsed.map(|(_, length)| length));
    if let Some(algorithm) = algorithm {
        object.set(Attribute::CryptographicAlgorithm(algorithm));
        if is_key {
            block.cryptographic_algorithm = Some(algorithm);
        }
    }
    if let Some(length) = length.or_else(|| material_bits(block)) {
        object.set(Attribute::CryptographicLength(length));
        if is_key {
            block.cryptographic_length = Some(length);
        }
    }
    Ok(())
}

/// A wrapped key is bytes, a key in clear a structure (1.4, section 2.1.3). A PKCS#12 file, which is encrypted, is bytes, too.
///
/// # Errors
/// Invalid Field, and Key Format Type Not Supported for one that the client's version does not define: the key could not be returned.
fn check_shape(block: &KeyBlock, version: ProtocolVersion) -> Result<()> {
    if !block.key_format_type.known_in(version) {
        let text = format!("Key Format Type has a value that version {version} does not define");
        return Err(Error::new(ResultReason::KeyFormatTypeNotSupported, text));
    }
    match (&block.key_value, &block.key_wrapping_data) {
        (Some(KeyValue::Wrapped(_)), None) if block.key_format_type == KeyFormatType::PKCS_12 => Ok(()),
        (Some(KeyValue::Wrapped(_)), None) => {
            Err(Error::invalid_field("Key Value is a Byte String, but Key Wrapping Data is missing"))
        }
        _ => Ok(()),
    }
}

fn agree<T: PartialEq>(what: &str, stated: Option<T>, in_block: Option<T>) -> Result<()> {
    match (stated, in_block) {
        (Some(stated), Some(in_block)) if stated != in_block => {
            Err(Error::invalid_field(format!("{what} of the attributes and of the Key Block differ")))
        }
        _ => Ok(()),
    }
}

/// Algorithm and length as the key itself has them, where it can be read.
fn facts(
    object_type: ObjectType,
    block: &KeyBlock,
    stated: Option<CryptographicAlgorithm>,
) -> Option<(CryptographicAlgorithm, i32)> {
    let material = conversion::plain_material(block)?;
    let facts = match object_type {
        ObjectType::PrivateKey => conversion::private_facts(block, material)?,
        ObjectType::PublicKey => conversion::public_facts(block, material)?,
        ObjectType::SymmetricKey => return symmetric_facts(stated?, block, material),
        _ => return None,
    };
    Some((facts.algorithm, i32::try_from(facts.length).ok()?))
}

/// A symmetric key says nothing of its algorithm, but its length is what its bytes are. The lengths of DES are counted with and without
/// parity, and those of other algorithms may be anything: they are not judged.
fn symmetric_facts(
    stated: CryptographicAlgorithm,
    block: &KeyBlock,
    material: &KeyMaterial,
) -> Option<(CryptographicAlgorithm, i32)> {
    if stated != CryptographicAlgorithm::AES {
        return None;
    }
    let bytes = match material {
        KeyMaterial::Bytes(bytes) => bytes.expose().len(),
        material => conversion::bytes(block.key_format_type, material).ok()?.len(),
    };
    Some((stated, i32::try_from(bytes.checked_mul(8)?).ok()?))
}

/// What is said of a key must be what it is (1.4, sections 3.4 and 3.5).
fn check_facts(object: &StoredObject, block: &KeyBlock, algorithm: CryptographicAlgorithm, length: i32) -> Result<()> {
    use CryptographicAlgorithm as Algorithm;
    // Keys on curves serve several algorithms.
    let kind = |algorithm| match algorithm {
        Algorithm::ECDSA | Algorithm::ECDH | Algorithm::ECMQV => Algorithm::EC,
        other => other,
    };
    let algorithms = object.attributes().filter_map(|attribute| match attribute {
        Attribute::CryptographicAlgorithm(algorithm) => Some(*algorithm),
        _ => None,
    });
    let lengths = object.attributes().filter_map(|attribute| match attribute {
        Attribute::CryptographicLength(length) => Some(*length),
        _ => None,
    });
    if algorithms.chain(block.cryptographic_algorithm).any(|stated| kind(stated) != kind(algorithm)) {
        return Err(Error::invalid_field(format!("The key is one of {algorithm:?}; Cryptographic Algorithm says otherwise")));
    }
    // The highest bits of a modulus can be zeros.
    let fits =
        |stated: i32| stated == length || (algorithm == Algorithm::RSA && (length..length.saturating_add(8)).contains(&stated));
    if lengths.chain(block.cryptographic_length).any(|stated| !fits(stated)) {
        return Err(Error::invalid_field(format!("The key has {length} bits; Cryptographic Length says otherwise")));
    }
    Ok(())
}

/// The length of raw bytes, in bits.
fn material_bits(block: &KeyBlock) -> Option<i32> {
    let raw = matches!(block.key_format_type, KeyFormatType::Raw | KeyFormatType::Opaque);
    match conversion::plain_material(block)? {
        KeyMaterial::Bytes(bytes) if raw => i32::try_from(bytes.len().checked_mul(8)?).ok(),
        material => i32::try_from(conversion::bytes(block.key_format_type, material).ok()?.len().checked_mul(8)?).ok(),
    }
}
