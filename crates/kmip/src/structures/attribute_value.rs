//! Structures that are the values of attributes, and those of key blocks (1.4, sections 2 and 3; 2.1, sections 3 and 4).

use ttlv_codec::{Item, Tag, Value as Ttlv, Writer};

use crate::codec::{ByteString, DecodeError, Fields, Member, Result, Value};
use crate::enumerations::*;
use crate::identifier::ObjectReference;
use crate::tag;
use crate::version::ProtocolVersion;

/// A name of an object: a structure of value and type up to 2.1, a plain text in 3.0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// The name.
    pub name_value: String,
    /// What kind of text it is.
    pub name_type: NameType,
}

impl Name {
    /// An uninterpreted text as a name.
    #[must_use]
    pub fn text(name: &str) -> Self {
        Self { name_value: name.to_owned(), name_type: NameType::UninterpretedTextString }
    }
}

impl Value for Name {
    fn read(item: &Item<'_>, version: ProtocolVersion) -> Result<Self> {
        if version >= ProtocolVersion::V3_0 {
            return match item.value {
                Ttlv::TextString(name) => Ok(Self::text(name)),
                _ => Err(DecodeError::wrong_type(item)),
            };
        }
        let mut fields = Fields::of(item, version)?;
        let name_value = Member::read_member(&mut fields, tag::NameValue, true)?;
        let name_type = Member::read_member(&mut fields, tag::NameType, true)?;
        fields.end()?;
        Ok(Self { name_value, name_type })
    }

    fn write(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
        if version >= ProtocolVersion::V3_0 {
            return writer.text_string(tag, &self.name_value);
        }
        writer.structure(tag, |writer| {
            writer.text_string(tag::NameValue, &self.name_value);
            self.name_type.write(writer, tag::NameType, version);
        });
    }
}

structure! {
    /// Another name of an object (since 1.2).
    #[derive(Clone)]
    pub struct AlternativeName {
        AlternativeNameValue => alternative_name_value: String, V1_2..;
        AlternativeNameType => alternative_name_type: AlternativeNameType, V1_2..;
    }
}

structure! {
    /// What an application keeps with an object. The server makes Application Data if it is left out.
    #[derive(Clone)]
    pub struct ApplicationSpecificInformation {
        ApplicationNamespace => application_namespace: String, V1_0..;
        ApplicationData => application_data: Option<String>, V1_0..;
    }
}

structure! {
    /// Issuer and serial number, as text.
    #[derive(Clone)]
    pub struct CertificateIdentifier {
        Issuer => issuer: String, V1_0..V2_0;
        SerialNumber => serial_number: Option<String>, V1_0..V2_0;
    }
}

structure! {
    /// Issuer of a certificate, as text.
    #[derive(Clone)]
    pub struct CertificateIssuer {
        CertificateIssuerDistinguishedName => certificate_issuer_distinguished_name: String, V1_0..V2_0;
        CertificateIssuerAlternativeName => certificate_issuer_alternative_name: Vec<String>, V1_0..V2_0;
    }
}

structure! {
    /// Subject of a certificate, as text.
    #[derive(Clone)]
    pub struct CertificateSubject {
        CertificateSubjectDistinguishedName => certificate_subject_distinguished_name: String, V1_0..V2_0;
        CertificateSubjectAlternativeName => certificate_subject_alternative_name: Vec<String>, V1_0..V2_0;
    }
}

structure! {
    /// What a key pair is made over.
    #[derive(Clone, Default)]
    pub struct CryptographicDomainParameters {
        Qlength => qlength: Option<i32>, V1_0..;
        RecommendedCurve => recommended_curve: Option<RecommendedCurve>, V1_0..;
    }
}

structure! {
    /// How a key is to be used.
    #[derive(Clone, Default)]
    pub struct CryptographicParameters {
        BlockCipherMode => block_cipher_mode: Option<BlockCipherMode>, V1_0..;
        PaddingMethod => padding_method: Option<PaddingMethod>, V1_0..;
        HashingAlgorithm => hashing_algorithm: Option<HashingAlgorithm>, V1_0..;
        KeyRoleType => key_role_type: Option<KeyRoleType>, V1_0..;
        DigitalSignatureAlgorithm => digital_signature_algorithm: Option<DigitalSignatureAlgorithm>, V1_2..;
        CryptographicAlgorithm => cryptographic_algorithm: Option<CryptographicAlgorithm>, V1_2..;
        RandomIV => random_iv: Option<bool>, V1_2..;
        IVLength => iv_length: Option<i32>, V1_2..;
        TagLength => tag_length: Option<i32>, V1_2..;
        FixedFieldLength => fixed_field_length: Option<i32>, V1_2..;
        InvocationFieldLength => invocation_field_length: Option<i32>, V1_2..;
        CounterLength => counter_length: Option<i32>, V1_2..;
        InitialCounterValue => initial_counter_value: Option<i32>, V1_2..;
        SaltLength => salt_length: Option<i32>, V1_4..;
        MaskGenerator => mask_generator: Option<MaskGenerator>, V1_4..;
        MaskGeneratorHashingAlgorithm => mask_generator_hashing_algorithm: Option<HashingAlgorithm>, V1_4..;
        PSource => p_source: Option<ByteString>, V1_4..;
        TrailerField => trailer_field: Option<i32>, V1_4..;
    }
}

structure! {
    /// Why an object was deactivated (3.0).
    #[derive(Clone)]
    pub struct DeactivationReason {
        DeactivationReasonCode => deactivation_reason_code: DeactivationReasonCode, V3_0..;
        DeactivationMessage => deactivation_message: Option<String>, V3_0..;
    }
}

structure! {
    /// A hash over the material of an object.
    #[derive(Clone)]
    pub struct Digest {
        HashingAlgorithm => hashing_algorithm: HashingAlgorithm, V1_0..;
        DigestValue => digest_value: Option<ByteString>, V1_0..;
        KeyFormatType => key_format_type: Option<KeyFormatType>, V1_1..;
    }
}

structure! {
    /// Where a key value is that the server does not hold (since 1.2).
    #[derive(Clone)]
    pub struct KeyValueLocation {
        KeyValueLocationValue => key_value_location_value: String, V1_2..;
        KeyValueLocationType => key_value_location_type: KeyValueLocationType, V1_2..;
    }
}

structure! {
    /// A relation to another object (up to 2.1; 3.0 has one attribute per relation).
    #[derive(Clone)]
    pub struct Link {
        LinkType => link_type: LinkType, V1_0..V3_0;
        LinkedObjectIdentifier => linked_object_identifier: ObjectReference, V1_0..V3_0;
    }
}

structure! {
    /// What kind of random number generator (since 1.3).
    #[derive(Clone)]
    pub struct RNGParameters {
        RNGAlgorithm => rng_algorithm: RNGAlgorithm, V1_3..;
        CryptographicAlgorithm => cryptographic_algorithm: Option<CryptographicAlgorithm>, V1_3..;
        CryptographicLength => cryptographic_length: Option<i32>, V1_3..;
        HashingAlgorithm => hashing_algorithm: Option<HashingAlgorithm>, V1_3..;
        DRBGAlgorithm => drbg_algorithm: Option<DRBGAlgorithm>, V1_3..;
        RecommendedCurve => recommended_curve: Option<RecommendedCurve>, V1_3..;
        FIPS186Variation => fips186_variation: Option<FIPS186Variation>, V1_3..;
        PredictionResistance => prediction_resistance: Option<bool>, V1_3..;
    }
}

structure! {
    /// Why an object was revoked.
    #[derive(Clone)]
    pub struct RevocationReason {
        RevocationReasonCode => revocation_reason_code: RevocationReasonCode, V1_0..;
        RevocationMessage => revocation_message: Option<String>, V1_0..;
    }
}

structure! {
    /// How much a key may be used. A client sets only total and unit, the server keeps the count.
    #[derive(Clone)]
    pub struct UsageLimits {
        UsageLimitsTotal => usage_limits_total: i64, V1_0..;
        UsageLimitsCount => usage_limits_count: Option<i64>, V1_0..;
        UsageLimitsUnit => usage_limits_unit: UsageLimitsUnit, V1_0..;
    }
}

structure! {
    /// Issuer (DER) and serial number of an X.509 certificate (since 1.1).
    #[derive(Clone)]
    pub struct X509CertificateIdentifier {
        IssuerDistinguishedName => issuer_distinguished_name: ByteString, V1_1..;
        CertificateSerialNumber => certificate_serial_number: ByteString, V1_1..;
    }
}

structure! {
    /// Issuer of an X.509 certificate: DER of the name and of its alternatives (since 1.1).
    #[derive(Clone)]
    pub struct X509CertificateIssuer {
        IssuerDistinguishedName => issuer_distinguished_name: ByteString, V1_1..;
        IssuerAlternativeName => issuer_alternative_name: Vec<ByteString>, V1_1..;
    }
}

structure! {
    /// Subject of an X.509 certificate: DER of the name and of its alternatives (since 1.1).
    #[derive(Clone)]
    pub struct X509CertificateSubject {
        SubjectDistinguishedName => subject_distinguished_name: ByteString, V1_1..;
        SubjectAlternativeName => subject_alternative_name: Vec<ByteString>, V1_1..;
    }
}

structure! {
    /// The key that encrypts a wrapped key.
    #[derive(Clone)]
    pub struct EncryptionKeyInformation {
        UniqueIdentifier => unique_identifier: ObjectReference, V1_0..;
        CryptographicParameters => cryptographic_parameters: Option<CryptographicParameters>, V1_0..;
    }
}

structure! {
    /// The key that authenticates a wrapped key.
    #[derive(Clone)]
    pub struct MACSignatureKeyInformation {
        UniqueIdentifier => unique_identifier: ObjectReference, V1_0..;
        CryptographicParameters => cryptographic_parameters: Option<CryptographicParameters>, V1_0..;
    }
}

structure! {
    /// How a key value was wrapped.
    #[derive(Clone)]
    pub struct KeyWrappingData {
        WrappingMethod => wrapping_method: WrappingMethod, V1_0..;
        EncryptionKeyInformation => encryption_key_information: Option<EncryptionKeyInformation>, V1_0..;
        MACSignatureKeyInformation => mac_signature_key_information: Option<MACSignatureKeyInformation>, V1_0..;
        MACSignature => mac_signature: Option<ByteString>, V1_0..;
        IVCounterNonce => iv_counter_nonce: Option<ByteString>, V1_0..;
        EncodingOption => encoding_option: Option<EncodingOption>, V1_1..;
    }
}
