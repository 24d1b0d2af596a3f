//! Key Format Types: what a key is returned in, and that it stays the same key.

use crypto::{FiniteFieldGroup, FiniteFieldPrivateKey, FiniteFieldPublicKey};
use kmip::Secret;
use kmip::attribute::Attribute;
use kmip::enumerations::{
    CryptographicAlgorithm, Enumeration as _, KeyCompressionType as Compression, KeyFormatType as Format, ObjectType,
    RecommendedCurve,
};
use kmip::object::{KeyBlock, KeyMaterial, KeyValue, ManagedObject, PrivateKey, PublicKey, SymmetricKey};
use kmip::operation::Operation;
use kmip::payload::create_key_pair::CreateKeyPairResponse;
use kmip::payload::get::GetResponse;
use kmip::result_reason::ResultReason;
use kmip::structures::{
    CryptographicDomainParameters, TransparentECPrivateKey, TransparentECPublicKey, TransparentRSAPrivateKey,
    TransparentSymmetricKey,
};

use crate::client::{Answer, Client, aes, aes_and, create_key_pair, get, register, template};
use crate::objects::{KEY, block, every_type, secret_data, symmetric_key};
use crate::server::{Server, VERSIONS};

fn get_as(client: &mut Client<'_>, identifier: &str, format: Format) -> Answer {
    let mut request = get(Some(identifier));
    request.key_format_type = Some(format);
    client.ask(Operation::Get, &request)
}

#[track_caller]
fn object_as(client: &mut Client<'_>, identifier: &str, format: Format) -> ManagedObject {
    let object = get_as(client, identifier, format).ok::<GetResponse>().object;
    assert_eq!(object.key_block().unwrap().key_format_type, format);
    object
}

fn material(object: &ManagedObject) -> &KeyMaterial {
    match &object.key_block().unwrap().key_value {
        Some(KeyValue::Plain(plain)) => &plain.key_material,
        other => panic!("{other:?}"),
    }
}

fn pair(client: &mut Client<'_>, attributes: Vec<Attribute>) -> (String, String) {
    let mut request = create_key_pair();
    request.common_attributes = Some(template(attributes));
    let made: CreateKeyPairResponse = client.ask(Operation::CreateKeyPair, &request).ok();
    (made.private_key_unique_identifier.0, made.public_key_unique_identifier.0)
}

/// Registers a key as it was got in every format, and gets it from there in every format.
fn round_trips(client: &mut Client<'_>, identifier: &str, formats: &[Format]) {
    let version = client.version;
    let formats: Vec<Format> = formats.iter().copied().filter(|format| format.known_in(version)).collect();
    let wanted: Vec<ManagedObject> = formats.iter().map(|format| object_as(client, identifier, *format)).collect();
    for from in &wanted {
        let copy = client.register(from.clone(), vec![]);
        assert_eq!(&client.object(&copy), from, "{version}: as it was registered");
        for (format, expected) in formats.iter().zip(&wanted) {
            assert_eq!(&object_as(client, &copy, *format), expected, "{version} {format:?}");
        }
        let attributes = client.attributes(&copy);
        let block = from.key_block().unwrap();
        assert_eq!(attributes.cryptographic_length().copied(), block.cryptographic_length, "{version}");
    }
}

#[test]
fn rsa_keys_in_every_format() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let rsa = vec![Attribute::CryptographicAlgorithm(CryptographicAlgorithm::RSA), Attribute::CryptographicLength(2048)];
        let (private, public) = pair(&mut client, rsa);
        round_trips(&mut client, &private, &[Format::PKCS_1, Format::PKCS_8, Format::TransparentRSAPrivateKey]);
        round_trips(&mut client, &public, &[Format::PKCS_1, Format::X_509, Format::TransparentRSAPublicKey]);
        let numbers: TransparentRSAPrivateKey =
            material(&object_as(&mut client, &private, Format::TransparentRSAPrivateKey)).transparent().unwrap();
        assert!(numbers.p.is_some() && numbers.crt_coefficient.is_some(), "{version}: all the numbers");
        for format in [Format::ECPrivateKey, Format::Raw, Format::TransparentSymmetricKey, Format::X_509] {
            get_as(&mut client, &private, format).fails_with(ResultReason::KeyFormatTypeNotSupported);
        }
    }
}

#[test]
fn elliptic_curve_keys_in_every_format() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        for (length, curve) in [(256, RecommendedCurve::P_256), (521, RecommendedCurve::P_521)] {
            let ec =
                vec![Attribute::CryptographicAlgorithm(CryptographicAlgorithm::ECDSA), Attribute::CryptographicLength(length)];
            let (private, public) = pair(&mut client, ec);
            let transparent = [
                (Format::TransparentECDSAPrivateKey, Format::TransparentECDSAPublicKey),
                (Format::TransparentECDHPrivateKey, Format::TransparentECDHPublicKey),
                (Format::TransparentECMQVPrivateKey, Format::TransparentECMQVPublicKey),
                (Format::TransparentECPrivateKey, Format::TransparentECPublicKey),
            ];
            for (of_private, of_public) in transparent.into_iter().filter(|(format, _)| format.known_in(version)) {
                round_trips(&mut client, &private, &[Format::PKCS_8, Format::ECPrivateKey, of_private]);
                round_trips(&mut client, &public, &[Format::X_509, of_public]);
                let key: TransparentECPrivateKey = material(&object_as(&mut client, &private, of_private)).transparent().unwrap();
                assert_eq!(key.recommended_curve, curve, "{version}");
                let key: TransparentECPublicKey = material(&object_as(&mut client, &public, of_public)).transparent().unwrap();
                assert_eq!(key.recommended_curve, curve, "{version}");
            }
            get_as(&mut client, &private, Format::PKCS_1).fails_with(ResultReason::KeyFormatTypeNotSupported);
            get_as(&mut client, &public, Format::TransparentRSAPublicKey).fails_with(ResultReason::KeyFormatTypeNotSupported);
        }
    }
}

#[test]
fn dsa_and_diffie_hellman_keys_in_every_format() {
    let number = |first: u8, length: usize| [vec![first], vec![0x5A; length - 1]].concat();
    let group = |algorithm, has_order: bool| FiniteFieldGroup {
        algorithm,
        p: number(0x91, 128),
        q: has_order.then(|| number(0x80, 20)),
        g: vec![2],
        j: None,
    };
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        for (group, of_private, of_public) in [
            (group(CryptographicAlgorithm::DSA, true), Format::TransparentDSAPrivateKey, Format::TransparentDSAPublicKey),
            (group(CryptographicAlgorithm::DH, true), Format::TransparentDHPrivateKey, Format::TransparentDHPublicKey),
            (group(CryptographicAlgorithm::DH, false), Format::TransparentDHPrivateKey, Format::TransparentDHPublicKey),
        ] {
            let algorithm = group.algorithm;
            let key = FiniteFieldPrivateKey { group: group.clone(), x: Secret::from_slice(&number(0x7F, 20)) };
            let bytes = |format, bytes: &[u8]| {
                let mut key_block = block(format, bytes, None);
                key_block.cryptographic_algorithm = Some(algorithm);
                key_block
            };
            let key_block = bytes(Format::PKCS_8, key.to_pkcs8().unwrap().expose());
            let private = client.register(ManagedObject::PrivateKey(PrivateKey { key_block }), vec![]);
            let key = FiniteFieldPublicKey { group, y: number(0x90, 128) };
            let key_block = bytes(Format::X_509, &key.to_spki().unwrap());
            let public = client.register(ManagedObject::PublicKey(PublicKey { key_block }), vec![]);
            // What it is, the key says itself.
            for identifier in [&private, &public] {
                let attributes = client.attributes(identifier);
                assert_eq!(attributes.cryptographic_algorithm(), Some(&algorithm), "{version}");
                assert_eq!(attributes.cryptographic_length(), Some(&1024), "{version}");
            }
            round_trips(&mut client, &private, &[Format::PKCS_8, of_private]);
            round_trips(&mut client, &public, &[Format::X_509, of_public]);
            for format in [Format::PKCS_1, Format::ECPrivateKey, Format::TransparentRSAPrivateKey, of_public] {
                get_as(&mut client, &private, format).fails_with(ResultReason::KeyFormatTypeNotSupported);
            }
            let other = match of_public {
                Format::TransparentDSAPublicKey => Format::TransparentDHPublicKey,
                _ => Format::TransparentDSAPublicKey,
            };
            get_as(&mut client, &public, other).fails_with(ResultReason::KeyFormatTypeNotSupported);
        }
        // A key that is said to be another is refused.
        let group = group(CryptographicAlgorithm::DSA, true);
        let key = FiniteFieldPublicKey { group, y: number(0x90, 128) };
        let key_block = block(Format::X_509, &key.to_spki().unwrap(), Some(CryptographicAlgorithm::RSA));
        let request = crate::client::register(ManagedObject::PublicKey(PublicKey { key_block }), vec![]);
        client.ask(Operation::Register, &request).fails_with(ResultReason::InvalidField);
    }
}

#[test]
fn keys_that_are_octets_in_every_format() {
    for version in VERSIONS.into_iter().filter(|version| !version.is_1x()) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let (private, public) = pair(&mut client, vec![Attribute::CryptographicAlgorithm(CryptographicAlgorithm::Ed25519)]);
        for key in [&private, &public] {
            let attributes = client.attributes(key);
            assert_eq!(attributes.cryptographic_algorithm(), Some(&CryptographicAlgorithm::Ed25519), "{version}");
            assert_eq!(attributes.cryptographic_length(), Some(&256), "{version}");
        }
        round_trips(&mut client, &private, &[Format::PKCS_8, Format::Raw]);
        round_trips(&mut client, &public, &[Format::X_509, Format::Raw]);
        match material(&object_as(&mut client, &private, Format::Raw)) {
            KeyMaterial::Bytes(seed) => assert_eq!(seed.len(), 32),
            other => panic!("{other:?}"),
        }
        for format in [Format::PKCS_1, Format::ECPrivateKey, Format::TransparentECPrivateKey] {
            get_as(&mut client, &private, format).fails_with(ResultReason::KeyFormatTypeNotSupported);
        }
        // X25519 is the curve for key agreement; the bytes alone would not say what they are.
        let curve = Attribute::CryptographicDomainParameters(CryptographicDomainParameters {
            recommended_curve: Some(RecommendedCurve::CURVE25519),
            qlength: None,
        });
        let (private, public) = pair(&mut client, vec![Attribute::CryptographicAlgorithm(CryptographicAlgorithm::EC), curve]);
        round_trips(&mut client, &private, &[Format::PKCS_8]);
        round_trips(&mut client, &public, &[Format::X_509]);
        get_as(&mut client, &private, Format::Raw).fails_with(ResultReason::KeyFormatTypeNotSupported);
    }
}

#[test]
fn algorithms_of_later_versions_are_kept_and_not_made() {
    // The standard names ML-DSA from 3.0 on.
    let algorithm = CryptographicAlgorithm::ML_DSA_65;
    let made = crypto::generate_key_pair(&crypto::SystemRandom::new(), algorithm, None, None).unwrap();
    let bytes = made.public.encode(Format::X_509).unwrap();
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mut request = create_key_pair();
        request.common_attributes = Some(template(vec![Attribute::CryptographicAlgorithm(algorithm)]));
        client.ask(Operation::CreateKeyPair, &request).fails_with(ResultReason::InvalidAttributeValue);
        let key = ManagedObject::PublicKey(PublicKey { key_block: block(Format::X_509, &bytes, None) });
        let identifier = client.register(key.clone(), vec![]);
        assert_eq!(client.object(&identifier), key, "{version}: as it was registered");
    }
}

#[test]
fn symmetric_keys_and_secrets() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.register(symmetric_key(), aes());
        round_trips(&mut client, &key, &[Format::Raw, Format::TransparentSymmetricKey]);
        let fields = object_as(&mut client, &key, Format::TransparentSymmetricKey);
        let fields: TransparentSymmetricKey = material(&fields).transparent().unwrap();
        assert_eq!(fields.key, Secret::from_slice(KEY), "{version}");
        assert_eq!(material(&object_as(&mut client, &key, Format::Opaque)), &KeyMaterial::Bytes(Secret::from_slice(KEY)));
        get_as(&mut client, &key, Format::PKCS_8).fails_with(ResultReason::KeyFormatTypeNotSupported);
        // Of what is opaque nobody knows the encoding.
        let opaque = block(Format::Opaque, KEY, Some(CryptographicAlgorithm::AES));
        let opaque = client.register(ManagedObject::SymmetricKey(SymmetricKey { key_block: opaque }), vec![]);
        get_as(&mut client, &opaque, Format::Raw).fails_with(ResultReason::KeyFormatTypeNotSupported);
        let secret = client.register(secret_data(), vec![]);
        assert_eq!(material(&object_as(&mut client, &secret, Format::Raw)), material(&secret_data()), "{version}");
    }
}

#[test]
fn a_format_that_could_not_be_returned_is_not_taken() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let later = Format::ROW.values.iter().map(|row| Format(row.value)).filter(|format| !format.known_in(version));
        for format in later.chain([Format(0), Format(0x7777)]) {
            let key_block = block(format, KEY, Some(CryptographicAlgorithm::AES));
            let object = ManagedObject::SymmetricKey(SymmetricKey { key_block });
            client.ask(Operation::Register, &register(object, vec![])).fails_with(ResultReason::KeyFormatTypeNotSupported);
        }
        let key_block = block(Format(0x8000_0001), KEY, Some(CryptographicAlgorithm::AES));
        let vendors = client.register(ManagedObject::SymmetricKey(SymmetricKey { key_block }), vec![]);
        client.object(&vendors);
    }
}

#[test]
fn a_conversion_spells_what_the_version_defines() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let curve = RecommendedCurve::SECP256K1;
        let key = crypto::PrivateKey::from_scalar(crypto::curve(curve).unwrap(), &[1; 32]).unwrap();
        let bytes = key.encode(Format::PKCS_8).unwrap();
        let key_block = block(Format::PKCS_8, bytes.expose(), Some(CryptographicAlgorithm::ECDSA));
        let key_block = KeyBlock { cryptographic_length: Some(256), ..key_block };
        let identifier = client.register(ManagedObject::PrivateKey(PrivateKey { key_block }), vec![]);
        let format = Format::TransparentECDSAPrivateKey;
        let answer = get_as(&mut client, &identifier, format);
        if format.known_in(version) && curve.known_in(version) {
            answer.ok::<GetResponse>();
        } else {
            answer.fails_with(ResultReason::KeyFormatTypeNotSupported);
        }
    }
}

#[test]
fn the_point_of_a_public_key_is_compressed_as_the_client_wants_it() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let curve = Attribute::CryptographicDomainParameters(CryptographicDomainParameters {
            qlength: None,
            recommended_curve: Some(RecommendedCurve::P_256),
        });
        let (private, public) = pair(&mut client, vec![Attribute::CryptographicAlgorithm(CryptographicAlgorithm::ECDSA), curve]);
        let transparent = [Format::TransparentECPublicKey, Format::TransparentECDSAPublicKey];
        let transparent = transparent.into_iter().find(|format| format.known_in(version)).unwrap();
        let mut get_compressed = |identifier: &str, format, compression| {
            let mut request = get(Some(identifier));
            (request.key_format_type, request.key_compression_type) = (Some(format), Some(compression));
            client.ask(Operation::Get, &request)
        };
        let mut point = |compression| {
            let object = get_compressed(&public, transparent, compression).ok::<GetResponse>().object;
            assert_eq!(object.key_block().unwrap().key_compression_type, Some(compression), "{version}");
            material(&object).transparent::<TransparentECPublicKey>().unwrap().q_string.expose().to_vec()
        };
        let whole = point(Compression::ECPublicKeyTypeUncompressed);
        let (x, y) = whole[1..].split_at(32);
        assert_eq!(whole[0], 4, "{version}");
        let is_odd = y[31] & 1;
        assert_eq!(point(Compression::ECPublicKeyTypeX9_62CompressedPrime), [&[2 | is_odd], x].concat(), "{version}");
        assert_eq!(point(Compression::ECPublicKeyTypeX9_62Hybrid), [&[6 | is_odd], x, y].concat(), "{version}");
        let compressed = get_compressed(&public, Format::X_509, Compression::ECPublicKeyTypeX9_62CompressedPrime);
        let KeyMaterial::Bytes(spki) = material(&compressed.ok::<GetResponse>().object).clone() else { panic!("{version}") };
        assert_eq!(crypto::PublicKey::parse(Format::X_509, spki.expose()).unwrap().point(), Some(&*[&[2 | is_odd], x].concat()));
        let not_so = ResultReason::KeyCompressionTypeNotSupported;
        get_compressed(&public, transparent, Compression::ECPublicKeyTypeX9_62CompressedChar2).fails_with(not_so);
        get_compressed(&private, Format::PKCS_8, Compression::ECPublicKeyTypeUncompressed).fails_with(not_so);
    }
}

#[test]
fn every_format_is_kept_as_it_came() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        for format in Format::ROW.values.iter().map(|row| Format(row.value)).filter(|format| format.known_in(version)) {
            // Bytes in a format are as they are, whether the server understands them or not.
            // A private key in a PKCS#12 file is taken out of it.
            for private in [true, false].into_iter().filter(|private| !(*private && format == Format::PKCS_12)) {
                let key_block = block(format, KEY, Some(CryptographicAlgorithm::DSA));
                let object = match private {
                    true => ManagedObject::PrivateKey(PrivateKey { key_block }),
                    false => ManagedObject::PublicKey(PublicKey { key_block }),
                };
                let identifier = client.register(object.clone(), vec![]);
                assert_eq!(client.object(&identifier), object, "{version} {format:?}");
                if !version.is_1x() {
                    assert_eq!(client.attributes(&identifier).key_format_type(), Some(&format), "{version}");
                }
                assert_eq!(object_as(&mut client, &identifier, format), object, "{version} {format:?}");
                let other = if format == Format::X_509 { Format::PKCS_1 } else { Format::X_509 };
                get_as(&mut client, &identifier, other).fails_with(ResultReason::KeyFormatTypeNotSupported);
            }
        }
        for object in every_type(version).into_iter().filter(|object| object.key_block().is_none()) {
            let is_certificate = object.object_type() == ObjectType::Certificate;
            let identifier = client.register(object.clone(), vec![]);
            let answer = get_as(&mut client, &identifier, Format::X_509);
            if is_certificate {
                assert_eq!(answer.ok::<GetResponse>().object, object, "{version}");
            } else {
                answer.fails_with(ResultReason::KeyFormatTypeNotSupported);
            }
        }
    }
}

#[test]
fn a_key_is_made_in_the_format_that_is_asked_for() {
    for version in VERSIONS.into_iter().filter(|version| !version.is_1x()) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes_and([Attribute::KeyFormatType(Format::TransparentSymmetricKey)]));
        let object = client.object(&key);
        assert_eq!(object.key_block().unwrap().key_format_type, Format::TransparentSymmetricKey, "{version}");
        assert_eq!(client.attributes(&key).key_format_type(), Some(&Format::TransparentSymmetricKey));
        let impossible = crate::client::create(aes_and([Attribute::KeyFormatType(Format::PKCS_1)]));
        client.ask(Operation::Create, &impossible).fails_with(ResultReason::KeyFormatTypeNotSupported);
        assert_eq!(server.objects(), 1);
    }
}

#[test]
fn what_has_no_key_block_is_available_in_the_format_it_has() {
    use kmip::enumerations::{CertificateRequestType, CertificateType};
    use kmip::object::{Certificate, CertificateRequest};
    let value = || Secret::from_slice(KEY);
    let certificate = |certificate_type| ManagedObject::Certificate(Certificate { certificate_type, certificate_value: value() });
    let request = |certificate_request_type| {
        ManagedObject::CertificateRequest(CertificateRequest { certificate_request_type, certificate_request_value: value() })
    };
    let all = [
        (certificate(CertificateType::X_509), Format::X_509),
        (certificate(CertificateType::PGP), Format::Raw),
        (request(CertificateRequestType::PKCS_10), Format::PKCS_10),
        (request(CertificateRequestType::PEM), Format::Raw),
        (crate::objects::opaque_object(), Format::Opaque),
    ];
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        for (object, format) in all.iter().filter(|(object, _)| object.object_type().known_in(version)) {
            let identifier = client.register(object.clone(), vec![]);
            for wanted in [Format::X_509, Format::Raw, Format::PKCS_10, Format::Opaque, Format::PKCS_8] {
                if !wanted.known_in(version) {
                    continue;
                }
                let answer = get_as(&mut client, &identifier, wanted);
                if wanted == *format {
                    assert_eq!(answer.ok::<GetResponse>().object, *object, "{version} {format:?}");
                } else {
                    answer.fails_with(ResultReason::KeyFormatTypeNotSupported);
                }
            }
        }
    }
}

/// A certificate of a CA, and that of the CA, as DER.
fn certificates() -> [Vec<u8>; 2] {
    let keys = [rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap()];
    let mut authority = rcgen::CertificateParams::new(vec![]).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "the CA");
    let root = authority.self_signed(&keys[0]).unwrap();
    let issuer = rcgen::Issuer::new(authority, &keys[0]);
    let disk = rcgen::CertificateParams::new(vec!["disk".to_owned()]).unwrap().signed_by(&keys[1], &issuer).unwrap();
    [disk.der().to_vec(), root.der().to_vec()]
}

#[test]
fn a_pkcs12_file_is_registered_as_what_is_in_it() {
    use std::sync::atomic::Ordering;

    use kmip::codec::DateTime;
    use kmip::enumerations::{CertificateType, LinkType, RevocationReasonCode};
    use kmip::identifier::ObjectReference;
    use kmip::object::Certificate;
    use kmip::structures::Link;
    let link = |link_type, identifier: &str| Attribute::Link(Link { link_type, linked_object_identifier: identifier.into() });
    let linked = |client: &mut Client<'_>, identifier: &str, kind| {
        let attributes = client.attributes(identifier);
        attributes.iter().find_map(|attribute| match attribute {
            Attribute::Link(Link { link_type, linked_object_identifier: ObjectReference::Identifier(to) }) => {
                (*link_type == kind).then(|| to.clone())
            }
            _ => None,
        })
    };
    let chain = certificates().map(|der| {
        let (certificate_type, certificate_value) = (CertificateType::X_509, Secret::new(der));
        ManagedObject::Certificate(Certificate { certificate_type, certificate_value })
    });
    for version in VERSIONS.into_iter().filter(|version| Format::PKCS_12.known_in(*version)) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let ec = vec![Attribute::CryptographicAlgorithm(CryptographicAlgorithm::ECDSA), Attribute::CryptographicLength(256)];
        let (private, _) = pair(&mut client, ec);
        let password = |client: &mut Client<'_>, text: &[u8], attributes| {
            let ManagedObject::SecretData(mut secret) = secret_data() else { panic!("it is secret data") };
            secret.key_block = block(Format::Opaque, text, None);
            client.register(ManagedObject::SecretData(secret), attributes)
        };
        let active = || vec![Attribute::ActivationDate(DateTime(crate::server::START - 1))];
        let right = password(&mut client, b"password", active());
        let [disk, root] = chain.each_ref().map(|certificate| client.register(certificate.clone(), vec![]));
        client.add(&disk, link(LinkType::CertificateLink, &root)).unwrap();
        client.add(&private, link(LinkType::PKCS_12CertificateLink, &disk)).unwrap();
        client.add(&private, link(LinkType::PKCS_12PasswordLink, &right)).unwrap();
        let worked = || server.trouble.worked.load(Ordering::SeqCst);
        let before = worked();
        let key = object_as(&mut client, &private, Format::PKCS_8);
        assert_eq!(worked(), before, "what is quick is done at once");
        let file = object_as(&mut client, &private, Format::PKCS_12);
        assert_eq!(worked(), before + 1, "a file is made on the threads for slow work");

        let again = client.register(file.clone(), vec![link(LinkType::PKCS_12PasswordLink, &right)]);
        assert_eq!(worked(), before + 2, "and read there");
        assert_eq!(material(&client.object(&again)), material(&key), "{version}");
        let attributes = client.attributes(&again);
        if !version.is_1x() {
            assert_eq!(attributes.key_format_type(), Some(&Format::PKCS_8));
        }
        assert_eq!(attributes.cryptographic_length(), Some(&256));
        assert_eq!(attributes.pkcs12_friendly_name().map(String::as_str), Some("alias"));
        let first = linked(&mut client, &again, LinkType::PKCS_12CertificateLink).unwrap();
        let second = linked(&mut client, &first, LinkType::CertificateLink).unwrap();
        assert_eq!([&first, &second].map(|identifier| client.object(identifier)), chain, "{version}");
        assert_eq!(linked(&mut client, &second, LinkType::CertificateLink), None);
        assert_eq!(client.attributes(&first).pkcs12_friendly_name().map(String::as_str), Some("alias"));
        // What was registered is got as a file again.
        object_as(&mut client, &again, Format::PKCS_12);

        let objects = server.objects();
        let wrong = password(&mut client, b"passwort", active());
        let early = password(&mut client, b"password", vec![]);
        let (new, key_link) = (objects + 2, |to: &str| link(LinkType::PKCS_12PasswordLink, to));
        let not_active = if version.is_1x() { ResultReason::WrongKeyLifecycleState } else { ResultReason::BadPassword };
        for (attributes, reason) in [
            (vec![], ResultReason::BadPassword),
            (vec![key_link(&right), key_link(&wrong)], ResultReason::BadPassword),
            (vec![key_link(&wrong)], ResultReason::BadPassword),
            (vec![key_link(&disk)], ResultReason::BadPassword),
            (vec![key_link(&early)], not_active),
            (vec![key_link("nobody's")], ResultReason::ObjectNotFound),
            (vec![key_link(&right), link(LinkType::PKCS_12CertificateLink, &disk)], ResultReason::InvalidField),
            (vec![key_link(&right), Attribute::PKCS_12FriendlyName("other".to_owned())], ResultReason::InvalidField),
        ] {
            client.ask(Operation::Register, &crate::client::register(file.clone(), attributes)).fails_with(reason);
        }
        let stranger = crate::client::register(file.clone(), vec![key_link(&right)]);
        server.client("barney", version).ask(Operation::Register, &stranger).fails_with(ResultReason::PermissionDenied);
        assert_eq!(server.objects(), new, "{version}: nothing was made");

        // Import takes the file over as it is.
        let import = kmip::payload::import::ImportRequest {
            unique_identifier: "imported".into(),
            object_type: (!version.is_1x()).then_some(ObjectType::PrivateKey),
            replace_existing: None,
            key_wrap_type: None,
            attributes: kmip::attribute::Attributes::default(),
            object: file.clone(),
        };
        client.ask(Operation::Import, &import).ok::<kmip::payload::import::ImportResponse>();
        assert_eq!(client.object("imported"), file, "{version}");

        // A chain that is too long is not cut.
        let mut last = root;
        for _ in 0..16 {
            let next = client.register(chain[1].clone(), vec![]);
            client.add(&last, link(LinkType::CertificateLink, &next)).unwrap();
            last = next;
        }
        get_as(&mut client, &private, Format::PKCS_12).fails_with(ResultReason::ServerLimitExceeded);
        client.revoke(&right, RevocationReasonCode::CessationOfOperation).unwrap();
        get_as(&mut client, &again, Format::PKCS_12).fails_with(ResultReason::WrongKeyLifecycleState);
    }
}

#[test]
fn a_private_key_as_a_pkcs12_file() {
    use kmip::codec::DateTime;
    use kmip::enumerations::{LinkType, RevocationReasonCode};
    use kmip::structures::Link;
    let link = |link_type, identifier: &str| Attribute::Link(Link { link_type, linked_object_identifier: identifier.into() });
    for version in VERSIONS.into_iter().filter(|version| Format::PKCS_12.known_in(*version)) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let ec = vec![Attribute::CryptographicAlgorithm(CryptographicAlgorithm::ECDSA), Attribute::CryptographicLength(256)];
        let (private, _) = pair(&mut client, ec);
        get_as(&mut client, &private, Format::PKCS_12).fails_with(ResultReason::InvalidField);
        let early = Attribute::ActivationDate(DateTime(crate::server::START - 1));
        let ManagedObject::SecretData(mut secret) = secret_data() else { panic!("it is secret data") };
        secret.key_block = block(Format::Opaque, b"password", None);
        let password = client.register(ManagedObject::SecretData(secret), vec![early]);
        client.add(&private, link(LinkType::PKCS_12PasswordLink, &password)).unwrap();
        let file = object_as(&mut client, &private, Format::PKCS_12);
        let Some(KeyValue::Wrapped(bytes)) = &file.key_block().unwrap().key_value else { panic!("a file is bytes") };
        // A PFX of version 3; nothing of the key is in clear in it.
        assert_eq!(&bytes.expose()[..1], [0x30], "{version}");
        assert!(bytes.expose().windows(3).any(|window| window == [0x02, 0x01, 0x03]));
        let der = object_as(&mut client, &private, Format::PKCS_8);
        let KeyMaterial::Bytes(der) = material(&der) else { panic!("PKCS#8 is bytes") };
        let secret = &der.expose()[36..68];
        assert!(!bytes.expose().windows(secret.len()).any(|window| window == secret), "{version}");
        // Another's password cannot be used, nor one that is not Active any more.
        client.revoke(&password, RevocationReasonCode::CessationOfOperation).unwrap();
        get_as(&mut client, &private, Format::PKCS_12).fails_with(ResultReason::WrongKeyLifecycleState);
        let other = server.client("barney", version).register(secret_data(), vec![]);
        let (stranger, _) = client.create_key_pair();
        client.add(&stranger, link(LinkType::PKCS_12PasswordLink, &other)).unwrap();
        get_as(&mut client, &stranger, Format::PKCS_12).fails_with(ResultReason::PermissionDenied);
    }
}
