//! What a certificate says of itself, as attributes.

use kmip::attribute::Attribute;
use kmip::codec::ByteString;
use kmip::enumerations::CertificateType;
use kmip::object::Certificate;
use kmip::structures::{
    CertificateIdentifier, CertificateIssuer, CertificateSubject, X509CertificateIdentifier, X509CertificateIssuer,
    X509CertificateSubject,
};

use crate::object::StoredObject;

/// Sets the attributes of a certificate. What cannot be parsed is kept and described by its length alone.
pub(crate) fn describe(object: &mut StoredObject, certificate: &Certificate) {
    let value = certificate.certificate_value.expose();
    object.set(Attribute::CertificateLength(i32::try_from(value.len()).unwrap_or(i32::MAX)));
    if certificate.certificate_type != CertificateType::X_509 {
        return;
    }
    let Ok(facts) = crypto::CertificateFacts::parse(value) else { return };
    if let Some(algorithm) = facts.signature_algorithm {
        object.set(Attribute::DigitalSignatureAlgorithm(algorithm));
    }
    if let Some(key) = &facts.public_key {
        object.set(Attribute::CryptographicAlgorithm(key.algorithm));
        object.set(Attribute::CryptographicLength(i32::try_from(key.length).unwrap_or(i32::MAX)));
    }
    binary_names(object, &facts);
    text_names(object, &facts);
    name_parts(object, &facts);
}

/// X.509 Certificate Identifier, Subject and Issuer (since 1.1).
fn binary_names(object: &mut StoredObject, facts: &crypto::CertificateFacts) {
    let bytes = |bytes: &[u8]| ByteString(bytes.to_vec());
    let all = |names: &[crypto::AlternativeName]| names.iter().map(|name| bytes(&name.der)).collect();
    object.set(Attribute::X_509CertificateIdentifier(X509CertificateIdentifier {
        issuer_distinguished_name: bytes(&facts.issuer),
        certificate_serial_number: ByteString(der_integer(&facts.serial_number)),
    }));
    object.set(Attribute::X_509CertificateIssuer(X509CertificateIssuer {
        issuer_distinguished_name: bytes(&facts.issuer),
        issuer_alternative_names: all(&facts.issuer_alternative_names),
    }));
    object.set(Attribute::X_509CertificateSubject(X509CertificateSubject {
        subject_distinguished_name: bytes(&facts.subject),
        subject_alternative_names: all(&facts.subject_alternative_names),
    }));
}

/// A serial number as the certificate has it, an INTEGER of DER (1.4, section 3.10): at most 20 bytes by RFC 5280, of which
/// certificates with up to 127 are met.
fn der_integer(number: &[u8]) -> Vec<u8> {
    let mut der = vec![0x02];
    match u8::try_from(number.len()) {
        Ok(length @ 0..0x80) => der.push(length),
        Ok(length) => der.extend([0x81, length]),
        Err(_) => return number.to_vec(),
    }
    der.extend_from_slice(number);
    der
}

/// Certificate Identifier, Subject and Issuer (up to 1.4).
fn text_names(object: &mut StoredObject, facts: &crypto::CertificateFacts) {
    let texts = |names: &[crypto::AlternativeName]| names.iter().filter_map(|name| name.text.clone()).collect();
    // A leading zero byte is the sign, not part of the number.
    let digits = match facts.serial_number.as_slice() {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    let serial_number: String = digits.iter().map(|byte| format!("{byte:02X}")).collect();
    object.set(Attribute::CertificateIdentifier(CertificateIdentifier {
        issuer: facts.issuer_text.clone(),
        serial_number: Some(serial_number),
    }));
    object.set(Attribute::CertificateIssuer(CertificateIssuer {
        certificate_issuer_distinguished_name: facts.issuer_text.clone(),
        certificate_issuer_alternative_names: texts(&facts.issuer_alternative_names),
    }));
    object.set(Attribute::CertificateSubject(CertificateSubject {
        certificate_subject_distinguished_name: facts.subject_text.clone(),
        certificate_subject_alternative_names: texts(&facts.subject_alternative_names),
    }));
}

/// The parts of the names, one attribute each (since 2.0).
fn name_parts(object: &mut StoredObject, facts: &crypto::CertificateFacts) {
    macro_rules! parts {
        ($parts:expr, $($field:ident => $attribute:ident;)*) => {
            $(for value in &$parts.$field {
                object.add(Attribute::$attribute(value.clone()));
            })*
        };
    }
    parts! { facts.subject_parts,
        common_name => CertificateSubjectCN;
        organization => CertificateSubjectO;
        organizational_unit => CertificateSubjectOU;
        email => CertificateSubjectEmail;
        country => CertificateSubjectC;
        state => CertificateSubjectST;
        locality => CertificateSubjectL;
        user_id => CertificateSubjectUID;
        serial_number => CertificateSubjectSerialNumber;
        title => CertificateSubjectTitle;
        domain_component => CertificateSubjectDC;
        dn_qualifier => CertificateSubjectDNQualifier;
    }
    parts! { facts.issuer_parts,
        common_name => CertificateIssuerCN;
        organization => CertificateIssuerO;
        organizational_unit => CertificateIssuerOU;
        email => CertificateIssuerEmail;
        country => CertificateIssuerC;
        state => CertificateIssuerST;
        locality => CertificateIssuerL;
        user_id => CertificateIssuerUID;
        serial_number => CertificateIssuerSerialNumber;
        title => CertificateIssuerTitle;
        domain_component => CertificateIssuerDC;
        dn_qualifier => CertificateIssuerDNQualifier;
    }
}
