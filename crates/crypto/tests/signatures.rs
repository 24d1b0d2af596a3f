//! Signatures and encryption with key pairs: every way that is offered, there and back.

#![allow(clippy::unwrap_used)] // A failed unwrap is a failed test.

use std::sync::LazyLock;

use crypto::{
    ASYMMETRIC, AsymmetricRow, AsymmetricUse, CryptoError, HASHES, KeyPair, Signer, SystemRandom, Verifier, agree, decapsulate,
    decrypt, digest, encapsulate, encrypt, generate_key_pair, sign_digest, verify_digest,
};
use kmip::ByteString;
use kmip::enumerations::{CryptographicAlgorithm, DigitalSignatureAlgorithm, HashingAlgorithm, PaddingMethod, RecommendedCurve};
use kmip::structures::CryptographicParameters;
use proptest::prelude::*;

fn pair(algorithm: CryptographicAlgorithm, length: i32) -> KeyPair {
    generate_key_pair(&SystemRandom::new(), algorithm, Some(length), None).unwrap()
}

static RSA_1024: LazyLock<KeyPair> = LazyLock::new(|| pair(CryptographicAlgorithm::RSA, 1024));
static RSA_2048: LazyLock<KeyPair> = LazyLock::new(|| pair(CryptographicAlgorithm::RSA, 2048));

fn parameters(padding: Option<PaddingMethod>, hash: Option<HashingAlgorithm>) -> CryptographicParameters {
    CryptographicParameters { padding_method: padding, hashing_algorithm: hash, ..Default::default() }
}

fn sign(parameters: &CryptographicParameters, pair: &KeyPair, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let mut signer = Signer::new(parameters, &pair.private)?;
    let (first, second) = message.split_at(message.len() / 2);
    signer.update(first)?;
    signer.update(second)?;
    signer.finish(&SystemRandom::new())
}

fn verifies(parameters: &CryptographicParameters, pair: &KeyPair, message: &[u8], signature: &[u8]) -> bool {
    let mut verifier = Verifier::new(parameters, &pair.public).unwrap();
    verifier.update(message).unwrap();
    verifier.verify(signature)
}

fn there_and_back(parameters: &CryptographicParameters, pair: &KeyPair, hash: HashingAlgorithm) {
    let message = b"the message";
    let signature = sign(parameters, pair, message).unwrap();
    assert!(verifies(parameters, pair, message, &signature), "{parameters:?}");
    assert!(!verifies(parameters, pair, b"the massage", &signature), "{parameters:?}");
    for position in [0, signature.len() / 2, signature.len() - 1] {
        let mut changed = signature.clone();
        changed[position] ^= 1;
        assert!(!verifies(parameters, pair, message, &changed), "{parameters:?} {position}");
    }
    assert!(!verifies(parameters, pair, message, &signature[1..]));
    assert!(!verifies(parameters, pair, message, &[&signature[..], &[0]].concat()));
    assert!(!verifies(parameters, pair, message, &[]));
    // A digest made elsewhere is signed as the message is.
    let digested = digest(hash, message).unwrap();
    assert!(verify_digest(parameters, &pair.public, &digested, &signature).unwrap(), "{parameters:?}");
    let signature = sign_digest(parameters, &pair.private, &digested, &SystemRandom::new()).unwrap();
    assert!(verifies(parameters, pair, message, &signature), "{parameters:?}");
}

#[test]
fn every_rsa_signature_there_and_back() {
    for pair in [&*RSA_1024, &RSA_2048] {
        for row in HASHES.iter().filter(|row| row.hash != HashingAlgorithm::MD5) {
            there_and_back(&parameters(Some(PaddingMethod::PKCS1V1_5), Some(row.hash)), pair, row.hash);
            let pss = CryptographicParameters { salt_length: Some(20), ..parameters(Some(PaddingMethod::PSS), Some(row.hash)) };
            there_and_back(&pss, pair, row.hash);
            for mask in [HashingAlgorithm::SHA_1, HashingAlgorithm::SHA_256] {
                let pss = CryptographicParameters { mask_generator_hashing_algorithm: Some(mask), ..pss.clone() };
                there_and_back(&pss, pair, row.hash);
            }
        }
    }
}

#[test]
fn every_ecdsa_signature_there_and_back() {
    let curves = [RecommendedCurve::P_256, RecommendedCurve::P_384, RecommendedCurve::P_521, RecommendedCurve::SECP256K1];
    for curve in curves {
        let pair = generate_key_pair(&SystemRandom::new(), CryptographicAlgorithm::EC, None, Some(curve)).unwrap();
        for row in HASHES.iter().filter(|row| row.hash != HashingAlgorithm::MD5) {
            there_and_back(&parameters(None, Some(row.hash)), &pair, row.hash);
        }
    }
}

/// A pair for each row of the table, made once.
static PAIRS: LazyLock<Vec<(&'static AsymmetricRow, KeyPair)>> = LazyLock::new(|| {
    let make = |row: &'static AsymmetricRow| {
        let length = (row.algorithm == CryptographicAlgorithm::RSA).then_some(2048);
        (row, generate_key_pair(&SystemRandom::new(), row.algorithm, length, row.curve).unwrap())
    };
    ASYMMETRIC.iter().map(make).collect()
});

#[test]
fn every_row_of_the_table_is_done() {
    for (row, pair) in &*PAIRS {
        let mut parameters = parameters(row.padding, row.any_hash.then_some(HashingAlgorithm::SHA_384));
        parameters.cryptographic_algorithm = Some(row.algorithm);
        match row.usage {
            AsymmetricUse::Signature => {
                let signature = sign(&parameters, pair, b"message").unwrap();
                assert!(verifies(&parameters, pair, b"message", &signature), "{row:?}");
            }
            AsymmetricUse::Encryption => {
                let encrypted = encrypt(&parameters, &pair.public, b"message", &SystemRandom::new()).unwrap();
                assert_eq!(decrypt(&parameters, &pair.private, &encrypted, true).unwrap().expose(), b"message", "{row:?}");
            }
            AsymmetricUse::Agreement => {
                assert!(!agree(&pair.private, &pair.public).unwrap().is_empty(), "{row:?}");
            }
            AsymmetricUse::Encapsulation => {
                let (ciphertext, secret) = encapsulate(&pair.public).unwrap();
                assert_eq!(decapsulate(&pair.private, &ciphertext).unwrap(), secret, "{row:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_message_in_any_parts_is_verified(
        message in prop::collection::vec(any::<u8>(), 0..300),
        cut: prop::sample::Index,
        flip: prop::sample::Index,
        bit in 0..8_u32,
    ) {
        for (row, pair) in PAIRS.iter().filter(|(row, _)| row.usage == AsymmetricUse::Signature) {
            let parameters = parameters(row.padding, row.any_hash.then_some(HashingAlgorithm::SHA_256));
            let mut signer = Signer::new(&parameters, &pair.private).unwrap();
            let (first, second) = message.split_at(cut.index(message.len() + 1));
            signer.update(first).unwrap();
            signer.update(second).unwrap();
            let mut signature = signer.finish(&SystemRandom::new()).unwrap();
            prop_assert!(verifies(&parameters, pair, &message, &signature), "{row:?}");
            let position = flip.index(signature.len());
            signature[position] ^= 1_u8 << bit;
            prop_assert!(!verifies(&parameters, pair, &message, &signature), "{row:?}");
        }
    }

    #[test]
    fn any_bytes_are_no_signature_and_no_ciphertext(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for (row, pair) in &*PAIRS {
            let parameters = parameters(row.padding, None);
            match row.usage {
                AsymmetricUse::Signature => prop_assert!(!verifies(&parameters, pair, b"message", &bytes), "{row:?}"),
                AsymmetricUse::Encryption => prop_assert!(decrypt(&parameters, &pair.private, &bytes, true).is_err(), "{row:?}"),
                AsymmetricUse::Agreement => {}
                AsymmetricUse::Encapsulation => prop_assert!(decapsulate(&pair.private, &bytes).is_err(), "{row:?}"),
            }
        }
    }

    #[test]
    fn any_parameters_are_taken_or_refused_without_panic(
        padding in prop::option::of(0..12_u32),
        hash in prop::option::of(0..19_u32),
        mask in prop::option::of(0..19_u32),
        both in prop::option::of(0..20_u32),
        salt in prop::option::of(any::<i32>()),
        trailer in prop::option::of(0..3_i32),
        data in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let parameters = CryptographicParameters {
            padding_method: padding.map(PaddingMethod),
            hashing_algorithm: hash.map(HashingAlgorithm),
            mask_generator_hashing_algorithm: mask.map(HashingAlgorithm),
            digital_signature_algorithm: both.map(DigitalSignatureAlgorithm),
            salt_length: salt,
            trailer_field: trailer,
            ..Default::default()
        };
        for (row, pair) in &*PAIRS {
            if let Ok(signature) = sign(&parameters, pair, &data) {
                prop_assert!(verifies(&parameters, pair, &data, &signature), "{row:?} {parameters:?}");
            }
            if let Ok(signature) = sign_digest(&parameters, &pair.private, &data, &SystemRandom::new()) {
                prop_assert!(verify_digest(&parameters, &pair.public, &data, &signature).unwrap(), "{row:?} {parameters:?}");
            }
            if let Ok(encrypted) = encrypt(&parameters, &pair.public, &data, &SystemRandom::new()) {
                let opened = decrypt(&parameters, &pair.private, &encrypted, true).unwrap();
                prop_assert_eq!(opened.expose(), &data[..], "{:?}", parameters);
            }
        }
    }
}

#[test]
fn keys_that_do_their_own_hashing() {
    use CryptographicAlgorithm as Algorithm;
    for algorithm in [Algorithm::Ed25519, Algorithm::ML_DSA_44, Algorithm::ML_DSA_65, Algorithm::ML_DSA_87] {
        let pair = generate_key_pair(&SystemRandom::new(), algorithm, None, None).unwrap();
        for parameters in [
            CryptographicParameters::default(),
            CryptographicParameters { cryptographic_algorithm: Some(algorithm), ..Default::default() },
        ] {
            let signature = sign(&parameters, &pair, b"message").unwrap();
            assert!(verifies(&parameters, &pair, b"message", &signature));
            assert!(!verifies(&parameters, &pair, b"massage", &signature));
            let refused = sign_digest(&parameters, &pair.private, &[1; 32], &SystemRandom::new());
            assert!(matches!(refused, Err(CryptoError::UnsupportedParameters(_))));
        }
        let hashed = parameters(None, Some(HashingAlgorithm::SHA_256));
        assert!(matches!(sign(&hashed, &pair, b"message"), Err(CryptoError::BadParameters(_))));
    }
    let kem = generate_key_pair(&SystemRandom::new(), Algorithm::ML_KEM_512, None, None).unwrap();
    assert!(matches!(sign(&CryptographicParameters::default(), &kem, b"message"), Err(CryptoError::BadParameters(_))));
}

#[test]
fn what_is_left_open() {
    let pair = &*RSA_2048;
    let nothing = CryptographicParameters::default();
    let signature = sign(&nothing, pair, b"message").unwrap();
    let pkcs1 = parameters(Some(PaddingMethod::PKCS1V1_5), Some(HashingAlgorithm::SHA_256));
    assert!(verifies(&pkcs1, pair, b"message", &signature));
    let both = CryptographicParameters {
        digital_signature_algorithm: Some(DigitalSignatureAlgorithm::SHA_256WithRSAEncryption),
        ..Default::default()
    };
    assert!(verifies(&both, pair, b"message", &signature));

    // PSS: any salt, and the hash itself or SHA-1 in the mask.
    let pss = parameters(Some(PaddingMethod::PSS), Some(HashingAlgorithm::SHA_256));
    for (salt, mask) in [(0, HashingAlgorithm::SHA_256), (222, HashingAlgorithm::SHA_256), (20, HashingAlgorithm::SHA_1)] {
        let exact =
            CryptographicParameters { salt_length: Some(salt), mask_generator_hashing_algorithm: Some(mask), ..pss.clone() };
        let signature = sign(&exact, pair, b"message").unwrap();
        assert!(verifies(&pss, pair, b"message", &signature), "{salt} {mask:?}");
        let another = CryptographicParameters { salt_length: Some(salt + 1), ..exact.clone() };
        assert!(!verifies(&another, pair, b"message", &signature), "{salt} {mask:?}");
        let sha1 = parameters(Some(PaddingMethod::PSS), Some(HashingAlgorithm::SHA_1));
        assert!(!verifies(&sha1, pair, b"message", &signature));
    }
    let too_long = CryptographicParameters { salt_length: Some(223), ..pss };
    assert!(matches!(sign(&too_long, pair, b"message"), Err(CryptoError::BadParameters(_))));
}

#[test]
fn digests_without_a_hash_are_signed_as_they_are() {
    let nothing = CryptographicParameters::default();
    let any = &[1; 16];
    let signature = sign_digest(&nothing, &RSA_2048.private, any, &SystemRandom::new()).unwrap();
    assert!(verify_digest(&nothing, &RSA_2048.public, any, &signature).unwrap());
    assert!(!verify_digest(&nothing, &RSA_2048.public, &[2; 16], &signature).unwrap());
    let named = parameters(None, Some(HashingAlgorithm::SHA_256));
    assert!(matches!(verify_digest(&named, &RSA_2048.public, any, &signature), Err(CryptoError::BadParameters(_))));
    // What has the length of SHA-256 is a digest of it.
    let digested = digest(HashingAlgorithm::SHA_256, b"message").unwrap();
    let signature = sign_digest(&nothing, &RSA_2048.private, &digested, &SystemRandom::new()).unwrap();
    assert!(verifies(&nothing, &RSA_2048, b"message", &signature));
    let curve = pair(CryptographicAlgorithm::EC, 256);
    let signature = sign_digest(&nothing, &curve.private, any, &SystemRandom::new()).unwrap();
    assert!(verify_digest(&nothing, &curve.public, any, &signature).unwrap());
}

#[test]
fn parameters_for_another_key() {
    let curve = pair(CryptographicAlgorithm::EC, 256);
    let rsa = CryptographicParameters { cryptographic_algorithm: Some(CryptographicAlgorithm::RSA), ..Default::default() };
    let signature = sign(&CryptographicParameters::default(), &curve, b"message").unwrap();
    assert!(!verifies(&rsa, &curve, b"message", &signature), "no signature is valid, and nothing fails");
    assert!(matches!(sign(&rsa, &curve, b"message"), Err(CryptoError::BadParameters(_))));
    let dsa = CryptographicParameters {
        digital_signature_algorithm: Some(DigitalSignatureAlgorithm::DSAWithSHA256),
        ..Default::default()
    };
    assert!(matches!(sign(&dsa, &RSA_2048, b"message"), Err(CryptoError::BadParameters(_))));
    let two = CryptographicParameters {
        digital_signature_algorithm: Some(DigitalSignatureAlgorithm::SHA_256WithRSAEncryption),
        hashing_algorithm: Some(HashingAlgorithm::SHA_384),
        ..Default::default()
    };
    assert!(matches!(sign(&two, &RSA_2048, b"message"), Err(CryptoError::BadParameters(_))));
    let md5 = parameters(None, Some(HashingAlgorithm::MD5));
    assert!(matches!(sign(&md5, &RSA_2048, b"message"), Err(CryptoError::UnsupportedParameters(_))), "verified only");
    let raw = parameters(Some(PaddingMethod::None), None);
    assert!(matches!(sign(&raw, &RSA_2048, b"message"), Err(CryptoError::UnsupportedParameters(_))));
}

#[test]
fn every_encryption_there_and_back() {
    let message = b"a key of thirty-two bytes, maybe";
    for pair in [&*RSA_1024, &RSA_2048] {
        for hash in [HashingAlgorithm::SHA_1, HashingAlgorithm::SHA_256, HashingAlgorithm::SHA_384, HashingAlgorithm::SHA3_256] {
            for mask in [None, Some(HashingAlgorithm::SHA_1), Some(HashingAlgorithm::SHA_256), Some(HashingAlgorithm::SHA_384)] {
                for label in [None, Some(b"label".to_vec())] {
                    let oaep = CryptographicParameters {
                        mask_generator_hashing_algorithm: mask,
                        p_source: label.clone().map(ByteString),
                        ..parameters(Some(PaddingMethod::OAEP), Some(hash))
                    };
                    let data = if hash == HashingAlgorithm::SHA_384 { &message[..20] } else { &message[..] };
                    let encrypted = encrypt(&oaep, &pair.public, data, &SystemRandom::new()).unwrap();
                    assert_eq!(decrypt(&oaep, &pair.private, &encrypted, false).unwrap().expose(), data);
                    for position in [0, encrypted.len() / 2, encrypted.len() - 1] {
                        let mut changed = encrypted.clone();
                        changed[position] ^= 1;
                        assert_eq!(decrypt(&oaep, &pair.private, &changed, false).unwrap_err(), CryptoError::Refused);
                    }
                    assert_eq!(decrypt(&oaep, &pair.private, &encrypted[1..], false).unwrap_err(), CryptoError::Refused);
                    assert_eq!(decrypt(&oaep, &pair.private, &[0xFF; 128], false).unwrap_err(), CryptoError::Refused);
                    let other = CryptographicParameters { p_source: Some(ByteString(b"other".to_vec())), ..oaep };
                    assert_eq!(decrypt(&other, &pair.private, &encrypted, false).unwrap_err(), CryptoError::Refused);
                }
            }
        }
        let pkcs1 = parameters(Some(PaddingMethod::PKCS1V1_5), None);
        let encrypted = encrypt(&pkcs1, &pair.public, message, &SystemRandom::new()).unwrap();
        assert_eq!(decrypt(&pkcs1, &pair.private, &encrypted, true).unwrap().expose(), message);
        assert!(matches!(decrypt(&pkcs1, &pair.private, &encrypted, false), Err(CryptoError::UnsupportedParameters(_))));
        let long = vec![0; pair.public.facts().length as usize / 8 - 10];
        assert!(matches!(encrypt(&pkcs1, &pair.public, &long, &SystemRandom::new()), Err(CryptoError::BadParameters(_))));
    }
}
