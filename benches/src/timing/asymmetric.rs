//! RSA decryption that fails (Manger's and Bleichenbacher's attacks live on telling why).

use crypto::{CryptoError, KeyPair, SystemRandom, decrypt, encrypt, generate_key_pair};
use kmip::ByteString;
use kmip::enumerations::{CryptographicAlgorithm, HashingAlgorithm, PaddingMethod};
use kmip::structures::CryptographicParameters;

use super::{Case, INPUTS};

pub(super) fn cases() -> Vec<Case> {
    let oaep = |mask| CryptographicParameters {
        padding_method: Some(PaddingMethod::OAEP),
        hashing_algorithm: Some(HashingAlgorithm::SHA_256),
        mask_generator_hashing_algorithm: Some(mask),
        ..CryptographicParameters::default()
    };
    let pkcs1 = CryptographicParameters { padding_method: Some(PaddingMethod::PKCS1V1_5), ..CryptographicParameters::default() };
    vec![
        case("RSA-2048-OAEP, by aws-lc-rs", 2048, oaep(HashingAlgorithm::SHA_256)),
        case("RSA-2048-OAEP, two hashes", 2048, oaep(HashingAlgorithm::SHA_1)),
        case("RSA-1024-OAEP", 1024, oaep(HashingAlgorithm::SHA_256)),
        case("RSA-2048-PKCS1 v1.5, by aws-lc-rs", 2048, pkcs1.clone()),
        case("RSA-1024-PKCS1 v1.5", 1024, pkcs1),
    ]
}

fn case(name: &'static str, bits: i32, parameters: CryptographicParameters) -> Case {
    let pair = pair(bits);
    // Numbers without any padding: nearly all of them begin with another byte than zero.
    let none = || unpadded(&pair);
    // Padded well, but for another label: they begin with zero as they should, and only what follows is wrong. To PKCS#1 v1.5
    // they are numbers that begin with zero and go on with anything.
    let other = CryptographicParameters {
        padding_method: Some(PaddingMethod::OAEP),
        hashing_algorithm: Some(HashingAlgorithm::SHA_256),
        mask_generator_hashing_algorithm: parameters.mask_generator_hashing_algorithm,
        p_source: Some(ByteString(b"another label".to_vec())),
        ..CryptographicParameters::default()
    };
    let label = || encrypted(&other, &pair);
    let kinds: [&dyn Fn() -> Vec<u8>; 2] = [&none, &label];
    // One in some hundred numbers is right by chance.
    let wrong = |input: &Vec<u8>| decrypt(&parameters, &pair.private, input, true).is_err();
    let inputs = kinds.map(|make| std::iter::repeat_with(make).filter(wrong).take(INPUTS).collect());
    let refuse = move |input: &[u8]| {
        let refused = decrypt(&parameters, &pair.private, input, true);
        assert!(refused.err() == Some(CryptoError::Refused), "what is wrong was decrypted, or refused otherwise");
    };
    Case { name, kinds: ["the first byte", "what follows"], inputs, refuse: Box::new(refuse), leaks: false, slow: true }
}

#[expect(clippy::expect_used, reason = "the parameters are written here")]
fn pair(bits: i32) -> KeyPair {
    generate_key_pair(&SystemRandom::new(), CryptographicAlgorithm::RSA, Some(bits), None).expect("an RSA pair")
}

#[expect(clippy::expect_used, reason = "the parameters are written here")]
fn encrypted(parameters: &CryptographicParameters, pair: &KeyPair) -> Vec<u8> {
    encrypt(parameters, &pair.public, b"a secret", &SystemRandom::new()).expect("an encryption")
}

/// A number below the modulus, as long as it, that nobody encrypted: one that was, with a few of its bytes changed.
fn unpadded(pair: &KeyPair) -> Vec<u8> {
    let parameters =
        CryptographicParameters { padding_method: Some(PaddingMethod::PKCS1V1_5), ..CryptographicParameters::default() };
    let mut number = encrypted(&parameters, pair);
    number[0] >>= 1;
    if let Some(last) = number.last_mut() {
        *last ^= 0x55;
    }
    number
}
