//! What Query tells about the server.

use ttlv_codec::{Item, Tag, Value as Ttlv, Writer};

use crate::codec::{self, DecodeError, Value};
use crate::enumerations::{
    CredentialType, DestroyAction, ItemTypeEnumeration, ProfileName, RNGMode, ShreddingAlgorithm, UnwrapMode,
    ValidationAuthorityType, ValidationType,
};
use crate::structures::Rest;
use crate::version::ProtocolVersion;

structure! {
    /// What the server can do (2.1, section 7.5).
    #[derive(Clone, Default, Eq, Hash)]
    pub struct CapabilityInformation {
        StreamingCapability => streaming_capability: Option<bool>, V1_3..;
        AsynchronousCapability => asynchronous_capability: Option<bool>, V1_3..;
        AttestationCapability => attestation_capability: Option<bool>, V1_3..;
        BatchUndoCapability => batch_undo_capability: Option<bool>, V1_4..;
        BatchContinueCapability => batch_continue_capability: Option<bool>, V1_4..;
        UnwrapMode => unwrap_mode: Option<UnwrapMode>, V1_3..;
        DestroyAction => destroy_action: Option<DestroyAction>, V1_3..;
        ShreddingAlgorithm => shredding_algorithm: Option<ShreddingAlgorithm>, V1_3..;
        RNGMode => rng_mode: Option<RNGMode>, V1_3..;
        QuantumSafeCapability => quantum_safe_capability: Option<bool>, V2_0..;
    }
}

structure! {
    /// Which credentials Create Credential takes (3.0).
    #[derive(Clone, Eq, Hash)]
    pub struct CredentialInformation {
        CredentialType => credential_types: Vec<CredentialType>, V3_0..;
    }
}

/// An item type as a value: an Integer in 1.x, an Enumeration since 2.0, of the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExtensionType(pub ItemTypeEnumeration);

impl Value for ExtensionType {
    fn read(item: &Item<'_>, version: ProtocolVersion) -> codec::Result<Self> {
        match item.value {
            Ttlv::Integer(value) if version.is_1x() => Ok(Self(ItemTypeEnumeration(value.cast_unsigned()))),
            Ttlv::Enumeration(value) if !version.is_1x() => Ok(Self(ItemTypeEnumeration(value))),
            _ => Err(DecodeError::wrong_type(item)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
        if version.is_1x() {
            writer.integer(tag, self.0.0.cast_signed());
        } else {
            writer.enumeration(tag, self.0.0);
        }
    }
}

structure! {
    /// A tag that the server defines for itself (2.1, section 7.13).
    #[derive(Clone, Eq, Hash)]
    pub struct ExtensionInformation {
        ExtensionName => extension_name: String, V1_1..;
        ExtensionTag => extension_tag: Option<i32>, V1_1..;
        ExtensionType => extension_type: Option<ExtensionType>, V1_1..;
        ExtensionEnumeration => extension_enumeration: Option<i32>, V2_0..;
        ExtensionAttribute => extension_attribute: Option<bool>, V2_0..;
        ExtensionParentStructureTag => extension_parent_structure_tag: Option<i32>, V2_0..;
        ExtensionDescription => extension_description: Option<String>, V2_0..;
    }
}

structure! {
    /// A profile that the server implements, and where (2.1, section 7.31).
    #[derive(Clone, Eq, Hash)]
    pub struct ProfileInformation {
        ProfileName => profile_name: ProfileName, V1_3..;
        ProfileVersion => profile_version: Option<ProfileVersion>, V2_0..;
        ServerURI => server_uri: Option<String>, V1_3..;
        ServerPort => server_port: Option<i32>, V1_3..;
    }
}

structure! {
    /// The version of a profile.
    #[derive(Clone, Copy, Eq, Hash)]
    pub struct ProfileVersion {
        ProfileVersionMajor => profile_version_major: i32, V2_0..;
        ProfileVersionMinor => profile_version_minor: i32, V2_0..;
    }
}

structure! {
    /// What the server is (2.1, section 7.37); in 1.x whatever its vendor likes.
    #[derive(Clone, Default)]
    pub struct ServerInformation {
        ServerName => server_name: Option<String>, V2_0..;
        ServerSerialNumber => server_serial_number: Option<String>, V2_0..;
        ServerVersion => server_version: Option<String>, V2_0..;
        ServerLoad => server_load: Option<String>, V2_0..;
        ProductName => product_name: Option<String>, V2_0..;
        BuildLevel => build_level: Option<String>, V2_0..;
        BuildDate => build_date: Option<String>, V2_0..;
        ClusterInfo => cluster_info: Option<String>, V2_0..;
        AlternateFailoverEndpoints => alternate_failover_endpoints: Vec<String>, V2_0..;
        /// Items of the vendor.
        Any => vendor_specific: Rest, V1_0..;
    }
}

structure! {
    /// A validation of the server, such as FIPS 140 (2.1, section 7.41).
    #[derive(Clone, Eq, Hash)]
    pub struct ValidationInformation {
        ValidationAuthorityType => validation_authority_type: ValidationAuthorityType, V1_3..;
        ValidationAuthorityCountry => validation_authority_country: Option<String>, V1_3..;
        ValidationAuthorityURI => validation_authority_uri: Option<String>, V1_3..;
        ValidationVersionMajor => validation_version_major: i32, V1_3..;
        ValidationVersionMinor => validation_version_minor: Option<i32>, V1_3..;
        ValidationType => validation_type: ValidationType, V1_3..;
        ValidationLevel => validation_level: i32, V1_3..;
        ValidationCertificateIdentifier => validation_certificate_identifier: Option<String>, V1_3..;
        ValidationCertificateURI => validation_certificate_uri: Option<String>, V1_3..;
        ValidationVendorURI => validation_vendor_uri: Option<String>, V1_3..;
        ValidationProfile => validation_profiles: Vec<String>, V1_3..;
    }
}
