//! Managed objects: what a client stores, and the key block most of them have (2.1, sections 2 and 3).

use ttlv_codec::{Item, Tag, Tree, TreeValue, Value as Ttlv, Writer};

use crate::attribute::Attributes;
use crate::codec::{BigInteger, Cardinality, DecodeError, Fields, Member, Result, Value};
use crate::enumerations::{
    CertificateRequestType, CertificateType, CryptographicAlgorithm, KeyCompressionType, KeyFormatType, ObjectType,
    OpaqueDataType, SecretDataType, SplitKeyMethod,
};
use crate::secret::Secret;
use crate::structures::KeyWrappingData;
use crate::tag;
use crate::version::ProtocolVersion;

/// A set of object types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectTypes(u32);

impl ObjectTypes {
    /// Every object type.
    pub const ALL: Self = Self(u32::MAX);
    /// Certificates.
    pub const CERTIFICATE: Self = Self::one(ObjectType::Certificate);
    /// Symmetric keys.
    pub const SYMMETRIC_KEY: Self = Self::one(ObjectType::SymmetricKey);
    /// Public keys.
    pub const PUBLIC_KEY: Self = Self::one(ObjectType::PublicKey);
    /// Private keys.
    pub const PRIVATE_KEY: Self = Self::one(ObjectType::PrivateKey);
    /// Split keys.
    pub const SPLIT_KEY: Self = Self::one(ObjectType::SplitKey);
    /// Opaque objects.
    pub const OPAQUE_OBJECT: Self = Self::one(ObjectType::OpaqueObject);
    /// PGP keys.
    pub const PGP_KEY: Self = Self::one(ObjectType::PGPKey);

    /// The set of one type.
    #[must_use]
    pub const fn one(object_type: ObjectType) -> Self {
        Self(1 << (object_type.0 % 32))
    }

    /// The union of two sets.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the type is in the set.
    #[must_use]
    pub const fn contains(self, object_type: ObjectType) -> bool {
        self.0 & Self::one(object_type).0 != 0
    }
}

/// A managed object, without its attributes.
#[derive(Clone, Debug, PartialEq)]
pub enum ManagedObject {
    /// A certificate.
    Certificate(Certificate),
    /// A certificate request (since 2.0).
    CertificateRequest(CertificateRequest),
    /// An opaque object.
    OpaqueObject(OpaqueObject),
    /// A PGP key (since 1.2).
    PGPKey(PGPKey),
    /// A private key.
    PrivateKey(PrivateKey),
    /// A public key.
    PublicKey(PublicKey),
    /// Secret data, such as a password.
    SecretData(SecretData),
    /// A part of a key.
    SplitKey(SplitKey),
    /// A symmetric key.
    SymmetricKey(SymmetricKey),
    /// A template: attributes for other objects (up to 1.4).
    Template(Template),
}

structure! {
    /// A certificate.
    #[derive(Clone)]
    pub struct Certificate {
        CertificateType => certificate_type: CertificateType, V1_0..;
        CertificateValue => certificate_value: Secret, V1_0..;
    }
}

structure! {
    /// A certificate request.
    #[derive(Clone)]
    pub struct CertificateRequest {
        CertificateRequestType => certificate_request_type: CertificateRequestType, V2_0..;
        CertificateRequestValue => certificate_request_value: Secret, V2_0..;
    }
}

structure! {
    /// An opaque object.
    #[derive(Clone)]
    pub struct OpaqueObject {
        OpaqueDataType => opaque_data_type: OpaqueDataType, V1_0..;
        OpaqueDataValue => opaque_data_value: Secret, V1_0..;
    }
}

structure! {
    /// A PGP key.
    #[derive(Clone)]
    pub struct PGPKey {
        PGPKeyVersion => pgp_key_version: i32, V1_2..;
        KeyBlock => key_block: KeyBlock, V1_2..;
    }
}

structure! {
    /// A private key.
    #[derive(Clone)]
    pub struct PrivateKey {
        KeyBlock => key_block: KeyBlock, V1_0..;
    }
}

structure! {
    /// A public key.
    #[derive(Clone)]
    pub struct PublicKey {
        KeyBlock => key_block: KeyBlock, V1_0..;
    }
}

structure! {
    /// Secret data. Only a certificate-less secret such as a password has a key block without algorithm and length.
    #[derive(Clone)]
    pub struct SecretData {
        SecretDataType => secret_data_type: SecretDataType, V1_0..;
        KeyBlock => key_block: KeyBlock, V1_0..;
    }
}

structure! {
    /// A part of a key.
    #[derive(Clone)]
    pub struct SplitKey {
        SplitKeyParts => split_key_parts: i32, V1_0..;
        KeyPartIdentifier => key_part_identifier: i32, V1_0..;
        SplitKeyThreshold => split_key_threshold: i32, V1_0..;
        SplitKeyMethod => split_key_method: SplitKeyMethod, V1_0..;
        PrimeFieldSize => prime_field_size: Option<BigInteger>, V1_0..;
        KeyBlock => key_block: KeyBlock, V1_0..;
    }
}

structure! {
    /// A symmetric key.
    #[derive(Clone)]
    pub struct SymmetricKey {
        KeyBlock => key_block: KeyBlock, V1_0..;
    }
}

structure! {
    /// A template.
    #[derive(Clone)]
    pub struct Template {
        Attribute / Attributes => attributes: Attributes, V1_0..;
    }
}

structure! {
    /// A key and how it is encoded (2.1, section 3.1). Key Value may be left out since 1.2, for keys held elsewhere.
    #[derive(Clone)]
    pub struct KeyBlock {
        KeyFormatType => key_format_type: KeyFormatType, V1_0..;
        KeyCompressionType => key_compression_type: Option<KeyCompressionType>, V1_0..;
        KeyValue => key_value: Option<KeyValue>, V1_0..;
        CryptographicAlgorithm => cryptographic_algorithm: Option<CryptographicAlgorithm>, V1_0..;
        CryptographicLength => cryptographic_length: Option<i32>, V1_0..;
        KeyWrappingData => key_wrapping_data: Option<KeyWrappingData>, V1_0..;
    }
}

/// A key value (2.1, section 3.2): a structure in clear, or the bytes of a wrapped one.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyValue {
    /// In clear.
    Plain(PlainKeyValue),
    /// Wrapped.
    Wrapped(Secret),
}

structure! {
    /// A key value in clear.
    #[derive(Clone)]
    pub struct PlainKeyValue {
        KeyMaterial => key_material: KeyMaterial, V1_0..;
        Attribute / Attributes => attributes: Option<Attributes>, V1_0..;
    }
}

impl Value for KeyValue {
    fn read(item: &Item<'_>, version: ProtocolVersion) -> Result<Self> {
        match item.value {
            Ttlv::ByteString(bytes) => Ok(Self::Wrapped(Secret::from_slice(bytes))),
            Ttlv::Structure(_) => PlainKeyValue::read(item, version).map(Self::Plain),
            _ => Err(DecodeError::wrong_type(item)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
        match self {
            Self::Plain(plain) => plain.write(writer, tag, version),
            Self::Wrapped(bytes) => bytes.write(writer, tag, version),
        }
    }
}

/// Key material: bytes, or the fields of a transparent key. Which fields, the Key Format Type says.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyMaterial {
    /// An encoded key.
    Bytes(Secret),
    /// The fields of a transparent key, as they were received. Their types are in [`crate::structures`].
    Transparent(Vec<Tree>),
}

impl Value for KeyMaterial {
    fn read(item: &Item<'_>, _version: ProtocolVersion) -> Result<Self> {
        match &item.value {
            Ttlv::ByteString(bytes) => Ok(Self::Bytes(Secret::from_slice(bytes))),
            Ttlv::Structure(inside) => {
                let mut inside = *inside;
                let mut fields = Vec::new();
                while let Some(field) = inside.next_item()? {
                    fields.push(Tree::read(&field)?);
                }
                Ok(Self::Transparent(fields))
            }
            _ => Err(DecodeError::wrong_type(item)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag, _version: ProtocolVersion) {
        match self {
            Self::Bytes(bytes) => writer.byte_string(tag, bytes.expose()),
            Self::Transparent(fields) => {
                writer.structure(tag, |writer| fields.iter().for_each(|field| field.write(writer)));
            }
        }
    }
}

impl KeyMaterial {
    /// A field of a transparent key.
    #[must_use]
    pub fn field(&self, tag: Tag) -> Option<&TreeValue> {
        match self {
            Self::Bytes(_) => None,
            Self::Transparent(fields) => fields.iter().find(|field| field.tag == tag).map(|field| &field.value),
        }
    }
}

/// The object types, their tags and their structures: one row each.
macro_rules! managed_objects {
    ($($name:ident;)*) => {
        impl ManagedObject {
            /// Its type.
            #[must_use]
            pub const fn object_type(&self) -> ObjectType {
                match self { $(Self::$name(_) => ObjectType::$name,)* }
            }

            /// The tag it has in a message.
            #[must_use]
            pub const fn tag(&self) -> Tag {
                match self { $(Self::$name(_) => tag::$name,)* }
            }

            /// Reads an object: its tag says of which type. `None` if the tag is no object's.
            ///
            /// # Errors
            /// If the object is not as the version defines it.
            pub fn read_tagged(item: &Item<'_>, version: ProtocolVersion) -> Result<Option<Self>> {
                match item.tag {
                    $(tag::$name => $name::read(item, version).map(|object| Some(Self::$name(object))),)*
                    _ => Ok(None),
                }
            }

            /// Writes the object under its own tag.
            pub fn write_tagged(&self, writer: &mut Writer, version: ProtocolVersion) {
                match self { $(Self::$name(object) => object.write(writer, tag::$name, version),)* }
            }
        }
    };
}

managed_objects! {
    Certificate;
    CertificateRequest;
    OpaqueObject;
    PGPKey;
    PrivateKey;
    PublicKey;
    SecretData;
    SplitKey;
    SymmetricKey;
    Template;
}

impl ManagedObject {
    /// Its key block, if it has one.
    #[must_use]
    pub const fn key_block(&self) -> Option<&KeyBlock> {
        match self {
            Self::PGPKey(object) => Some(&object.key_block),
            Self::PrivateKey(object) => Some(&object.key_block),
            Self::PublicKey(object) => Some(&object.key_block),
            Self::SecretData(object) => Some(&object.key_block),
            Self::SplitKey(object) => Some(&object.key_block),
            Self::SymmetricKey(object) => Some(&object.key_block),
            Self::Certificate(_) | Self::CertificateRequest(_) | Self::OpaqueObject(_) | Self::Template(_) => None,
        }
    }

    /// Its key block, if it has one, to change.
    pub const fn key_block_mut(&mut self) -> Option<&mut KeyBlock> {
        match self {
            Self::PGPKey(object) => Some(&mut object.key_block),
            Self::PrivateKey(object) => Some(&mut object.key_block),
            Self::PublicKey(object) => Some(&mut object.key_block),
            Self::SecretData(object) => Some(&mut object.key_block),
            Self::SplitKey(object) => Some(&mut object.key_block),
            Self::SymmetricKey(object) => Some(&mut object.key_block),
            Self::Certificate(_) | Self::CertificateRequest(_) | Self::OpaqueObject(_) | Self::Template(_) => None,
        }
    }
}

/// An object in a payload, under the pseudo tag [`tag::AnyManagedObject`]: the tag of the field is that of its type.
impl Member for ManagedObject {
    const CARDINALITY: Cardinality = Cardinality::Required;

    fn read_member(fields: &mut Fields<'_>, tag: Tag, in_version: bool) -> Result<Self> {
        let missing = fields.missing(tag);
        Option::<Self>::read_member(fields, tag, in_version)?.ok_or(missing)
    }

    fn write_member(&self, writer: &mut Writer, _tag: Tag, version: ProtocolVersion) {
        self.write_tagged(writer, version);
    }
}

impl Member for Option<ManagedObject> {
    const CARDINALITY: Cardinality = Cardinality::Optional;

    fn read_member(fields: &mut Fields<'_>, _tag: Tag, _in_version: bool) -> Result<Self> {
        let known = fields.peek().is_some_and(is_object_tag);
        match if known { fields.next_item()? } else { None } {
            Some(item) => ManagedObject::read_tagged(&item, fields.version),
            None => Ok(None),
        }
    }

    fn write_member(&self, writer: &mut Writer, _tag: Tag, version: ProtocolVersion) {
        if let Some(object) = self {
            object.write_tagged(writer, version);
        }
    }
}

fn is_object_tag(tag: Tag) -> bool {
    [
        tag::Certificate,
        tag::CertificateRequest,
        tag::OpaqueObject,
        tag::PGPKey,
        tag::PrivateKey,
        tag::PublicKey,
        tag::SecretData,
        tag::SplitKey,
        tag::SymmetricKey,
        tag::Template,
    ]
    .contains(&tag)
}
