//! Padding that is wrong, and MACs and tags that are.

use crypto::{CryptoError, Decryptor, Encryptor, Mac, Random, SystemRandom};
use kmip::enumerations::{BlockCipherMode, CryptographicAlgorithm, PaddingMethod};
use kmip::structures::CryptographicParameters;

use super::{Case, INPUTS};

const KEY: [u8; 32] = [7; 32];
const IV: [u8; 16] = [1; 16];
/// Few blocks: what comes before the last one is the same work anyway.
const LENGTH: usize = 64;

pub(super) fn cases() -> Vec<Case> {
    vec![
        control(),
        padding("AES-CBC, PKCS5 padding", PaddingMethod::PKCS5),
        padding("AES-CBC, ANSI X9.23 padding", PaddingMethod::ANSIX9_23),
        mac("HMAC-SHA-256", CryptographicAlgorithm::HMAC_SHA256),
        mac("AES-CMAC", CryptographicAlgorithm::AES),
        tag("AES-GCM tag", BlockCipherMode::GCM),
        tag("AES-CCM tag", BlockCipherMode::CCM),
    ]
}

/// Compares 64 bytes and returns at the first that differs: what nothing here may do.
fn control() -> Case {
    let expected: Vec<u8> = random(LENGTH);
    let inputs = wrong_at(&expected);
    let compare = move |input: &[u8]| {
        for (one, other) in std::hint::black_box(&expected).iter().zip(input) {
            if std::hint::black_box(one != other) {
                return;
            }
        }
        panic!("the control accepted what is wrong");
    };
    Case {
        name: "control",
        kinds: ["the first byte", "the last byte"],
        inputs,
        refuse: Box::new(compare),
        leaks: true,
        slow: false,
    }
}

fn padding(name: &'static str, method: PaddingMethod) -> Case {
    // Decrypted, the one ends in a number that is no length, the other in sixteen bytes of which only the first is wrong.
    let fill = if method == PaddingMethod::PKCS5 { 16 } else { 0 };
    let plain = parameters(CryptographicAlgorithm::AES, Some(BlockCipherMode::CBC), None);
    let padded = parameters(CryptographicAlgorithm::AES, Some(BlockCipherMode::CBC), Some(method));
    let inputs = [false, true].map(|far| {
        let made = (0..INPUTS).map(|_| {
            let mut data = random(LENGTH);
            if far {
                let last = data.split_at_mut(LENGTH - 16).1;
                last.fill(fill);
                last[0] = 0x55;
                last[15] = 16;
            } else {
                data[LENGTH - 1] = 0xFF;
            }
            sealed(&plain, &data).0
        });
        made.collect()
    });
    let refuse = move |input: &[u8]| refused(&padded, input, None);
    Case { name, kinds: ["the number", "the farthest byte"], inputs, refuse: Box::new(refuse), leaks: false, slow: false }
}

fn mac(name: &'static str, algorithm: CryptographicAlgorithm) -> Case {
    let parameters = parameters(algorithm, None, None);
    let data = random(LENGTH);
    let begun = move || {
        #[expect(clippy::expect_used, reason = "the parameters are written here")]
        let mut mac = Mac::new(&parameters, &KEY).expect("a MAC");
        mac.update(&data);
        mac
    };
    let inputs = wrong_at(&begun().finish());
    let refuse = move |input: &[u8]| assert!(!begun().verify(input), "a wrong MAC was accepted");
    Case { name, kinds: ["the first byte", "the last byte"], inputs, refuse: Box::new(refuse), leaks: false, slow: false }
}

fn tag(name: &'static str, mode: BlockCipherMode) -> Case {
    let parameters = parameters(CryptographicAlgorithm::AES, Some(mode), None);
    let (data, tag) = sealed(&parameters, &random(LENGTH));
    let inputs = wrong_at(&tag);
    let refuse = move |input: &[u8]| refused(&parameters, &data, Some(input));
    Case { name, kinds: ["the first byte", "the last byte"], inputs, refuse: Box::new(refuse), leaks: false, slow: false }
}

/// Copies of which the first byte is wrong, and such of which the last one is.
fn wrong_at(right: &[u8]) -> [Vec<Vec<u8>>; 2] {
    [0, right.len() - 1].map(|position| {
        let made = (1..=INPUTS).map(|change| {
            let mut wrong = right.to_vec();
            wrong[position] ^= change as u8;
            wrong
        });
        made.collect()
    })
}

fn parameters(
    algorithm: CryptographicAlgorithm,
    mode: Option<BlockCipherMode>,
    padding: Option<PaddingMethod>,
) -> CryptographicParameters {
    CryptographicParameters {
        cryptographic_algorithm: Some(algorithm),
        block_cipher_mode: mode,
        padding_method: padding,
        ..CryptographicParameters::default()
    }
}

/// The IV of the mode.
fn iv(parameters: &CryptographicParameters) -> &'static [u8] {
    if parameters.block_cipher_mode == Some(BlockCipherMode::CBC) { &IV } else { &IV[..12] }
}

#[expect(clippy::expect_used, reason = "the parameters are written here")]
fn sealed(parameters: &CryptographicParameters, data: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let random = SystemRandom::new();
    let mut encryptor = Encryptor::new(parameters, &KEY, Some(iv(parameters)), None, &random).expect("an encryption");
    let mut sealed = encryptor.update(data).expect("whole blocks");
    let (rest, tag) = encryptor.finish().expect("whole blocks");
    sealed.extend(rest);
    (sealed, tag.unwrap_or_default())
}

fn refused(parameters: &CryptographicParameters, data: &[u8], tag: Option<&[u8]>) {
    let done = Decryptor::new(parameters, &KEY, Some(iv(parameters)), None, tag).and_then(|mut decryptor| {
        decryptor.update(data)?;
        decryptor.finish()
    });
    assert!(done == Err(CryptoError::Refused), "what is wrong was not refused");
}

#[expect(clippy::expect_used, reason = "without random bytes nothing can be measured")]
fn random(bytes: usize) -> Vec<u8> {
    let mut buffer = vec![0; bytes];
    SystemRandom::new().fill(&mut buffer).expect("random bytes");
    buffer
}
