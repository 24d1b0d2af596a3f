//! Join Split Key: parts of a key become the key again (1.4, section 4.39; 2.1, sections 6.1.27 and 13.1).
//!
//! There may be more parts than the threshold; all of them have to fit. Of parts that the server made, it knows which belong together;
//! of those that clients registered, only what the parts themselves say. A key made of parts that must not leave the server, or only
//! wrapped, must not either.

use crypto::SplitScheme;
use kmip::Secret;
use kmip::attribute::Attribute;
use kmip::enumerations::{
    CryptographicAlgorithm, KeyFormatType, LinkType, ObjectType, SecretDataType, UniqueIdentifierEnumeration,
};
use kmip::identifier::UniqueIdentifier;
use kmip::masks::CryptographicUsageMask;
use kmip::object::{
    KeyBlock, KeyMaterial, KeyValue, ManagedObject, PlainKeyValue, PrivateKey, SecretData, SplitKey, SymmetricKey,
};
use kmip::payload::join_split_key::{JoinSplitKeyRequest, JoinSplitKeyResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::authorise::Authorised;
use crate::conversion;
use crate::create_split_key::unsigned;
use crate::creation::{self, Origin};
use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::{Change, Context, Done, Loaded, Material, Operation, Plan};

/// The parts together, in objects of the largest size: what Create Split Key makes is a fraction of it.
const MATERIAL_FACTOR: usize = 4;

pub(crate) struct JoinSplitKey;

impl Operation for JoinSplitKey {
    type Request = JoinSplitKeyRequest;
    type Response = JoinSplitKeyResponse;
    type Prepared = Option<Secret>;

    const PERMISSION: Permission = Permission::JoinSplitKey;
    const HEAVY: bool = true;
    const PREPARES_FROM_OBJECTS: bool = true;
    const USES_FACTORY: bool = true;

    fn plan(request: &JoinSplitKeyRequest, context: &Context<'_>) -> Result<Plan> {
        creation::check_protection_storage(
            request.protection_storage_masks.as_ref(),
            ResultReason::ProtectionStorageUnavailable,
        )?;
        let makes = [ObjectType::SymmetricKey, ObjectType::PrivateKey, ObjectType::SecretData];
        if !makes.contains(&request.object_type) {
            let text = "Join Split Key makes symmetric keys, private keys and secret data";
            return Err(wrong_type(text, context));
        }
        if request.secret_data_type.is_some() && request.object_type != ObjectType::SecretData {
            return Err(Error::invalid_field("Secret Data Type belongs to secret data alone"));
        }
        let mut objects: Vec<String> = Vec::new();
        if request.unique_identifiers.len() > crypto::SPLIT_KEY_PARTS_MAX as usize {
            return Err(Error::invalid_field(format!("A key has at most {} parts", crypto::SPLIT_KEY_PARTS_MAX)));
        }
        for reference in &request.unique_identifiers {
            let identifier = context.identifier(Some(reference))?;
            if objects.contains(&identifier) {
                return Err(Error::new(ResultReason::CryptographicFailure, "A part of the key is named twice"));
            }
            objects.push(identifier);
        }
        if objects.is_empty() {
            return Err(Error::new(ResultReason::InvalidMessage, "Unique Identifier is missing"));
        }
        Ok(Plan { objects, ..creation::plan(&[request.attributes.as_ref()], context)? })
    }

    fn follow(_: &JoinSplitKeyRequest, loaded: &[Authorised], context: &Context<'_>) -> Result<Vec<String>> {
        if loaded.iter().map(|object| object.material_length()).sum::<usize>() > MATERIAL_FACTOR * context.settings.object_size {
            return Err(Error::new(ResultReason::ServerLimitExceeded, "The parts are too long to be joined"));
        }
        for object in loaded {
            if object.object_type != ObjectType::SplitKey {
                return Err(wrong_type("An object is no part of a key", context));
            }
            object.material()?;
        }
        Ok(Vec::new())
    }

    fn prepare(_: &JoinSplitKeyRequest, material: &Material<'_>) -> Result<Option<Secret>> {
        join(material.objects).map(Some)
    }

    fn handle(
        request: &JoinSplitKeyRequest,
        loaded: Loaded,
        prepared: &Option<Secret>,
        context: &Context<'_>,
    ) -> Result<Done<JoinSplitKeyResponse>> {
        let joined = prepared.as_ref().ok_or_else(|| Error::general_failure("nothing was joined"))?;
        let parts: Vec<StoredObject> = loaded.objects.into_iter().map(Authorised::into_inner).collect();
        for part in &parts {
            part.material()?;
        }
        let identifier = context.new_identifier()?;
        let owner = context.actor.name.clone();
        let mut object = StoredObject::new(identifier.clone(), owner, request.object_type, context.version);
        let given = creation::merged(request.attributes.as_ref(), &mut loaded.templates.iter(), context.settings)?;
        creation::apply(&mut object, given, context)?;
        context.factory.complete(&mut object, context.settings)?;
        inherit(&mut object, &parts);
        check_uses(&object, &parts)?;
        object.object = Some(managed(&mut object, request.secret_data_type, joined)?);
        creation::complete(&mut object, Origin::Generated, context)?;
        let response = JoinSplitKeyResponse {
            object_type: None,
            unique_identifier: UniqueIdentifier(identifier.clone()),
            template_attribute: None,
        };
        let mut done = Done::reply(response);
        for part in &parts {
            done = done.about(&part.identifier);
        }
        Ok(done.with(Change::Write(Box::new(object))).returning(UniqueIdentifierEnumeration::JoinSplitKey, &identifier))
    }
}

/// Up to 1.4, an object that does not fit is an invalid field (1.4, section 11.40).
fn wrong_type(text: &'static str, context: &Context<'_>) -> Error {
    let reason = if context.version.is_1x() { ResultReason::InvalidField } else { ResultReason::InvalidObjectType };
    Error::new(reason, text)
}

/// Parts that do not belong together, or are too few.
fn refused(text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ResultReason::CryptographicFailure, text)
}

fn join(objects: &[StoredObject]) -> Result<Secret> {
    let parts: Vec<(&StoredObject, &SplitKey)> = objects
        .iter()
        .map(|object| match object.material()? {
            ManagedObject::SplitKey(part) => Ok((object, part)),
            _ => Err(Error::general_failure("a split key is none")),
        })
        .collect::<Result<_>>()?;
    let Some((first_object, first)) = parts.first() else { return Err(refused("There are no parts")) };
    let describe =
        |part: &SplitKey| (part.split_key_parts, part.split_key_threshold, part.split_key_method, part.prime_field_size.clone());
    if parts.iter().any(|(_, part)| describe(part) != describe(first)) {
        return Err(refused("The parts are not of one key: their parts, threshold, method or prime differ"));
    }
    let families: Vec<&str> = parts.iter().filter_map(|(object, part)| family(object, part)).collect();
    if families.iter().any(|family| Some(family) != families.first()) {
        return Err(refused("The parts are not of one key"));
    }
    let prime = first.prime_field_size.as_ref().map(unsigned).transpose()?;
    let scheme = SplitScheme::new(first.split_key_method, first.split_key_parts, first.split_key_threshold, prime)?;
    if parts.len() < scheme.threshold() as usize {
        return Err(refused(format!("There are {} parts; the key needs {}", parts.len(), scheme.threshold())));
    }
    let shares = parts
        .iter()
        .map(|(_, part)| match conversion::plain_material(&part.key_block) {
            Some(KeyMaterial::Bytes(share)) => Ok((part.key_part_identifier, share.expose())),
            _ => Err(refused("A part is wrapped, or not on the server")),
        })
        .collect::<Result<Vec<_>>>()?;
    let length = stated_length(first_object);
    scheme.join(&shares, length).map_err(|error| match error {
        crypto::CryptoError::BadParameters(text) => refused(text),
        other => other.into(),
    })
}

/// The first part of those that the server made together: what the others are linked to, or itself.
fn family<'a>(object: &'a StoredObject, part: &SplitKey) -> Option<&'a str> {
    object.linked(LinkType::ParentLink).or_else(|| {
        let generated = object.attributes().any(|attribute| matches!(attribute, Attribute::RandomNumberGenerator(_)));
        (part.key_part_identifier == 1 && generated).then_some(object.identifier.as_str())
    })
}

fn algorithm_and_length(object: &StoredObject) -> (Option<CryptographicAlgorithm>, Option<i32>) {
    let mut found = (None, None);
    for attribute in object.attributes() {
        match attribute {
            Attribute::CryptographicAlgorithm(algorithm) => found.0 = Some(*algorithm),
            Attribute::CryptographicLength(length) => found.1 = Some(*length),
            _ => {}
        }
    }
    found
}

/// How many bytes the key has, where that follows from what the parts say of it. The Cryptographic Length of a private key says
/// nothing of its encoding, which begins with no zero.
fn stated_length(part: &StoredObject) -> Option<usize> {
    match algorithm_and_length(part) {
        (Some(algorithm), Some(length)) => crypto::symmetric_bytes(algorithm, length).ok(),
        (None, Some(length)) if length % 8 == 0 => usize::try_from(length / 8).ok(),
        _ => None,
    }
}

/// What all parts say, the key is, unless the request says otherwise; what they forbid, is forbidden.
fn inherit(object: &mut StoredObject, parts: &[StoredObject]) {
    for attribute in parts.iter().flat_map(StoredObject::attributes) {
        match attribute {
            Attribute::Sensitive(true) | Attribute::Extractable(false) => object.set(attribute.clone()),
            Attribute::CryptographicAlgorithm(_) | Attribute::CryptographicLength(_) => object.set_if_absent(attribute.clone()),
            _ => {}
        }
    }
    if let Some(mask) = common_mask(parts) {
        object.set_if_absent(Attribute::CryptographicUsageMask(mask));
    }
}

/// The uses that all parts allow, of those that say any.
fn common_mask(parts: &[StoredObject]) -> Option<CryptographicUsageMask> {
    parts.iter().filter_map(mask).reduce(|one, other| CryptographicUsageMask(one.0 & other.0))
}

fn mask(object: &StoredObject) -> Option<CryptographicUsageMask> {
    object.first(|attribute| match attribute {
        Attribute::CryptographicUsageMask(mask) => Some(*mask),
        _ => None,
    })
}

/// A key of parts that must not leave the server is for what they are for, whatever the request says: as a one-time pad, a key for
/// encryption would encrypt zeros and so be read, and a key that may only verify would sign.
fn check_uses(object: &StoredObject, parts: &[StoredObject]) -> Result<()> {
    if !parts.iter().any(StoredObject::must_not_leave) {
        return Ok(());
    }
    let denied = |text: &'static str| Err(Error::new(ResultReason::PermissionDenied, text));
    let (algorithm, _) = algorithm_and_length(object);
    if parts.iter().any(|part| algorithm_and_length(part).0 != algorithm) {
        return denied("A key of parts that must not leave the server has their Cryptographic Algorithm");
    }
    let allowed = parts.iter().map(|part| mask(part).map_or(0, |mask| mask.0)).fold(u32::MAX, |all, mask| all & mask);
    match mask(object) {
        Some(mask) if mask.0 & !allowed != 0 => {
            denied("A key of parts that must not leave the server is for no more than what their Cryptographic Usage Masks allow")
        }
        _ => Ok(()),
    }
}

/// The key, which must be what the request says it is.
fn managed(object: &mut StoredObject, secret_data_type: Option<SecretDataType>, joined: &Secret) -> Result<ManagedObject> {
    let (algorithm, length) = algorithm_and_length(object);
    let block = |format, algorithm, length| KeyBlock {
        key_format_type: format,
        key_compression_type: None,
        key_value: Some(KeyValue::Plain(PlainKeyValue { key_material: KeyMaterial::Bytes(joined.clone()), attributes: None })),
        cryptographic_algorithm: algorithm,
        cryptographic_length: length,
        key_wrapping_data: None,
    };
    match object.object_type {
        ObjectType::PrivateKey => {
            let key = crypto::PrivateKey::parse(KeyFormatType::PKCS_8, joined.expose());
            let facts = key.map_err(|error| refused("The parts make no private key").because(error))?.facts();
            let length = i32::try_from(facts.length).map_err(Error::general_failure)?;
            let algorithm = algorithm.unwrap_or(facts.algorithm);
            object.set(Attribute::CryptographicAlgorithm(algorithm));
            object.set(Attribute::CryptographicLength(length));
            let key_block = block(KeyFormatType::PKCS_8, Some(algorithm), Some(length));
            Ok(ManagedObject::PrivateKey(PrivateKey { key_block }))
        }
        ObjectType::SymmetricKey => {
            let algorithm = algorithm.ok_or_else(|| Error::invalid_field("Cryptographic Algorithm is missing"))?;
            let bits = i32::try_from(joined.len() * 8).map_err(Error::general_failure)?;
            let length = length.unwrap_or(bits);
            if crypto::symmetric_bytes(algorithm, length)? != joined.len() {
                return Err(Error::invalid_field("Cryptographic Length is not that of the key which the parts make"));
            }
            object.set(Attribute::CryptographicLength(length));
            Ok(ManagedObject::SymmetricKey(SymmetricKey { key_block: block(KeyFormatType::Raw, Some(algorithm), Some(length)) }))
        }
        _ => {
            let bits = i32::try_from(joined.len() * 8).map_err(Error::general_failure)?;
            object.set(Attribute::CryptographicLength(bits));
            let secret_data_type = secret_data_type.unwrap_or(SecretDataType::Seed);
            Ok(ManagedObject::SecretData(SecretData { secret_data_type, key_block: block(KeyFormatType::Raw, None, Some(bits)) }))
        }
    }
}
