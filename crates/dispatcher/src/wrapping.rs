//! Keys that are wrapped by keys: on their way out as a Key Wrapping Specification says, and back into the clear, in memory alone,
//! as their Key Wrapping Data says (1.4, sections 2.1.5 and 2.1.6; 2.1, sections 3.3 and 7.18).
//!
//! What was registered wrapped is kept and returned as it was; nothing is unwrapped before somebody asks for the key in clear, or
//! under another key. The keys that wrap are objects like others: they are loaded and authorised by the engine, each for its own use.
//!
//! The MAC or signature covers the encoded Key Value as it is when it is made: before the encryption, or after it. An IV is not a
//! part of the Key Value, and not covered.

use crypto::{CryptoError, Mac, Signer, Verifier, Wrapped};
use kmip::attribute::{Attribute, AttributeInstance, Attributes};
use kmip::codec::{ByteString, from_bytes, to_bytes};
use kmip::enumerations::{EncodingOption, KeyFormatType, LinkType, ObjectType, WrappingMethod};
use kmip::identifier::ObjectReference;
use kmip::object::{KeyBlock, KeyMaterial, KeyValue, ManagedObject, PlainKeyValue};
use kmip::result_reason::ResultReason;
use kmip::structures::{
    CryptographicParameters, EncryptionKeyInformation, KeyWrappingData, KeyWrappingSpecification, MACSignatureKeyInformation,
};
use kmip::{ProtocolVersion, Secret, tag};
use policy::Permission;
use zeroize::Zeroizing;

use crate::authorise::Authorised;
use crate::environment::Settings;
use crate::error::{Error, Result};
use crate::key_material;
use crate::object::StoredObject;
use crate::operation::{Batch, Change, Context, KeyUse, Material};
use crate::spelling;
use crate::use_of_key::{self, Amount, At, Use};

/// What a request that wraps or unwraps stands in: its version and time, and what the server has for it. The work may be done apart from
/// the rest of the operation, on another thread.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) at: At,
    settings: &'a Settings,
    random: &'a dyn crypto::Random,
    batch: &'a Batch,
}

impl<'a> From<&Context<'a>> for Surroundings<'a> {
    fn from(context: &Context<'a>) -> Self {
        let Context { settings, random, batch, .. } = *context;
        Self { at: context.into(), settings, random, batch }
    }
}

impl<'a> From<&Material<'a>> for Surroundings<'a> {
    fn from(material: &Material<'a>) -> Self {
        let Material { at, settings, random, batch, .. } = *material;
        Self { at, settings, random, batch }
    }
}

impl Surroundings<'_> {
    fn identifier(&self, reference: &ObjectReference) -> Result<String> {
        self.batch.identifier(Some(reference))
    }
}

/// What a Wrapping Method does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Steps {
    encrypts: bool,
    /// Whether there is a MAC or signature, and whether it is made first.
    authenticates: Option<First>,
}

/// Which of two steps comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Encryption,
    Authentication,
}

fn steps(method: WrappingMethod) -> Result<Steps> {
    let steps = |encrypts, authenticates| Ok(Steps { encrypts, authenticates });
    match method {
        WrappingMethod::Encrypt => steps(true, None),
        WrappingMethod::MACSign => steps(false, Some(First::Authentication)),
        WrappingMethod::EncryptThenMACSign => steps(true, Some(First::Encryption)),
        WrappingMethod::MACSignThenEncrypt => steps(true, Some(First::Authentication)),
        WrappingMethod::TR_31 => {
            Err(Error::new(ResultReason::FeatureNotSupported, "The server does not make or read the key blocks of TR-31"))
        }
        _ => Err(Error::new(ResultReason::FeatureNotSupported, "The server does not know the Wrapping Method")),
    }
}

/// The keys that a Wrapping Method needs must be named, and its Encoding Option be one.
///
/// # Errors
/// Feature Not Supported, Invalid Field, Encoding Option Error.
pub(crate) fn check_specification(specification: &KeyWrappingSpecification) -> Result<()> {
    let encoding = specification.encoding_option;
    let steps = steps(specification.wrapping_method)?;
    check_information(
        steps,
        specification.encryption_key_information.is_some(),
        specification.mac_signature_key_information.is_some(),
    )?;
    if !matches!(encoding, None | Some(EncodingOption::NoEncoding | EncodingOption::TTLVEncoding)) {
        return Err(Error::new(ResultReason::EncodingOptionError, "The server does not know the Encoding Option"));
    }
    let names_attributes = !specification.attribute_names.is_empty() || !specification.attribute_references.is_empty();
    if encoding == Some(EncodingOption::NoEncoding) && names_attributes {
        return Err(Error::new(ResultReason::EncodingOptionError, "Attributes are wrapped with TTLV Encoding alone"));
    }
    Ok(())
}

fn check_information(steps: Steps, encryption: bool, authentication: bool) -> Result<()> {
    if steps.encrypts && !encryption {
        return Err(Error::invalid_field("The Wrapping Method needs Encryption Key Information"));
    }
    if steps.authenticates.is_some() && !authentication {
        return Err(Error::invalid_field("The Wrapping Method needs MAC/Signature Key Information"));
    }
    Ok(())
}

/// What a client says of a key that it registers wrapped must be whole: Get has to be able to say it again. Methods that the server does
/// not know are the client's business.
///
/// # Errors
/// Invalid Field, Encoding Option Error.
pub(crate) fn check_registered(block: &KeyBlock) -> Result<()> {
    let Some(data) = &block.key_wrapping_data else { return Ok(()) };
    if let Ok(steps) = steps(data.wrapping_method) {
        let has = (data.encryption_key_information.is_some(), data.mac_signature_key_information.is_some());
        check_information(steps, has.0, has.1)?;
    }
    if data.encryption_key_information.is_none() && data.mac_signature_key_information.is_none() {
        return Err(Error::invalid_field("Key Wrapping Data names neither an encryption key nor a MAC or signature key"));
    }
    let with_attributes = matches!(&block.key_value, Some(KeyValue::Plain(plain)) if plain.attributes.is_some());
    if data.encoding_option == Some(EncodingOption::NoEncoding) && with_attributes {
        return Err(Error::new(ResultReason::EncodingOptionError, "A Key Value without encoding must not hold attributes"));
    }
    Ok(())
}

/// Whether a key block hides its key: it is encrypted. A MAC or signature alone hides nothing.
pub(crate) fn hides(block: &KeyBlock) -> bool {
    let Some(data) = &block.key_wrapping_data else { return false };
    let encrypts = match data.wrapping_method {
        WrappingMethod::TR_31 => true,
        method => steps(method).is_ok_and(|steps| steps.encrypts) && data.encryption_key_information.is_some(),
    };
    let is_bytes = match &block.key_value {
        Some(KeyValue::Plain(plain)) => matches!(plain.key_material, KeyMaterial::Bytes(_)),
        Some(KeyValue::Wrapped(_)) | None => true,
    };
    encrypts && is_bytes
}

/// Whether a Key Wrapping Specification hides the key.
pub(crate) fn would_hide(specification: &KeyWrappingSpecification) -> bool {
    steps(specification.wrapping_method).is_ok_and(|steps| steps.encrypts)
}

/// The keys that a specification names.
///
/// # Errors
/// Object Not Found for an empty ID Placeholder.
pub(crate) fn needed_to_wrap(specification: &KeyWrappingSpecification, context: &Context<'_>) -> Result<Vec<KeyUse>> {
    let encryption = specification.encryption_key_information.as_ref().map(|information| &information.unique_identifier);
    let authentication = specification.mac_signature_key_information.as_ref().map(|information| &information.unique_identifier);
    let named = encryption.into_iter().chain(authentication);
    let permission = Permission::WrapKey;
    named.map(|reference| Ok(KeyUse { identifier: context.identifier(Some(reference))?, permission })).collect()
}

/// The keys that unwrapping takes. Of a pair, the Key Wrapping Data may name the half that wrapped: then the other one follows it.
pub(crate) fn needed_to_unwrap(block: Option<&KeyBlock>, keys: &[Authorised]) -> Vec<KeyUse> {
    let Some(data) = block.and_then(|block| block.key_wrapping_data.as_ref()) else { return Vec::new() };
    let mut needed = Vec::new();
    let encryption = data.encryption_key_information.as_ref().map(|information| &information.unique_identifier);
    let authentication = data.mac_signature_key_information.as_ref().map(|information| &information.unique_identifier);
    for (reference, half, link) in [
        (encryption, ObjectType::PublicKey, LinkType::PrivateKeyLink),
        (authentication, ObjectType::PrivateKey, LinkType::PublicKeyLink),
    ] {
        let Some(ObjectReference::Identifier(identifier)) = reference else { continue };
        let permission = Permission::UnwrapKey;
        needed.push(KeyUse { identifier: identifier.clone(), permission });
        let named = keys.iter().find(|key| key.identifier == *identifier && key.object_type == half);
        if let Some(other) = named.and_then(|key| key.linked(link)) {
            needed.push(KeyUse { identifier: other.to_owned(), permission });
        }
    }
    needed
}

/// One use of one of the keys.
#[derive(Clone, Debug)]
struct Used {
    identifier: String,
    of: Use,
    bytes: usize,
}

/// The keys that were loaded to wrap and unwrap, what they were used for, and whether their Usage Limits changed.
#[derive(Default)]
pub(crate) struct Keys {
    loaded: Vec<(StoredObject, bool)>,
    used: Vec<Used>,
}

impl Keys {
    /// Keys as the engine loaded them.
    pub(crate) fn new(loaded: Vec<Authorised>) -> Self {
        Self::of(loaded.into_iter().map(Authorised::into_inner))
    }

    /// Copies of them.
    pub(crate) fn of(keys: impl IntoIterator<Item = StoredObject>) -> Self {
        Self { loaded: keys.into_iter().map(|key| (key, false)).collect(), used: Vec::new() }
    }

    /// Their identifiers, for the records.
    pub(crate) fn identifiers(&self) -> impl Iterator<Item = &str> {
        self.loaded.iter().map(|(key, _)| key.identifier.as_str())
    }

    /// What was taken from Usage Limits.
    pub(crate) fn changes(self) -> Vec<Change> {
        self.loaded.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| Change::Write(Box::new(key))).collect()
    }

    /// Whether anything was wrapped or unwrapped.
    pub(crate) const fn were_used(&self) -> bool {
        !self.used.is_empty()
    }

    /// Uses the keys as these copies of them were used. Another request may have changed them since.
    ///
    /// # Errors
    /// Those of the use of a key, and General Failure if it is another key now.
    pub(crate) fn use_like(&mut self, copies: &Self, at: At) -> Result<()> {
        for Used { identifier, of, bytes } in &copies.used {
            let key = self.get(identifier)?;
            check_is_key(key)?;
            use_of_key::check_use(key, *of, at)?;
            if key.object != copies.get(identifier)?.object {
                return Err(Error::kept_changing());
            }
            self.charge(identifier, *of, *bytes, at.now)?;
        }
        Ok(())
    }

    fn get(&self, identifier: &str) -> Result<&StoredObject> {
        let mut keys = self.loaded.iter().map(|(key, _)| key);
        keys.find(|key| key.identifier == identifier).ok_or_else(Error::wrapping_object_not_found)
    }

    /// A key, or the other half of its pair.
    fn half(&self, identifier: &str, half: ObjectType, link: LinkType) -> Result<&StoredObject> {
        let key = self.get(identifier)?;
        if key.object_type != half {
            return Ok(key);
        }
        key.linked(link).ok_or_else(Error::wrapping_object_not_found).and_then(|other| self.get(other))
    }

    fn charge(&mut self, identifier: &str, of: Use, bytes: usize, now: i64) -> Result<()> {
        self.used.push(Used { identifier: identifier.to_owned(), of, bytes });
        // A key that is named twice is there twice: the first one counts, and is the one that is found.
        if let Some((key, changed)) = self.loaded.iter_mut().find(|(key, _)| key.identifier == identifier) {
            *changed |= use_of_key::charge(key, of, Amount { bytes, objects: 1 }, now)?;
        }
        Ok(())
    }
}

/// What does not compute is no key, and what has been destroyed is none any more.
fn check_is_key(key: &StoredObject) -> Result<()> {
    let is_key = matches!(
        key.object_type,
        ObjectType::SymmetricKey
            | ObjectType::PublicKey
            | ObjectType::PrivateKey
            | ObjectType::Certificate
            | ObjectType::SecretData
    );
    if !is_key {
        return Err(Error::new(ResultReason::InvalidObjectType, "The object that is to wrap or unwrap is no key"));
    }
    if key.is_destroyed() {
        return Err(Error::new(ResultReason::WrappingObjectDestroyed, "The wrapping key has been destroyed"));
    }
    Ok(())
}

/// The parameters of a use of a wrapping key.
fn parameters(
    key: &StoredObject,
    of: Use,
    requested: Option<&CryptographicParameters>,
    around: Surroundings<'_>,
) -> Result<CryptographicParameters> {
    check_is_key(key)?;
    use_of_key::check(key, of, requested, around.at).map_err(|error| match error.reason {
        // Up to 1.4, parameters that the key does not have are an item that is not found (1.4, section 11.12).
        ResultReason::BadCryptographicParameters if around.at.version.is_1x() => {
            Error { reason: ResultReason::ItemNotFound, ..error }
        }
        _ => error,
    })
}

/// Wraps an object as a specification says; its `attributes` are those that may be wrapped with it.
///
/// # Errors
/// Invalid Object Type for what has no key, Key Value Not Present, Encoding Option Error; Wrapping Object Destroyed, Wrong Key Lifecycle
/// State, Incompatible Cryptographic Usage Mask, Bad Cryptographic Parameters (Item Not Found in 1.x) or Usage Limit Exceeded for a key
/// that cannot be used; those of `crypto`.
pub(crate) fn wrap(
    managed: &mut ManagedObject,
    object: &StoredObject,
    specification: &KeyWrappingSpecification,
    keys: &mut Keys,
    around: Surroundings<'_>,
) -> Result<()> {
    let in_structure = specification.encoding_option == Some(EncodingOption::NoEncoding)
        && (is_in_structure(object) || reads_structures_only(specification, keys, around));
    let no_key = || Error::new(ResultReason::InvalidObjectType, "An object of this type has no key that could be wrapped");
    let block = managed.key_block_mut().ok_or_else(no_key)?;
    let Some(KeyValue::Plain(plain)) = &mut block.key_value else {
        return Err(match block.key_format_type {
            KeyFormatType::PKCS_12 => Error::new(ResultReason::KeyFormatTypeNotSupported, "A PKCS#12 file is not wrapped"),
            _ => Error::key_value_not_present(),
        });
    };
    add_attributes(plain, object, specification, around);
    let mut bytes = encode(plain, specification.encoding_option, around.at.version)?;
    let steps = steps(specification.wrapping_method)?;
    let mut data = KeyWrappingData {
        wrapping_method: specification.wrapping_method,
        encryption_key_information: None,
        mac_signature_key_information: None,
        mac_signature: None,
        iv_counter_nonce: None,
        encoding_option: specification.encoding_option,
    };
    if steps.authenticates == Some(First::Authentication) {
        authenticate(&bytes, specification, &mut data, keys, around)?;
    }
    if steps.encrypts {
        let information = specification.encryption_key_information.as_ref();
        let (wrapped, information) = encrypt(&bytes, object, information, keys, around)?;
        bytes = Zeroizing::new(wrapped.bytes);
        data.iv_counter_nonce = wrapped.iv.map(ByteString);
        data.encryption_key_information = Some(information);
    }
    if steps.authenticates == Some(First::Encryption) {
        authenticate(&bytes, specification, &mut data, keys, around)?;
    }
    if steps.encrypts {
        let bytes = Secret::from_slice(&bytes);
        block.key_value = Some(match in_structure {
            true => KeyValue::Plain(PlainKeyValue { key_material: KeyMaterial::Bytes(bytes), attributes: None }),
            false => KeyValue::Wrapped(bytes),
        });
    }
    block.key_wrapping_data = Some(data);
    Ok(())
}

/// Whether the client registered the key wrapped as the material of a structure, and not as a Byte String. So do the test cases of the
/// standard, and want it back so (TC-WRAP-3).
fn is_in_structure(object: &StoredObject) -> bool {
    object.object.as_ref().and_then(ManagedObject::key_block).is_some_and(|block| {
        block.key_wrapping_data.is_some() && hides(block) && matches!(block.key_value, Some(KeyValue::Plain(_)))
    })
}

/// Whether the client is one that reads a wrapped key in a structure alone: PyKMIP, which speaks up to 2.0 and cannot give a key the
/// Cryptographic Parameters that the standard wants of one that wraps.
fn reads_structures_only(specification: &KeyWrappingSpecification, keys: &Keys, around: Surroundings<'_>) -> bool {
    let information = specification.encryption_key_information.as_ref();
    let key = information.and_then(|information| around.identifier(&information.unique_identifier).ok());
    let key = key.and_then(|identifier| keys.get(&identifier).ok());
    around.at.version <= ProtocolVersion::V2_0
        && specification.wrapping_method == WrappingMethod::Encrypt
        && key.is_some_and(|key| {
            let has = key.attributes().any(|attribute| matches!(attribute, Attribute::CryptographicParameters(_)));
            key.object_type == ObjectType::SymmetricKey && !has
        })
}

/// Puts those of the named attributes into the Key Value that the object has. Those that the client put there stay, if none is named.
fn add_attributes(
    plain: &mut PlainKeyValue,
    object: &StoredObject,
    specification: &KeyWrappingSpecification,
    around: Surroundings<'_>,
) {
    let named = specification.attribute_names.iter().map(|name| kmip::v1::attribute_reference(name));
    let named: Vec<_> = named.chain(specification.attribute_references.iter().cloned()).collect();
    if named.is_empty() {
        return;
    }
    let mut attributes = Attributes(Vec::new());
    for reference in named {
        let computed = object.computed(&reference, around.at.now).map(AttributeInstance::from);
        let kept = object
            .values(&reference)
            .map(|instance| AttributeInstance { index: Some(instance.index), attribute: instance.attribute.clone() });
        attributes.0.extend(computed.into_iter().chain(kept));
    }
    spelling::attributes(&mut attributes, around.at.version);
    plain.attributes = Some(attributes).filter(|attributes| !attributes.is_empty());
}

/// The bytes that are wrapped.
fn encode(plain: &PlainKeyValue, option: Option<EncodingOption>, version: ProtocolVersion) -> Result<Zeroizing<Vec<u8>>> {
    if option != Some(EncodingOption::NoEncoding) {
        return Ok(Zeroizing::new(to_bytes(plain, tag::KeyValue, version)));
    }
    match (&plain.key_material, &plain.attributes) {
        (KeyMaterial::Bytes(bytes), None) => Ok(Zeroizing::new(bytes.expose().to_vec())),
        _ => {
            let text = "A key whose material is a structure, or that holds attributes, is wrapped with TTLV Encoding alone";
            Err(Error::new(ResultReason::EncodingOptionError, text))
        }
    }
}

fn encrypt(
    bytes: &[u8],
    object: &StoredObject,
    information: Option<&EncryptionKeyInformation>,
    keys: &mut Keys,
    around: Surroundings<'_>,
) -> Result<(Wrapped, EncryptionKeyInformation)> {
    let information = information.ok_or_else(|| Error::invalid_field("Encryption Key Information is missing"))?;
    let identifier = around.identifier(&information.unique_identifier)?;
    if identifier == object.identifier {
        return Err(Error::invalid_field("A key does not wrap itself"));
    }
    let key = keys.get(&identifier)?;
    let requested = information.cryptographic_parameters.as_ref();
    let parameters = parameters(key, Use::WrapKey, requested, around)?;
    let wrapped = match key.object_type {
        ObjectType::SymmetricKey => {
            crypto::wrap(&parameters, key_material::symmetric(key)?.expose(), bytes, around.random).map_err(bad_parameters)?
        }
        _ => {
            let key = key_material::public(key)?;
            let bytes = crypto::encrypt(&parameters, &key, bytes, around.random).map_err(bad_parameters)?;
            Wrapped { bytes, iv: None }
        }
    };
    keys.charge(&identifier, Use::WrapKey, bytes.len(), around.at.now)?;
    let information = EncryptionKeyInformation {
        unique_identifier: ObjectReference::Identifier(identifier),
        cryptographic_parameters: requested.cloned(),
    };
    Ok((wrapped, information))
}

/// Makes the MAC or signature of the bytes, and says by what.
fn authenticate(
    bytes: &[u8],
    specification: &KeyWrappingSpecification,
    data: &mut KeyWrappingData,
    keys: &mut Keys,
    around: Surroundings<'_>,
) -> Result<()> {
    let information = specification.mac_signature_key_information.as_ref();
    let information = information.ok_or_else(|| Error::invalid_field("MAC/Signature Key Information is missing"))?;
    let identifier = around.identifier(&information.unique_identifier)?;
    let key = keys.get(&identifier)?;
    let requested = information.cryptographic_parameters.as_ref();
    let of = if key.object_type == ObjectType::PrivateKey { Use::Sign } else { Use::MAC };
    let parameters = parameters(key, of, requested, around)?;
    let made = if of == Use::Sign {
        let mut signer = Signer::new(&parameters, &key_material::private(key)?).map_err(bad_parameters)?;
        signer.update(bytes)?;
        signer.finish(around.random)?
    } else {
        let mut mac = Mac::new(&parameters, key_material::symmetric(key)?.expose()).map_err(bad_parameters)?;
        mac.update(bytes);
        mac.finish()
    };
    keys.charge(&identifier, of, bytes.len(), around.at.now)?;
    data.mac_signature = Some(ByteString(made));
    data.mac_signature_key_information = Some(MACSignatureKeyInformation {
        unique_identifier: ObjectReference::Identifier(identifier),
        cryptographic_parameters: requested.cloned(),
    });
    Ok(())
}

/// Unwraps an object that was registered wrapped; one that was not stays what it is. `spelling` is the version it was registered in.
///
/// # Errors
/// Feature Not Supported, Wrapping Object Not Found, those of the use of the keys, and Cryptographic Failure for all that is wrong with
/// the wrapped bytes.
pub(crate) fn unwrap(
    managed: &mut ManagedObject,
    spelling: ProtocolVersion,
    keys: &mut Keys,
    around: Surroundings<'_>,
) -> Result<()> {
    let Some(block) = managed.key_block_mut() else { return Ok(()) };
    let Some(data) = &block.key_wrapping_data else { return Ok(()) };
    let steps = steps(data.wrapping_method)?;
    let mut bytes = match &block.key_value {
        Some(KeyValue::Wrapped(bytes)) => Zeroizing::new(bytes.expose().to_vec()),
        Some(KeyValue::Plain(plain)) if steps.encrypts => match &plain.key_material {
            // As the test cases of the standard register them (TC-WRAP-1).
            KeyMaterial::Bytes(bytes) => Zeroizing::new(bytes.expose().to_vec()),
            KeyMaterial::Transparent(_) => return Err(failed("an encrypted key is bytes")),
        },
        Some(KeyValue::Plain(plain)) => encode(plain, data.encoding_option, spelling)?,
        None => return Err(Error::key_value_not_present()),
    };
    if steps.authenticates == Some(First::Encryption) {
        verify(&bytes, data, keys, around)?;
    }
    if steps.encrypts {
        bytes = decrypt(&bytes, data, keys, around)?;
    }
    if steps.authenticates == Some(First::Authentication) {
        verify(&bytes, data, keys, around)?;
    }
    if steps.encrypts {
        block.key_value = Some(KeyValue::Plain(decode(&bytes, data.encoding_option, spelling, around)?));
    }
    block.key_wrapping_data = None;
    Ok(())
}

fn decrypt(bytes: &[u8], data: &KeyWrappingData, keys: &mut Keys, around: Surroundings<'_>) -> Result<Zeroizing<Vec<u8>>> {
    let information = data.encryption_key_information.as_ref();
    let information = information.ok_or_else(|| Error::invalid_field("Encryption Key Information is missing"))?;
    let ObjectReference::Identifier(identifier) = &information.unique_identifier else {
        return Err(Error::wrapping_object_not_found());
    };
    let key = keys.half(identifier, ObjectType::PublicKey, LinkType::PrivateKeyLink)?;
    let parameters = parameters(key, Use::UnwrapKey, information.cryptographic_parameters.as_ref(), around)?;
    let unwrapped = match key.object_type {
        ObjectType::SymmetricKey => {
            let iv = data.iv_counter_nonce.as_ref().map(|iv| iv.0.as_slice());
            crypto::unwrap(&parameters, key_material::symmetric(key)?.expose(), bytes, iv).map_err(bad_parameters)?
        }
        _ => crypto::decrypt(&parameters, &key_material::private(key)?, bytes, false).map_err(bad_parameters)?,
    };
    let identifier = key.identifier.clone();
    keys.charge(&identifier, Use::UnwrapKey, bytes.len(), around.at.now)?;
    Ok(Zeroizing::new(unwrapped.expose().to_vec()))
}

/// Judges the MAC or signature of the bytes.
fn verify(bytes: &[u8], data: &KeyWrappingData, keys: &mut Keys, around: Surroundings<'_>) -> Result<()> {
    let information = data.mac_signature_key_information.as_ref();
    let information = information.ok_or_else(|| Error::invalid_field("MAC/Signature Key Information is missing"))?;
    let ObjectReference::Identifier(identifier) = &information.unique_identifier else {
        return Err(Error::wrapping_object_not_found());
    };
    let given = data.mac_signature.as_ref().map_or(&[][..], |made| &made.0);
    let key = keys.half(identifier, ObjectType::PrivateKey, LinkType::PublicKeyLink)?;
    let requested = information.cryptographic_parameters.as_ref();
    let is_public = matches!(key.object_type, ObjectType::PublicKey | ObjectType::Certificate);
    let of = if is_public { Use::SignatureVerify } else { Use::MACVerify };
    let parameters = parameters(key, of, requested, around)?;
    let right = if is_public {
        let mut verifier = Verifier::new(&parameters, &key_material::public(key)?).map_err(bad_parameters)?;
        verifier.update(bytes)?;
        verifier.verify(given)
    } else {
        let mut mac = Mac::new(&parameters, key_material::symmetric(key)?.expose()).map_err(bad_parameters)?;
        mac.update(bytes);
        mac.verify(given)
    };
    let identifier = key.identifier.clone();
    keys.charge(&identifier, of, bytes.len(), around.at.now)?;
    if right { Ok(()) } else { Err(failed("the MAC or signature is wrong")) }
}

/// The Key Value in wrapped bytes. Whoever wrapped them chose them: they meet the limits of a message before they are read.
fn decode(
    bytes: &[u8],
    option: Option<EncodingOption>,
    spelling: ProtocolVersion,
    around: Surroundings<'_>,
) -> Result<PlainKeyValue> {
    if option == Some(EncodingOption::NoEncoding) {
        return Ok(PlainKeyValue { key_material: KeyMaterial::Bytes(Secret::from_slice(bytes)), attributes: None });
    }
    ttlv_codec::check(bytes, &around.settings.limits).map_err(failed)?;
    match from_bytes::<KeyValue>(bytes, spelling) {
        Ok(KeyValue::Plain(plain)) => Ok(plain),
        Ok(KeyValue::Wrapped(_)) => Err(failed("the wrapped Key Value is no structure")),
        Err(error) => Err(failed(error)),
    }
}

/// Parameters that are not offered: Get, Export and Import have no other reason for them (2.1, sections 6.1.18 and 6.1.19).
fn bad_parameters(error: CryptoError) -> Error {
    Error::from(error).parameters_are_bad()
}

/// Whatever is wrong inside what was wrapped is told to the log alone.
fn failed(cause: impl std::fmt::Display) -> Error {
    Error::new(ResultReason::CryptographicFailure, "The cryptographic operation failed").because(cause)
}
