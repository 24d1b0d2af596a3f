//! Structures that are neither payloads nor attributes: objects, credentials, what Query tells.

use kmip::ProtocolVersion;
use kmip::codec::{MemberRow, Value, from_bytes, to_bytes};
use kmip::credential::{
    Attestation, Authentication, Credential, Device, HashedPassword, Nonce, OneTimePassword, TicketCredential,
    UsernameAndPassword,
};
use kmip::enumerations::CredentialType;
use kmip::message::{MessageExtension, RequestHeader, ResponseHeader};
use kmip::object::{
    Certificate, CertificateRequest, KeyBlock, ManagedObject, OpaqueObject, PGPKey, PrivateKey, PublicKey, SecretData, SplitKey,
    SymmetricKey, Template,
};
use kmip::structures::*;
use kmip::tag;
use proptest::prelude::*;
use ttlv_codec::{ItemType, Reader, Tag, Tree, TreeValue, Writer};

use crate::make::Make;

fn survives<T: Value>(name: &str, members: &[MemberRow], seed: u64) -> Result<(), TestCaseError> {
    for version in ProtocolVersion::ALL {
        // Where a version has none of the rows it does not have the structure.
        if !members.iter().any(|row| row.versions.contains(version)) {
            continue;
        }
        let mut make = Make::new(version, seed);
        if name == "HashedPassword" {
            make.time_stamp = ItemType::DateTimeExtended;
        }
        let fields = make.fields(members);
        let bytes = Tree { tag: Tag(0x54_0001), value: TreeValue::Structure(fields) }.to_bytes();
        let read = from_bytes::<T>(&bytes, version);
        let read = read.map_err(|error| TestCaseError::fail(format!("{name} in {version}: {error}")))?;
        prop_assert_eq!(to_bytes(&read, Tag(0x54_0001), version), bytes, "{} in {}", name, version);
    }
    Ok(())
}

macro_rules! survive {
    ($seed:ident, $($type:ident),* $(,)?) => { $(survives::<$type>(stringify!($type), $type::MEMBERS, $seed)?;)* };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_structure_reads_and_writes(seed in any::<u64>()) {
        survive!(seed, Certificate, OpaqueObject, PrivateKey, PublicKey, SecretData, SplitKey, SymmetricKey, Template, KeyBlock);
        survive!(seed, CertificateRequest, PGPKey, Authentication, UsernameAndPassword, Device, Nonce, Attestation);
        survive!(seed, OneTimePassword, HashedPassword, TicketCredential, MessageExtension, RequestHeader, ResponseHeader);
        survive!(seed, CapabilityInformation, ExtensionInformation, ProfileInformation, ServerInformation, RNGParameters);
        survive!(seed, ValidationInformation, DefaultsInformation, ObjectDefaults, Constraints, Right, Rights);
        survive!(seed, CryptographicParameters, KeyWrappingData, KeyWrappingSpecification, DerivationParameters);
        survive!(seed, TransparentRSAPrivateKey, TransparentECPublicKey, TransparentDHPrivateKey, TransparentDSAPublicKey);
    }

    #[test]
    fn any_object_reads_and_writes_under_its_own_tag(seed in any::<u64>()) {
        for version in ProtocolVersion::ALL {
            let tree = Make::new(version, seed).item(tag::AnyManagedObject);
            let bytes = tree.to_bytes();
            let item = Reader::new(&bytes).next_item().unwrap().unwrap();
            let object = ManagedObject::read_tagged(&item, version).unwrap().unwrap();
            prop_assert_eq!(object.tag(), tree.tag);
            let mut writer = Writer::new();
            object.write_tagged(&mut writer, version);
            prop_assert_eq!(writer.finish(), bytes, "{:?} in {}", object.object_type(), version);
        }
    }
}

#[test]
fn credentials_of_a_type_that_the_version_does_not_define_are_kept_as_they_are() {
    let value = Tree { tag: tag::CredentialValue, value: TreeValue::TextString("open, sesame".to_owned()) };
    for version in ProtocolVersion::ALL {
        for credential_type in [CredentialType(0x8000_0001), CredentialType(0x7F)] {
            let credential = Credential::Other(credential_type, value.clone());
            let bytes = to_bytes(&credential, tag::Credential, version);
            assert_eq!(from_bytes::<Credential>(&bytes, version).unwrap(), credential, "{version}");
        }
        let ticket = Tree { tag: tag::CredentialValue, value: TreeValue::Structure(vec![]) };
        let bytes = to_bytes(&Credential::Other(CredentialType::Ticket, ticket), tag::Credential, version);
        assert_eq!(from_bytes::<Credential>(&bytes, version).is_ok(), version.is_1x(), "{version}");
    }
}

#[test]
fn secrets_are_not_shown() {
    for seed in 0..200 {
        let tree = Make::new(ProtocolVersion::V2_1, seed).item(tag::AnyManagedObject);
        let bytes = tree.to_bytes();
        let item = Reader::new(&bytes).next_item().unwrap().unwrap();
        let object = ManagedObject::read_tagged(&item, ProtocolVersion::V2_1).unwrap().unwrap();
        let shown = format!("{object:?}");
        for field in secrets(&tree) {
            assert!(!shown.contains(&format!("{field:?}")), "{shown}");
        }
    }
}

/// The bytes of an item that would be recognised if they were shown.
fn secrets(tree: &Tree) -> Vec<Vec<u8>> {
    match &tree.value {
        TreeValue::Structure(inside) => inside.iter().flat_map(secrets).collect(),
        TreeValue::ByteString(bytes) if bytes.len() > 6 && tree.tag == tag::KeyMaterial => vec![bytes.clone()],
        _ => Vec::new(),
    }
}
