//! Create Split Key: a key in parts, each an object of its own, of which some have to come together again (1.4, section 4.38; 2.1,
//! sections 6.1.10 and 13.1).
//!
//! The key is one that the server has, or a new one that exists in parts alone. A private key is divided as PKCS#8, secret data as it is.
//! Parts of a key that must not leave the server, or only wrapped, must not either: otherwise splitting it would be a way out. The parts are
//! linked to the first of them by Parent Link, so that Join Split Key can tell those of one key from those of another.

use crypto::SplitScheme;
use kmip::Secret;
use kmip::attribute::Attribute;
use kmip::codec::BigInteger;
use kmip::enumerations::{
    CryptographicAlgorithm, KeyFormatType, LinkType, ObjectType, SplitKeyMethod, State, UniqueIdentifierEnumeration,
};
use kmip::identifier::UniqueIdentifier;
use kmip::object::{KeyBlock, KeyMaterial, KeyValue, ManagedObject, PlainKeyValue, SplitKey};
use kmip::payload::create_split_key::{CreateSplitKeyRequest, CreateSplitKeyResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::authorise::Authorised;
use crate::creation::{self, Origin};
use crate::error::{Error, Result};
use crate::key_material;
use crate::object::StoredObject;
use crate::operation::{Change, Context, Done, Loaded, Material, Operation, Placeholder, Plan};

pub(crate) struct CreateSplitKey;

/// The parts, made once and away from the other work: a prime of the client's choice takes its time.
pub(crate) struct Parts {
    shares: Vec<Secret>,
    prime: Option<Vec<u8>>,
    algorithm: Option<CryptographicAlgorithm>,
    length: i32,
}

impl Operation for CreateSplitKey {
    type Request = CreateSplitKeyRequest;
    type Response = CreateSplitKeyResponse;
    type Prepared = Option<Parts>;

    const PERMISSION: Permission = Permission::CreateSplitKey;
    const HEAVY: bool = true;
    const PREPARES_FROM_OBJECTS: bool = true;
    const USES_FACTORY: bool = true;

    fn plan(request: &CreateSplitKeyRequest, context: &Context<'_>) -> Result<Plan> {
        creation::check_protection_storage(
            request.protection_storage_masks.as_ref(),
            ResultReason::ProtectionStorageUnavailable,
        )?;
        if request.object_type != ObjectType::SplitKey {
            // 1.2, section 11.39, knows no reason for it but the field.
            let reason = if context.version.is_1x() { ResultReason::InvalidField } else { ResultReason::InvalidObjectType };
            return Err(Error::new(reason, "Create Split Key makes split keys only"));
        }
        let names = request.attributes.attributes.iter().any(|attribute| matches!(attribute, Attribute::Name(_)));
        if names && !context.version.is_1x() {
            return Err(Error::new(
                ResultReason::NonUniqueNameAttribute,
                "A Name is one object's: it cannot be given to all parts",
            ));
        }
        // Everything but a prime that the server chooses is judged before the key is touched.
        scheme(request, Some(&[1, 1]))?;
        let plan = creation::plan(&[Some(&request.attributes)], context)?;
        match &request.unique_identifier {
            Some(reference) => Ok(Plan { objects: vec![context.identifier(Some(reference))?], ..plan }),
            None => Ok(plan),
        }
    }

    fn follow(_: &CreateSplitKeyRequest, loaded: &[Authorised], context: &Context<'_>) -> Result<Vec<String>> {
        let takes = [ObjectType::SymmetricKey, ObjectType::PrivateKey, ObjectType::SecretData];
        if let Some(existing) = loaded.first() {
            if !takes.contains(&existing.object_type) {
                let reason = if context.version.is_1x() { ResultReason::InvalidField } else { ResultReason::InvalidObjectType };
                return Err(Error::new(reason, "An object of this type cannot be split"));
            }
            existing.material()?;
            check_unlimited(existing, context.now)?;
        }
        Ok(Vec::new())
    }

    fn prepare(request: &CreateSplitKeyRequest, material: &Material<'_>) -> Result<Option<Parts>> {
        let (secret, algorithm, length) = match material.objects.first() {
            Some(existing) => existing_secret(existing)?,
            None => new_secret(request, material)?,
        };
        // All parts are in memory at one time, and in one commit.
        let parts = usize::try_from(request.split_key_parts).unwrap_or_default();
        if secret.len().saturating_mul(parts) > material.settings.object_size {
            let text = "The key is too long for so many parts";
            return Err(Error::new(ResultReason::ServerLimitExceeded, text));
        }
        let default = match (request.split_key_method, &request.prime_field_size) {
            (SplitKeyMethod::PolynomialSharingPrimeField, None) => {
                let too_long = || Error::invalid_field("The key is too long for a prime field; another method can split it");
                Some(crypto::default_prime(secret.len()).ok_or_else(too_long)?)
            }
            _ => None,
        };
        let shares = scheme(request, default.as_deref())?.split(secret.expose(), material.random)?;
        let prime = default.or_else(|| request.prime_field_size.as_ref().map(|prime| prime.0.expose().to_vec()));
        Ok(Some(Parts { shares, prime, algorithm, length }))
    }

    fn handle(
        request: &CreateSplitKeyRequest,
        loaded: Loaded,
        prepared: &Option<Parts>,
        context: &Context<'_>,
    ) -> Result<Done<CreateSplitKeyResponse>> {
        let parts = prepared.as_ref().ok_or_else(|| Error::general_failure("nothing was split"))?;
        let existing = loaded.objects.into_iter().next().map(Authorised::into_inner);
        if let Some(existing) = &existing {
            existing.material()?;
            check_unlimited(existing, context.now)?;
        }
        let given = creation::merged(Some(&request.attributes), &mut loaded.templates.iter(), context.settings)?;
        let mut objects: Vec<StoredObject> = Vec::with_capacity(parts.shares.len());
        for (number, share) in (1..).zip(&parts.shares) {
            let owner = context.actor.name.clone();
            let mut object = StoredObject::new(context.new_identifier()?, owner, ObjectType::SplitKey, context.version);
            creation::apply(&mut object, given.clone(), context)?;
            context.factory.complete(&mut object, context.settings)?;
            if let Some(existing) = &existing {
                inherit(&mut object, existing);
            }
            if let Some(algorithm) = parts.algorithm {
                object.set(Attribute::CryptographicAlgorithm(algorithm));
            }
            object.set(Attribute::CryptographicLength(parts.length));
            if let Some(first) = objects.first() {
                object.add(creation::link(LinkType::ParentLink, &first.identifier));
            }
            object.object = Some(part(request, number, share, parts));
            creation::complete(&mut object, Origin::Generated, context)?;
            objects.push(object);
        }
        let identifiers: Vec<String> = objects.iter().map(|object| object.identifier.clone()).collect();
        let response = CreateSplitKeyResponse {
            object_type: None,
            unique_identifiers: identifiers.iter().cloned().map(UniqueIdentifier).collect(),
            template_attribute: None,
        };
        let mut done = Done::reply(response);
        if let Some(existing) = &existing {
            done = done.about(&existing.identifier);
        }
        for identifier in &identifiers {
            done = done.returning(UniqueIdentifierEnumeration::CreateSplitKey, identifier);
        }
        // The ID Placeholder names the first part (2.1, section 6.1.10).
        if let Some(first) = identifiers.into_iter().next() {
            done.placeholder = Placeholder::Set(first);
        }
        done.changes.extend(objects.into_iter().map(|object| Change::Write(Box::new(object))));
        Ok(done)
    }
}

/// That nothing limits the use of a key but its Cryptographic Usage Mask, if it must not leave the server. What its parts make is a key of
/// its own, with dates and Usage Limits of its own: who cannot have the key itself could have one that is the same and not limited.
fn check_unlimited(existing: &StoredObject, now: i64) -> Result<()> {
    if !existing.must_not_leave() {
        return Ok(());
    }
    let is_limited = existing.attributes().any(|attribute| {
        matches!(
            attribute,
            Attribute::UsageLimits(_)
                | Attribute::ProcessStartDate(_)
                | Attribute::ProtectStopDate(_)
                | Attribute::DeactivationDate(_)
        )
    });
    if is_limited || !matches!(existing.state(now), State::PreActive | State::Active) {
        let text = "The key must not leave the server, and its use is limited: the key that its parts make would not be";
        return Err(Error::new(ResultReason::PermissionDenied, text));
    }
    Ok(())
}

fn scheme(request: &CreateSplitKeyRequest, default_prime: Option<&[u8]>) -> Result<SplitScheme> {
    let given = request.prime_field_size.as_ref().map(unsigned).transpose()?;
    let default = default_prime.filter(|_| request.split_key_method == SplitKeyMethod::PolynomialSharingPrimeField);
    let (parts, threshold) = (request.split_key_parts, request.split_key_threshold);
    Ok(SplitScheme::new(request.split_key_method, parts, threshold, given.or(default))?)
}

/// The bytes of a Prime Field Size.
///
/// # Errors
/// Invalid Field for a negative one.
pub(crate) fn unsigned(number: &BigInteger) -> Result<&[u8]> {
    match number.0.expose() {
        [first, ..] if first & 0x80 != 0 => Err(Error::invalid_field("Prime Field Size must not be negative")),
        bytes => Ok(bytes),
    }
}

type Described = (Secret, Option<CryptographicAlgorithm>, i32);

fn existing_secret(existing: &StoredObject) -> Result<Described> {
    let secret = match existing.object_type {
        ObjectType::PrivateKey => key_material::private(existing)?.encode(KeyFormatType::PKCS_8)?,
        _ => key_material::symmetric(existing)?,
    };
    let algorithm = existing.first(|attribute| match attribute {
        Attribute::CryptographicAlgorithm(algorithm) => Some(*algorithm),
        _ => None,
    });
    let length = existing.first(|attribute| match attribute {
        Attribute::CryptographicLength(length) => Some(*length),
        _ => None,
    });
    let bits = i32::try_from(secret.len() * 8).map_err(Error::general_failure)?;
    Ok((secret, algorithm, length.unwrap_or(bits)))
}

/// A new symmetric key. It is in no object.
fn new_secret(request: &CreateSplitKeyRequest, material: &Material<'_>) -> Result<Described> {
    let given = creation::merged(Some(&request.attributes), &mut material.templates.iter(), material.settings)?;
    let mut shape = StoredObject::new(String::new(), String::new(), ObjectType::SplitKey, kmip::ProtocolVersion::V2_1);
    for instance in given {
        shape.add(instance.attribute);
    }
    material.factory.complete(&mut shape, material.settings)?;
    let mut wanted = (None, None);
    for attribute in shape.attributes() {
        match attribute {
            Attribute::CryptographicAlgorithm(algorithm) => wanted.0 = Some(*algorithm),
            Attribute::CryptographicLength(length) => wanted.1 = Some(*length),
            _ => {}
        }
    }
    let algorithm = wanted.0.ok_or_else(|| Error::invalid_field("Cryptographic Algorithm is missing"))?;
    let length = wanted.1.ok_or_else(|| Error::invalid_field("Cryptographic Length is missing"))?;
    Ok((crypto::generate_symmetric(material.random, algorithm, length)?, Some(algorithm), length))
}

/// What the attributes of the key are, those of its parts are, whatever the request says (2.1, section 6.1.10).
fn inherit(object: &mut StoredObject, existing: &StoredObject) {
    for attribute in existing.attributes() {
        match attribute {
            Attribute::CryptographicUsageMask(_) | Attribute::Sensitive(true) | Attribute::Extractable(false) => {
                object.set(attribute.clone());
            }
            _ => {}
        }
    }
}

fn part(request: &CreateSplitKeyRequest, number: i32, share: &Secret, parts: &Parts) -> ManagedObject {
    let prime_field_size = parts.prime.as_ref().map(|prime| {
        // A zero byte in front keeps the number from being negative.
        let zero: &[u8] = if prime.first().is_none_or(|first| first & 0x80 != 0) { &[0] } else { &[] };
        BigInteger(Secret::new([zero, prime].concat()))
    });
    ManagedObject::SplitKey(SplitKey {
        split_key_parts: request.split_key_parts,
        key_part_identifier: number,
        split_key_threshold: request.split_key_threshold,
        split_key_method: request.split_key_method,
        prime_field_size,
        key_block: KeyBlock {
            key_format_type: KeyFormatType::Raw,
            key_compression_type: None,
            key_value: Some(KeyValue::Plain(PlainKeyValue { key_material: KeyMaterial::Bytes(share.clone()), attributes: None })),
            cryptographic_algorithm: parts.algorithm,
            cryptographic_length: Some(parts.length),
            key_wrapping_data: None,
        },
    })
}
