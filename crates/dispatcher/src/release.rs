//! How an object leaves the server: what Get and Export have in common (2.1, sections 6.1.18 and 6.1.19).

use kmip::ProtocolVersion;
use kmip::attribute::Attribute;
use kmip::enumerations::{Enumeration as _, KeyCompressionType, KeyFormatType, KeyWrapType};
use kmip::object::ManagedObject;
use kmip::result_reason::ResultReason;
use kmip::structures::KeyWrappingSpecification;

use crate::conversion;
use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::{Change, Context};
use crate::pkcs12;
use crate::spelling;

/// What a request says about the form of the object.
pub(crate) struct Form<'a> {
    /// The format of the key.
    pub(crate) format: Option<KeyFormatType>,
    /// Whether it is wrapped.
    pub(crate) wrap_type: Option<KeyWrapType>,
    /// How a point of a curve is compressed.
    pub(crate) compression: Option<KeyCompressionType>,
    /// With what it is to be wrapped.
    pub(crate) wrapping: Option<&'a KeyWrappingSpecification>,
}

impl Form<'_> {
    /// Refuses what the server does with no object.
    ///
    /// # Errors
    /// Feature Not Supported, Key Compression Type Not Supported.
    pub(crate) fn check(&self) -> Result<()> {
        if self.wrapping.is_some() {
            return Err(Error::new(ResultReason::FeatureNotSupported, "The server does not wrap keys"));
        }
        if self.compression.is_some() {
            return Err(Error::new(ResultReason::KeyCompressionTypeNotSupported, "The server does not compress keys"));
        }
        Ok(())
    }
}

/// The object in the form that the request asks for; `others` are those that go into a PKCS#12 file with it.
///
/// # Errors
/// Object Destroyed, Key Value Not Present, Not Extractable, Sensitive, Key Wrap Type Not Supported, Key Format Type Not Supported,
/// and Invalid Object Type or Feature Not Supported for what the client's version cannot spell.
pub(crate) fn release(
    object: &StoredObject,
    others: &[StoredObject],
    form: &Form<'_>,
    context: &Context<'_>,
) -> Result<ManagedObject> {
    let mut managed = object.material()?.clone();
    check_release(object, form.wrap_type)?;
    if !others.is_empty() {
        managed = pkcs12::file(object, others, context)?;
    } else if let Some(format) = form.format {
        conversion::convert(&mut managed, format)?;
    }
    check_version(&managed, context.version)?;
    if object.spelling != context.version {
        check_spelling(&managed, context.version)?;
    }
    Ok(managed)
}

/// That a client has the object now, if none had it before (1.4, section 3.34).
pub(crate) fn used(mut object: StoredObject) -> Option<Change> {
    let fresh = object.attributes().any(|attribute| *attribute == Attribute::Fresh(true));
    fresh.then(|| {
        object.set(Attribute::Fresh(false));
        Change::Write(Box::new(object))
    })
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
