//! From a client's certificate to the actor.

use policy::{Actor, Part, Parts, Rules, Unidentified};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{OID_X509_COMMON_NAME, OID_X509_ORGANIZATION_NAME, OID_X509_ORGANIZATIONAL_UNIT};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

/// An actor's name of more bytes than this is refused: it is written into every log line and record.
const NAME_LENGTH_MAX: usize = 256;

/// Which part of the certificate names the actor. A configuration lists rules; the first that gives a name decides.
pub use policy::Part as IdentityRule;

/// Why a certificate gives no name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdentityError {
    /// No rule finds a part, or the policy does not let the client in.
    #[error(transparent)]
    Unidentified(#[from] Unidentified),
    /// The name cannot be used.
    #[error("the certificate's name is longer than {NAME_LENGTH_MAX} bytes or has control characters")]
    Unusable,
    /// The certificate cannot be parsed.
    #[error("the certificate cannot be parsed: {0}")]
    Unreadable(String),
}

/// Who the holder of a certificate is by a policy. `name_from`: the parts that name it where the policy does not say, the first that
/// gives a name decides.
///
/// # Errors
/// When nothing gives a name, the name cannot be used, or the policy does not let the client in.
pub fn identify(certificate_der: &[u8], name_from: &[IdentityRule], rules: &Rules) -> Result<Actor, IdentityError> {
    let actor = rules.client(&parts(certificate_der)?, name_from)?;
    if actor.name.len() > NAME_LENGTH_MAX || actor.name.chars().any(char::is_control) {
        return Err(IdentityError::Unusable);
    }
    Ok(actor)
}

/// What a certificate says about its holder.
fn parts(certificate_der: &[u8]) -> Result<Parts, IdentityError> {
    let (_, certificate) =
        X509Certificate::from_der(certificate_der).map_err(|error| IdentityError::Unreadable(error.to_string()))?;
    let mut parts = Parts::default();
    for (part, kind) in [
        (Part::CommonName, &OID_X509_COMMON_NAME),
        (Part::Organization, &OID_X509_ORGANIZATION_NAME),
        (Part::OrganizationalUnit, &OID_X509_ORGANIZATIONAL_UNIT),
    ] {
        let values = certificate.subject().iter_by_oid(kind);
        values.filter_map(|value| value.as_str().ok()).for_each(|value| parts.add(part, value));
    }
    let alternative = certificate.subject_alternative_name().ok().flatten();
    for name in alternative.iter().flat_map(|names| &names.value.general_names) {
        match name {
            GeneralName::DNSName(text) => parts.add(Part::SanDns, *text),
            GeneralName::RFC822Name(text) => parts.add(Part::SanEmail, *text),
            GeneralName::URI(text) => parts.add(Part::SanUri, *text),
            _ => {}
        }
    }
    parts.add(Part::Subject, name_text(certificate.subject()));
    parts.add(Part::Issuer, name_text(certificate.issuer()));
    parts.add(Part::Fingerprint, fingerprint(certificate_der));
    Ok(parts)
}

/// The attribute types that RFC 4514 section 3 gives short names, and two more that have registered ones.
const TYPE_NAMES: [(&str, &str); 11] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// A subject or issuer as text, one for each.
fn name_text(subject: &X509Name<'_>) -> String {
    let mut text = String::new();
    for part in subject.iter() {
        for (index, attribute) in part.iter().enumerate() {
            if !text.is_empty() {
                text.push_str(if index == 0 { ", " } else { "+" });
            }
            let number = attribute.attr_type().to_id_string();
            let name = TYPE_NAMES.iter().find(|(known, _)| *known == number);
            match (name, attribute.as_str()) {
                (Some((_, name)), Ok(value)) => {
                    text.push_str(name);
                    text.push('=');
                    escape(value, &mut text);
                }
                (name, _) => {
                    text.push_str(name.map_or(number.as_str(), |(_, name)| name));
                    text.push_str("=#");
                    // With its type and length, since the same bytes mean another text in another type.
                    let value = attribute.attr_value();
                    let bytes = value.as_bytes();
                    text.push_str(&format!("{:02x}{:02x}", value.tag().0, bytes.len()));
                    text.extend(bytes.iter().map(|byte| format!("{byte:02x}")));
                }
            }
        }
    }
    text
}

/// RFC 4514 section 2.4.
fn escape(value: &str, text: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (index, letter) in value.chars().enumerate() {
        let special = matches!(letter, '"' | '+' | ',' | ';' | '<' | '>' | '\\')
            || (letter == ' ' && (index == 0 || index == last))
            || (letter == '#' && index == 0);
        if special {
            text.push('\\');
        }
        text.push(letter);
    }
}

/// SHA-256 of a certificate, 64 hexadecimal digits in lower case.
#[must_use]
pub fn fingerprint(der: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    /// The name, where there is no policy.
    fn identify(der: &[u8], name_from: &[IdentityRule]) -> Result<String, IdentityError> {
        super::identify(der, name_from, &Rules::default()).map(|actor| actor.name)
    }

    use certs::{Authority, ClientProfile, KeyKind, Validity};

    fn certificate() -> Vec<u8> {
        let authority = Authority::mint("authority", KeyKind::EcdsaP256, Validity::days(1)).unwrap();
        let mut profile = ClientProfile::named("array-1", Validity::days(1));
        profile.organizational_units = vec!["storage".to_owned()];
        profile.alternative_names =
            vec!["urn:array:1".to_owned(), "array@example.org".to_owned(), "array.example.org".to_owned()];
        authority.client(&profile).unwrap().certificate_der
    }

    #[test]
    fn every_rule_reads_its_part() {
        let der = certificate();
        for (rule, expected) in [
            (IdentityRule::CommonName, "array-1".to_owned()),
            (IdentityRule::OrganizationalUnit, "storage".to_owned()),
            (IdentityRule::SanDns, "array.example.org".to_owned()),
            (IdentityRule::SanEmail, "array@example.org".to_owned()),
            (IdentityRule::SanUri, "urn:array:1".to_owned()),
            (IdentityRule::Subject, "CN=array-1, OU=storage".to_owned()),
            (IdentityRule::Issuer, "CN=authority".to_owned()),
            (IdentityRule::Fingerprint, fingerprint(&der)),
        ] {
            assert_eq!(identify(&der, &[rule]).unwrap(), expected, "{rule:?}");
        }
        assert_eq!(fingerprint(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn the_first_rule_that_gives_a_name_decides() {
        let authority = Authority::mint("authority", KeyKind::EcdsaP256, Validity::days(1)).unwrap();
        let der = authority.client(&ClientProfile::named("plain", Validity::days(1))).unwrap().certificate_der;
        assert_eq!(identify(&der, &[IdentityRule::SanDns, IdentityRule::CommonName]).unwrap(), "plain");
        assert!(matches!(identify(&der, &[IdentityRule::SanDns]), Err(IdentityError::Unidentified(Unidentified::Nameless(_)))));
    }

    #[test]
    fn no_subject_reads_like_another() {
        let authority = Authority::mint("authority", KeyKind::EcdsaP256, Validity::days(1)).unwrap();
        let subject = |name: &str, units: &[&str]| {
            let mut profile = ClientProfile::named(name, Validity::days(1));
            profile.organizational_units = units.iter().map(|unit| (*unit).to_owned()).collect();
            identify(&authority.client(&profile).unwrap().certificate_der, &[IdentityRule::Subject]).unwrap()
        };
        assert_eq!(subject("a", &["b"]), "CN=a, OU=b");
        assert_eq!(subject("a, OU=b", &[]), "CN=a\\, OU=b");
        assert_eq!(subject("a+OU=b", &[]), "CN=a\\+OU=b");
        assert_eq!(subject("a\\, OU=b", &[]), "CN=a\\\\\\, OU=b");
        assert_eq!(subject(" a ", &[" "]), "CN=\\ a\\ , OU=\\ ");
        assert_eq!(subject("#0c0161", &[]), "CN=\\#0c0161");
    }

    #[test]
    fn a_name_that_would_break_a_log_line_is_refused() {
        let authority = Authority::mint("authority", KeyKind::EcdsaP256, Validity::days(1)).unwrap();
        let der = authority.client(&ClientProfile::named("a\nb", Validity::days(1))).unwrap().certificate_der;
        assert_eq!(identify(&der, &[IdentityRule::CommonName]).unwrap_err(), IdentityError::Unusable);
    }
}
