//! Signing requests (PKCS#10, RFC 2986) made on a device.

use crate::CertificateError;
use rcgen::{DistinguishedName, DnType, DnValue, SanType, SubjectPublicKeyInfo};
use std::net::IpAddr;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;

/// A request of more bytes than this is no request: the largest real ones (RSA-8192, many names) have a tenth of it.
const REQUEST_LENGTH_MAX: usize = 64 * 1024;

/// What is taken from a request.
pub(crate) struct Request {
    pub(crate) common_name: String,
    pub(crate) subject: DistinguishedName,
    pub(crate) alternative_names: Vec<SanType>,
    pub(crate) public_key: SubjectPublicKeyInfo,
}

/// Reads a request and checks that its maker has the private key. With a `name`, that is the common name, whatever was asked for:
/// some devices send requests without a usable one.
pub(crate) fn read(pem: &str, name: Option<&str>) -> Result<Request, CertificateError> {
    if pem.len() > REQUEST_LENGTH_MAX {
        return Err(CertificateError::Request(format!("it has more than {REQUEST_LENGTH_MAX} bytes")));
    }
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes())
        .map_err(|cause| CertificateError::Request(format!("not PEM: {cause}")))?;
    let (_, request) = X509CertificationRequest::from_der(&block.contents)
        .map_err(|cause| CertificateError::Request(format!("not a PKCS#10 request: {cause}")))?;
    request
        .verify_signature()
        .map_err(|_| CertificateError::Request("its signature does not match its public key".to_owned()))?;

    let info = &request.certification_request_info;
    let mut subject = DistinguishedName::new();
    let mut common_name = name.map(str::to_owned);
    if let Some(name) = name {
        subject.push(DnType::CommonName, name);
    }
    for attribute in info.subject.iter_attributes() {
        let oid: Vec<u64> = attribute
            .attr_type()
            .iter()
            .ok_or_else(|| CertificateError::Request("an attribute of its subject has an unreadable type".to_owned()))?
            .collect();
        let kind = DnType::from_oid(&oid);
        let value =
            attribute.as_str().map_err(|_| CertificateError::Request("an attribute of its subject is no text".to_owned()))?;
        if kind == DnType::CommonName {
            if name.is_some() {
                continue;
            }
            common_name = Some(value.to_owned());
        }
        subject.push(kind, DnValue::Utf8String(value.to_owned()));
    }
    let common_name = common_name.ok_or_else(|| CertificateError::Request("it has no common name; give one".to_owned()))?;

    let mut alternative_names = Vec::new();
    for extension in request.requested_extensions().into_iter().flatten() {
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
