//! Get: the object itself, in the format it is stored in or one it can be converted to (2.1, section 6.1.20).

use kmip::ProtocolVersion;
use kmip::attribute::Attribute;
use kmip::enumerations::{Enumeration as _, KeyFormatType, KeyWrapType, ObjectType};
use kmip::identifier::UniqueIdentifier;
use kmip::object::{KeyMaterial, KeyValue, ManagedObject};
use kmip::payload::get::{GetRequest, GetResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::{Change, Context, Done, Loaded, Operation, Plan};
use crate::spelling;

pub(crate) struct Get;

impl Operation for Get {
    type Request = GetRequest;
    type Response = GetResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::Get;
    const RELEASES_MATERIAL: bool = true;

    fn plan(request: &GetRequest, context: &Context<'_>) -> Result<Plan> {
        if request.key_wrapping_specification.is_some() {
            return Err(Error::new(ResultReason::FeatureNotSupported, "The server does not wrap keys"));
        }
        if request.key_compression_type.is_some() {
            return Err(Error::new(ResultReason::KeyCompressionTypeNotSupported, "The server does not compress keys"));
        }
        context.plan_one(request.unique_identifier.as_ref())
    }

    fn respell(response: &mut GetResponse, version: ProtocolVersion) -> Result<()> {
        check_spelling(&response.object, version)
    }

    fn handle(request: &GetRequest, loaded: Loaded, (): &(), context: &Context<'_>) -> Result<Done<GetResponse>> {
        let mut object = loaded.one()?.into_inner();
        let identifier = object.identifier.clone();
        object.material()?;
        check_release(&object, request.key_wrap_type)?;
        let fresh = object.attributes().any(|attribute| *attribute == Attribute::Fresh(true));
        let change = fresh.then(|| {
            // The first Get takes the freshness (1.4, section 3.34).
            let mut used = object.clone();
            used.set(Attribute::Fresh(false));
            Change::Write(Box::new(used))
        });
        let mut managed = object.object.take().ok_or_else(Error::object_not_found)?;
        if let Some(format) = request.key_format_type {
            convert(&mut managed, format)?;
        }
        check_version(&managed, context.version)?;
        if object.spelling != context.version {
            check_spelling(&managed, context.version)?;
        }
        let response = GetResponse {
            object_type: object.object_type,
            unique_identifier: UniqueIdentifier(identifier.clone()),
            object: managed,
        };
        let mut done = Done::reply(response).about(&identifier);
        done.changes.extend(change);
        Ok(done)
    }
}

/// Whether the object may leave the server in clear (2.1, sections 4.17 and 4.54).
pub(crate) fn check_release(object: &StoredObject, wrap_type: Option<KeyWrapType>) -> Result<()> {
    let has = |wanted: Attribute| object.attributes().any(|attribute| *attribute == wanted);
    let wrapped =
        object.object.as_ref().and_then(ManagedObject::key_block).is_some_and(|block| block.key_wrapping_data.is_some());
    if has(Attribute::Extractable(false)) {
        return Err(Error::new(ResultReason::NotExtractable, "The object must not leave the server"));
    }
    if has(Attribute::Sensitive(true)) && !wrapped {
        return Err(Error::new(ResultReason::Sensitive, "The object must not leave the server unwrapped"));
    }
    match wrap_type {
        Some(KeyWrapType::NotWrapped) if wrapped => {
            Err(Error::new(ResultReason::KeyWrapTypeNotSupported, "The server cannot unwrap the object"))
        }
        Some(KeyWrapType::NotWrapped | KeyWrapType::AsRegistered) | None => Ok(()),
        Some(_) => Err(Error::new(ResultReason::KeyWrapTypeNotSupported, "The server does not know the Key Wrap Type")),
    }
}

/// Whether an object that another version may have brought can be spelled in this one.
pub(crate) fn check_spelling(object: &ManagedObject, version: ProtocolVersion) -> Result<()> {
    check_version(object, version)?;
    if spelling::is_foreign_object(object, version) {
        return Err(Error::new(ResultReason::FeatureNotSupported, "The client's version cannot spell the object"));
    }
    Ok(())
}

/// An object of a type that the client's version does not know cannot be spelled in it.
fn check_version(object: &ManagedObject, version: ProtocolVersion) -> Result<()> {
    let key_format = object.key_block().map(|block| block.key_format_type);
    if !object.object_type().known_in(version) {
        return Err(Error::new(ResultReason::InvalidObjectType, "The client's version does not know the type of the object"));
    }
    if key_format.is_some_and(|format| !format.known_in(version)) {
        return Err(Error::new(
            ResultReason::KeyFormatTypeNotSupported,
            "The client's version does not know the Key Format Type of the object",
        ));
    }
    Ok(())
}

/// Gives a key another encoding.
fn convert(object: &mut ManagedObject, wanted: KeyFormatType) -> Result<()> {
    let unsupported =
        || Error::new(ResultReason::KeyFormatTypeNotSupported, "The object is not available in this Key Format Type");
    let object_type = object.object_type();
    let Some(block) = object.key_block_mut() else {
        // A certificate has one format only.
        let x509 = object_type == ObjectType::Certificate && wanted == KeyFormatType::X_509;
        return if x509 { Ok(()) } else { Err(unsupported()) };
    };
    if block.key_format_type == wanted {
        return Ok(());
    }
    let Some(KeyValue::Plain(plain)) = &mut block.key_value else { return Err(unsupported()) };
    let KeyMaterial::Bytes(bytes) = &plain.key_material else { return Err(unsupported()) };
    let converted = match (object_type, block.key_format_type, wanted) {
        (ObjectType::PrivateKey, format, wanted) => crypto::PrivateKey::parse(format, bytes.expose())
            .and_then(|key| key.encode(wanted))
            .map_err(|cause| unsupported().because(cause))?,
        (ObjectType::PublicKey, format, wanted) => crypto::PublicKey::parse(format, bytes.expose())
            .and_then(|key| key.encode(wanted))
            .map(kmip::Secret::new)
            .map_err(|cause| unsupported().because(cause))?,
        _ => return Err(unsupported()),
    };
    plain.key_material = KeyMaterial::Bytes(converted);
    block.key_format_type = wanted;
    Ok(())
}
