//! How an object leaves the server: what Get and Export have in common (2.1, sections 6.1.18 and 6.1.19).

use kmip::ProtocolVersion;
use kmip::attribute::Attribute;
use kmip::enumerations::{Enumeration as _, KeyCompressionType, KeyFormatType, KeyWrapType};
use kmip::object::ManagedObject;
use kmip::result_reason::ResultReason;
use kmip::structures::KeyWrappingSpecification;

use crate::authorise::Authorised;
use crate::conversion;
use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::{Change, Context, KeyUse, Loaded, Material, Weight};
use crate::pkcs12;
use crate::service::is_slow;
use crate::spelling;
use crate::wrapping::{self, Keys, Surroundings};

/// What a request says about the form of the object.
#[derive(Default)]
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
    /// Whether a key that was registered wrapped is unwrapped for it.
    const fn unwraps(&self) -> bool {
        self.wrapping.is_some() || matches!(self.wrap_type, Some(KeyWrapType::NotWrapped))
    }

    /// Refuses what the server does with no object.
    ///
    /// # Errors
    /// Feature Not Supported, Key Compression Type Not Supported, Invalid Field and Encoding Option Error for a Key Wrapping
    /// Specification.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(specification) = self.wrapping {
            wrapping::check_specification(specification)?;
            if self.wrap_type.is_some() {
                return Err(Error::invalid_field("Key Wrap Type and Key Wrapping Specification contradict each other"));
            }
        }
        if self.compression.is_some() && self.format == Some(KeyFormatType::PKCS_12) {
            let text = "A PKCS#12 file holds a private key, whose point is not compressed";
            return Err(Error::new(ResultReason::KeyCompressionTypeNotSupported, text));
        }
        Ok(())
    }
}

/// The keys that the form of an object takes: those that wrap it, and those that unwrap it before.
///
/// # Errors
/// Object Not Found for an empty ID Placeholder.
pub(crate) fn keys(form: &Form<'_>, loaded: &[Authorised], keys: &[Authorised], context: &Context<'_>) -> Result<Vec<KeyUse>> {
    let mut needed = match form.wrapping {
        Some(specification) => wrapping::needed_to_wrap(specification, context)?,
        None => Vec::new(),
    };
    if form.unwraps() {
        let block = loaded.first().and_then(|object| object.object.as_ref()).and_then(ManagedObject::key_block);
        needed.extend(wrapping::needed_to_unwrap(block, keys));
    }
    Ok(needed)
}

/// How long it takes to give an object its form: a PKCS#12 file some derivations of keys, and what a private key unwraps or signs one use of
/// it, which no Get of another client has to wait for.
pub(crate) fn weight(form: &Form<'_>, loaded: &Loaded) -> Weight {
    if form.format == Some(KeyFormatType::PKCS_12) {
        Weight::Heavy
    } else if loaded.keys.iter().any(|key| is_slow(key)) {
        Weight::Brief
    } else {
        Weight::Light
    }
}

/// What an object's form takes time for, and what it was made from.
pub(crate) enum Prepared {
    /// A PKCS#12 file.
    File(pkcs12::File),
    /// The object, wrapped or unwrapped.
    Object { managed: Box<ManagedObject>, from: Option<Box<ManagedObject>>, keys: Keys },
}

/// Whether there is anything to prepare.
pub(crate) fn prepares(form: &Form<'_>) -> bool {
    form.format == Some(KeyFormatType::PKCS_12) || form.unwraps()
}

/// Does what takes time.
///
/// # Errors
/// Those of [`release`].
pub(crate) fn prepare(form: &Form<'_>, material: &Material<'_>) -> Result<Option<Prepared>> {
    let Some((object, others)) = material.objects.split_first() else { return Ok(None) };
    // Of a destroyed object Export returns its attributes.
    if object.object.is_none() {
        return Ok(None);
    }
    if form.format == Some(KeyFormatType::PKCS_12) && !others.is_empty() {
        return Ok(pkcs12::make(material.objects)?.map(Prepared::File));
    }
    if !form.unwraps() {
        return Ok(None);
    }
    let mut keys = Keys::of(material.keys.iter().cloned());
    let managed = Box::new(shape(object, &mut keys, form, material.into())?);
    Ok(Some(Prepared::Object { managed, from: object.object.clone().map(Box::new), keys }))
}

/// The object in the form that the request asks for; `others` are those that go into a PKCS#12 file with it, and
/// `prepared` is what was made of them; `keys` wrap and unwrap it.
///
/// # Errors
/// Object Destroyed, Key Value Not Present, Not Extractable, Sensitive, Key Wrap Type Not Supported, Key Format Type Not Supported,
/// Invalid Object Type or Feature Not Supported for what the client's version cannot spell, and those of [`wrapping`].
pub(crate) fn release(
    object: &StoredObject,
    others: &[StoredObject],
    prepared: Option<&Prepared>,
    keys: &mut Keys,
    form: &Form<'_>,
    context: &Context<'_>,
) -> Result<ManagedObject> {
    object.material()?;
    check_release(object, form)?;
    let managed = match prepared {
        Some(Prepared::Object { managed, from, keys: copies }) => {
            // It was changed meanwhile, by an Import.
            if from.as_deref() != object.object.as_ref() {
                return Err(Error::kept_changing());
            }
            keys.use_like(copies, context.into())?;
            ManagedObject::clone(managed)
        }
        Some(Prepared::File(file)) => in_file(object, others, Some(file), keys, form, context)?,
        None if !others.is_empty() => in_file(object, others, None, keys, form, context)?,
        None => shape(object, keys, form, context.into())?,
    };
    check_version(&managed, context.version)?;
    if object.spelling != context.version {
        check_spelling(&managed, context.version)?;
    } else if form.format.is_some() && spelling::is_foreign_object(&managed, context.version) {
        let text = "The client's version cannot spell the object in this Key Format Type";
        return Err(Error::new(ResultReason::KeyFormatTypeNotSupported, text));
    }
    Ok(managed)
}

fn in_file(
    object: &StoredObject,
    others: &[StoredObject],
    file: Option<&pkcs12::File>,
    keys: &mut Keys,
    form: &Form<'_>,
    context: &Context<'_>,
) -> Result<ManagedObject> {
    let mut managed = pkcs12::released(object, others, file, context)?;
    if let Some(specification) = form.wrapping {
        wrapping::wrap(&mut managed, object, specification, keys, context.into())?;
    }
    Ok(managed)
}

/// Unwraps, converts and wraps, as far as the request asks for it.
fn shape(object: &StoredObject, keys: &mut Keys, form: &Form<'_>, around: Surroundings<'_>) -> Result<ManagedObject> {
    let mut managed = object.material()?.clone();
    check_release(object, form)?;
    if form.unwraps() {
        wrapping::unwrap(&mut managed, object.spelling, keys, around)?;
    }
    if let Some(format) = form.format {
        conversion::convert(&mut managed, format)?;
    }
    if let Some(compression) = form.compression {
        conversion::compress(&mut managed, compression)?;
    }
    if let Some(specification) = form.wrapping {
        wrapping::wrap(&mut managed, object, specification, keys, around)?;
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

/// Whether the object may leave the server in a form (2.1, sections 4.17 and 4.54): a sensitive one only encrypted.
pub(crate) fn check_release(object: &StoredObject, form: &Form<'_>) -> Result<()> {
    let has = |wanted: Attribute| object.attributes().any(|attribute| *attribute == wanted);
    if !matches!(form.wrap_type, None | Some(KeyWrapType::NotWrapped | KeyWrapType::AsRegistered)) {
        return Err(Error::new(ResultReason::KeyWrapTypeNotSupported, "The server does not know the Key Wrap Type"));
    }
    if has(Attribute::Extractable(false)) {
        return Err(Error::new(ResultReason::NotExtractable, "The object must not leave the server"));
    }
    let hidden = match form.wrapping {
        Some(specification) => wrapping::would_hide(specification),
        None if form.unwraps() => false,
        None => object.object.as_ref().and_then(ManagedObject::key_block).is_some_and(wrapping::hides),
    };
    if has(Attribute::Sensitive(true)) && !hidden {
        return Err(Error::new(ResultReason::Sensitive, "The object must not leave the server unwrapped"));
    }
    Ok(())
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
