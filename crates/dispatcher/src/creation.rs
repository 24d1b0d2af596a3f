//! What every new object gets: the attributes the client gave, judged, and those the server sets.

use std::collections::HashSet;

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, AttributeInstance, AttributeReference, Attributes, Instances, SetBy, TemplateAttribute};
use kmip::codec::{ByteString, DateTime, Interval, Member as _};
use kmip::enumerations::{
    CertificateRequestType, CertificateType, CryptographicAlgorithm, HashingAlgorithm, KeyFormatType, LinkType, ObjectType,
    RNGAlgorithm,
};
use kmip::identifier::ObjectReference;
use kmip::masks::{CryptographicUsageMask, ProtectionStorageMask};
use kmip::object::{KeyMaterial, KeyValue, ManagedObject};
use kmip::result_reason::ResultReason;
use kmip::structures::{Digest, Link, Name, ProtectionStorageMasks, RNGParameters};
use kmip::tag;
use ttlv_codec::{Tag, Writer};
use zeroize::Zeroizing;

use crate::certificate;
use crate::change;
use crate::conversion;
use crate::environment::Settings;
use crate::error::{Error, Result};
use crate::keys;
use crate::object::StoredObject;
use crate::operation::{Context, Plan};
use crate::spelling;

/// Attributes the server sets, but which a request that makes an object may state: they say what is to be made.
const STATED_BY_CLIENT: &[Tag] = &[
    tag::CryptographicAlgorithm,
    tag::CryptographicLength,
    tag::CertificateType,
    tag::DigitalSignatureAlgorithm,
    tag::KeyFormatType,
    tag::ObjectType,
    tag::OpaqueDataType,
    tag::ProtectionStorageMask,
];

/// Whether a request that makes an object may state an attribute, although it is the server's to set.
pub(crate) fn may_be_stated(tag: Tag) -> bool {
    STATED_BY_CLIENT.contains(&tag)
}

/// The needs of a request that makes an object: its templates, and that its names are free (from 2.0 on).
///
/// # Errors
/// Invalid Field for more templates than make sense, Index Out Of Bounds for too many attributes.
pub(crate) fn plan(requests: &[Option<&TemplateAttribute>], context: &Context<'_>) -> Result<Plan> {
    let given = || requests.iter().copied().flatten();
    for request in given() {
        check_count(request.attributes.0.len(), context.settings)?;
    }
    // Every template is in memory as long as the request runs.
    if given().map(|request| request.names.len()).sum::<usize>() > MAX_TEMPLATES {
        return Err(Error::invalid_field(format!("A request must not name more than {MAX_TEMPLATES} templates")));
    }
    for request in given() {
        if request.names.iter().enumerate().any(|(at, name)| request.names[..at].contains(name)) {
            return Err(Error::invalid_field("A template is named twice"));
        }
    }
    let mut free_names: Vec<Name> = Vec::new();
    if !context.version.is_1x() {
        let mut seen = HashSet::new();
        let names = given().flat_map(|request| request.attributes.iter()).filter_map(name);
        free_names.extend(names.filter(|name| seen.insert((name.name_value.as_str(), name.name_type.0))).cloned());
    }
    let templates = given().flat_map(|request| request.names.iter().cloned()).collect();
    Ok(Plan { templates, free_names, ..Plan::default() })
}

/// Refuses more attributes than an object can have. What the server sets by itself is not counted.
///
/// # Errors
/// Index Out Of Bounds up to 1.4 ("more instances than the server supports", 1.0, section 11.2), Server Limit Exceeded later.
pub(crate) fn check_count(attributes: usize, settings: &Settings) -> Result<()> {
    let limit = settings.attributes_per_object;
    if attributes > limit {
        let text = format!("The object would have {attributes} attributes; the server keeps at most {limit} with an object");
        return Err(Error::new(ResultReason::IndexOutOfBounds, text));
    }
    Ok(())
}

/// Values inside the vendor attributes of one object: every one is something it can be found by. A structure may have as many
/// as a request has items.
const VENDOR_VALUES_MAX: usize = 4_096;

/// Refuses vendor attributes that hold more values than an object can be found by.
///
/// # Errors
/// Server Limit Exceeded.
pub(crate) fn check_values(object: &StoredObject) -> Result<()> {
    let values = object.attributes().map(|attribute| match attribute {
        Attribute::Vendor(vendor) => keys::count(&vendor.attribute_value),
        _ => 0,
    });
    let values: usize = values.sum();
    if values > VENDOR_VALUES_MAX {
        let text = format!("The attributes of the object hold {values} values; the server keeps at most {VENDOR_VALUES_MAX}");
        return Err(Error::new(ResultReason::ServerLimitExceeded, text));
    }
    Ok(())
}

/// Refuses an object that is larger than the server keeps them.
///
/// # Errors
/// Server Limit Exceeded.
fn check_size(object: &ManagedObject, settings: &Settings) -> Result<()> {
    let (size, limit) = (size(object), settings.object_size);
    if size > limit {
        let text = format!("The object has {size} bytes; the server keeps objects of at most {limit}");
        return Err(Error::new(ResultReason::ServerLimitExceeded, text));
    }
    Ok(())
}

/// The bytes of an object that its client chose: the material, with what is wrapped together with it, but without the fields
/// that say what it is.
fn size(object: &ManagedObject) -> usize {
    let written = |value: &Attributes| {
        let mut writer = Writer::new();
        value.write_member(&mut writer, tag::Attributes, ProtocolVersion::V2_1);
        writer.len()
    };
    let key_block = match object {
        ManagedObject::Certificate(certificate) => return certificate.certificate_value.expose().len(),
        ManagedObject::CertificateRequest(request) => return request.certificate_request_value.expose().len(),
        ManagedObject::OpaqueObject(opaque) => return opaque.opaque_data_value.expose().len(),
        ManagedObject::Template(template) => return written(&template.attributes),
        other => other.key_block(),
    };
    match key_block.and_then(|block| block.key_value.as_ref()) {
        None => 0,
        Some(KeyValue::Wrapped(bytes)) => bytes.expose().len(),
        Some(KeyValue::Plain(plain)) => {
            let material = match &plain.key_material {
                KeyMaterial::Bytes(bytes) => bytes.expose().len(),
                KeyMaterial::Transparent(fields) => fields.iter().map(|field| Zeroizing::new(field.to_bytes()).len()).sum(),
            };
            material + plain.attributes.as_ref().map_or(0, written)
        }
    }
}

/// Templates that one request may name.
const MAX_TEMPLATES: usize = 8;

const fn name(attribute: &Attribute) -> Option<&Name> {
    match attribute {
        Attribute::Name(name) => Some(name),
        _ => None,
    }
}

/// The attributes of a request: those of its templates, over which its own prevail.
pub(crate) fn merged(
    request: Option<&TemplateAttribute>,
    templates: &mut std::slice::Iter<'_, StoredObject>,
    settings: &Settings,
) -> Result<Vec<AttributeInstance>> {
    let Some(request) = request else { return Ok(Vec::new()) };
    let own = &request.attributes.0;
    let mut merged: Vec<AttributeInstance> = Vec::new();
    for _ in &request.names {
        let template = templates.next().ok_or_else(|| Error::general_failure("a template was not loaded"))?;
        let Some(ManagedObject::Template(content)) = &template.object else { continue };
        for instance in &content.attributes.0 {
            let single = instance.attribute.rules().instances == Instances::One;
            let reference = instance.attribute.reference();
            let prevails = |other: &AttributeInstance| other.attribute.is(&reference);
            let same = |other: &AttributeInstance| other.attribute == instance.attribute;
            let is_given = own.iter().chain(&merged).any(same) || (single && own.iter().any(prevails));
            // A template's own Name is the template's.
            if !is_given && instance.attribute.tag() != tag::Name {
                merged.retain(|earlier| !(single && prevails(earlier)));
                merged.push(instance.attribute.clone().into());
                check_count(merged.len(), settings)?;
            }
        }
    }
    merged.extend(own.iter().cloned());
    Ok(merged)
}

/// Judges the attributes of a request and gives them to a new object.
///
/// # Errors
/// Attribute Read Only, Attribute Single Valued, Invalid Attribute Value, Index Out Of Bounds, Server Limit Exceeded.
pub(crate) fn apply(object: &mut StoredObject, given: Vec<AttributeInstance>, context: &Context<'_>) -> Result<()> {
    check_count(given.len(), context.settings)?;
    for AttributeInstance { index, attribute } in given {
        let rules = attribute.rules();
        if (rules.set_by == SetBy::Server && !STATED_BY_CLIENT.contains(&rules.tag))
            || change::is_the_servers_own(&attribute.reference())
        {
            return Err(Error::new(ResultReason::AttributeReadOnly, format!("{} is set by the server", attribute.reference())));
        }
        if !rules.applies_to.contains(object.object_type) {
            return Err(Error::new(
                ResultReason::InvalidAttribute,
                format!("{} does not apply to this type of object", attribute.reference()),
            ));
        }
        let reference = attribute.reference();
        let taken = object.values(&reference).count();
        if rules.instances == Instances::One && taken > 0 {
            return Err(single_valued(&reference));
        }
        spelling::check(&attribute, context.version)?;
        let attribute = completed(attribute)?;
        if object.values(&reference).any(|other| other.attribute == attribute) {
            return Err(given_twice(&reference));
        }
        match index {
            Some(index) if !StoredObject::INDICES.contains(&index) => return Err(wrong_index(&reference)),
            Some(index) if object.values(&reference).any(|other| other.index == index) => {
                return Err(Error::invalid_field(format!("Attribute Index {index} of {reference} is given twice")));
            }
            // The server numbers them, in their order (1.4, section 2.1.1).
            _ => drop(object.add(attribute)),
        }
    }
    check_values(object)?;
    check_dates(object)
}

/// A type of objects that the client's version does not define: Invalid Field up to 1.4 (1.4, sections 11.2 and 11.4).
pub(crate) fn unknown_object_type(version: ProtocolVersion) -> Error {
    let reason = if version.is_1x() { ResultReason::InvalidField } else { ResultReason::InvalidObjectType };
    Error::new(reason, "The version does not know this Object Type")
}

/// An Attribute Index that no value can have.
pub(crate) fn wrong_index(reference: &AttributeReference) -> Error {
    Error::invalid_field(format!("Attribute Index of {reference} must be from 0 to {}", StoredObject::INDICES.end()))
}

/// A value that the object has already: two of them would mean no more than one.
pub(crate) fn given_twice(reference: &AttributeReference) -> Error {
    Error::new(ResultReason::InvalidAttributeValue, format!("{reference} has this value already"))
}

/// An attribute that must not have a second value.
pub(crate) fn single_valued(reference: &AttributeReference) -> Error {
    Error::new(ResultReason::AttributeSingleValued, format!("{reference} can have only one value"))
}

/// Fills in what the client may leave to the server, and refuses values that mean nothing.
///
/// # Errors
/// Invalid Attribute Value.
pub(crate) fn completed(attribute: Attribute) -> Result<Attribute> {
    let invalid = |text: &'static str| Err(Error::new(ResultReason::InvalidAttributeValue, text));
    Ok(match attribute {
        Attribute::UsageLimits(mut limits) => {
            if limits.usage_limits_total < 0 {
                return invalid("Usage Limits Total must not be negative");
            }
            // The server keeps the count; it starts with the total.
            limits.usage_limits_count = Some(limits.usage_limits_total);
            Attribute::UsageLimits(limits)
        }
        Attribute::Name(name) if name.name_value.is_empty() => return invalid("A Name must not be empty"),
        Attribute::CryptographicLength(length) if length < 0 => return invalid("Cryptographic Length must not be negative"),
        Attribute::ApplicationSpecificInformation(information) if information.application_data.is_none() => {
            return Err(Error::new(
                ResultReason::ApplicationNamespaceNotSupported,
                "The server makes no Application Data for this Application Namespace",
            ));
        }
        other => other,
    })
}

/// Dates that contradict each other.
///
/// # Errors
/// Invalid Attribute Value.
pub(crate) fn check_dates(object: &StoredObject) -> Result<()> {
    let dates = object.dates();
    if let (Some(activation), Some(deactivation)) = (dates.activation, dates.deactivation)
        && deactivation < activation
    {
        return Err(Error::new(ResultReason::InvalidAttributeValue, "Deactivation Date must not be before Activation Date"));
    }
    for attribute in object.attributes() {
        match (attribute, dates.activation, dates.deactivation) {
            // 1.4, section 3.25; 2.1, section 4.41.
            (Attribute::ProcessStartDate(DateTime(start)), Some(activation), _) if *start < activation => {
                let text = "Process Start Date must not be before Activation Date";
                return Err(Error::new(ResultReason::InvalidAttributeValue, text));
            }
            // 1.4, section 3.26; 2.1, section 4.42.
            (Attribute::ProtectStopDate(DateTime(stop)), _, Some(deactivation)) if *stop > deactivation => {
                let text = "Protect Stop Date must not be after Deactivation Date";
                return Err(Error::new(ResultReason::InvalidAttributeValue, text));
            }
            _ => {}
        }
    }
    Ok(())
}

/// How an object came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The server generated it.
    Generated,
    /// The client brought it.
    Registered,
}

/// Sets what the server sets on every new object (1.4, section 3; 2.1, section 4: "when implicitly set").
///
/// # Errors
/// Server Limit Exceeded for an object that is too large, Constraint Violation.
pub(crate) fn complete(object: &mut StoredObject, origin: Origin, context: &Context<'_>) -> Result<()> {
    if origin == Origin::Generated {
        comply_with_format(object)?;
    }
    if let Some(managed) = &object.object {
        check_size(managed, context.settings)?;
    }
    let now = DateTime(context.now);
    object.set(Attribute::InitialDate(now));
    object.set(Attribute::LastChangeDate(now));
    object.set(Attribute::ShortUniqueIdentifier(ByteString(crypto::sha256(object.identifier.as_bytes()).to_vec())));
    if object.object_type == ObjectType::Template {
        // It is no cryptographic object: neither lease nor freshness apply to it (1.4, sections 3.20 and 3.34).
        return context.factory.check(object);
    }
    object.set_if_absent(Attribute::LeaseTime(Interval(context.settings.lease_time_s)));
    object.set_if_absent(Attribute::Fresh(true));
    object.set_if_absent(Attribute::ProtectionStorageMask(ProtectionStorageMask::Software));
    if origin == Origin::Generated {
        generated_here(object, now)?;
    }
    object.set_if_absent(Attribute::Sensitive(false));
    object.set_if_absent(Attribute::Extractable(true));
    let sensitive = object.attributes().any(|attribute| *attribute == Attribute::Sensitive(true));
    let extractable = object.attributes().any(|attribute| *attribute == Attribute::Extractable(true));
    object.set(Attribute::AlwaysSensitive(sensitive));
    object.set(Attribute::NeverExtractable(!extractable));
    if object.object_type != ObjectType::OpaqueObject {
        // Clients register secrets without a mask; the attribute always has a value.
        object.set_if_absent(Attribute::CryptographicUsageMask(CryptographicUsageMask::default()));
    }
    describe(object);
    context.factory.check(object)
}

/// Says when and by what generator the server made an object. A client can ask for a generator, but not for a date (1.4, sections
/// 3.43 and 3.44).
///
/// # Errors
/// Attribute Read Only, and Invalid Attribute Value for another generator than the server's.
fn generated_here(object: &mut StoredObject, now: DateTime) -> Result<()> {
    let own = random_number_generator();
    for attribute in object.attributes() {
        match attribute {
            Attribute::OriginalCreationDate(date) if *date != now => {
                let text = "Original Creation Date is set by the server on what it makes";
                return Err(Error::new(ResultReason::AttributeReadOnly, text));
            }
            Attribute::RandomNumberGenerator(wanted) if !is_matched(wanted, &own) => {
                let text = "The server has no random number generator of the parameters that are asked for";
                return Err(Error::new(ResultReason::InvalidAttributeValue, text));
            }
            _ => {}
        }
    }
    object.set(Attribute::OriginalCreationDate(now));
    object.set(Attribute::RandomNumberGenerator(own));
    Ok(())
}

/// Whether a generator is what is asked for: in all that is said of it. `Unspecified` is any.
fn is_matched(wanted: &RNGParameters, own: &RNGParameters) -> bool {
    fn fits<T: PartialEq>(wanted: Option<&T>, own: Option<&T>) -> bool {
        wanted.is_none() || wanted == own
    }
    (wanted.rng_algorithm == RNGAlgorithm::Unspecified || wanted.rng_algorithm == own.rng_algorithm)
        && fits(wanted.cryptographic_algorithm.as_ref(), own.cryptographic_algorithm.as_ref())
        && fits(wanted.cryptographic_length.as_ref(), own.cryptographic_length.as_ref())
        && fits(wanted.hashing_algorithm.as_ref(), own.hashing_algorithm.as_ref())
        && fits(wanted.drbg_algorithm.as_ref(), own.drbg_algorithm.as_ref())
        && fits(wanted.recommended_curve.as_ref(), own.recommended_curve.as_ref())
        && fits(wanted.fips186_variation.as_ref(), own.fips186_variation.as_ref())
        && fits(wanted.prediction_resistance.as_ref(), own.prediction_resistance.as_ref())
}

/// Gives a generated key the format that was asked for (2.1, section 4.26).
///
/// # Errors
/// Key Format Type Not Supported.
fn comply_with_format(object: &mut StoredObject) -> Result<()> {
    let stated = object.first(|attribute| match attribute {
        Attribute::KeyFormatType(format) => Some(*format),
        _ => None,
    });
    match (stated, &mut object.object) {
        (Some(format), Some(managed)) => conversion::convert(managed, format),
        _ => Ok(()),
    }
}

/// The generator of aws-lc-rs: CTR_DRBG with AES-256.
pub(crate) const fn random_number_generator() -> RNGParameters {
    RNGParameters {
        rng_algorithm: RNGAlgorithm::DRBG,
        cryptographic_algorithm: Some(CryptographicAlgorithm::AES),
        cryptographic_length: Some(256),
        hashing_algorithm: None,
        drbg_algorithm: None,
        recommended_curve: None,
        fips186_variation: None,
        prediction_resistance: None,
    }
}

/// Sets what follows from the material: formats, digest, and what a certificate says of itself.
fn describe(object: &mut StoredObject) {
    let Some(managed) = object.object.take() else { return };
    match &managed {
        ManagedObject::Certificate(certificate) => {
            object.set(Attribute::CertificateType(certificate.certificate_type));
            certificate::describe(object, certificate);
        }
        ManagedObject::OpaqueObject(opaque) => object.set(Attribute::OpaqueDataType(opaque.opaque_data_type)),
        _ => {}
    }
    let key_format_type = managed.key_block().map(|block| block.key_format_type);
    if let Some(format) = key_format_type.or(only_format(&managed)) {
        object.set(Attribute::KeyFormatType(format));
    }
    if let Some(digest) = digest(&managed) {
        object.set(Attribute::Digest(Digest {
            hashing_algorithm: HashingAlgorithm::SHA_256,
            digest_value: Some(ByteString(digest.to_vec())),
            // What has no key block is hashed as it is. Some clients cannot read a Digest without a format.
            key_format_type: key_format_type.or(Some(KeyFormatType::Raw)),
        }));
    }
    object.object = Some(managed);
}

/// The format of what has no key block to say it (2.1, section 4.26).
pub(crate) fn only_format(object: &ManagedObject) -> Option<KeyFormatType> {
    match object {
        ManagedObject::Certificate(certificate) if certificate.certificate_type == CertificateType::X_509 => {
            Some(KeyFormatType::X_509)
        }
        ManagedObject::Certificate(_) => Some(KeyFormatType::Raw),
        ManagedObject::CertificateRequest(request) if request.certificate_request_type == CertificateRequestType::PKCS_10 => {
            Some(KeyFormatType::PKCS_10)
        }
        ManagedObject::CertificateRequest(_) => Some(KeyFormatType::Raw),
        ManagedObject::OpaqueObject(_) => Some(KeyFormatType::Opaque),
        _ => None,
    }
}

/// SHA-256 over the material, in the encoding it is kept in (1.4, section 3.17).
fn digest(object: &ManagedObject) -> Option<[u8; 32]> {
    let key_block = match object {
        ManagedObject::Certificate(certificate) => return Some(crypto::sha256(certificate.certificate_value.expose())),
        ManagedObject::CertificateRequest(request) => return Some(crypto::sha256(request.certificate_request_value.expose())),
        ManagedObject::OpaqueObject(opaque) => return Some(crypto::sha256(opaque.opaque_data_value.expose())),
        other => other.key_block()?,
    };
    Some(match key_block.key_value.as_ref()? {
        KeyValue::Wrapped(bytes) => crypto::sha256(bytes.expose()),
        KeyValue::Plain(plain) => match &plain.key_material {
            KeyMaterial::Bytes(bytes) => crypto::sha256(bytes.expose()),
            transparent @ KeyMaterial::Transparent(_) => {
                // The digest of a transparent key covers its structure as TTLV.
                let bytes = kmip::codec::to_bytes(transparent, tag::KeyMaterial, ProtocolVersion::V2_1);
                crypto::sha256(&Zeroizing::new(bytes))
            }
        },
    })
}

/// Refuses storage that the server is not (2.1, section 6.1.8): it is software.
///
/// # Errors
/// Protection Storage Unavailable.
pub(crate) fn check_protection_storage(masks: Option<&ProtectionStorageMasks>, reason: ResultReason) -> Result<()> {
    let offers = |mask: &ProtectionStorageMask| mask.0 & !ProtectionStorageMask::Software.0 == 0;
    match masks {
        Some(masks) if !masks.protection_storage_masks.is_empty() && !masks.protection_storage_masks.iter().any(offers) => {
            Err(Error::new(reason, "The server keeps keys in software storage only"))
        }
        _ => Ok(()),
    }
}

/// A link to another object.
pub(crate) fn link(link_type: LinkType, identifier: &str) -> Attribute {
    Attribute::Link(Link { link_type, linked_object_identifier: ObjectReference::from(identifier) })
}
