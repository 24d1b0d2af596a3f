//! Register: the client brings an object of any type (2.1, section 6.1.49).

use kmip::ProtocolVersion;
use kmip::attribute::Attribute;
use kmip::enumerations::{CryptographicAlgorithm, Enumeration as _, KeyFormatType, ObjectType, UniqueIdentifierEnumeration};
use kmip::identifier::UniqueIdentifier;
use kmip::object::{KeyBlock, KeyMaterial, KeyValue, ManagedObject};
use kmip::payload::register::{RegisterRequest, RegisterResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::conversion;
use crate::creation::{self, Origin};
use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::{Change, Context, Done, Loaded, Operation, Plan};
use crate::wrapping;

pub(crate) struct Register;

impl Operation for Register {
    type Request = RegisterRequest;
    type Response = RegisterResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::Register;
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
            return Err(Error::new(ResultReason::InvalidObjectType, "The version does not know this Object Type"));
        }
        creation::plan(&[Some(&request.attributes)], context)
    }

    fn handle(request: &RegisterRequest, loaded: Loaded, (): &(), context: &Context<'_>) -> Result<Done<RegisterResponse>> {
        let identifier = context.new_identifier()?;
        let owner = context.actor.name.clone();
        let mut object = StoredObject::new(identifier.clone(), owner, request.object_type, context.version);
        let given = creation::merged(Some(&request.attributes), &mut loaded.templates.iter(), context.settings)?;
        creation::apply(&mut object, given, context)?;
        // The request stays whole, because the operation may have to run again: this copy is the one that is kept.
        take_in(&mut object, request.object.clone(), context)?;
        context.factory.complete(&mut object, context.settings)?;
        creation::complete(&mut object, Origin::Registered, context)?;
        let response = RegisterResponse { unique_identifier: UniqueIdentifier(identifier.clone()), template_attribute: None };
        Ok(Done::reply(response)
            .with(Change::Write(Box::new(object)))
            .returning(UniqueIdentifierEnumeration::Register, &identifier))
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
    Ok(())
}

/// Brings attributes and key block together: algorithm and length must not contradict each other, and what only one of them
/// says, or only the key itself, both say afterwards.
fn learn(object: &mut StoredObject, object_type: ObjectType, block: &mut KeyBlock, version: ProtocolVersion) -> Result<()> {
    check_shape(block)?;
    wrapping::check_registered(block)?;
    let stated_algorithm = object.first(|attribute| match attribute {
        Attribute::CryptographicAlgorithm(algorithm) => Some(*algorithm),
        _ => None,
    });
    let stated_length = object.first(|attribute| match attribute {
        Attribute::CryptographicLength(length) => Some(*length),
        _ => None,
    });
    // An algorithm that only later versions name is not said of the key: its own client could not have it back.
    let parsed = facts(object_type, block).filter(|(algorithm, _)| algorithm.known_in(version));
    agree("Cryptographic Algorithm", stated_algorithm, block.cryptographic_algorithm)?;
    agree("Cryptographic Length", stated_length, block.cryptographic_length)?;
    if block.key_value.is_none() {
        // The key is held elsewhere (1.2, section 2.1.3).
        object.set(Attribute::KeyValuePresent(false));
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

/// A wrapped key is bytes, a key in clear a structure (1.4, section 2.1.3).
fn check_shape(block: &KeyBlock) -> Result<()> {
    match (&block.key_value, &block.key_wrapping_data) {
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
fn facts(object_type: ObjectType, block: &KeyBlock) -> Option<(CryptographicAlgorithm, i32)> {
    let material = conversion::plain_material(block)?;
    let facts = match object_type {
        ObjectType::PrivateKey => conversion::private(block, material).ok()?.facts(),
        ObjectType::PublicKey => conversion::public(block, material).ok()?.facts(),
        _ => return None,
    };
    Some((facts.algorithm, i32::try_from(facts.length).ok()?))
}

/// The length of raw bytes, in bits.
fn material_bits(block: &KeyBlock) -> Option<i32> {
    let raw = matches!(block.key_format_type, KeyFormatType::Raw | KeyFormatType::Opaque);
    match conversion::plain_material(block)? {
        KeyMaterial::Bytes(bytes) if raw => i32::try_from(bytes.len().checked_mul(8)?).ok(),
        material => i32::try_from(conversion::bytes(block.key_format_type, material).ok()?.len().checked_mul(8)?).ok(),
    }
}
