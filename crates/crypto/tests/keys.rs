//! Key pairs and their encodings, cross-checked with aws-lc-rs reading what was written.

#![allow(clippy::unwrap_used)] // A failed unwrap is a failed test.

use aws_lc_rs::{rand, rsa, signature};
use crypto::{
    CryptoError, PrivateKey, PublicKey, Random, RsaPrivateComponents, SystemRandom, agree, curve, decapsulate, encapsulate,
    generate_key_pair,
};
use kmip::Secret;
use kmip::enumerations::{CryptographicAlgorithm, KeyFormatType, RecommendedCurve};
use proptest::prelude::*;
use signature::KeyPair as _;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits")).collect()
}

/// Counts up: the same keys in every run.
struct Counting(std::sync::atomic::AtomicU8);

impl Random for Counting {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), CryptoError> {
        buffer.iter_mut().for_each(|byte| *byte = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        Ok(())
    }
}

#[test]
fn rsa_pairs_have_their_length_and_sign() {
    let pair = generate_key_pair(&SystemRandom::new(), CryptographicAlgorithm::RSA, Some(2048), None).unwrap();
    let facts = pair.private.facts();
    assert_eq!((facts.algorithm, facts.length, facts.curve), (CryptographicAlgorithm::RSA, 2048, None));
    assert_eq!(pair.public.facts(), facts);
    assert_eq!(pair.public.rsa_components().unwrap().public_exponent, [1, 0, 1]);

    // Both private encodings are the same key to another reader, and both public ones check its signature.
    let pkcs1 = pair.private.encode(KeyFormatType::PKCS_1).unwrap();
    let pkcs8 = pair.private.encode(KeyFormatType::PKCS_8).unwrap();
    let public_pkcs1 = pair.public.encode(KeyFormatType::PKCS_1).unwrap();
    let public_spki = pair.public.encode(KeyFormatType::X_509).unwrap();
    for key in [rsa::KeyPair::from_der(pkcs1.expose()).unwrap(), rsa::KeyPair::from_pkcs8(pkcs8.expose()).unwrap()] {
        let mut signed = vec![0; 256];
        key.sign(&signature::RSA_PKCS1_SHA256, &rand::SystemRandom::new(), b"message", &mut signed).unwrap();
        for public in [&public_pkcs1, &public_spki] {
            let public = signature::UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, public);
            public.verify(b"message", &signed).unwrap();
        }
    }

    // Every format reads back as the same key.
    for (format, der) in [(KeyFormatType::PKCS_1, &pkcs1), (KeyFormatType::PKCS_8, &pkcs8)] {
        let read = PrivateKey::parse(format, der.expose()).unwrap();
        assert!(read == pair.private, "{format:?}");
        assert_eq!(read.public_key().unwrap(), pair.public);
    }
    assert_eq!(PublicKey::parse(KeyFormatType::PKCS_1, &public_pkcs1).unwrap(), pair.public);
    assert_eq!(PublicKey::parse(KeyFormatType::X_509, &public_spki).unwrap(), pair.public);
}

#[test]
fn rsa_1024_is_made_for_old_clients() {
    let pair = generate_key_pair(&SystemRandom::new(), CryptographicAlgorithm::RSA, Some(1024), None).unwrap();
    assert_eq!(pair.private.facts().length, 1024);
    assert_eq!(pair.private.rsa_components().unwrap().public_exponent.as_deref(), Some(&[1, 0, 1][..]));
    let pkcs8 = pair.private.encode(KeyFormatType::PKCS_8).unwrap();
    assert!(PrivateKey::parse(KeyFormatType::PKCS_8, pkcs8.expose()).unwrap() == pair.private);
}

#[test]
fn transparent_rsa_keys_are_completed() {
    let pair = generate_key_pair(&SystemRandom::new(), CryptographicAlgorithm::RSA, Some(2048), None).unwrap();
    let all = pair.private.rsa_components().unwrap();
    let padded = |number: &Option<Secret>| number.as_ref().map(|number| Secret::new([&[0, 0], number.expose()].concat()));
    let exponents_only = RsaPrivateComponents {
        modulus: [&[0], &all.modulus[..]].concat(),
        private_exponent: padded(&all.private_exponent),
        public_exponent: all.public_exponent.clone(),
        ..Default::default()
    };
    let primes_only = RsaPrivateComponents {
        modulus: all.modulus.clone(),
        public_exponent: all.public_exponent.clone(),
        p: padded(&all.p),
        q: padded(&all.q),
        ..Default::default()
    };
    let public = pair.public.encode(KeyFormatType::X_509).unwrap();
    for components in [exponents_only, primes_only] {
        let completed = PrivateKey::from_rsa_components(&components).unwrap();
        // Which prime is P is not determined by the exponents: judge the key by what it does.
        let key = rsa::KeyPair::from_der(completed.encode(KeyFormatType::PKCS_1).unwrap().expose()).unwrap();
        let mut signed = vec![0; 256];
        key.sign(&signature::RSA_PKCS1_SHA256, &rand::SystemRandom::new(), b"message", &mut signed).unwrap();
        signature::UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, &public).verify(b"message", &signed).unwrap();
    }
}

#[test]
fn transparent_rsa_keys_that_are_no_keys_are_refused() {
    let three = |modulus: &[u8], private: &[u8], public: &[u8]| RsaPrivateComponents {
        modulus: modulus.to_vec(),
        private_exponent: Some(Secret::from_slice(private)),
        public_exponent: Some(public.to_vec()),
        ..Default::default()
    };
    for components in [
        RsaPrivateComponents::default(),
        RsaPrivateComponents { modulus: vec![0xFF; 256], ..Default::default() },
        three(&[], &[3], &[3]),
        three(&[0; 300], &[3], &[3]),
        three(&[0xFF; 128], &[0x55; 128], &[3]),
        three(&[0xFE; 128], &[0x55; 128], &[1, 0, 1]),
        three(&[0xFF; 64], &[0xFF; 2_000_000], &[3]),
        three(&vec![0xFF; 2_000_000], &[3], &[3]),
        three(&[35], &[5], &[5]),
    ] {
        assert!(PrivateKey::from_rsa_components(&components).is_err(), "{components:?}");
    }
}

#[test]
fn elliptic_pairs_sign_and_agree_in_all_encodings() {
    let curves = [
        (RecommendedCurve::P_256, 256, &signature::ECDSA_P256_SHA256_ASN1_SIGNING, &signature::ECDSA_P256_SHA256_ASN1),
        (RecommendedCurve::P_384, 384, &signature::ECDSA_P384_SHA384_ASN1_SIGNING, &signature::ECDSA_P384_SHA384_ASN1),
        (RecommendedCurve::P_521, 521, &signature::ECDSA_P521_SHA512_ASN1_SIGNING, &signature::ECDSA_P521_SHA512_ASN1),
        (RecommendedCurve::SECP256K1, 256, &signature::ECDSA_P256K1_SHA256_ASN1_SIGNING, &signature::ECDSA_P256K1_SHA256_ASN1),
    ];
    for (curve, length, signing, verifying) in curves {
        let pair = generate_key_pair(&SystemRandom::new(), CryptographicAlgorithm::EC, None, Some(curve)).unwrap();
        let facts = pair.private.facts();
        assert_eq!((facts.algorithm, facts.length, facts.curve), (CryptographicAlgorithm::EC, length, Some(curve)));
        assert_eq!(pair.public.facts(), facts);

        let sec1 = pair.private.encode(KeyFormatType::ECPrivateKey).unwrap();
        let pkcs8 = pair.private.encode(KeyFormatType::PKCS_8).unwrap();
        let keys = [
            signature::EcdsaKeyPair::from_private_key_der(signing, sec1.expose()).unwrap(),
            signature::EcdsaKeyPair::from_pkcs8(signing, pkcs8.expose()).unwrap(),
        ];
        let spki = pair.public.encode(KeyFormatType::X_509).unwrap();
        for key in keys {
            assert_eq!(Some(key.public_key().as_ref()), pair.public.point());
            let signed = key.sign(&rand::SystemRandom::new(), b"message").unwrap();
            signature::UnparsedPublicKey::new(verifying, &spki).verify(b"message", signed.as_ref()).unwrap();
        }
        for (format, der) in [(KeyFormatType::ECPrivateKey, &sec1), (KeyFormatType::PKCS_8, &pkcs8)] {
            let read = PrivateKey::parse(format, der.expose()).unwrap();
            assert_eq!(read.scalar(), pair.private.scalar(), "{format:?}");
            assert_eq!(read.public_key().unwrap(), pair.public);
        }
        assert_eq!(PublicKey::parse(KeyFormatType::X_509, &spki).unwrap(), pair.public);
    }
}

#[test]
fn public_point_known_answer() {
    // RFC 6979, A.2.5: key pair on P-256.
    let curve = curve(RecommendedCurve::P_256).unwrap();
    let scalar = unhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    let key = PrivateKey::from_scalar(curve, &scalar).unwrap();
    assert_eq!(
        hex(key.public_key().unwrap().point().unwrap()),
        "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
         7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
    );
}

#[test]
fn elliptic_keys_follow_the_random_source() {
    let make = || {
        let random = Counting(std::sync::atomic::AtomicU8::new(1));
        generate_key_pair(&random, CryptographicAlgorithm::ECDSA, Some(521), None).unwrap().private
    };
    let key = make();
    assert!(key == make());
    let scalar = key.scalar().unwrap();
    // The first byte drawn is 1, and of its bits only the lowest belongs to a number of 521 bits.
    assert_eq!(scalar.expose()[..3], [1, 2, 3]);
    assert_eq!(scalar.len(), 66);
}

#[test]
fn what_is_not_offered_is_refused_in_words() {
    let refused =
        |algorithm, length, curve| generate_key_pair(&SystemRandom::new(), algorithm, length, curve).unwrap_err().to_string();
    assert_eq!(
        refused(CryptographicAlgorithm::RSA, Some(2047), None),
        "RSA keys of 2047 bits are not offered, only of 1024, 2048, 3072, 4096, 8192"
    );
    assert_eq!(
        refused(CryptographicAlgorithm::RSA, None, None),
        "RSA keys of 0 bits are not offered, only of 1024, 2048, 3072, 4096, 8192"
    );
    assert_eq!(
        refused(CryptographicAlgorithm::EC, Some(192), None),
        "EC keys of 192 bits are not offered, only of 256, 384, 521"
    );
    assert_eq!(
        refused(CryptographicAlgorithm::EC, Some(256), Some(RecommendedCurve::P_384)),
        "the curve P_384 has keys of 384 bits, not of 256"
    );
    assert_eq!(refused(CryptographicAlgorithm::EC, None, Some(RecommendedCurve::K_163)), "the curve K_163 is not offered");
    assert_eq!(refused(CryptographicAlgorithm::AES, Some(256), None), "asymmetric keys of the algorithm AES are not offered");
    assert_eq!(refused(CryptographicAlgorithm::DSA, Some(1024), None), "asymmetric keys of the algorithm DSA are not offered");
}

#[test]
fn formats_that_do_not_fit_the_key_are_refused() {
    let pair = generate_key_pair(&SystemRandom::new(), CryptographicAlgorithm::EC, Some(256), None).unwrap();
    for format in [KeyFormatType::PKCS_1, KeyFormatType::X_509, KeyFormatType::Raw, KeyFormatType(0x8000_0001)] {
        assert!(pair.private.encode(format).is_err(), "{format:?}");
    }
    assert!(pair.public.encode(KeyFormatType::PKCS_1).is_err());
    let der = pair.private.encode(KeyFormatType::PKCS_8).unwrap();
    assert!(PrivateKey::parse(KeyFormatType::PKCS_1, der.expose()).is_err());
    assert!(PrivateKey::parse(KeyFormatType::Raw, der.expose()).is_err());
    // Bytes after the key are not ignored.
    let longer = [der.expose(), &[0]].concat();
    assert!(PrivateKey::parse(KeyFormatType::PKCS_8, &longer).is_err());
}

#[test]
fn numbers_that_are_no_private_key_are_refused() {
    let row = curve(RecommendedCurve::P_256).unwrap();
    assert!(PrivateKey::from_scalar(row, &[0; 32]).is_err());
    assert!(PrivateKey::from_scalar(row, &[1; 33]).is_err());
    // The order of the group, and so every larger number, is no private key.
    let order = unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    assert!(PrivateKey::from_scalar(row, &order).unwrap().public_key().is_err());
}

#[test]
fn keys_that_are_octets_in_all_encodings() {
    use {CryptographicAlgorithm as Algorithm, KeyFormatType as Format};
    let wanted = [
        (Algorithm::Ed25519, None, 256, 32, 32),
        (Algorithm::ML_DSA_44, None, 10_496, 32, 1_312),
        (Algorithm::ML_DSA_65, None, 15_616, 32, 1_952),
        (Algorithm::ML_DSA_87, None, 20_736, 32, 2_592),
        (Algorithm::ML_KEM_512, None, 6_400, 1_632, 800),
        (Algorithm::ML_KEM_768, None, 9_472, 2_400, 1_184),
        (Algorithm::ML_KEM_1024, None, 12_544, 3_168, 1_568),
        (Algorithm::EC, Some(RecommendedCurve::CURVE25519), 256, 0, 0),
    ];
    for (algorithm, curve, length, private, public) in wanted {
        let pair = generate_key_pair(&SystemRandom::new(), algorithm, None, curve).unwrap();
        let facts = pair.private.facts();
        assert_eq!((facts.algorithm, facts.length, facts.curve), (algorithm, length, curve));
        assert_eq!(pair.public.facts(), facts);
        assert_eq!(pair.private.public_key().unwrap(), pair.public);
        let der = pair.private.encode(Format::PKCS_8).unwrap();
        assert!(PrivateKey::parse(Format::PKCS_8, der.expose()).unwrap() == pair.private, "{algorithm:?}");
        let spki = pair.public.encode(Format::X_509).unwrap();
        assert_eq!(PublicKey::parse(Format::X_509, &spki).unwrap(), pair.public);
        for cut in [1, 16, der.len() - 1] {
            assert!(PrivateKey::parse(Format::PKCS_8, &der.expose()[..cut]).is_err());
            assert!(PublicKey::parse(Format::X_509, &spki[..cut.min(spki.len() - 1)]).is_err());
        }
        assert!(pair.private.encode(Format::PKCS_1).is_err());
        assert!(pair.public.encode(Format::PKCS_1).is_err());
        if curve.is_some() {
            // Nothing would say what the bytes are.
            assert!(pair.private.encode(Format::Raw).is_err() && pair.public.encode(Format::Raw).is_err());
            continue;
        }
        let raw = pair.private.encode(Format::Raw).unwrap();
        assert_eq!(raw.len(), private);
        assert!(PrivateKey::from_raw(algorithm, raw.expose()).unwrap() == pair.private);
        let raw = pair.public.encode(Format::Raw).unwrap();
        assert_eq!(raw.len(), public);
        assert_eq!(PublicKey::from_raw(algorithm, &raw).unwrap(), pair.public);
        assert!(PrivateKey::from_raw(algorithm, &[1; 31]).is_err());
        assert!(PublicKey::from_raw(algorithm, &[]).is_err());
        let wrong = generate_key_pair(&SystemRandom::new(), algorithm, Some(128), None).unwrap_err();
        assert!(matches!(wrong, CryptoError::InvalidLength { .. }), "{wrong}");
    }
    let refused = |algorithm, curve| generate_key_pair(&SystemRandom::new(), algorithm, None, Some(curve)).unwrap_err();
    assert!(matches!(refused(Algorithm::ECDSA, RecommendedCurve::CURVE25519), CryptoError::UnsupportedCurve(_)));
    assert!(matches!(refused(Algorithm::EC, RecommendedCurve::CURVE448), CryptoError::UnsupportedCurve(_)));
    assert!(matches!(refused(Algorithm::Ed25519, RecommendedCurve::P_256), CryptoError::UnsupportedCurve(_)));
    assert!(PrivateKey::from_raw(Algorithm::RSA, &[1; 32]).is_err());
    // The public key inside a private key of ML-KEM is checked against its hash.
    let pair = generate_key_pair(&SystemRandom::new(), Algorithm::ML_KEM_512, None, None).unwrap();
    let mut raw = pair.private.encode(Format::Raw).unwrap().expose().to_vec();
    raw[800] ^= 1;
    assert!(PrivateKey::from_raw(Algorithm::ML_KEM_512, &raw).is_err());
}

#[test]
fn ed25519_known_answer() {
    // RFC 8410, section 10.3: a private key in PKCS#8, and its public key from section 10.1.
    let der = unhex("302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842");
    let key = PrivateKey::parse(KeyFormatType::PKCS_8, &der).unwrap();
    assert_eq!(key.encode(KeyFormatType::PKCS_8).unwrap().expose(), der);
    assert_eq!(
        hex(&key.public_key().unwrap().encode(KeyFormatType::X_509).unwrap()),
        "302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1"
    );
}

#[test]
fn secrets_are_agreed_on_and_encapsulated() {
    use CryptographicAlgorithm as Algorithm;
    let curves = [
        RecommendedCurve::P_256,
        RecommendedCurve::P_384,
        RecommendedCurve::P_521,
        RecommendedCurve::SECP256K1,
        RecommendedCurve::CURVE25519,
    ];
    for curve in curves {
        let make = || generate_key_pair(&SystemRandom::new(), Algorithm::ECDH, None, Some(curve)).unwrap();
        let (one, other) = (make(), make());
        let secret = agree(&one.private, &other.public).unwrap();
        assert_eq!(secret, agree(&other.private, &one.public).unwrap(), "{curve:?}");
        assert_ne!(secret, agree(&one.private, &one.public).unwrap());
        assert_eq!(secret.len() as u32, one.private.facts().length.div_ceil(8));
    }
    let make = |algorithm, curve| generate_key_pair(&SystemRandom::new(), algorithm, None, curve).unwrap();
    let p256 = make(Algorithm::EC, Some(RecommendedCurve::P_256));
    for other in [make(Algorithm::EC, Some(RecommendedCurve::SECP256K1)), make(Algorithm::Ed25519, None)] {
        assert!(matches!(agree(&p256.private, &other.public), Err(CryptoError::BadParameters(_))));
        assert!(matches!(agree(&other.private, &p256.public), Err(CryptoError::BadParameters(_))));
    }
    // A point that is not on the curve.
    let mut off = p256.public.point().unwrap().to_vec();
    off[40] ^= 1;
    let off = PublicKey::from_point(curve(RecommendedCurve::P_256).unwrap(), &off).unwrap();
    assert_eq!(agree(&p256.private, &off).unwrap_err(), CryptoError::Refused);

    for algorithm in [Algorithm::ML_KEM_512, Algorithm::ML_KEM_768, Algorithm::ML_KEM_1024] {
        let pair = make(algorithm, None);
        let (mut ciphertext, secret) = encapsulate(&pair.public).unwrap();
        assert_eq!(decapsulate(&pair.private, &ciphertext).unwrap(), secret);
        ciphertext[5] ^= 1;
        assert_ne!(decapsulate(&pair.private, &ciphertext).unwrap(), secret, "another secret, no error");
        assert_eq!(decapsulate(&pair.private, &ciphertext[1..]).unwrap_err(), CryptoError::Refused);
    }
    assert!(encapsulate(&p256.public).is_err() && decapsulate(&p256.private, &[]).is_err());
}

#[test]
fn debug_shows_no_key() {
    let pair = generate_key_pair(&SystemRandom::new(), CryptographicAlgorithm::EC, Some(256), None).unwrap();
    assert_eq!(format!("{:?}", pair.private), "PrivateKey(EC, 256 bits)");
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), number in 1..0x20_u32) {
        let _ = PrivateKey::parse(KeyFormatType(number), &bytes);
        let _ = PublicKey::parse(KeyFormatType(number), &bytes);
        let _ = PrivateKey::from_raw(CryptographicAlgorithm(number + 0x20), &bytes);
        let _ = PublicKey::from_raw(CryptographicAlgorithm(number + 0x20), &bytes);
    }

    #[test]
    fn any_mutation_is_a_key_or_an_error(position: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let random = Counting(std::sync::atomic::AtomicU8::new(1));
        let pair = generate_key_pair(&random, CryptographicAlgorithm::EC, Some(256), None).unwrap();
        for format in [KeyFormatType::ECPrivateKey, KeyFormatType::PKCS_8] {
            let mut der = pair.private.encode(format).unwrap().expose().to_vec();
            let position = position.index(der.len());
            der[position] = byte;
            if let Ok(key) = PrivateKey::parse(format, &der) {
                let _ = key.public_key();
                let _ = key.encode(format);
            }
            der.truncate(cut.index(der.len()));
            prop_assert!(PrivateKey::parse(format, &der).is_err());
        }
    }
}
