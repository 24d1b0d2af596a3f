//! The tags of the standard: one row per tag with its names, the item types it may carry and its versions.
//!
//! The constants are named as in the XML encoding and meant to be used with their module: `tag::ActivationDate`.

// The names are the standard's, so that specification, test case and code grep alike.
#![allow(non_upper_case_globals)]

use std::collections::HashMap;
use std::sync::LazyLock;

use ttlv_codec::ItemType;

use crate::version::{ProtocolVersion, Versions};

/// What the standard says about one tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagRow {
    /// The code on the wire.
    pub tag: ttlv_codec::Tag,
    /// The name in the XML and JSON encodings, `ActivationDate`.
    pub xml_name: &'static str,
    /// The name as the standard spells it, `Activation Date`; of an attribute, its Attribute Name in 1.x.
    pub name: &'static str,
    /// The item types it carries in one version or another.
    pub item_types: &'static [ItemType],
    /// The versions that define it.
    pub versions: Versions,
}

/// The first tag of the range that vendors define for themselves.
pub const EXTENSIONS_START: ttlv_codec::Tag = ttlv_codec::Tag(0x54_0000);
/// The last tag of the range that vendors define for themselves.
pub const EXTENSIONS_END: ttlv_codec::Tag = ttlv_codec::Tag(0x54_FFFF);

/// No tag on the wire: in tables it stands for the tag of whatever managed object a payload carries.
pub const AnyManagedObject: ttlv_codec::Tag = ttlv_codec::Tag(0);
/// No tag on the wire: in tables it stands for whatever tags a vendor adds.
pub const Any: ttlv_codec::Tag = ttlv_codec::Tag(1);

/// The row of a tag, none for an extension or an unknown code.
#[must_use]
pub fn by_tag(tag: ttlv_codec::Tag) -> Option<&'static TagRow> {
    ALL.binary_search_by_key(&tag, |row| row.tag).ok().and_then(|index| ALL.get(index))
}

/// The row with this name of the XML encoding.
#[must_use]
pub fn by_xml_name(xml_name: &str) -> Option<&'static TagRow> {
    static INDEX: LazyLock<HashMap<&'static str, &'static TagRow>> =
        LazyLock::new(|| ALL.iter().map(|row| (row.xml_name, row)).collect());
    INDEX.get(xml_name).copied()
}

/// The row with this name as the standard spells it, which is how 1.x names an attribute.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static TagRow> {
    static INDEX: LazyLock<HashMap<&'static str, &'static TagRow>> =
        LazyLock::new(|| ALL.iter().map(|row| (row.name, row)).collect());
    INDEX.get(name).copied()
}

/// The XML name of a tag, for messages to people; hexadecimal when the standard has none.
#[must_use]
pub fn display(tag: ttlv_codec::Tag) -> String {
    by_tag(tag).map_or_else(|| format!("0x{:06X}", tag.0), |row| row.xml_name.to_owned())
}

/// Whether `version` defines the tag. Extensions are defined in every version.
#[must_use]
pub fn known_in(tag: ttlv_codec::Tag, version: ProtocolVersion) -> bool {
    (EXTENSIONS_START..=EXTENSIONS_END).contains(&tag) || by_tag(tag).is_some_and(|row| row.versions.contains(version))
}

macro_rules! tags {
    ($($code:literal => $xml_name:ident, $name:literal, [$($item_type:ident),*], $since:ident .. $($until:ident)?;)*) => {
        $(
            #[doc = concat!("`", stringify!($code), "` ", $name, ".")]
            pub const $xml_name: ttlv_codec::Tag = ttlv_codec::Tag($code);
        )*

        /// Every tag of every version, in the order of the codes.
        pub const ALL: &[TagRow] = &[$(TagRow {
            tag: $xml_name,
            xml_name: stringify!($xml_name),
            name: $name,
            item_types: &[$(ItemType::$item_type),*],
            versions: $crate::versions!($since .. $($until)?),
        },)*];
    };
}

tags! {
    0x420001 => ActivationDate, "Activation Date", [DateTime], V1_0..;
    0x420002 => ApplicationData, "Application Data", [TextString], V1_0..;
    0x420003 => ApplicationNamespace, "Application Namespace", [TextString], V1_0..;
    0x420004 => ApplicationSpecificInformation, "Application Specific Information", [Structure], V1_0..;
    0x420005 => ArchiveDate, "Archive Date", [DateTime], V1_0..;
    0x420006 => AsynchronousCorrelationValue, "Asynchronous Correlation Value", [ByteString], V1_0..;
    0x420007 => AsynchronousIndicator, "Asynchronous Indicator", [Boolean, Enumeration], V1_0..;
    0x420008 => Attribute, "Attribute", [Structure], V1_0..;
    0x420009 => AttributeIndex, "Attribute Index", [Integer], V1_0..V2_0;
    0x42000A => AttributeName, "Attribute Name", [TextString], V1_0..;
    0x42000B => AttributeValue, "Attribute Value",
        [Structure, Integer, LongInteger, BigInteger, Enumeration, Boolean, TextString, ByteString, DateTime, Interval, DateTimeExtended, Identifier, Reference, NameReference], V1_0..;
    0x42000C => Authentication, "Authentication", [Structure], V1_0..;
    0x42000D => BatchCount, "Batch Count", [Integer], V1_0..V3_0;
    0x42000E => BatchErrorContinuationOption, "Batch Error Continuation Option", [Enumeration], V1_0..;
    0x42000F => BatchItem, "Batch Item", [Structure], V1_0..;
    0x420010 => BatchOrderOption, "Batch Order Option", [Boolean], V1_0..V3_0;
    0x420011 => BlockCipherMode, "Block Cipher Mode", [Enumeration], V1_0..;
    0x420012 => CancellationResult, "Cancellation Result", [Enumeration], V1_0..;
    0x420013 => Certificate, "Certificate", [Structure], V1_0..;
    0x420014 => CertificateIdentifier, "Certificate Identifier", [Structure], V1_0..V2_0;
    0x420015 => CertificateIssuer, "Certificate Issuer", [Structure], V1_0..V2_0;
    0x420016 => CertificateIssuerAlternativeName, "Certificate Issuer Alternative Name", [TextString], V1_0..V2_0;
    0x420017 => CertificateIssuerDistinguishedName, "Certificate Issuer Distinguished Name", [TextString], V1_0..V2_0;
    0x420018 => CertificateRequest, "Certificate Request", [ByteString], V1_0..;
    0x420019 => CertificateRequestType, "Certificate Request Type", [Enumeration], V1_0..;
    0x42001A => CertificateSubject, "Certificate Subject", [Structure], V1_0..V2_0;
    0x42001B => CertificateSubjectAlternativeName, "Certificate Subject Alternative Name", [TextString], V1_0..V2_0;
    0x42001C => CertificateSubjectDistinguishedName, "Certificate Subject Distinguished Name", [TextString], V1_0..V2_0;
    0x42001D => CertificateType, "Certificate Type", [Enumeration], V1_0..;
    0x42001E => CertificateValue, "Certificate Value", [ByteString], V1_0..;
    0x42001F => CommonTemplateAttribute, "Common Template-Attribute", [Structure], V1_0..V2_0;
    0x420020 => CompromiseDate, "Compromise Date", [DateTime], V1_0..;
    0x420021 => CompromiseOccurrenceDate, "Compromise Occurrence Date", [DateTime], V1_0..;
    0x420022 => ContactInformation, "Contact Information", [TextString], V1_0..;
    0x420023 => Credential, "Credential", [Structure], V1_0..;
    0x420024 => CredentialType, "Credential Type", [Enumeration], V1_0..;
    0x420025 => CredentialValue, "Credential Value", [Structure], V1_0..;
    0x420026 => CriticalityIndicator, "Criticality Indicator", [Boolean], V1_0..;
    0x420027 => CRTCoefficient, "CRT Coefficient", [BigInteger], V1_0..;
    0x420028 => CryptographicAlgorithm, "Cryptographic Algorithm", [Enumeration], V1_0..;
    0x420029 => CryptographicDomainParameters, "Cryptographic Domain Parameters", [Structure], V1_0..;
    0x42002A => CryptographicLength, "Cryptographic Length", [Integer], V1_0..;
    0x42002B => CryptographicParameters, "Cryptographic Parameters", [Structure], V1_0..;
    0x42002C => CryptographicUsageMask, "Cryptographic Usage Mask", [Integer], V1_0..;
    0x42002D => CustomAttribute, "Custom Attribute",
        [Structure, Integer, LongInteger, BigInteger, Enumeration, Boolean, TextString, ByteString, DateTime, Interval], V1_0..V2_0;
    0x42002E => D, "D", [BigInteger], V1_0..;
    0x42002F => DeactivationDate, "Deactivation Date", [DateTime], V1_0..;
    0x420030 => DerivationData, "Derivation Data", [ByteString], V1_0..;
    0x420031 => DerivationMethod, "Derivation Method", [Enumeration], V1_0..;
    0x420032 => DerivationParameters, "Derivation Parameters", [Structure], V1_0..;
    0x420033 => DestroyDate, "Destroy Date", [DateTime], V1_0..;
    0x420034 => Digest, "Digest", [Structure], V1_0..;
    0x420035 => DigestValue, "Digest Value", [ByteString], V1_0..;
    0x420036 => EncryptionKeyInformation, "Encryption Key Information", [Structure], V1_0..;
    0x420037 => G, "G", [BigInteger], V1_0..;
    0x420038 => HashingAlgorithm, "Hashing Algorithm", [Enumeration], V1_0..;
    0x420039 => InitialDate, "Initial Date", [DateTime], V1_0..;
    0x42003A => InitializationVector, "Initialization Vector", [ByteString], V1_0..;
    0x42003B => Issuer, "Issuer", [TextString], V1_0..V2_0;
    0x42003C => IterationCount, "Iteration Count", [Integer], V1_0..;
    0x42003D => IVCounterNonce, "IV/Counter/Nonce", [ByteString], V1_0..;
    0x42003E => J, "J", [BigInteger], V1_0..;
    0x42003F => Key, "Key", [ByteString], V1_0..;
    0x420040 => KeyBlock, "Key Block", [Structure], V1_0..;
    0x420041 => KeyCompressionType, "Key Compression Type", [Enumeration], V1_0..;
    0x420042 => KeyFormatType, "Key Format Type", [Enumeration], V1_0..;
    0x420043 => KeyMaterial, "Key Material", [ByteString, Structure], V1_0..;
    0x420044 => KeyPartIdentifier, "Key Part Identifier", [Integer], V1_0..;
    0x420045 => KeyValue, "Key Value", [ByteString, Structure], V1_0..;
    0x420046 => KeyWrappingData, "Key Wrapping Data", [Structure], V1_0..;
    0x420047 => KeyWrappingSpecification, "Key Wrapping Specification", [Structure], V1_0..;
    0x420048 => LastChangeDate, "Last Change Date", [DateTime], V1_0..;
    0x420049 => LeaseTime, "Lease Time", [Interval], V1_0..;
    0x42004A => Link, "Link", [Structure], V1_0..V3_0;
    0x42004B => LinkType, "Link Type", [Enumeration], V1_0..V3_0;
    0x42004C => LinkedObjectIdentifier, "Linked Object Identifier", [Enumeration, Integer, TextString], V1_0..V3_0;
    0x42004D => MACSignature, "MAC/Signature", [ByteString], V1_0..;
    0x42004E => MACSignatureKeyInformation, "MAC/Signature Key Information", [Structure], V1_0..;
    0x42004F => MaximumItems, "Maximum Items", [Integer], V1_0..;
    0x420050 => MaximumResponseSize, "Maximum Response Size", [Integer], V1_0..;
    0x420051 => MessageExtension, "Message Extension", [Structure], V1_0..;
    0x420052 => Modulus, "Modulus", [BigInteger], V1_0..;
    0x420053 => Name, "Name", [Structure, TextString], V1_0..;
    0x420054 => NameType, "Name Type", [Enumeration], V1_0..V3_0;
    0x420055 => NameValue, "Name Value", [TextString], V1_0..V3_0;
    0x420056 => ObjectGroup, "Object Group", [TextString], V1_0..V3_0;
    0x420057 => ObjectType, "Object Type", [Enumeration], V1_0..;
    0x420058 => Offset, "Offset", [Interval], V1_0..;
    0x420059 => OpaqueDataType, "Opaque Data Type", [Enumeration], V1_0..;
    0x42005A => OpaqueDataValue, "Opaque Data Value", [ByteString], V1_0..;
    0x42005B => OpaqueObject, "Opaque Object", [Structure], V1_0..;
    0x42005C => Operation, "Operation", [Enumeration], V1_0..;
    0x42005D => OperationPolicyName, "Operation Policy Name", [TextString], V1_0..V2_0;
    0x42005E => P, "P", [BigInteger], V1_0..;
    0x42005F => PaddingMethod, "Padding Method", [Enumeration], V1_0..;
    0x420060 => PrimeExponentP, "Prime Exponent P", [BigInteger], V1_0..;
    0x420061 => PrimeExponentQ, "Prime Exponent Q", [BigInteger], V1_0..;
    0x420062 => PrimeFieldSize, "Prime Field Size", [BigInteger], V1_0..;
    0x420063 => PrivateExponent, "Private Exponent", [BigInteger], V1_0..;
    0x420064 => PrivateKey, "Private Key", [Structure], V1_0..;
    0x420065 => PrivateKeyTemplateAttribute, "Private Key Template-Attribute", [Structure], V1_0..V2_0;
    0x420066 => PrivateKeyUniqueIdentifier, "Private Key Unique Identifier", [Identifier, TextString], V1_0..;
    0x420067 => ProcessStartDate, "Process Start Date", [DateTime], V1_0..;
    0x420068 => ProtectStopDate, "Protect Stop Date", [DateTime], V1_0..;
    0x420069 => ProtocolVersion, "Protocol Version", [Structure], V1_0..;
    0x42006A => ProtocolVersionMajor, "Protocol Version Major", [Integer], V1_0..;
    0x42006B => ProtocolVersionMinor, "Protocol Version Minor", [Integer], V1_0..;
    0x42006C => PublicExponent, "Public Exponent", [BigInteger], V1_0..;
    0x42006D => PublicKey, "Public Key", [Structure], V1_0..;
    0x42006E => PublicKeyTemplateAttribute, "Public Key Template-Attribute", [Structure], V1_0..V2_0;
    0x42006F => PublicKeyUniqueIdentifier, "Public Key Unique Identifier", [Identifier, TextString], V1_0..;
    0x420070 => PutFunction, "Put Function", [Enumeration], V1_0..;
    0x420071 => Q, "Q", [BigInteger], V1_0..;
    0x420072 => QString, "Q String", [ByteString], V1_0..;
    0x420073 => Qlength, "Qlength", [Integer], V1_0..;
    0x420074 => QueryFunction, "Query Function", [Enumeration], V1_0..;
    0x420075 => RecommendedCurve, "Recommended Curve", [Enumeration], V1_0..;
    0x420076 => ReplacedUniqueIdentifier, "Replaced Unique Identifier", [TextString], V1_0..;
    0x420077 => RequestHeader, "Request Header", [Structure], V1_0..;
    0x420078 => RequestMessage, "Request Message", [Structure], V1_0..;
    0x420079 => RequestPayload, "Request Payload", [Structure], V1_0..;
    0x42007A => ResponseHeader, "Response Header", [Structure], V1_0..;
    0x42007B => ResponseMessage, "Response Message", [Structure], V1_0..;
    0x42007C => ResponsePayload, "Response Payload", [Structure], V1_0..;
    0x42007D => ResultMessage, "Result Message", [TextString], V1_0..;
    0x42007E => ResultReason, "Result Reason", [Enumeration], V1_0..;
    0x42007F => ResultStatus, "Result Status", [Enumeration], V1_0..;
    0x420080 => RevocationMessage, "Revocation Message", [TextString], V1_0..;
    0x420081 => RevocationReason, "Revocation Reason", [Structure], V1_0..;
    0x420082 => RevocationReasonCode, "Revocation Reason Code", [Enumeration], V1_0..;
    0x420083 => KeyRoleType, "Key Role Type", [Enumeration], V1_0..;
    0x420084 => Salt, "Salt", [ByteString], V1_0..;
    0x420085 => SecretData, "Secret Data", [Structure], V1_0..;
    0x420086 => SecretDataType, "Secret Data Type", [Enumeration], V1_0..;
    0x420087 => SerialNumber, "Serial Number", [TextString], V1_0..V2_0;
    0x420088 => ServerInformation, "Server Information", [Structure], V1_0..;
    0x420089 => SplitKey, "Split Key", [Structure], V1_0..;
    0x42008A => SplitKeyMethod, "Split Key Method", [Enumeration], V1_0..;
    0x42008B => SplitKeyParts, "Split Key Parts", [Integer], V1_0..;
    0x42008C => SplitKeyThreshold, "Split Key Threshold", [Integer], V1_0..;
    0x42008D => State, "State", [Enumeration], V1_0..;
    0x42008E => StorageStatusMask, "Storage Status Mask", [Integer], V1_0..;
    0x42008F => SymmetricKey, "Symmetric Key", [Structure], V1_0..;
    0x420090 => Template, "Template", [Structure], V1_0..V2_0;
    0x420091 => TemplateAttribute, "Template-Attribute", [Structure], V1_0..V2_0;
    0x420092 => TimeStamp, "Time Stamp", [DateTime, DateTimeExtended], V1_0..;
    0x420093 => UniqueBatchItemID, "Unique Batch Item ID", [ByteString], V1_0..V3_0;
    0x420094 => UniqueIdentifier, "Unique Identifier",
        [Enumeration, Identifier, Integer, NameReference, Reference, TextString], V1_0..;
    0x420095 => UsageLimits, "Usage Limits", [Structure], V1_0..;
    0x420096 => UsageLimitsCount, "Usage Limits Count", [LongInteger], V1_0..;
    0x420097 => UsageLimitsTotal, "Usage Limits Total", [LongInteger], V1_0..;
    0x420098 => UsageLimitsUnit, "Usage Limits Unit", [Enumeration], V1_0..;
    0x420099 => Username, "Username", [TextString], V1_0..;
    0x42009A => ValidityDate, "Validity Date", [DateTime], V1_0..;
    0x42009B => ValidityIndicator, "Validity Indicator", [Enumeration], V1_0..;
    0x42009C => VendorExtension, "Vendor Extension", [Structure], V1_0..;
    0x42009D => VendorIdentification, "Vendor Identification", [TextString], V1_0..;
    0x42009E => WrappingMethod, "Wrapping Method", [Enumeration], V1_0..;
    0x42009F => X, "X", [BigInteger], V1_0..;
    0x4200A0 => Y, "Y", [BigInteger], V1_0..;
    0x4200A1 => Password, "Password", [TextString], V1_0..;
    0x4200A2 => DeviceIdentifier, "Device Identifier", [TextString], V1_1..;
    0x4200A3 => EncodingOption, "Encoding Option", [Enumeration], V1_1..;
    0x4200A4 => ExtensionInformation, "Extension Information", [Structure], V1_1..;
    0x4200A5 => ExtensionName, "Extension Name", [TextString], V1_1..;
    0x4200A6 => ExtensionTag, "Extension Tag", [Integer], V1_1..;
    0x4200A7 => ExtensionType, "Extension Type", [Enumeration, Integer], V1_1..;
    0x4200A8 => Fresh, "Fresh", [Boolean], V1_1..;
    0x4200A9 => MachineIdentifier, "Machine Identifier", [TextString], V1_1..;
    0x4200AA => MediaIdentifier, "Media Identifier", [TextString], V1_1..;
    0x4200AB => NetworkIdentifier, "Network Identifier", [TextString], V1_1..;
    0x4200AC => ObjectGroupMember, "Object Group Member", [Enumeration], V1_1..V3_0;
    0x4200AD => CertificateLength, "Certificate Length", [Integer], V1_1..;
    0x4200AE => DigitalSignatureAlgorithm, "Digital Signature Algorithm", [Enumeration], V1_1..;
    0x4200AF => CertificateSerialNumber, "Certificate Serial Number", [ByteString], V1_1..;
    0x4200B0 => DeviceSerialNumber, "Device Serial Number", [TextString], V1_1..;
    0x4200B1 => IssuerAlternativeName, "Issuer Alternative Name", [ByteString], V1_1..;
    0x4200B2 => IssuerDistinguishedName, "Issuer Distinguished Name", [ByteString], V1_1..;
    0x4200B3 => SubjectAlternativeName, "Subject Alternative Name", [ByteString], V1_1..;
    0x4200B4 => SubjectDistinguishedName, "Subject Distinguished Name", [ByteString], V1_1..;
    0x4200B5 => X_509CertificateIdentifier, "X.509 Certificate Identifier", [Structure], V1_1..;
    0x4200B6 => X_509CertificateIssuer, "X.509 Certificate Issuer", [Structure], V1_1..;
    0x4200B7 => X_509CertificateSubject, "X.509 Certificate Subject", [Structure], V1_1..;
    0x4200B8 => KeyValueLocation, "Key Value Location", [Structure], V1_2..;
    0x4200B9 => KeyValueLocationValue, "Key Value Location Value", [TextString], V1_2..;
    0x4200BA => KeyValueLocationType, "Key Value Location Type", [Enumeration], V1_2..;
    0x4200BB => KeyValuePresent, "Key Value Present", [Boolean], V1_2..;
    0x4200BC => OriginalCreationDate, "Original Creation Date", [DateTime], V1_2..;
    0x4200BD => PGPKey, "PGP Key", [Structure], V1_2..;
    0x4200BE => PGPKeyVersion, "PGP Key Version", [Integer], V1_2..;
    0x4200BF => AlternativeName, "Alternative Name", [Structure], V1_2..;
    0x4200C0 => AlternativeNameValue, "Alternative Name Value", [TextString], V1_2..;
    0x4200C1 => AlternativeNameType, "Alternative Name Type", [Enumeration], V1_2..;
    0x4200C2 => Data, "Data", [ByteString, Enumeration, Integer], V1_2..;
    0x4200C3 => SignatureData, "Signature Data", [ByteString], V1_2..;
    0x4200C4 => DataLength, "Data Length", [Integer], V1_2..;
    0x4200C5 => RandomIV, "Random IV", [Boolean], V1_2..;
    0x4200C6 => MACData, "MAC Data", [ByteString], V1_2..;
    0x4200C7 => AttestationType, "Attestation Type", [Enumeration], V1_2..;
    0x4200C8 => Nonce, "Nonce", [Structure], V1_2..;
    0x4200C9 => NonceID, "Nonce ID", [ByteString], V1_2..;
    0x4200CA => NonceValue, "Nonce Value", [ByteString], V1_2..;
    0x4200CB => AttestationMeasurement, "Attestation Measurement", [ByteString], V1_2..;
    0x4200CC => AttestationAssertion, "Attestation Assertion", [ByteString], V1_2..;
    0x4200CD => IVLength, "IV Length", [Integer], V1_2..;
    0x4200CE => TagLength, "Tag Length", [Integer], V1_2..;
    0x4200CF => FixedFieldLength, "Fixed Field Length", [Integer], V1_2..;
    0x4200D0 => CounterLength, "Counter Length", [Integer], V1_2..;
    0x4200D1 => InitialCounterValue, "Initial Counter Value", [Integer], V1_2..;
    0x4200D2 => InvocationFieldLength, "Invocation Field Length", [Integer], V1_2..;
    0x4200D3 => AttestationCapableIndicator, "Attestation Capable Indicator", [Boolean], V1_2..;
    0x4200D4 => OffsetItems, "Offset Items", [Integer], V1_3..;
    0x4200D5 => LocatedItems, "Located Items", [Integer], V1_3..;
    0x4200D6 => CorrelationValue, "Correlation Value", [ByteString], V1_3..;
    0x4200D7 => InitIndicator, "Init Indicator", [Boolean], V1_3..;
    0x4200D8 => FinalIndicator, "Final Indicator", [Boolean], V1_3..;
    0x4200D9 => RNGParameters, "RNG Parameters", [Structure], V1_3..;
    0x4200DA => RNGAlgorithm, "RNG Algorithm", [Enumeration], V1_3..;
    0x4200DB => DRBGAlgorithm, "DRBG Algorithm", [Enumeration], V1_3..;
    0x4200DC => FIPS186Variation, "FIPS186 Variation", [Enumeration], V1_3..;
    0x4200DD => PredictionResistance, "Prediction Resistance", [Boolean], V1_3..;
    0x4200DE => RandomNumberGenerator, "Random Number Generator", [Structure], V1_3..;
    0x4200DF => ValidationInformation, "Validation Information", [Structure], V1_3..;
    0x4200E0 => ValidationAuthorityType, "Validation Authority Type", [Enumeration], V1_3..;
    0x4200E1 => ValidationAuthorityCountry, "Validation Authority Country", [TextString], V1_3..;
    0x4200E2 => ValidationAuthorityURI, "Validation Authority URI", [TextString], V1_3..;
    0x4200E3 => ValidationVersionMajor, "Validation Version Major", [Integer], V1_3..;
    0x4200E4 => ValidationVersionMinor, "Validation Version Minor", [Integer], V1_3..;
    0x4200E5 => ValidationType, "Validation Type", [Enumeration], V1_3..;
    0x4200E6 => ValidationLevel, "Validation Level", [Integer], V1_3..;
    0x4200E7 => ValidationCertificateIdentifier, "Validation Certificate Identifier", [TextString], V1_3..;
    0x4200E8 => ValidationCertificateURI, "Validation Certificate URI", [TextString], V1_3..;
    0x4200E9 => ValidationVendorURI, "Validation Vendor URI", [TextString], V1_3..;
    0x4200EA => ValidationProfile, "Validation Profile", [TextString], V1_3..;
    0x4200EB => ProfileInformation, "Profile Information", [Structure], V1_3..;
    0x4200EC => ProfileName, "Profile Name", [Enumeration], V1_3..;
    0x4200ED => ServerURI, "Server URI", [TextString], V1_3..;
    0x4200EE => ServerPort, "Server Port", [Integer], V1_3..;
    0x4200EF => StreamingCapability, "Streaming Capability", [Boolean], V1_3..;
    0x4200F0 => AsynchronousCapability, "Asynchronous Capability", [Boolean], V1_3..;
    0x4200F1 => AttestationCapability, "Attestation Capability", [Boolean], V1_3..;
    0x4200F2 => UnwrapMode, "Unwrap Mode", [Enumeration], V1_3..;
    0x4200F3 => DestroyAction, "Destroy Action", [Enumeration], V1_3..;
    0x4200F4 => ShreddingAlgorithm, "Shredding Algorithm", [Enumeration], V1_3..;
    0x4200F5 => RNGMode, "RNG Mode", [Enumeration], V1_3..;
    0x4200F6 => ClientRegistrationMethod, "Client Registration Method", [Enumeration], V1_3..;
    0x4200F7 => CapabilityInformation, "Capability Information", [Structure], V1_3..;
    0x4200F8 => KeyWrapType, "Key Wrap Type", [Enumeration], V1_4..;
    0x4200F9 => BatchUndoCapability, "Batch Undo Capability", [Boolean], V1_4..;
    0x4200FA => BatchContinueCapability, "Batch Continue Capability", [Boolean], V1_4..;
    0x4200FB => PKCS_12FriendlyName, "PKCS#12 Friendly Name", [TextString], V1_4..;
    0x4200FC => Description, "Description", [TextString], V1_4..;
    0x4200FD => Comment, "Comment", [TextString], V1_4..;
    0x4200FE => AuthenticatedEncryptionAdditionalData, "Authenticated Encryption Additional Data", [ByteString], V1_4..;
    0x4200FF => AuthenticatedEncryptionTag, "Authenticated Encryption Tag", [ByteString], V1_4..;
    0x420100 => SaltLength, "Salt Length", [Integer], V1_4..;
    0x420101 => MaskGenerator, "Mask Generator", [Enumeration], V1_4..;
    0x420102 => MaskGeneratorHashingAlgorithm, "Mask Generator Hashing Algorithm", [Enumeration], V1_4..;
    0x420103 => PSource, "P Source", [ByteString], V1_4..;
    0x420104 => TrailerField, "Trailer Field", [Integer], V1_4..;
    0x420105 => ClientCorrelationValue, "Client Correlation Value", [TextString], V1_4..;
    0x420106 => ServerCorrelationValue, "Server Correlation Value", [TextString], V1_4..;
    0x420107 => DigestedData, "Digested Data", [ByteString], V1_4..;
    0x420108 => CertificateSubjectCN, "Certificate Subject CN", [TextString], V1_4..;
    0x420109 => CertificateSubjectO, "Certificate Subject O", [TextString], V1_4..;
    0x42010A => CertificateSubjectOU, "Certificate Subject OU", [TextString], V1_4..;
    0x42010B => CertificateSubjectEmail, "Certificate Subject Email", [TextString], V1_4..;
    0x42010C => CertificateSubjectC, "Certificate Subject C", [TextString], V1_4..;
    0x42010D => CertificateSubjectST, "Certificate Subject ST", [TextString], V1_4..;
    0x42010E => CertificateSubjectL, "Certificate Subject L", [TextString], V1_4..;
    0x42010F => CertificateSubjectUID, "Certificate Subject UID", [TextString], V1_4..;
    0x420110 => CertificateSubjectSerialNumber, "Certificate Subject Serial Number", [TextString], V1_4..;
    0x420111 => CertificateSubjectTitle, "Certificate Subject Title", [TextString], V1_4..;
    0x420112 => CertificateSubjectDC, "Certificate Subject DC", [TextString], V1_4..;
    0x420113 => CertificateSubjectDNQualifier, "Certificate Subject DN Qualifier", [TextString], V1_4..;
    0x420114 => CertificateIssuerCN, "Certificate Issuer CN", [TextString], V1_4..;
    0x420115 => CertificateIssuerO, "Certificate Issuer O", [TextString], V1_4..;
    0x420116 => CertificateIssuerOU, "Certificate Issuer OU", [TextString], V1_4..;
    0x420117 => CertificateIssuerEmail, "Certificate Issuer Email", [TextString], V1_4..;
    0x420118 => CertificateIssuerC, "Certificate Issuer C", [TextString], V1_4..;
    0x420119 => CertificateIssuerST, "Certificate Issuer ST", [TextString], V1_4..;
    0x42011A => CertificateIssuerL, "Certificate Issuer L", [TextString], V1_4..;
    0x42011B => CertificateIssuerUID, "Certificate Issuer UID", [TextString], V1_4..;
    0x42011C => CertificateIssuerSerialNumber, "Certificate Issuer Serial Number", [TextString], V1_4..;
    0x42011D => CertificateIssuerTitle, "Certificate Issuer Title", [TextString], V1_4..;
    0x42011E => CertificateIssuerDC, "Certificate Issuer DC", [TextString], V1_4..;
    0x42011F => CertificateIssuerDNQualifier, "Certificate Issuer DN Qualifier", [TextString], V1_4..;
    0x420120 => Sensitive, "Sensitive", [Boolean], V1_4..;
    0x420121 => AlwaysSensitive, "Always Sensitive", [Boolean], V1_4..;
    0x420122 => Extractable, "Extractable", [Boolean], V1_4..;
    0x420123 => NeverExtractable, "Never Extractable", [Boolean], V1_4..;
    0x420124 => ReplaceExisting, "Replace Existing", [Boolean], V1_4..;
    0x420125 => Attributes, "Attributes", [Structure], V2_0..;
    0x420126 => CommonAttributes, "Common Attributes", [Structure], V2_0..;
    0x420127 => PrivateKeyAttributes, "Private Key Attributes", [Structure], V2_0..;
    0x420128 => PublicKeyAttributes, "Public Key Attributes", [Structure], V2_0..;
    0x420129 => ExtensionEnumeration, "Extension Enumeration", [Integer], V2_0..;
    0x42012A => ExtensionAttribute, "Extension Attribute", [Boolean], V2_0..;
    0x42012B => ExtensionParentStructureTag, "Extension Parent Structure Tag", [Integer], V2_0..;
    0x42012C => ExtensionDescription, "Extension Description", [TextString], V2_0..;
    0x42012D => ServerName, "Server Name", [TextString], V2_0..;
    0x42012E => ServerSerialNumber, "Server Serial Number", [TextString], V2_0..;
    0x42012F => ServerVersion, "Server Version", [TextString], V2_0..;
    0x420130 => ServerLoad, "Server Load", [TextString], V2_0..;
    0x420131 => ProductName, "Product Name", [TextString], V2_0..;
    0x420132 => BuildLevel, "Build Level", [TextString], V2_0..;
    0x420133 => BuildDate, "Build Date", [TextString], V2_0..;
    0x420134 => ClusterInfo, "Cluster Info", [TextString], V2_0..;
    0x420135 => AlternateFailoverEndpoints, "Alternate Failover Endpoints", [TextString], V2_0..;
    0x420136 => ShortUniqueIdentifier, "Short Unique Identifier", [ByteString], V2_0..;
    0x420138 => Tag, "Tag", [Enumeration], V2_0..;
    0x420139 => CertificateRequestUniqueIdentifier, "Certificate Request Unique Identifier", [TextString], V2_0..;
    0x42013A => NISTKeyType, "NIST Key Type", [Enumeration], V2_0..;
    0x42013B => AttributeReference, "Attribute Reference", [Enumeration, Structure], V2_0..;
    0x42013C => CurrentAttribute, "Current Attribute", [Structure], V2_0..;
    0x42013D => NewAttribute, "New Attribute", [Structure], V2_0..;
    0x420140 => CertificateRequestValue, "Certificate Request Value", [ByteString], V2_0..;
    0x420141 => LogMessage, "Log Message", [TextString], V2_0..;
    0x420142 => ProfileVersion, "Profile Version", [Structure], V2_0..;
    0x420143 => ProfileVersionMajor, "Profile Version Major", [Integer], V2_0..;
    0x420144 => ProfileVersionMinor, "Profile Version Minor", [Integer], V2_0..;
    0x420145 => ProtectionLevel, "Protection Level", [Enumeration], V2_0..;
    0x420146 => ProtectionPeriod, "Protection Period", [Interval], V2_0..;
    0x420147 => QuantumSafe, "Quantum Safe", [Boolean], V2_0..;
    0x420148 => QuantumSafeCapability, "Quantum Safe Capability", [Boolean], V2_0..;
    0x420149 => Ticket, "Ticket", [Structure], V2_0..;
    0x42014A => TicketType, "Ticket Type", [Enumeration], V2_0..;
    0x42014B => TicketValue, "Ticket Value", [ByteString], V2_0..;
    0x42014C => RequestCount, "Request Count", [Integer], V2_0..;
    0x42014D => Rights, "Rights", [Structure], V2_0..;
    0x42014E => Objects, "Objects", [Structure], V2_0..;
    0x42014F => Operations, "Operations", [Structure], V2_0..;
    0x420150 => Right, "Right", [Structure], V2_0..;
    0x420151 => EndpointRole, "Endpoint Role", [Enumeration], V2_0..;
    0x420152 => DefaultsInformation, "Defaults Information", [Structure], V2_0..;
    0x420153 => ObjectDefaults, "Object Defaults", [Structure], V2_0..;
    0x420154 => Ephemeral, "Ephemeral", [Boolean, Enumeration], V2_0..;
    0x420155 => ServerHashedPassword, "Server Hashed Password", [ByteString], V2_0..;
    0x420156 => OneTimePassword, "One Time Password", [TextString], V2_0..;
    0x420157 => HashedPassword, "Hashed Password", [ByteString], V2_0..;
    0x420158 => AdjustmentType, "Adjustment Type", [Enumeration], V2_0..;
    0x420159 => PKCS_11Interface, "PKCS#11 Interface", [TextString], V2_0..;
    0x42015A => PKCS_11Function, "PKCS#11 Function", [Enumeration], V2_0..;
    0x42015B => PKCS_11InputParameters, "PKCS#11 Input Parameters", [ByteString], V2_0..;
    0x42015C => PKCS_11OutputParameters, "PKCS#11 Output Parameters", [ByteString], V2_0..;
    0x42015D => PKCS_11ReturnCode, "PKCS#11 Return Code", [Enumeration], V2_0..;
    0x42015E => ProtectionStorageMask, "Protection Storage Mask", [Integer], V2_0..;
    0x42015F => ProtectionStorageMasks, "Protection Storage Masks", [Structure], V2_0..;
    0x420160 => InteropFunction, "Interop Function", [Enumeration], V2_0..;
    0x420161 => InteropIdentifier, "Interop Identifier", [TextString], V2_0..;
    0x420162 => AdjustmentValue, "Adjustment Value", [Integer, LongInteger, Interval], V2_0..;
    0x420163 => CommonProtectionStorageMasks, "Common Protection Storage Masks", [Structure], V2_0..;
    0x420164 => PrivateProtectionStorageMasks, "Private Protection Storage Masks", [Structure], V2_0..;
    0x420165 => PublicProtectionStorageMasks, "Public Protection Storage Masks", [Structure], V2_0..;
    0x420166 => ObjectGroups, "Object Groups", [Structure], V2_1..;
    0x420167 => ObjectTypes, "Object Types", [Structure], V2_1..;
    0x420168 => Constraints, "Constraints", [Structure], V2_1..;
    0x420169 => Constraint, "Constraint", [Structure], V2_1..;
    0x42016A => RotateInterval, "Rotate Interval", [Interval], V2_1..;
    0x42016B => RotateAutomatic, "Rotate Automatic", [Boolean], V2_1..;
    0x42016C => RotateOffset, "Rotate Offset", [Interval], V2_1..;
    0x42016D => RotateDate, "Rotate Date", [DateTime], V2_1..;
    0x42016E => RotateGeneration, "Rotate Generation", [Integer], V2_1..;
    0x42016F => RotateName, "Rotate Name", [Structure, TextString], V2_1..;
    0x420170 => RotateNameValue, "Rotate Name Value", [TextString], V2_1..V3_0;
    0x420171 => RotateNameType, "Rotate Name Type", [Enumeration], V2_1..V3_0;
    0x420172 => RotateLatest, "Rotate Latest", [Boolean], V2_1..;
    0x420173 => AsynchronousRequest, "Asynchronous Request", [Structure], V2_1..;
    0x420174 => SubmissionDate, "Submission Date", [DateTimeExtended], V2_1..;
    0x420175 => ProcessingStage, "Processing Stage", [Enumeration], V2_1..;
    0x420176 => AsynchronousCorrelationValues, "Asynchronous Correlation Values", [Structure], V2_1..;
    0x420190 => CertificateLink, "Certificate Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x420191 => ChildLink, "Child Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x420192 => DerivationObjectLink, "Derivation Object Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x420193 => DerivedObjectLink, "Derived Object Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x420194 => NextLink, "Next Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x420195 => ParentLink, "Parent Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x420196 => PKCS_12CertificateLink, "PKCS#12 Certificate Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x420197 => PKCS_12PasswordLink, "PKCS#12 Password Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x420198 => PreviousLink, "Previous Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x420199 => PrivateKeyLink, "Private Key Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x42019A => PublicKeyLink, "Public Key Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x42019B => ReplacedObjectLink, "Replaced Object Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x42019C => ReplacementObjectLink, "Replacement Object Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x42019D => WrappingKeyLink, "Wrapping Key Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x42019E => ObjectClass, "Object Class", [Enumeration], V3_0..;
    0x42019F => ObjectClassMask, "Object Class Mask", [Integer], V3_0..;
    0x4201A0 => CredentialLink, "Credential Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x4201A1 => PasswordCredential, "Password Credential", [Structure], V3_0..;
    0x4201A2 => PasswordSalt, "Password Salt", [ByteString], V3_0..;
    0x4201A3 => PasswordSaltAlgorithm, "Password Salt Algorithm", [Enumeration], V3_0..;
    0x4201A4 => SaltedPassword, "Salted Password", [ByteString], V3_0..;
    0x4201A5 => PasswordLink, "Password Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x4201A6 => DeviceCredential, "Device Credential", [Structure], V3_0..;
    0x4201A7 => OTPCredential, "OTP Credential", [Structure], V3_0..;
    0x4201A8 => OTPAlgorithm, "OTP Algorithm", [Enumeration], V3_0..;
    0x4201A9 => OTPDigest, "OTP Digest", [Enumeration], V3_0..;
    0x4201AA => OTPSerial, "OTP Serial", [TextString], V3_0..;
    0x4201AB => OTPSeed, "OTP Seed", [ByteString], V3_0..;
    0x4201AC => OTPInterval, "OTP Interval", [Interval], V3_0..;
    0x4201AD => OTPDigits, "OTP Digits", [Integer], V3_0..;
    0x4201AE => OTPCounter, "OTP Counter", [ByteString], V3_0..;
    0x4201AF => HashedPasswordCredential, "Hashed Password Credential", [Structure], V3_0..;
    0x4201B0 => HashedUsernamePassword, "Hashed Username Password", [ByteString], V3_0..;
    0x4201B1 => HashedPasswordUsername, "Hashed Password Username", [ByteString], V3_0..;
    0x4201B2 => CredentialInformation, "Credential Information", [Structure], V3_0..;
    0x4201B3 => GroupLink, "Group Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x4201B4 => SplitKeyBaseLink, "Split Key Base Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x4201B5 => JoinedSplitKeyPartsLink, "Joined Split Key Parts Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x4201B6 => SplitKeyPolynomial, "Split Key Polynomial", [Enumeration], V3_0..;
    0x4201B7 => DeactivationMessage, "Deactivation Message", [TextString], V3_0..;
    0x4201B8 => DeactivationReason, "Deactivation Reason", [Structure], V3_0..;
    0x4201B9 => DeactivationReasonCode, "Deactivation Reason Code", [Enumeration], V3_0..;
    0x4201BA => CertificateSubjectDN, "Certificate Subject DN", [TextString], V3_0..;
    0x4201BB => CertificateIssuerDN, "Certificate Issuer DN", [TextString], V3_0..;
    0x4201BC => CertificateRequestLink, "Certificate Request Link", [Enumeration, Integer, NameReference, Reference], V3_0..;
    0x4201BD => CertifyCounter, "Certify Counter", [LongInteger], V3_0..;
    0x4201BE => DecryptCounter, "Decrypt Counter", [LongInteger], V3_0..;
    0x4201BF => EncryptCounter, "Encrypt Counter", [LongInteger], V3_0..;
    0x4201C0 => SignCounter, "Sign Counter", [LongInteger], V3_0..;
    0x4201C1 => SignatureVerifyCounter, "Signature Verify Counter", [LongInteger], V3_0..;
    0x4201C2 => NISTSecurityCategory, "NIST Security Category", [Integer], V3_0..;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_names_unique() {
        assert!(ALL.windows(2).all(|pair| pair[0].tag < pair[1].tag));
        for row in ALL {
            assert_eq!(by_tag(row.tag), Some(row));
            assert_eq!(by_xml_name(row.xml_name), Some(row));
            assert_eq!(by_name(row.name), Some(row));
        }
        assert_eq!(by_tag(ttlv_codec::Tag(0x42_0000)), None);
    }

    #[test]
    fn versions_gate() {
        assert!(known_in(TemplateAttribute, ProtocolVersion::V1_4));
        assert!(!known_in(TemplateAttribute, ProtocolVersion::V2_0));
        assert!(!known_in(Attributes, ProtocolVersion::V1_4));
        assert!(known_in(ttlv_codec::Tag(0x54_0001), ProtocolVersion::V1_0));
    }
}
