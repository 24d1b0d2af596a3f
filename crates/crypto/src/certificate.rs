//! What a certificate says of itself.

use kmip::enumerations::DigitalSignatureAlgorithm;
use pkcs8::der::{self, Decode, Reader, SliceReader, asn1::AnyRef};
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{OID_X509_EXT_ISSUER_ALT_NAME, OID_X509_EXT_SUBJECT_ALT_NAME};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::error::CryptoError;
use crate::key::KeyFacts;
use crate::name::{NameParts, name_text};
use crate::public_key::spki_facts;

/// An alternative name of a subject or an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlternativeName {
    /// The GeneralName in DER.
    pub der: Vec<u8>,
    /// The name as text, of the kinds that are text: e-mail, DNS, URI, IP address, directory name.
    pub text: Option<String>,
}

/// What an X.509 certificate says of itself. Nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The length of the certificate in bytes: Certificate Length.
    pub length: usize,
    /// How it was signed. None: the standard has no value for the algorithm.
    pub signature_algorithm: Option<DigitalSignatureAlgorithm>,
    /// The serial number as the certificate has it: two's complement, big-endian, without the DER header.
    pub serial_number: Vec<u8>,
    /// The issuer's distinguished name, DER.
    pub issuer: Vec<u8>,
    /// The subject's distinguished name, DER.
    pub subject: Vec<u8>,
    /// The issuer's distinguished name as text, the last part first: `CN=...,O=...` (RFC 4514).
    pub issuer_text: String,
    /// The subject's distinguished name as text.
    pub subject_text: String,
    /// The parts of the issuer's name.
    pub issuer_parts: NameParts,
    /// The parts of the subject's name.
    pub subject_parts: NameParts,
    /// The issuer's alternative names.
    pub issuer_alternative_names: Vec<AlternativeName>,
    /// The subject's alternative names.
    pub subject_alternative_names: Vec<AlternativeName>,
    /// Algorithm and length of the public key. None: not one that is known.
    pub public_key: Option<KeyFacts>,
    /// The public key as Subject Public Key Info, DER: Key Format Type X.509.
    pub public_key_info: Vec<u8>,
    /// Not valid before, in seconds since 1970.
    pub not_before: i64,
    /// Not valid after, in seconds since 1970.
    pub not_after: i64,
}

impl CertificateFacts {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// Bytes that are not one certificate and nothing else.
    pub fn parse(certificate: &[u8]) -> Result<Self, CryptoError> {
        let (rest, parsed) =
            X509Certificate::from_der(certificate).map_err(|error| CryptoError::InvalidCertificate(error.to_string()))?;
        if !rest.is_empty() {
            return Err(CryptoError::InvalidCertificate(format!("{} bytes follow it", rest.len())));
        }
        let alternative_names = |oid| match parsed.extensions().iter().find(|extension| extension.oid == oid) {
            Some(extension) => read_alternative_names(extension.value)
                .map_err(|error| CryptoError::InvalidCertificate(format!("alternative names: {error}"))),
            None => Ok(Vec::new()),
        };
        Ok(Self {
            length: certificate.len(),
            signature_algorithm: signature_algorithm(&parsed.signature_algorithm.algorithm.to_id_string()),
            serial_number: parsed.raw_serial().to_vec(),
            issuer: parsed.issuer().as_raw().to_vec(),
            subject: parsed.subject().as_raw().to_vec(),
            issuer_text: name_text(parsed.issuer()),
            subject_text: name_text(parsed.subject()),
            issuer_parts: NameParts::read(parsed.issuer()),
            subject_parts: NameParts::read(parsed.subject()),
            issuer_alternative_names: alternative_names(OID_X509_EXT_ISSUER_ALT_NAME)?,
            subject_alternative_names: alternative_names(OID_X509_EXT_SUBJECT_ALT_NAME)?,
            public_key: spki_facts(parsed.public_key().raw),
            public_key_info: parsed.public_key().raw.to_vec(),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
        })
    }
}

fn read_alternative_names(extension: &[u8]) -> der::Result<Vec<AlternativeName>> {
    let sequence = AnyRef::from_der(extension)?;
    let mut reader = SliceReader::new(sequence.value())?;
    let mut names = Vec::new();
    while !reader.is_finished() {
        let der = reader.tlv_bytes()?;
        names.push(AlternativeName { der: der.to_vec(), text: general_name_text(der) });
    }
    Ok(names)
}

fn general_name_text(der: &[u8]) -> Option<String> {
    let (_, name) = GeneralName::from_der(der).ok()?;
    match name {
        GeneralName::RFC822Name(text) | GeneralName::DNSName(text) | GeneralName::URI(text) => Some(text.to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(bytes).ok().map(|bytes| std::net::Ipv4Addr::from(bytes).to_string()),
            16 => <[u8; 16]>::try_from(bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
            _ => None,
        },
        GeneralName::DirectoryName(name) => Some(name.to_string()),
        _ => None,
    }
}

macro_rules! signature_algorithms {
    ($($oid:literal => $name:ident;)*) => {
        fn signature_algorithm(oid: &str) -> Option<DigitalSignatureAlgorithm> {
            match oid {
                $($oid => Some(DigitalSignatureAlgorithm::$name),)*
                _ => None,
            }
        }
    };
}

signature_algorithms! {
    "1.2.840.113549.1.1.2" => MD2WithRSAEncryption;
    "1.2.840.113549.1.1.4" => MD5WithRSAEncryption;
    "1.2.840.113549.1.1.5" => SHA_1WithRSAEncryption;
    "1.2.840.113549.1.1.14" => SHA_224WithRSAEncryption;
    "1.2.840.113549.1.1.11" => SHA_256WithRSAEncryption;
    "1.2.840.113549.1.1.12" => SHA_384WithRSAEncryption;
    "1.2.840.113549.1.1.13" => SHA_512WithRSAEncryption;
    "1.2.840.113549.1.1.10" => RSASSA_PSS;
    "1.2.840.10040.4.3" => DSAWithSHA_1;
    "2.16.840.1.101.3.4.3.1" => DSAWithSHA224;
    "2.16.840.1.101.3.4.3.2" => DSAWithSHA256;
    "1.2.840.10045.4.1" => ECDSAWithSHA_1;
    "1.2.840.10045.4.3.1" => ECDSAWithSHA224;
    "1.2.840.10045.4.3.2" => ECDSAWithSHA256;
    "1.2.840.10045.4.3.3" => ECDSAWithSHA384;
    "1.2.840.10045.4.3.4" => ECDSAWithSHA512;
    "2.16.840.1.101.3.4.3.14" => SHA3_256WithRSAEncryption;
    "2.16.840.1.101.3.4.3.15" => SHA3_384WithRSAEncryption;
    "2.16.840.1.101.3.4.3.16" => SHA3_512WithRSAEncryption;
}
