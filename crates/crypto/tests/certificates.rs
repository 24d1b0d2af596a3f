//! Facts of certificates that rcgen made, and any mutation of them.

#![allow(clippy::unwrap_used)] // A failed unwrap is a failed test.

use crypto::{CertificateFacts, CryptoError, NameParts};
use kmip::enumerations::{CryptographicAlgorithm, DigitalSignatureAlgorithm, RecommendedCurve};
use proptest::prelude::*;
use rcgen::string::{BmpString, Ia5String, TeletexString};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, Issuer, KeyPair, SanType, SerialNumber};

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, "DE");
    name.push(DnType::StateOrProvinceName, "Bayern");
    name.push(DnType::LocalityName, "München");
    name.push(DnType::OrganizationName, DnValue::BmpString(BmpString::try_from("Größe").unwrap()));
    name.push(DnType::OrganizationalUnitName, DnValue::TeletexString(TeletexString::try_from("Unit").unwrap()));
    name.push(DnType::CommonName, common_name);
    name.push(DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]), DnValue::Ia5String(Ia5String::try_from("a@b.c").unwrap()));
    name.push(DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 1]), "uid-1");
    name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), "serial-1");
    name.push(DnType::CustomDnType(vec![2, 5, 4, 12]), "Dr");
    name.push(DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 25]), "example");
    name.push(DnType::CustomDnType(vec![2, 5, 4, 46]), "qualifier");
    name
}

fn parts(common_name: &str) -> NameParts {
    let one = |text: &str| vec![text.to_owned()];
    NameParts {
        common_name: one(common_name),
        organization: one("Größe"),
        organizational_unit: one("Unit"),
        email: one("a@b.c"),
        country: one("DE"),
        state: one("Bayern"),
        locality: one("München"),
        user_id: one("uid-1"),
        serial_number: one("serial-1"),
        title: one("Dr"),
        domain_component: one("example"),
        dn_qualifier: one("qualifier"),
    }
}

fn certificate() -> Vec<u8> {
    let ca_key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let mut ca = CertificateParams::default();
    ca.distinguished_name = name("the authority");
    let issuer = Issuer::new(ca, ca_key);

    let mut subject = CertificateParams::default();
    subject.distinguished_name = name("the subject");
    subject.serial_number = Some(SerialNumber::from(vec![0x80, 0x01, 0x02]));
    subject.not_before = rcgen::date_time_ymd(2001, 9, 9);
    subject.not_after = rcgen::date_time_ymd(2033, 5, 18);
    subject.subject_alt_names = vec![
        SanType::DnsName("example.org".try_into().unwrap()),
        SanType::Rfc822Name("a@b.c".try_into().unwrap()),
        SanType::IpAddress([192, 0, 2, 1].into()),
    ];
    // Issuer Alternative Name: SEQUENCE of one [6] URI.
    let uri = b"\x30\x0e\x86\x0chttp://x.org";
    subject.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 18], uri.to_vec())];
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    subject.signed_by(&key, &issuer).unwrap().der().to_vec()
}

#[test]
fn facts() {
    let der = certificate();
    let facts = CertificateFacts::parse(&der).unwrap();
    assert_eq!(facts.length, der.len());
    assert_eq!(facts.signature_algorithm, Some(DigitalSignatureAlgorithm::ECDSAWithSHA384));
    assert_eq!(facts.serial_number, [0x00, 0x80, 0x01, 0x02]);
    assert_eq!(facts.subject_parts, parts("the subject"));
    assert_eq!(facts.issuer_parts, parts("the authority"));
    assert!(facts.subject_text.starts_with("dnQualifier=qualifier,DC=example,"), "{}", facts.subject_text);
    assert!(facts.subject_text.ends_with(",OU=Unit,O=Größe,L=München,ST=Bayern,C=DE"), "{}", facts.subject_text);
    assert!(facts.issuer_text.contains("CN=the authority"), "{}", facts.issuer_text);
    // The names in DER are sequences, and stand in the certificate as they are.
    for name in [&facts.subject, &facts.issuer] {
        assert_eq!(name[0], 0x30);
        assert!(der.windows(name.len()).any(|window| window == &name[..]));
    }
    let texts: Vec<_> = facts.subject_alternative_names.iter().map(|name| name.text.as_deref()).collect();
    assert_eq!(texts, [Some("example.org"), Some("a@b.c"), Some("192.0.2.1")]);
    assert_eq!(facts.subject_alternative_names[0].der, b"\x82\x0bexample.org");
    assert_eq!(facts.issuer_alternative_names.len(), 1);
    assert_eq!(facts.issuer_alternative_names[0].text.as_deref(), Some("http://x.org"));
    let key = facts.public_key.unwrap();
    assert_eq!((key.algorithm, key.length, key.curve), (CryptographicAlgorithm::EC, 256, Some(RecommendedCurve::P_256)));
    assert_eq!(facts.public_key_info.len(), 91);
    assert_eq!((facts.not_before, facts.not_after), (999_993_600, 1_999_987_200));
}

#[test]
fn rsa_and_ed25519_keys_are_recognised() {
    let of = |key: KeyPair| {
        let der = CertificateParams::new(vec!["x".to_owned()]).unwrap().self_signed(&key).unwrap().der().to_vec();
        CertificateFacts::parse(&der).unwrap()
    };
    let rsa = of(KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap());
    assert_eq!(rsa.public_key.map(|key| (key.algorithm, key.length)), Some((CryptographicAlgorithm::RSA, 2048)));
    assert_eq!(rsa.signature_algorithm, Some(DigitalSignatureAlgorithm::SHA_256WithRSAEncryption));
    let ed25519 = of(KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap());
    assert_eq!(ed25519.public_key.map(|key| (key.algorithm, key.length)), Some((CryptographicAlgorithm::Ed25519, 256)));
    assert_eq!(ed25519.signature_algorithm, None, "the standard has no value for it");
}

#[test]
fn what_is_no_certificate_is_refused() {
    let der = certificate();
    for bytes in [&[][..], &[0x30], b"-----BEGIN CERTIFICATE-----", &der[..der.len() - 1], &[&der[..], &[0]].concat()] {
        assert!(matches!(CertificateFacts::parse(bytes), Err(CryptoError::InvalidCertificate(_))));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_judged_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = CertificateFacts::parse(&bytes);
    }

    #[test]
    fn any_mutation_is_judged_without_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        static DER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(certificate);
        let mut der = DER.clone();
        for (position, byte) in changes {
            let position = position.index(der.len());
            der[position] = byte;
        }
        let _ = CertificateFacts::parse(&der);
    }
}
