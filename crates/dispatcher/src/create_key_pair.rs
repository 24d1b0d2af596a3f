//! Create Key Pair: the server generates an RSA or elliptic-curve pair (2.1, section 6.1.9).

use kmip::attribute::{Attribute, AttributeInstance, Attributes, TemplateAttribute};
use kmip::enumerations::{
    CryptographicAlgorithm, KeyFormatType, LinkType, ObjectType, RecommendedCurve, UniqueIdentifierEnumeration as Kind,
};
use kmip::identifier::UniqueIdentifier;
use kmip::object::{KeyBlock, KeyMaterial, KeyValue, ManagedObject, PlainKeyValue, PrivateKey, PublicKey};
use kmip::payload::create_key_pair::{CreateKeyPairRequest, CreateKeyPairResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::creation::{self, Origin};
use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::{Change, Context, Done, Loaded, Material, Operation, Plan};

pub(crate) struct CreateKeyPair;

/// A pair, generated once and away from the other work: RSA takes its time.
pub(crate) struct Pair {
    /// The algorithm that was asked for.
    pub(crate) algorithm: CryptographicAlgorithm,
    /// The Cryptographic Length.
    pub(crate) length: i32,
    private: kmip::Secret,
    private_format: KeyFormatType,
    /// As its format has it, for an elliptic curve a Subject Public Key Info in DER.
    pub(crate) public: Vec<u8>,
    public_format: KeyFormatType,
}

impl Operation for CreateKeyPair {
    type Request = CreateKeyPairRequest;
    type Response = CreateKeyPairResponse;
    type Prepared = Option<Pair>;

    const PERMISSION: Permission = Permission::CreateKeyPair;
    const HEAVY: bool = true;
    const USES_FACTORY: bool = true;

    fn plan(request: &CreateKeyPairRequest, context: &Context<'_>) -> Result<Plan> {
        for (masks, reason) in [
            (&request.common_protection_storage_masks, ResultReason::ProtectionStorageUnavailable),
            (&request.private_protection_storage_masks, ResultReason::PrivateProtectionStorageUnavailable),
            (&request.public_protection_storage_masks, ResultReason::PublicProtectionStorageUnavailable),
        ] {
            creation::check_protection_storage(masks.as_ref(), reason)?;
        }
        check_names(parts(request), context)?;
        check_halves(request)?;
        creation::plan(&parts(request), context)
    }

    fn prepare(request: &CreateKeyPairRequest, material: &Material<'_>) -> Result<Option<Pair>> {
        let mut templates = material.templates.iter();
        let mut given = Vec::new();
        for part in parts(request) {
            given.extend(creation::merged(part, &mut templates, material.settings)?);
        }
        // What the request leaves out, the defaults for one half or the other may say.
        let mut shape = StoredObject::new(String::new(), String::new(), ObjectType::PrivateKey, kmip::ProtocolVersion::V2_1);
        for instance in given {
            shape.add(instance.attribute);
        }
        for half in [ObjectType::PrivateKey, ObjectType::PublicKey] {
            shape.object_type = half;
            material.factory.fill(&mut shape);
        }
        generate(&Wanted::of(shape.attributes()), material.random).map(Some)
    }

    fn handle(
        request: &CreateKeyPairRequest,
        loaded: Loaded,
        prepared: &Option<Pair>,
        context: &Context<'_>,
    ) -> Result<Done<CreateKeyPairResponse>> {
        let mut templates = loaded.templates.iter();
        let common = creation::merged(request.common_attributes.as_ref(), &mut templates, context.settings)?;
        let private = creation::merged(request.private_key_attributes.as_ref(), &mut templates, context.settings)?;
        let public = creation::merged(request.public_key_attributes.as_ref(), &mut templates, context.settings)?;
        let pair = prepared.as_ref().ok_or_else(|| Error::general_failure("no pair was generated"))?;
        let mut private = new_half(ObjectType::PrivateKey, &common, private, pair, context)?;
        let mut public = new_half(ObjectType::PublicKey, &common, public, pair, context)?;
        private.add(creation::link(LinkType::PublicKeyLink, &public.identifier));
        public.add(creation::link(LinkType::PrivateKeyLink, &private.identifier));
        let (private_id, public_id) = (private.identifier.clone(), public.identifier.clone());
        let response = CreateKeyPairResponse {
            private_key_unique_identifier: UniqueIdentifier(private_id.clone()),
            public_key_unique_identifier: UniqueIdentifier(public_id.clone()),
            private_key_template_attribute: None,
            public_key_template_attribute: None,
        };
        // The ID Placeholder names the private key (2.1, section 6.1.9), which is therefore returned last.
        Ok(Done::reply(response)
            .with(Change::Write(Box::new(private)))
            .with(Change::Write(Box::new(public)))
            .returning(Kind::CreateKeyPairPublicKey, &public_id)
            .returning(Kind::CreateKeyPairPrivateKey, &private_id))
    }
}

fn is_name(attribute: &&Attribute) -> bool {
    matches!(attribute, Attribute::Name(_))
}

/// From 2.0 on a Name is one object's: it cannot be given to both keys.
///
/// # Errors
/// Non Unique Name Attribute.
pub(crate) fn check_names(parts: [Option<&TemplateAttribute>; 3], context: &Context<'_>) -> Result<()> {
    let [common, private, public] =
        parts.map(|part| part.iter().flat_map(|part| part.attributes.iter()).filter(is_name).collect::<Vec<_>>());
    if !context.version.is_1x() && (!common.is_empty() || private.iter().any(|name| public.contains(name))) {
        return Err(Error::new(ResultReason::NonUniqueNameAttribute, "Both keys of the pair cannot have the same Name"));
    }
    Ok(())
}

/// What both keys of a pair have in common cannot be asked for differently (1.4, section 4.2).
///
/// # Errors
/// Invalid Field.
fn check_halves(request: &CreateKeyPairRequest) -> Result<()> {
    let wanted = |part: Option<&TemplateAttribute>| Wanted::of(part.into_iter().flat_map(|part| part.attributes.iter()));
    let [_, private, public] = parts(request).map(wanted);
    let differ = differ(private.algorithm, public.algorithm)
        || differ(private.length, public.length)
        || differ(private.curve, public.curve);
    if differ {
        return Err(Error::invalid_field("The keys of a pair cannot have different algorithms, lengths or curves"));
    }
    Ok(())
}

fn differ<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.is_some() && other.is_some() && one != other
}

const fn parts(request: &CreateKeyPairRequest) -> [Option<&TemplateAttribute>; 3] {
    [request.common_attributes.as_ref(), request.private_key_attributes.as_ref(), request.public_key_attributes.as_ref()]
}

/// What the attributes of a request say about the pair.
#[derive(Default, PartialEq)]
pub(crate) struct Wanted {
    /// The algorithm.
    pub(crate) algorithm: Option<CryptographicAlgorithm>,
    /// The Cryptographic Length.
    pub(crate) length: Option<i32>,
    /// The curve.
    pub(crate) curve: Option<RecommendedCurve>,
}

impl Wanted {
    /// Reads it from attributes; the last value counts.
    pub(crate) fn of<'a>(attributes: impl Iterator<Item = &'a Attribute>) -> Self {
        let mut wanted = Self::default();
        for attribute in attributes {
            match attribute {
                Attribute::CryptographicAlgorithm(algorithm) => wanted.algorithm = Some(*algorithm),
                Attribute::CryptographicLength(length) => wanted.length = Some(*length),
                Attribute::CryptographicDomainParameters(parameters) => wanted.curve = parameters.recommended_curve,
                _ => {}
            }
        }
        wanted
    }
}

/// Makes a pair.
///
/// # Errors
/// Invalid Field for what is missing or not offered.
pub(crate) fn generate(wanted: &Wanted, random: &dyn crypto::Random) -> Result<Pair> {
    let algorithm = wanted.algorithm.ok_or_else(|| Error::invalid_field("Cryptographic Algorithm is missing"))?;
    let pair = crypto::generate_key_pair(random, algorithm, wanted.length, wanted.curve)?;
    let private_format = crypto::default_format(ObjectType::PrivateKey, algorithm);
    let public_format = crypto::default_format(ObjectType::PublicKey, algorithm);
    let facts = pair.private.facts();
    Ok(Pair {
        algorithm,
        length: i32::try_from(facts.length).unwrap_or(i32::MAX),
        private: pair.private.encode(private_format)?,
        private_format,
        public: pair.public.encode(public_format)?,
        public_format,
    })
}

fn new_half(
    object_type: ObjectType,
    common: &[AttributeInstance],
    own: Vec<AttributeInstance>,
    pair: &Pair,
    context: &Context<'_>,
) -> Result<StoredObject> {
    let mut object = StoredObject::new(context.new_identifier()?, context.actor.name.clone(), object_type, context.version);
    creation::apply(&mut object, of_half(common, own), context)?;
    context.factory.complete(&mut object, context.settings)?;
    finish_half(&mut object, pair, context)?;
    Ok(object)
}

/// The attributes of one half: what is said of it prevails over what is said of both.
pub(crate) fn of_half(common: &[AttributeInstance], own: Vec<AttributeInstance>) -> Vec<AttributeInstance> {
    let own = Attributes(own);
    let overridden = |attribute: &Attribute| {
        let single = attribute.rules().instances == kmip::attribute::Instances::One;
        own.iter().any(|other| other == attribute || (single && other.is(&attribute.reference())))
    };
    let mut given: Vec<AttributeInstance> = common.iter().filter(|instance| !overridden(&instance.attribute)).cloned().collect();
    given.extend(own.0.iter().cloned());
    given
}

/// Gives one half its key, and what follows from it.
///
/// # Errors
/// Server Limit Exceeded for a key that is too large.
pub(crate) fn finish_half(object: &mut StoredObject, pair: &Pair, context: &Context<'_>) -> Result<()> {
    object.set(Attribute::CryptographicAlgorithm(pair.algorithm));
    object.set(Attribute::CryptographicLength(pair.length));
    let block = |format, bytes| KeyBlock {
        key_format_type: format,
        key_compression_type: None,
        key_value: Some(KeyValue::Plain(PlainKeyValue { key_material: KeyMaterial::Bytes(bytes), attributes: None })),
        cryptographic_algorithm: Some(pair.algorithm),
        cryptographic_length: Some(pair.length),
        key_wrapping_data: None,
    };
    object.object = Some(match object.object_type {
        ObjectType::PrivateKey => {
            ManagedObject::PrivateKey(PrivateKey { key_block: block(pair.private_format, pair.private.clone()) })
        }
        _ => ManagedObject::PublicKey(PublicKey { key_block: block(pair.public_format, kmip::Secret::from_slice(&pair.public)) }),
    });
    creation::complete(object, Origin::Generated, context)
}
