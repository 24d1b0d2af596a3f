//! The structures of the standard, one row per field, in the order of the wire.
//!
//! Managed objects and the key block are in [`crate::object`], message parts in [`crate::message`] and
//! [`crate::credential`], payloads in [`crate::payload`].

mod administration;
mod attribute;
mod certificate;
mod credential;
mod cryptographic;
mod data;
mod query;
mod transparent;
mod wrapping;

pub use administration::*;
pub use attribute::*;
pub use certificate::*;
pub use credential::*;
pub use cryptographic::*;
pub use data::*;
pub use query::*;
pub use transparent::*;
pub use wrapping::*;

use ttlv_codec::{Tag, Tree, Writer};

use crate::codec::{self, Cardinality, Fields, Member, MemberRow, Value};
use crate::version::ProtocolVersion;

/// All fields that are left at the end of a structure, whatever they are: what vendors add. The tag of its row is
/// [`crate::tag::Any`].
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Rest(pub Vec<Tree>);

impl Member for Rest {
    const CARDINALITY: Cardinality = Cardinality::Repeated;

    fn read_member(fields: &mut Fields<'_>, _tag: Tag, _in_version: bool) -> codec::Result<Self> {
        let mut rest = Vec::new();
        while let Some(item) = fields.next_item()? {
            rest.push(Value::read(&item, fields.version)?);
        }
        Ok(Self(rest))
    }

    fn write_member(&self, writer: &mut Writer, _tag: Tag, _version: ProtocolVersion) {
        for item in &self.0 {
            item.write(writer);
        }
    }
}

/// A structure, as data.
#[derive(Clone, Copy, Debug)]
pub struct StructureRow {
    /// Its name in the standard. Several structures share a name where another field says which of them it is.
    pub name: &'static str,
    /// The name of its type here.
    pub type_name: &'static str,
    /// Its fields.
    pub members: &'static [MemberRow],
}

macro_rules! structures {
    ($($name:literal => $type:ident $(in $module:ident)?;)*) => {
        /// Every structure that is made of rows, managed objects and message parts included.
        pub const ALL: &[StructureRow] = &[$(StructureRow {
            name: $name,
            type_name: stringify!($type),
            members: $(crate::$module::)?$type::MEMBERS,
        },)*];
    };
}

structures! {
    "Alternative Name" => AlternativeName;
    "Application Specific Information" => ApplicationSpecificInformation;
    "Asynchronous Correlation Values" => AsynchronousCorrelationValues;
    "Asynchronous Request" => AsynchronousRequest;
    "Authentication" => Authentication in credential;
    "Capability Information" => CapabilityInformation;
    "Certificate" => Certificate in object;
    "Certificate Identifier" => CertificateIdentifier;
    "Certificate Issuer" => CertificateIssuer;
    "Certificate Request" => CertificateRequest in object;
    "Certificate Subject" => CertificateSubject;
    "Constraint" => Constraint;
    "Constraints" => Constraints;
    "Credential Information" => CredentialInformation;
    "Credential Value" => UsernameAndPassword in credential;
    "Credential Value" => Device in credential;
    "Credential Value" => Attestation in credential;
    "Credential Value" => OneTimePassword in credential;
    "Credential Value" => HashedPassword in credential;
    "Credential Value" => TicketCredential in credential;
    "Cryptographic Domain Parameters" => CryptographicDomainParameters;
    "Cryptographic Parameters" => CryptographicParameters;
    "Deactivation Reason" => DeactivationReason;
    "Defaults Information" => DefaultsInformation;
    "Derivation Parameters" => DerivationParameters;
    "Device Credential" => DeviceCredential;
    "Digest" => Digest;
    "Encryption Key Information" => EncryptionKeyInformation;
    "Extension Information" => ExtensionInformation;
    "Hashed Password Credential" => HashedPasswordCredential;
    "Key Block" => KeyBlock in object;
    "Key Material" => TransparentSymmetricKey;
    "Key Material" => TransparentDSAPrivateKey;
    "Key Material" => TransparentDSAPublicKey;
    "Key Material" => TransparentRSAPrivateKey;
    "Key Material" => TransparentRSAPublicKey;
    "Key Material" => TransparentDHPrivateKey;
    "Key Material" => TransparentDHPublicKey;
    "Key Material" => TransparentECPrivateKey;
    "Key Material" => TransparentECPublicKey;
    "Key Value" => PlainKeyValue in object;
    "Key Value Location" => KeyValueLocation;
    "Key Wrapping Data" => KeyWrappingData;
    "Key Wrapping Specification" => KeyWrappingSpecification;
    "Link" => Link;
    "MAC/Signature Key Information" => MACSignatureKeyInformation;
    "Message Extension" => MessageExtension in message;
    "Name" => Name;
    "Nonce" => Nonce in credential;
    "OTP Credential" => OTPCredential;
    "Object Defaults" => ObjectDefaults;
    "Object Groups" => ObjectGroups;
    "Object Types" => ObjectTypes;
    "Objects" => Objects;
    "Opaque Object" => OpaqueObject in object;
    "Operations" => Operations;
    "PGP Key" => PGPKey in object;
    "Password Credential" => PasswordCredential;
    "Private Key" => PrivateKey in object;
    "Profile Information" => ProfileInformation;
    "Profile Version" => ProfileVersion;
    "Protection Storage Masks" => ProtectionStorageMasks;
    "Protocol Version" => VersionNumbers in message;
    "Public Key" => PublicKey in object;
    "RNG Parameters" => RNGParameters;
    "Request Header" => RequestHeader in message;
    "Response Header" => ResponseHeader in message;
    "Revocation Reason" => RevocationReason;
    "Right" => Right;
    "Rights" => Rights;
    "Rotate Name" => RotateName;
    "Secret Data" => SecretData in object;
    "Server Information" => ServerInformation;
    "Split Key" => SplitKey in object;
    "Symmetric Key" => SymmetricKey in object;
    "Template" => Template in object;
    "Ticket" => Ticket in credential;
    "Usage Limits" => UsageLimits;
    "Validation Information" => ValidationInformation;
    "X.509 Certificate Identifier" => X509CertificateIdentifier;
    "X.509 Certificate Issuer" => X509CertificateIssuer;
    "X.509 Certificate Subject" => X509CertificateSubject;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{from_bytes, to_bytes};
    use crate::enumerations::{BlockCipherMode, ItemTypeEnumeration, NameType};
    use crate::object::KeyMaterial;
    use crate::{BigInteger, Secret, tag};
    use ttlv_codec::{Limits, TreeValue};

    #[test]
    fn every_row_has_a_tag_that_its_versions_define() {
        let payloads = crate::payload::ALL.iter();
        let payloads = payloads.flat_map(|row| row.request.iter().chain(row.response.unwrap_or_default()));
        let mut rows = 0;
        for member in ALL.iter().flat_map(|row| row.members).chain(payloads) {
            for version in ProtocolVersion::ALL.into_iter().filter(|version| member.versions.contains(*version)) {
                let tag = if version.is_1x() { member.tag_1x } else { member.tag };
                let pseudo = tag == tag::Any || tag == tag::AnyManagedObject;
                assert!(pseudo || tag::known_in(tag, version), "{} in {version}", tag::display(tag));
                rows += 1;
            }
        }
        assert!(rows > 3000, "{rows}");
    }

    #[test]
    fn a_name_is_a_structure_up_to_2_1_and_a_text_in_3_0() {
        let name = Name { name_value: "disk-1".to_owned(), name_type: NameType::UninterpretedTextString };
        for version in ProtocolVersion::ALL {
            let tree = Tree::parse(&to_bytes(&name, tag::Name, version), &Limits::default()).unwrap();
            match &tree.value {
                TreeValue::TextString(text) => assert!(version == ProtocolVersion::V3_0 && text == "disk-1"),
                value => assert!(version < ProtocolVersion::V3_0 && matches!(value, TreeValue::Structure(_))),
            }
            assert_eq!(from_bytes::<Name>(&to_bytes(&name, tag::Name, version), version).unwrap(), name);
        }
        let rotate = RotateName::text("r");
        let bytes = to_bytes(&rotate, tag::RotateName, ProtocolVersion::V2_1);
        assert_eq!(from_bytes::<RotateName>(&bytes, ProtocolVersion::V2_1).unwrap(), rotate);
        assert!(from_bytes::<Name>(&bytes, ProtocolVersion::V2_1).is_err());
    }

    #[test]
    fn fields_of_later_versions_are_refused_and_left_out() {
        let parameters = CryptographicParameters {
            block_cipher_mode: Some(BlockCipherMode::GCM),
            tag_length: Some(16),
            salt_length: Some(20),
            ..CryptographicParameters::default()
        };
        let newest = to_bytes(&parameters, tag::CryptographicParameters, ProtocolVersion::V1_4);
        assert_eq!(from_bytes::<CryptographicParameters>(&newest, ProtocolVersion::V1_4).unwrap(), parameters);
        assert!(from_bytes::<CryptographicParameters>(&newest, ProtocolVersion::V1_0).is_err());
        let oldest = to_bytes(&parameters, tag::CryptographicParameters, ProtocolVersion::V1_0);
        let read = from_bytes::<CryptographicParameters>(&oldest, ProtocolVersion::V1_0).unwrap();
        assert_eq!(read, CryptographicParameters { tag_length: None, salt_length: None, ..parameters });
    }

    #[test]
    fn an_extension_type_is_an_integer_in_1x() {
        let extension = ExtensionType(ItemTypeEnumeration::TextString);
        for (version, expected) in
            [(ProtocolVersion::V1_1, TreeValue::Integer(7)), (ProtocolVersion::V2_0, TreeValue::Enumeration(7))]
        {
            let bytes = to_bytes(&extension, tag::ExtensionType, version);
            assert_eq!(Tree::parse(&bytes, &Limits::default()).unwrap().value, expected);
            assert_eq!(from_bytes::<ExtensionType>(&bytes, version).unwrap(), extension);
        }
    }

    #[test]
    fn server_information_keeps_what_a_vendor_adds() {
        let vendor = Tree { tag: Tag(0x54_0001), value: TreeValue::Integer(5) };
        let information = ServerInformation {
            server_name: Some("s".to_owned()),
            vendor_specific: Rest(vec![vendor.clone()]),
            ..ServerInformation::default()
        };
        let bytes = to_bytes(&information, tag::ServerInformation, ProtocolVersion::V2_1);
        assert_eq!(from_bytes::<ServerInformation>(&bytes, ProtocolVersion::V2_1).unwrap(), information);
        let bytes = to_bytes(&information, tag::ServerInformation, ProtocolVersion::V1_2);
        let read = from_bytes::<ServerInformation>(&bytes, ProtocolVersion::V1_2).unwrap();
        assert_eq!(read, ServerInformation { vendor_specific: Rest(vec![vendor]), ..ServerInformation::default() });
    }

    #[test]
    fn transparent_key_material_has_typed_fields() {
        let number = |byte| BigInteger(Secret::new(vec![0, 0, 0, 0, 0, 0, 0, byte]));
        let key = TransparentRSAPublicKey { modulus: number(35), public_exponent: number(5) };
        let bytes = to_bytes(&key, tag::KeyMaterial, ProtocolVersion::V1_0);
        let material = from_bytes::<KeyMaterial>(&bytes, ProtocolVersion::V1_0).unwrap();
        assert_eq!(material.transparent::<TransparentRSAPublicKey>().unwrap(), key);
        assert!(material.transparent::<TransparentECPublicKey>().is_err());
    }
}
