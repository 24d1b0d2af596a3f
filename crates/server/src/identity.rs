//! From a client's certificate to the name of the actor.

use serde::{Deserialize, Serialize};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{OID_X509_COMMON_NAME, OID_X509_ORGANIZATIONAL_UNIT};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

/// An actor's name of more bytes than this is refused: it is written into every log line and record.
const NAME_LENGTH_MAX: usize = 256;

/// Which part of the certificate names the actor. A configuration lists rules; the first that gives a name decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityRule {
    /// The last common name of the subject, which is the most specific one.
    CommonName,
    /// The first DNS name among the alternative names.
    SanDns,
    /// The first e-mail address among the alternative names.
    SanEmail,
    /// The first URI among the alternative names.
    SanUri,
    /// The first organizational unit of the subject.
    OrganizationalUnit,
    /// The whole subject in the certificate's order, for example `O=Example, CN=array-1`, its parts written as by RFC 4514: what
    /// would read like the beginning of another part is escaped, so that two subjects never have one text.
    Subject,
    /// SHA-256 of the certificate, 64 hexadecimal digits in lower case.
    Fingerprint,
}

/// Why a certificate gives no name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdentityError {
    /// No rule finds a part.
    #[error("the certificate has none of the parts that name the actor ({0})")]
    Nameless(String),
    /// The name cannot be used.
    #[error("the certificate's name is longer than {NAME_LENGTH_MAX} bytes or has control characters")]
    Unusable,
    /// The certificate cannot be parsed.
    #[error("the certificate cannot be parsed: {0}")]
    Unreadable(String),
}

/// The actor's name by the first rule that gives one.
///
/// # Errors
/// When no rule gives a name, or the name cannot be used.
pub fn identify(certificate_der: &[u8], rules: &[IdentityRule]) -> Result<String, IdentityError> {
    let (_, certificate) =
        X509Certificate::from_der(certificate_der).map_err(|error| IdentityError::Unreadable(error.to_string()))?;
    let name = rules.iter().find_map(|rule| apply(*rule, &certificate, certificate_der)).ok_or_else(|| {
        let rules: Vec<_> = rules.iter().map(|rule| format!("{rule:?}")).collect();
        IdentityError::Nameless(rules.join(", "))
    })?;
    if name.len() > NAME_LENGTH_MAX || name.chars().any(char::is_control) {
        return Err(IdentityError::Unusable);
    }
    Ok(name)
}

fn apply(rule: IdentityRule, certificate: &X509Certificate<'_>, der: &[u8]) -> Option<String> {
    let name = match rule {
        IdentityRule::CommonName => {
            let names = certificate.subject().iter_by_oid(&OID_X509_COMMON_NAME);
            names.filter_map(|name| name.as_str().ok()).last().map(str::to_owned)
        }
        IdentityRule::OrganizationalUnit => {
            let mut units = certificate.subject().iter_by_oid(&OID_X509_ORGANIZATIONAL_UNIT);
            units.find_map(|unit| unit.as_str().ok()).map(str::to_owned)
        }
        IdentityRule::SanDns => alternative(certificate, |name| match name {
            GeneralName::DNSName(text) => Some(*text),
            _ => None,
        }),
        IdentityRule::SanEmail => alternative(certificate, |name| match name {
            GeneralName::RFC822Name(text) => Some(*text),
            _ => None,
        }),
        IdentityRule::SanUri => alternative(certificate, |name| match name {
            GeneralName::URI(text) => Some(*text),
            _ => None,
        }),
        IdentityRule::Subject => Some(subject_text(certificate.subject())),
        IdentityRule::Fingerprint => Some(fingerprint(der)),
    };
    name.filter(|name| !name.is_empty())
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

/// A subject as text, one for each subject.
fn subject_text(subject: &X509Name<'_>) -> String {
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

fn alternative(certificate: &X509Certificate<'_>, pick: impl for<'a> Fn(&GeneralName<'a>) -> Option<&'a str>) -> Option<String> {
    let names = certificate.subject_alternative_name().ok().flatten()?;
    names.value.general_names.iter().find_map(|name| pick(name).map(str::to_owned))
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
        assert!(matches!(identify(&der, &[IdentityRule::SanDns]), Err(IdentityError::Nameless(_))));
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
        assert_eq!(identify(&der, &[IdentityRule::CommonName]), Err(IdentityError::Unusable));
    }
}
