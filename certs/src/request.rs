//! Signing requests (PKCS#10, RFC 2986) made on a device.

use crate::CertificateError;
use rcgen::{DistinguishedName, DnType, DnValue, SanType, SubjectPublicKeyInfo};
use std::net::IpAddr;
use x509_parser::certificate::X509Certificate;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::x509::AttributeTypeAndValue;

/// A request of more bytes than this is no request: the largest real ones (RSA-8192, many names) have a tenth of it.
const REQUEST_LENGTH_MAX: usize = 64 * 1024;

/// What a request asks for, for whoever is to decide about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFacts {
    /// The subject, as RFC 4514 writes it or nearly so.
    pub subject: String,
    /// The last common name in it, if there is one.
    pub common_name: Option<String>,
    /// The alternative names it asks for.
    pub alternative_names: Vec<String>,
    /// The kind and size of its key, such as `RSA 3072` or `EC P-256`.
    pub key: String,
    /// The request itself, DER: what a fingerprint is computed over.
    pub der: Vec<u8>,
}

impl RequestFacts {
    /// Reads a request, checks that its maker has the private key, and that the key is one that may be certified.
    ///
    /// # Errors
    /// Why it cannot be signed.
    pub fn read(pem: &str) -> Result<Self, CertificateError> {
        let der = contents(pem)?;
        let facts = Self::of(&der)?;
        Ok(Self { der, ..facts })
    }

    fn of(der: &[u8]) -> Result<Self, CertificateError> {
        let (request, key) = proven(der)?;
        let info = &request.certification_request_info;
        let common_names = info.subject.iter_common_name().filter_map(|name| name.as_str().ok());
        let mut alternative_names = Vec::new();
        for extension in request.requested_extensions().into_iter().flatten() {
            if let ParsedExtension::SubjectAlternativeName(names) = extension {
                alternative_names.extend(names.general_names.iter().map(ToString::to_string));
            }
        }
        Ok(Self {
            subject: info.subject.to_string(),
            common_name: common_names.last().map(str::to_owned),
            alternative_names,
            key,
            der: Vec::new(),
        })
    }
}

/// The curves that certificates of clients may be on: those that TLS checks signatures with.
const CURVES: [(&str, &str); 3] = [("1.2.840.10045.3.1.7", "P-256"), ("1.3.132.0.34", "P-384"), ("1.3.132.0.35", "P-521")];
/// RSA keys, in bits: 112 bits of strength at least (SP 800-57), and not so many that a handshake costs what an attack would like.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The kind and size of a key that may be certified.
fn judged(key: &x509_parser::x509::SubjectPublicKeyInfo<'_>) -> Result<String, CertificateError> {
    let refuse = |text: String| Err(CertificateError::Request(text));
    match key.algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.1" => match key.parsed() {
            Ok(x509_parser::public_key::PublicKey::RSA(rsa)) if RSA_BITS.contains(&rsa.key_size()) => {
                Ok(format!("RSA {}", rsa.key_size()))
            }
            Ok(x509_parser::public_key::PublicKey::RSA(rsa)) => {
                let (least, most) = (RSA_BITS.start(), RSA_BITS.end());
                refuse(format!("its RSA key has {} bits; from {least} to {most} are certified", rsa.key_size()))
            }
            _ => refuse("its RSA key cannot be read".to_owned()),
        },
        "1.2.840.10045.2.1" => {
            let curve = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
            let curve = curve.map(|curve| curve.to_id_string()).unwrap_or_default();
            match CURVES.iter().find(|(number, _)| *number == curve) {
                Some((_, name)) => Ok(format!("EC {name}")),
                None => refuse(format!("its key is on the curve {curve:?}; P-256, P-384 and P-521 are certified")),
            }
        }
        "1.3.101.112" => Ok("Ed25519".to_owned()),
        other => refuse(format!("its key is of the kind {other}; RSA, EC and Ed25519 are certified")),
    }
}

fn contents(pem: &str) -> Result<Vec<u8>, CertificateError> {
    if pem.len() > REQUEST_LENGTH_MAX {
        return Err(CertificateError::Request(format!("it has more than {REQUEST_LENGTH_MAX} bytes")));
    }
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes())
        .map_err(|cause| CertificateError::Request(format!("not PEM: {cause}")))?;
    Ok(block.contents)
}

/// A request whose maker has the private key, which may be certified; and what kind of key that is.
fn proven(der: &[u8]) -> Result<(X509CertificationRequest<'_>, String), CertificateError> {
    let (_, request) = X509CertificationRequest::from_der(der)
        .map_err(|cause| CertificateError::Request(format!("not a PKCS#10 request: {cause}")))?;
    let key = judged(&request.certification_request_info.subject_pki)?;
    request
        .verify_signature()
        .map_err(|_| CertificateError::Request("its signature does not match its public key".to_owned()))?;
    Ok((request, key))
}

/// What is taken from a request.
pub(crate) struct Request {
    pub(crate) common_name: String,
    pub(crate) subject: DistinguishedName,
    pub(crate) alternative_names: Vec<SanType>,
    pub(crate) public_key: SubjectPublicKeyInfo,
}

/// Reads a request and checks that its maker has the private key. With a `name`, that is the common name, whatever was asked for:
/// some devices send requests without a usable one. Only `as_requested` has it the rest of its subject, and alternative names.
pub(crate) fn read(pem: &str, name: Option<&str>, as_requested: bool) -> Result<Request, CertificateError> {
    let der = contents(pem)?;
    let (request, _) = proven(&der)?;
    let info = &request.certification_request_info;
    let mut subject = DistinguishedName::new();
    let mut common_name = name.map(str::to_owned);
    if let Some(name) = name {
        subject.push(DnType::CommonName, name);
    }
    for attribute in info.subject.iter_attributes() {
        let (kind, value) = part(attribute)?;
        if kind == DnType::CommonName {
            if name.is_some() {
                continue;
            }
            common_name = Some(value.to_owned());
        } else if !as_requested {
            continue;
        }
        subject.push(kind, DnValue::Utf8String(value.to_owned()));
    }
    let common_name = common_name.ok_or_else(|| CertificateError::Request("it has no common name; give one".to_owned()))?;

    let mut alternative_names = Vec::new();
    for extension in request.requested_extensions().into_iter().flatten().filter(|_| as_requested) {
        if let ParsedExtension::SubjectAlternativeName(names) = extension {
            for name in &names.general_names {
                alternative_names.extend(alternative_name(name)?);
            }
        }
    }
    let public_key = SubjectPublicKeyInfo::from_der(info.subject_pki.raw)
        .map_err(|cause| CertificateError::Request(format!("its public key is of no supported kind: {cause}")))?;
    Ok(Request { common_name, subject, alternative_names, public_key })
}

/// The public key of a request in DER or PEM, as Subject Public Key Info in DER. Its maker has the private key, and it is one that may be
/// certified.
///
/// # Errors
/// When the request cannot be read, or is not such a one.
pub fn proved_key(request: &[u8]) -> Result<Vec<u8>, CertificateError> {
    let der = match std::str::from_utf8(request) {
        Ok(pem) if pem.starts_with("-----BEGIN") => contents(pem)?,
        _ if request.len() > REQUEST_LENGTH_MAX => {
            return Err(CertificateError::Request(format!("it has more than {REQUEST_LENGTH_MAX} bytes")));
        }
        _ => request.to_vec(),
    };
    let (request, _) = proven(&der)?;
    Ok(request.certification_request_info.subject_pki.raw.to_vec())
}

/// The names of a certificate in DER: its common name, its subject and its alternative names.
pub(crate) fn names(certificate: &[u8]) -> Result<(String, DistinguishedName, Vec<SanType>), CertificateError> {
    let unreadable = |cause: String| CertificateError::Unreadable { what: "the certificate", cause };
    let (_, certificate) = X509Certificate::from_der(certificate).map_err(|cause| unreadable(cause.to_string()))?;
    let mut subject = DistinguishedName::new();
    let mut common_name = None;
    for attribute in certificate.subject().iter_attributes() {
        let (kind, value) = part(attribute)?;
        if kind == DnType::CommonName {
            common_name = Some(value.to_owned());
        }
        subject.push(kind, DnValue::Utf8String(value.to_owned()));
    }
    let common_name = common_name.ok_or_else(|| unreadable("it has no common name".to_owned()))?;
    let names = certificate.subject_alternative_name().map_err(|cause| unreadable(cause.to_string()))?;
    let mut alternative_names = Vec::new();
    for name in names.iter().flat_map(|names| &names.value.general_names) {
        alternative_names.extend(alternative_name(name)?);
    }
    Ok((common_name, subject, alternative_names))
}

/// A part of a distinguished name.
fn part<'a>(attribute: &'a AttributeTypeAndValue<'_>) -> Result<(DnType, &'a str), CertificateError> {
    let oid: Vec<u64> = attribute
        .attr_type()
        .iter()
        .ok_or_else(|| CertificateError::Request("an attribute of its subject has an unreadable type".to_owned()))?
        .collect();
    let value = attribute.as_str().map_err(|_| CertificateError::Request("an attribute of its subject is no text".to_owned()))?;
    Ok((DnType::from_oid(&oid), value))
}

/// Names of kinds that nobody compares (directory names, registered identifiers) are left out.
fn alternative_name(name: &GeneralName<'_>) -> Result<Option<SanType>, CertificateError> {
    let bad = |text: &str, cause: rcgen::Error| CertificateError::Name { name: text.to_owned(), cause: cause.to_string() };
    Ok(match name {
        GeneralName::DNSName(text) => Some(SanType::DnsName((*text).try_into().map_err(|cause| bad(text, cause))?)),
        GeneralName::RFC822Name(text) => Some(SanType::Rfc822Name((*text).try_into().map_err(|cause| bad(text, cause))?)),
        GeneralName::URI(text) => Some(SanType::URI((*text).try_into().map_err(|cause| bad(text, cause))?)),
        GeneralName::IPAddress(bytes) => address(bytes).map(SanType::IpAddress),
        _ => None,
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(four));
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}
