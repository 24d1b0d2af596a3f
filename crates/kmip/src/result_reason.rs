//! Result Reasons, and what a peer of another version is told in place of a reason that its version does not use.

use crate::enumerations::enumeration;
use crate::version::{ProtocolVersion, Versions};

/// Where a reason is used, and what takes its place elsewhere.
struct Use {
    reason: ResultReason,
    versions: Versions,
    /// One at most; none where every version uses the reason.
    fallback: &'static [ResultReason],
}

/// Rows as in `enumeration!`, plus the reason to give where this one is not used: `else Fallback`, in the versions outside
/// the range; `else Fallback before V2_1` adds versions that define the number, but for which the standard's test cases
/// still expect the older reason.
macro_rules! result_reasons {
    ($(
        $value:literal => $name:ident, $spec:literal, $since:ident .. $($until:ident)?
        $(, else $fallback:ident $(before $first_use:ident)?)?;
    )*) => {
        enumeration! {
            /// Why an operation failed.
            pub enum ResultReason("Result Reason") in [ResultReason] {
                $($value => $name, $spec, $since .. $($until)?;)*
            }
        }

        const USES: &[Use] = &[$(Use {
            reason: ResultReason::$name,
            versions: first_use($crate::versions!($since .. $($until)?), &[$($(ProtocolVersion::$first_use)?)?]),
            fallback: &[$(ResultReason::$fallback)?],
        },)*];
    };
}

/// `versions` from the first use on, where a row names one.
const fn first_use(versions: Versions, first_use: &[ProtocolVersion]) -> Versions {
    match first_use {
        [since, ..] => Versions { since: *since, until: versions.until },
        [] => versions,
    }
}

result_reasons! {
    0x01 => ItemNotFound, "Item Not Found", V1_0..;
    0x02 => ResponseTooLarge, "Response Too Large", V1_0..;
    0x03 => AuthenticationNotSuccessful, "Authentication Not Successful", V1_0..;
    0x04 => InvalidMessage, "Invalid Message", V1_0..;
    0x05 => OperationNotSupported, "Operation Not Supported", V1_0..;
    0x06 => MissingData, "Missing Data", V1_0..;
    0x07 => InvalidField, "Invalid Field", V1_0..;
    0x08 => FeatureNotSupported, "Feature Not Supported", V1_0..;
    0x09 => OperationCanceledByRequester, "Operation Canceled By Requester", V1_0..;
    0x0A => CryptographicFailure, "Cryptographic Failure", V1_0..;
    0x0B => IllegalOperation, "Illegal Operation", V1_0..V2_0, else InvalidObjectType;
    0x0C => PermissionDenied, "Permission Denied", V1_0..;
    0x0D => ObjectArchived, "Object archived", V1_0..;
    0x0E => IndexOutOfBounds, "Index Out of Bounds", V1_0..V2_0, else ServerLimitExceeded;
    0x0F => ApplicationNamespaceNotSupported, "Application Namespace Not Supported", V1_0..;
    0x10 => KeyFormatTypeNotSupported, "Key Format Type Not Supported", V1_0..;
    0x11 => KeyCompressionTypeNotSupported, "Key Compression Type Not Supported", V1_0..;
    0x12 => EncodingOptionError, "Encoding Option Error", V1_1.., else InvalidField;
    0x13 => KeyValueNotPresent, "Key Value Not Present", V1_2.., else IllegalOperation;
    0x14 => AttestationRequired, "Attestation Required", V1_2.., else PermissionDenied;
    0x15 => AttestationFailed, "Attestation Failed", V1_2.., else PermissionDenied;
    0x16 => Sensitive, "Sensitive", V1_4.., else PermissionDenied;
    0x17 => NotExtractable, "Not Extractable", V1_4.., else PermissionDenied;
    0x18 => ObjectAlreadyExists, "Object Already Exists", V1_4.., else InvalidField;
    0x19 => InvalidTicket, "Invalid Ticket", V2_0.., else AuthenticationNotSuccessful;
    0x1A => UsageLimitExceeded, "Usage Limit Exceeded", V2_0.., else PermissionDenied;
    0x1B => NumericRange, "Numeric Range", V2_0.., else InvalidField;
    0x1C => InvalidDataType, "Invalid Data Type", V2_0.., else InvalidField;
    0x1D => ReadOnlyAttribute, "Read Only Attribute", V2_0.., else PermissionDenied;
    0x1E => MultiValuedAttribute, "Multi Valued Attribute", V2_0.., else InvalidField;
    0x1F => UnsupportedAttribute, "Unsupported Attribute", V2_0.., else InvalidField;
    0x20 => AttributeInstanceNotFound, "Attribute Instance Not Found", V2_0.., else ItemNotFound;
    0x21 => AttributeNotFound, "Attribute Not Found", V2_0.., else ItemNotFound;
    0x22 => AttributeReadOnly, "Attribute Read Only", V2_0.., else PermissionDenied;
    0x23 => AttributeSingleValued, "Attribute Single Valued", V2_0.., else IllegalOperation;
    0x24 => BadCryptographicParameters, "Bad Cryptographic Parameters", V2_0.., else InvalidField;
    0x25 => BadPassword, "Bad Password", V2_0.., else InvalidField;
    0x26 => CodecError, "Codec Error", V2_0.., else InvalidMessage;
    0x28 => IllegalObjectType, "Illegal Object Type", V2_0.., else IllegalOperation;
    0x29 => IncompatibleCryptographicUsageMask, "Incompatible Cryptographic Usage Mask", V2_0.., else PermissionDenied;
    0x2A => InternalServerError, "Internal Server Error", V2_0.., else GeneralFailure;
    0x2B => InvalidAsynchronousCorrelationValue, "Invalid Asynchronous Correlation Value", V2_0.., else ItemNotFound;
    0x2C => InvalidAttribute, "Invalid Attribute", V2_0.., else InvalidField;
    0x2D => InvalidAttributeValue, "Invalid Attribute Value", V2_0.., else InvalidField;
    0x2E => InvalidCorrelationValue, "Invalid Correlation Value", V2_0.., else ItemNotFound;
    0x2F => InvalidCSR, "Invalid CSR", V2_0.., else InvalidField;
    0x30 => InvalidObjectType, "Invalid Object Type", V2_0.., else IllegalOperation;
    0x32 => KeyWrapTypeNotSupported, "Key Wrap Type Not Supported", V2_0.., else FeatureNotSupported;
    0x34 => MissingInitializationVector, "Missing Initialization Vector", V2_0.., else InvalidMessage;
    0x35 => NonUniqueNameAttribute, "Non Unique Name Attribute", V2_0.., else InvalidField;
    0x36 => ObjectDestroyed, "Object Destroyed", V2_0.., else ItemNotFound before V2_1;
    0x37 => ObjectNotFound, "Object Not Found", V2_0.., else ItemNotFound;
    0x39 => NotAuthorised, "Not Authorised", V2_0.., else PermissionDenied;
    0x3A => ServerLimitExceeded, "Server Limit Exceeded", V2_0.., else GeneralFailure;
    0x3B => UnknownEnumeration, "Unknown Enumeration", V2_0.., else InvalidField;
    0x3C => UnknownMessageExtension, "Unknown Message Extension", V2_0.., else FeatureNotSupported;
    0x3D => UnknownTag, "Unknown Tag", V2_0.., else InvalidField;
    0x3E => UnsupportedCryptographicParameters, "Unsupported Cryptographic Parameters", V2_0.., else InvalidField;
    0x3F => UnsupportedProtocolVersion, "Unsupported Protocol Version", V2_0.., else InvalidMessage;
    0x40 => WrappingObjectArchived, "Wrapping Object Archived", V2_0.., else ObjectArchived;
    0x41 => WrappingObjectDestroyed, "Wrapping Object Destroyed", V2_0.., else ItemNotFound;
    0x42 => WrappingObjectNotFound, "Wrapping Object Not Found", V2_0.., else ItemNotFound;
    0x43 => WrongKeyLifecycleState, "Wrong Key Lifecycle State", V2_0.., else PermissionDenied before V2_1;
    0x44 => ProtectionStorageUnavailable, "Protection Storage Unavailable", V2_0.., else FeatureNotSupported;
    0x45 => PKCS_11CodecError, "PKCS#11 Codec Error", V2_0.., else InvalidField;
    0x46 => PKCS_11InvalidFunction, "PKCS#11 Invalid Function", V2_0.., else InvalidField;
    0x47 => PKCS_11InvalidInterface, "PKCS#11 Invalid Interface", V2_0.., else InvalidField;
    0x48 => PrivateProtectionStorageUnavailable, "Private Protection Storage Unavailable", V2_0.., else FeatureNotSupported;
    0x49 => PublicProtectionStorageUnavailable, "Public Protection Storage Unavailable", V2_0.., else FeatureNotSupported;
    0x4A => UnknownObjectGroup, "Unknown Object Group", V2_1..V3_0, else ItemNotFound;
    0x4B => ConstraintViolation, "Constraint Violation", V2_1.., else PermissionDenied;
    0x4C => DuplicateProcessRequest, "Duplicate Process Request", V2_1.., else InvalidField;
    0x4D => CircularLinkError, "Circular Link Error", V3_0.., else InvalidAttributeValue;
    0x100 => GeneralFailure, "General Failure", V1_0..;
}

impl ResultReason {
    /// The reason to give a peer of `version`: this one where that version uses it, else the nearest that it does.
    #[must_use]
    pub fn at(self, version: ProtocolVersion) -> Self {
        let mut reason = self;
        // A fallback may itself be unknown to the version (a reason of 3.0 for a peer of 1.2): follow it. The table has
        // no cycle within one version (tested), so that no chain is longer than the table.
        for _ in USES {
            match USES.iter().find(|row| row.reason == reason) {
                Some(Use { versions, fallback: [fallback, ..], .. }) if !versions.contains(version) => reason = *fallback,
                _ => return reason,
            }
        }
        Self::GeneralFailure
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enumerations::Enumeration as _;

    #[test]
    fn every_reason_becomes_one_that_the_version_defines() {
        for row in ResultReason::ROW.values {
            for version in ProtocolVersion::ALL {
                let reason = ResultReason(row.value).at(version);
                assert!(reason.known_in(version), "{} in {version} gives {reason:?}", row.name);
                assert!(reason != ResultReason::GeneralFailure || row.value >= 0x2A, "{} in {version}", row.name);
            }
        }
    }

    #[test]
    fn expected_by_test_cases() {
        use ProtocolVersion::{V1_0, V1_4, V2_0, V2_1, V3_0};
        for (reason, version, expected) in [
            (ResultReason::ObjectNotFound, V1_0, ResultReason::ItemNotFound),
            (ResultReason::ObjectNotFound, V2_0, ResultReason::ObjectNotFound),
            (ResultReason::ObjectNotFound, V2_1, ResultReason::ObjectNotFound),
            (ResultReason::ObjectDestroyed, V1_4, ResultReason::ItemNotFound),
            (ResultReason::ObjectDestroyed, V2_1, ResultReason::ObjectDestroyed),
            (ResultReason::WrongKeyLifecycleState, V1_4, ResultReason::PermissionDenied),
            (ResultReason::WrongKeyLifecycleState, V2_0, ResultReason::PermissionDenied),
            (ResultReason::WrongKeyLifecycleState, V2_1, ResultReason::WrongKeyLifecycleState),
            (ResultReason::AttributeReadOnly, V1_4, ResultReason::PermissionDenied),
            (ResultReason::IllegalOperation, V2_1, ResultReason::InvalidObjectType),
            (ResultReason::IllegalOperation, V1_4, ResultReason::IllegalOperation),
            (ResultReason::InvalidObjectType, V1_4, ResultReason::IllegalOperation),
            (ResultReason::CircularLinkError, V1_0, ResultReason::InvalidField),
            (ResultReason::UnknownObjectGroup, V3_0, ResultReason::ItemNotFound),
            (ResultReason(0x8000_0001), V1_0, ResultReason(0x8000_0001)),
        ] {
            assert_eq!(reason.at(version), expected, "{reason:?} at {version}");
        }
    }
}
