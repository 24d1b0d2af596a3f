//! Create: the server generates a symmetric key (2.1, section 6.1.8), or secret data since 2.0.

use kmip::attribute::Attribute;
use kmip::enumerations::{
    CryptographicAlgorithm, Enumeration as _, KeyFormatType, ObjectType, SecretDataType, UniqueIdentifierEnumeration,
};
use kmip::identifier::UniqueIdentifier;
use kmip::object::{KeyBlock, KeyMaterial, KeyValue, ManagedObject, PlainKeyValue, SecretData, SymmetricKey};
use kmip::payload::create::{CreateRequest, CreateResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::creation::{self, Origin};
use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::{Change, Context, Done, Loaded, Operation, Plan};

/// The longest secret that is made, in bits.
pub(crate) const SECRET_BITS: i32 = 1 << 16;

pub(crate) struct Create;

impl Operation for Create {
    type Request = CreateRequest;
    type Response = CreateResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::Create;
    const USES_FACTORY: bool = true;

    fn plan(request: &CreateRequest, context: &Context<'_>) -> Result<Plan> {
        creation::check_protection_storage(
            request.protection_storage_masks.as_ref(),
            ResultReason::ProtectionStorageUnavailable,
        )?;
        if !request.object_type.known_in(context.version) {
            return Err(creation::unknown_object_type(context.version));
        }
        creation::plan(&[Some(&request.attributes)], context)
    }

    fn handle(request: &CreateRequest, loaded: Loaded, (): &(), context: &Context<'_>) -> Result<Done<CreateResponse>> {
        let identifier = context.new_identifier()?;
        let owner = context.actor.name.clone();
        let mut object = StoredObject::new(identifier.clone(), owner, request.object_type, context.version);
        let given = creation::merged(Some(&request.attributes), &mut loaded.templates.iter(), context.settings)?;
        creation::apply(&mut object, given, context)?;
        context.factory.complete(&mut object, context.settings)?;
        object.object = Some(generate(&mut object, context)?);
        creation::complete(&mut object, Origin::Generated, context)?;
        let response = CreateResponse {
            object_type: request.object_type,
            unique_identifier: UniqueIdentifier(identifier.clone()),
            template_attribute: None,
        };
        Ok(Done::reply(response)
            .with(Change::Write(Box::new(object)))
            .returning(UniqueIdentifierEnumeration::Create, &identifier))
    }
}

fn generate(object: &mut StoredObject, context: &Context<'_>) -> Result<ManagedObject> {
    let algorithm = object.first(|attribute| match attribute {
        Attribute::CryptographicAlgorithm(algorithm) => Some(*algorithm),
        _ => None,
    });
    let length = object.first(|attribute| match attribute {
        Attribute::CryptographicLength(length) => Some(*length),
        _ => None,
    });
    match object.object_type {
        ObjectType::SymmetricKey => symmetric_key(algorithm, length, context),
        ObjectType::SecretData if !context.version.is_1x() => secret_data(length, context),
        _ => Err(Error::new(ResultReason::InvalidObjectType, "Create makes symmetric keys and secret data only")),
    }
}

/// Makes a symmetric key.
///
/// # Errors
/// Invalid Field for what is missing or not offered.
pub(crate) fn symmetric_key(
    algorithm: Option<CryptographicAlgorithm>,
    length: Option<i32>,
    context: &Context<'_>,
) -> Result<ManagedObject> {
    let algorithm = algorithm.ok_or_else(|| Error::invalid_field("Cryptographic Algorithm is missing"))?;
    let length = length.ok_or_else(|| Error::invalid_field("Cryptographic Length is missing"))?;
    let key = crypto::generate_symmetric(context.random, algorithm, length)?;
    // The length stays the one that was asked for: of 3DES some clients count the parity bits and check that, others do not.
    Ok(ManagedObject::SymmetricKey(SymmetricKey {
        key_block: KeyBlock {
            key_format_type: KeyFormatType::Raw,
            key_compression_type: None,
            key_value: Some(KeyValue::Plain(PlainKeyValue { key_material: KeyMaterial::Bytes(key), attributes: None })),
            cryptographic_algorithm: Some(algorithm),
            cryptographic_length: Some(length),
            key_wrapping_data: None,
        },
    }))
}

fn secret_data(length: Option<i32>, context: &Context<'_>) -> Result<ManagedObject> {
    let bits = length.ok_or_else(|| Error::invalid_field("Cryptographic Length is missing"))?;
    if bits <= 0 || bits % 8 != 0 || bits > SECRET_BITS {
        return Err(Error::invalid_field("Cryptographic Length of secret data must be a multiple of 8 up to 65536"));
    }
    let mut bytes = vec![0; usize::try_from(bits / 8).unwrap_or_default()];
    context.random.fill(&mut bytes)?;
    Ok(ManagedObject::SecretData(SecretData {
        secret_data_type: SecretDataType::Seed,
        key_block: KeyBlock {
            key_format_type: KeyFormatType::Raw,
            key_compression_type: None,
            key_value: Some(KeyValue::Plain(PlainKeyValue {
                key_material: KeyMaterial::Bytes(kmip::Secret::new(bytes)),
                attributes: None,
            })),
            cryptographic_algorithm: None,
            cryptographic_length: Some(bits),
            key_wrapping_data: None,
        },
    }))
}
