//! What the minted certificates say, read back with an independent parser.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use certs::{Authority, CertificateError, ClientProfile, KeyKind, ServerProfile, Validity, pkcs12};
use x509_parser::prelude::*;

fn authority() -> Authority {
    Authority::mint("test authority", KeyKind::EcdsaP256, Validity::days(10)).unwrap()
}

#[test]
fn server_has_every_name_and_the_authority_signed_it() {
    let authority = authority();
    let issued = authority
        .server(&ServerProfile {
            hosts: vec!["kms.example".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()],
            crl_uris: vec!["http://crl.example/kms.crl".to_owned()],
            key: KeyKind::EcdsaP256,
            validity: Validity::days(5),
        })
        .unwrap();
    let (_, certificate) = X509Certificate::from_der(&issued.certificate_der).unwrap();
    let (_, root) = X509Certificate::from_der(authority.certificate_der()).unwrap();
    certificate.verify_signature(Some(root.public_key())).unwrap();
    assert_eq!(certificate.subject().to_string(), "CN=kms.example");
    let names = &certificate.subject_alternative_name().unwrap().unwrap().value.general_names;
    assert_eq!(names.len(), 3);
    assert!(matches!(names[0], GeneralName::DNSName("kms.example")));
    assert!(matches!(names[1], GeneralName::IPAddress([127, 0, 0, 1])));
    assert!(certificate.extended_key_usage().unwrap().unwrap().value.server_auth);
    let points =
        certificate.extensions().iter().any(|e| matches!(e.parsed_extension(), ParsedExtension::CRLDistributionPoints(_)));
    assert!(points);
}

#[test]
fn client_purpose_can_be_left_out() {
    let authority = authority();
    let mut profile = ClientProfile::named("array-1", Validity::days(5));
    profile.organizational_units = vec!["storage".to_owned()];
    profile.alternative_names = vec!["a@example.org".to_owned(), "urn:array:1".to_owned(), "array.example".to_owned()];
    let with = authority.client(&profile).unwrap();
    let (_, certificate) = X509Certificate::from_der(&with.certificate_der).unwrap();
    assert!(certificate.extended_key_usage().unwrap().unwrap().value.client_auth);
    assert_eq!(certificate.subject().to_string(), "CN=array-1, OU=storage");
    let names = &certificate.subject_alternative_name().unwrap().unwrap().value.general_names;
    assert!(matches!(names[..], [GeneralName::RFC822Name(_), GeneralName::URI(_), GeneralName::DNSName(_)]));
    profile.purpose = false;
    let without = authority.client(&profile).unwrap();
    let (_, certificate) = X509Certificate::from_der(&without.certificate_der).unwrap();
    assert!(certificate.extended_key_usage().unwrap().is_none());
    assert_ne!(with.certificate_der, without.certificate_der);
}

#[test]
fn an_authority_read_back_signs_what_the_first_one_would() {
    let first = authority();
    let again = Authority::read(first.certificate_pem(), &first.key_pem()).unwrap();
    assert_eq!(first.certificate_der(), again.certificate_der());
    let issued = again.client(&ClientProfile::named("a", Validity::days(1))).unwrap();
    let (_, certificate) = X509Certificate::from_der(&issued.certificate_der).unwrap();
    let (_, root) = X509Certificate::from_der(first.certificate_der()).unwrap();
    certificate.verify_signature(Some(root.public_key())).unwrap();
}

#[test]
fn a_request_cannot_become_an_authority() {
    let authority = authority();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["device.example".to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::OrganizationName, "Example");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let request = params.serialize_request(&key).unwrap().pem().unwrap();

    let nameless = authority.sign_request(&request, None, Validity::days(1));
    assert!(matches!(nameless, Err(CertificateError::Request(_))), "a request without a common name needs one");

    let (name, pem) = authority.sign_request(&request, Some("array-2"), Validity::days(1)).unwrap();
    assert_eq!(name, "array-2");
    let (_, block) = parse_x509_pem(pem.as_bytes()).unwrap();
    let (_, certificate) = X509Certificate::from_der(&block.contents).unwrap();
    assert!(!certificate.is_ca());
    let purposes = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(purposes.client_auth && !purposes.server_auth);
    assert_eq!(certificate.subject().to_string(), "CN=array-2, O=Example");
    assert_eq!(certificate.public_key().subject_public_key.data.as_ref(), {
        use rcgen::PublicKeyData;
        key.der_bytes()
    });
}

#[test]
fn of_a_request_only_its_key_may_be_taken() {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["admin.example".to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::OrganizationalUnitName, "administrators");
    params.distinguished_name.push(rcgen::DnType::CommonName, "array-3");
    let request = params.serialize_request(&key).unwrap().pem().unwrap();
    let facts = certs::RequestFacts::read(&request).unwrap();
    assert_eq!((facts.common_name.as_deref(), facts.key.as_str()), (Some("array-3"), "EC P-256"));
    assert!(facts.subject.contains("administrators") && facts.alternative_names[0].contains("admin.example"), "{facts:?}");

    let (name, pem) = authority().sign_key_of_request(&request, None, Validity::days(1)).unwrap();
    let (_, block) = parse_x509_pem(pem.as_bytes()).unwrap();
    let (_, certificate) = X509Certificate::from_der(&block.contents).unwrap();
    assert_eq!((name.as_str(), certificate.subject().to_string().as_str()), ("array-3", "CN=array-3"));
    assert!(certificate.subject_alternative_name().unwrap().is_none());
    let (_, asked) = authority().sign_request(&request, None, Validity::days(1)).unwrap();
    let (_, block) = parse_x509_pem(asked.as_bytes()).unwrap();
    let (_, certificate) = X509Certificate::from_der(&block.contents).unwrap();
    assert!(certificate.subject_alternative_name().unwrap().is_some());
}

#[test]
fn a_key_that_is_too_weak_is_not_certified() {
    // `openssl req -new -newkey rsa:1024`, and a key on secp256k1: neither library at hand makes such keys.
    for (request, words) in [(include_str!("rsa-1024.csr"), "has 1024 bits"), (include_str!("secp256k1.csr"), "on the curve")] {
        let refused = authority().sign_request(request, Some("x"), Validity::days(1)).unwrap_err().to_string();
        assert!(refused.contains(words), "{refused}");
        assert!(certs::RequestFacts::read(request).is_err());
    }
}

#[test]
fn a_request_whose_signature_is_wrong_is_refused() {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut der =
        rcgen::CertificateParams::new(vec!["d.example".to_owned()]).unwrap().serialize_request(&key).unwrap().der().to_vec();
    let last = der.len() - 1;
    der[last] ^= 1;
    let encoded: String = {
        use std::fmt::Write;
        let mut text = String::new();
        for chunk in der.chunks(3) {
            let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            for position in 0..4 {
                let letter = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
                    [(word >> (18 - 6 * position) & 63) as usize];
                text.write_char(if position > chunk.len() { '=' } else { letter as char }).unwrap();
            }
        }
        text
    };
    let pem = format!("-----BEGIN CERTIFICATE REQUEST-----\n{encoded}\n-----END CERTIFICATE REQUEST-----\n");
    assert!(matches!(authority().sign_request(&pem, Some("x"), Validity::days(1)), Err(CertificateError::Request(_))));
}

#[test]
fn a_revocation_list_names_the_serial_number() {
    let authority = authority();
    let issued = authority.client(&ClientProfile::named("a", Validity::days(1))).unwrap();
    let list = authority.revocation_list(&[&issued.certificate_der], 7, 30).unwrap();
    let (_, parsed) = CertificateRevocationList::from_der(&list.der).unwrap();
    let (_, certificate) = X509Certificate::from_der(&issued.certificate_der).unwrap();
    let serials: Vec<_> = parsed.iter_revoked_certificates().map(|revoked| revoked.raw_serial().to_vec()).collect();
    assert_eq!(serials, [certificate.raw_serial().to_vec()]);
}

#[test]
fn pkcs12_opens_with_its_password_only() {
    use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
    let authority = authority();
    let issued = authority.client(&ClientProfile::named("a", Validity::days(1))).unwrap();
    let file = pkcs12(&issued, authority.certificate_der(), "a", "correct horse").unwrap();
    let store = KeyStore::from_pkcs12(&file, "correct horse", Pkcs12ImportPolicy::Strict).unwrap();
    let (_, chain) = store.private_key_chain().unwrap();
    assert_eq!(chain.key().as_der(), &issued.key_der[..]);
    assert_eq!(chain.certs()[0].as_der(), issued.certificate_der);
    assert!(KeyStore::from_pkcs12(&file, "wrong", Pkcs12ImportPolicy::Strict).is_err());
}

#[test]
fn rsa_and_names_that_do_not_fit() {
    let authority = authority();
    let mut profile = ClientProfile::named("a", Validity::days(1));
    profile.key = KeyKind::Rsa3072;
    assert!(authority.client(&profile).unwrap().key_der.len() > 1000);
    assert!(authority.client(&ClientProfile::named("", Validity::days(1))).is_err());
    assert!(authority.client(&ClientProfile::named(&"x".repeat(65), Validity::days(1))).is_err());
}

#[test]
fn a_request_made_here_becomes_a_client_with_its_key() {
    let authority = authority();
    let requested = Authority::request(&ClientProfile::named("array-3", Validity::days(1))).unwrap();
    let (name, certificate) = authority.sign_request(&requested.request_pem, None, Validity::days(1)).unwrap();
    assert_eq!(name, "array-3");
    let issued = requested.complete(certificate).unwrap();
    let (_, certificate) = X509Certificate::from_der(&issued.certificate_der).unwrap();
    let key = rcgen::KeyPair::from_pem(&issued.key_pem).unwrap();
    assert_eq!(certificate.public_key().subject_public_key.data.as_ref(), {
        use rcgen::PublicKeyData;
        key.der_bytes()
    });
}

#[test]
fn revoking_adds_to_the_list_and_only_what_the_authority_issued() {
    let authority = authority();
    let issue = |name| authority.client(&ClientProfile::named(name, Validity::days(1))).unwrap().certificate_der;
    let (one, two) = (issue("one"), issue("two"));
    let empty = authority.revocation_list(&[], 1, 30).unwrap();
    let first = authority.revoke(Some(&empty.der), &one, 30).unwrap();
    let second = authority.revoke(Some(&first.der), &two, 30).unwrap();
    let again = authority.revoke(Some(&second.der), &one, 30).unwrap();
    let (_, parsed) = CertificateRevocationList::from_der(&again.der).unwrap();
    assert_eq!(parsed.iter_revoked_certificates().count(), 2);
    assert_eq!(parsed.crl_number().unwrap().to_string(), "4");
    let other = self::authority();
    assert!(other.revoke(None, &one, 30).is_err(), "of another authority");
    assert!(
        other
            .revoke(Some(&empty.der), &other.client(&ClientProfile::named("x", Validity::days(1))).unwrap().certificate_der, 30)
            .is_err()
    );
}
