//! One object of every type, whose bytes are known.

use kmip::ProtocolVersion;
use kmip::Secret;
use kmip::attribute::{Attribute, Attributes};
use kmip::enumerations::{
    CertificateRequestType, CertificateType, CryptographicAlgorithm, Enumeration as _, KeyFormatType, OpaqueDataType,
    SecretDataType, SplitKeyMethod,
};
use kmip::object::{
    Certificate, CertificateRequest, KeyBlock, KeyMaterial, KeyValue, ManagedObject, OpaqueObject, PGPKey, PlainKeyValue,
    PrivateKey, PublicKey, SecretData, SplitKey, SymmetricKey, Template,
};

use crate::client::name;

/// The bytes of every key here. Nobody would find them by chance in a log.
pub(crate) const KEY: &[u8; 32] = b"\xA5key bytes which nobody may see\x5A";

pub(crate) fn block(format: KeyFormatType, bytes: &[u8], algorithm: Option<CryptographicAlgorithm>) -> KeyBlock {
    KeyBlock {
        key_format_type: format,
        key_compression_type: None,
        key_value: Some(KeyValue::Plain(PlainKeyValue {
            key_material: KeyMaterial::Bytes(Secret::from_slice(bytes)),
            attributes: None,
        })),
        cryptographic_algorithm: algorithm,
        cryptographic_length: algorithm.map(|_| i32::try_from(bytes.len()).unwrap() * 8),
        key_wrapping_data: None,
    }
}

pub(crate) fn symmetric_key() -> ManagedObject {
    let key_block = block(KeyFormatType::Raw, KEY, Some(CryptographicAlgorithm::AES));
    ManagedObject::SymmetricKey(SymmetricKey { key_block })
}

pub(crate) fn secret_data() -> ManagedObject {
    let key_block = block(KeyFormatType::Opaque, KEY, None);
    ManagedObject::SecretData(SecretData { secret_data_type: SecretDataType::Password, key_block })
}

pub(crate) fn opaque_object() -> ManagedObject {
    ManagedObject::OpaqueObject(OpaqueObject {
        opaque_data_type: OpaqueDataType(0x8000_0001),
        opaque_data_value: Secret::from_slice(KEY),
    })
}

pub(crate) fn template_object(called: &str, mut attributes: Vec<Attribute>) -> ManagedObject {
    attributes.push(name(called));
    ManagedObject::Template(Template { attributes: attributes.into_iter().collect::<Attributes>() })
}

/// One object of every type that a version knows. Where the server can parse a format, it need not: bytes it cannot read are
/// kept as they are.
pub(crate) fn every_type(version: ProtocolVersion) -> Vec<ManagedObject> {
    let rsa = || block(KeyFormatType::Opaque, KEY, Some(CryptographicAlgorithm::RSA));
    let all = [
        ManagedObject::Certificate(Certificate {
            certificate_type: CertificateType::X_509,
            certificate_value: Secret::from_slice(KEY),
        }),
        symmetric_key(),
        ManagedObject::PublicKey(PublicKey { key_block: rsa() }),
        ManagedObject::PrivateKey(PrivateKey { key_block: rsa() }),
        ManagedObject::SplitKey(SplitKey {
            split_key_parts: 3,
            key_part_identifier: 1,
            split_key_threshold: 2,
            split_key_method: SplitKeyMethod::XOR,
            prime_field_size: None,
            key_block: block(KeyFormatType::Raw, KEY, Some(CryptographicAlgorithm::AES)),
        }),
        template_object(&format!("template of {version}"), vec![]),
        secret_data(),
        opaque_object(),
        ManagedObject::PGPKey(PGPKey { pgp_key_version: 4, key_block: rsa() }),
        ManagedObject::CertificateRequest(CertificateRequest {
            certificate_request_type: CertificateRequestType::PKCS_10,
            certificate_request_value: Secret::from_slice(KEY),
        }),
    ];
    all.into_iter().filter(|object| object.object_type().known_in(version)).collect()
}
