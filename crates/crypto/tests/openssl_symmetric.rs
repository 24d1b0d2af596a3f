//! What we encrypt and authenticate, OpenSSL opens and verifies, and the reverse: every algorithm and mode its commands have.
//!
//! They have no AEAD, XTS and CCM: the vectors of Wycheproof and NIST stand for these, GMAC for the tags of GCM.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod openssl;

use crypto::{CIPHERS, Decryptor, Encryptor, HASHES, Hasher, MACS, Mac, MacFunction, Random, SystemRandom};
use kmip::enumerations::{BlockCipherMode, CryptographicAlgorithm, HashingAlgorithm, PaddingMethod};
use kmip::structures::CryptographicParameters;
use openssl::{OpenSsl, hex};

fn random(bytes: usize) -> Vec<u8> {
    let mut buffer = vec![0; bytes];
    SystemRandom::new().fill(&mut buffer).unwrap();
    buffer
}

/// The command's name of a cipher. None: it has none.
fn command_name(algorithm: CryptographicAlgorithm, mode: Option<BlockCipherMode>, bits: usize) -> Option<String> {
    let mode = match mode {
        None => return Some("chacha20".to_owned()),
        Some(BlockCipherMode::ECB) => "ecb",
        Some(BlockCipherMode::CBC) => "cbc",
        Some(BlockCipherMode::CFB) => "cfb",
        Some(BlockCipherMode::OFB) => "ofb",
        Some(BlockCipherMode::CTR) => "ctr",
        _ => return None,
    };
    match (algorithm, bits) {
        // The command has no CTR with the small blocks of 3DES.
        (CryptographicAlgorithm::DES3, _) if mode == "ctr" => None,
        (CryptographicAlgorithm::DES3, 128) => {
            Some(format!("des-ede{}", if mode == "ecb" { String::new() } else { format!("-{mode}") }))
        }
        (CryptographicAlgorithm::DES3, _) => {
            Some(format!("des-ede3{}", if mode == "ecb" { String::new() } else { format!("-{mode}") }))
        }
        (CryptographicAlgorithm::AES, _) => Some(format!("aes-{bits}-{mode}")),
        _ => Some(format!("camellia-{bits}-{mode}")),
    }
}

/// What comes before and after the padding that the commands do not know.
fn padded(padding: PaddingMethod, data: &[u8], end: &[u8]) -> bool {
    let fill = &end[data.len()..];
    let (number, inner) = fill.split_last().unwrap();
    end.starts_with(data)
        && match padding {
            PaddingMethod::Zeros => fill.iter().all(|byte| *byte == 0),
            PaddingMethod::ANSIX9_23 => usize::from(*number) == fill.len() && inner.iter().all(|byte| *byte == 0),
            _ => usize::from(*number) == fill.len(),
        }
}

#[test]
fn ciphers() {
    let openssl = OpenSsl::new();
    let mut checked = 0;
    for row in CIPHERS {
        for bits in row.key_bits {
            let Some(name) = command_name(row.algorithm, row.mode, *bits) else { continue };
            let paddings = if row.paddings.is_empty() { &[PaddingMethod::None][..] } else { row.paddings };
            for padding in paddings {
                let parameters = CryptographicParameters {
                    cryptographic_algorithm: Some(row.algorithm),
                    block_cipher_mode: row.mode,
                    padding_method: Some(*padding),
                    ..CryptographicParameters::default()
                };
                let key = random(bits / 8);
                let length = match (row.mode, row.algorithm) {
                    (Some(BlockCipherMode::ECB), _) => 0,
                    (None, _) => 8,
                    (_, CryptographicAlgorithm::DES3) => 8,
                    _ => 16,
                };
                let iv = random(length);
                // The command's IV of ChaCha20 begins with the counter.
                let command_iv = if row.mode.is_none() { [vec![0; 8], iv.clone()].concat() } else { iv.clone() };
                let data = [random(if *padding == PaddingMethod::None { 4095 } else { 4097 }), vec![1]].concat();

                let given = (!iv.is_empty()).then_some(&iv[..]);
                let mut encryptor = Encryptor::new(&parameters, &key, given, None, &SystemRandom::new()).unwrap();
                let mut ours = encryptor.update(&data).unwrap();
                ours.extend(encryptor.finish().unwrap().0);

                let (cipher, key_text, iv_text) = (format!("-{name}"), hex(&key), hex(&command_iv));
                let mut arguments = vec!["enc", &cipher, "-K", &key_text];
                if !command_iv.is_empty() {
                    arguments.extend(["-iv", &iv_text]);
                }
                if *padding != PaddingMethod::PKCS5 {
                    arguments.push("-nopad");
                }
                let mut opening = arguments.clone();
                opening.push("-d");
                let opened = openssl.done(&opening, &ours);
                let theirs = match *padding {
                    PaddingMethod::None | PaddingMethod::PKCS5 => {
                        assert!(opened == data, "{name} {padding:?}: not what we encrypted");
                        openssl.done(&arguments, &data)
                    }
                    // What stands in for the padding is encrypted with the data.
                    _ => {
                        assert!(padded(*padding, &data, &opened), "{name} {padding:?}");
                        openssl.done(&arguments, &opened)
                    }
                };
                let mut decryptor = Decryptor::new(&parameters, &key, given, None, None).unwrap();
                let mut plain = decryptor.update(&theirs).unwrap().expose().to_vec();
                plain.extend_from_slice(decryptor.finish().unwrap().expose());
                assert!(plain == data, "{name} {padding:?}: not what the command encrypted");
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 103, "algorithms, modes, lengths of keys and paddings");
}

fn hash_name(hash: HashingAlgorithm) -> &'static str {
    match hash {
        HashingAlgorithm::MD5 => "md5",
        HashingAlgorithm::SHA_1 => "sha1",
        HashingAlgorithm::SHA_224 => "sha224",
        HashingAlgorithm::SHA_256 => "sha256",
        HashingAlgorithm::SHA_384 => "sha384",
        HashingAlgorithm::SHA_512 => "sha512",
        HashingAlgorithm::SHA_512_224 => "sha512-224",
        HashingAlgorithm::SHA_512_256 => "sha512-256",
        HashingAlgorithm::SHA3_224 => "sha3-224",
        HashingAlgorithm::SHA3_256 => "sha3-256",
        HashingAlgorithm::SHA3_384 => "sha3-384",
        HashingAlgorithm::SHA3_512 => "sha3-512",
        other => panic!("{other:?} has no name here"),
    }
}

#[test]
fn hashes() {
    let openssl = OpenSsl::new();
    let data = random(4096);
    for row in HASHES {
        let mut hasher = Hasher::new(row.hash).unwrap();
        hasher.update(&data);
        let theirs = openssl.done(&["dgst", "-binary", &format!("-{}", hash_name(row.hash))], &data);
        assert_eq!(hasher.finish(), theirs, "{row:?}");
    }
}

#[test]
fn macs() {
    let openssl = OpenSsl::new();
    let data = random(4096);
    for row in MACS {
        let lengths: &[usize] = match (row.function, row.algorithm) {
            (MacFunction::Hmac(_), _) => &[5, 32, 200],
            // The command's CMAC knows no 3DES with two keys.
            (MacFunction::Cmac, CryptographicAlgorithm::DES3) => &[24],
            (MacFunction::Cmac, _) => &[16, 24, 32],
        };
        for length in lengths {
            let key = random(*length);
            let key_option = format!("hexkey:{}", hex(&key));
            let option = match (row.function, row.algorithm) {
                (MacFunction::Hmac(hash), _) => format!("digest:{}", hash_name(hash)),
                (MacFunction::Cmac, CryptographicAlgorithm::DES3) => "cipher:des-ede3-cbc".to_owned(),
                (MacFunction::Cmac, CryptographicAlgorithm::AES) => format!("cipher:aes-{}-cbc", length * 8),
                (MacFunction::Cmac, _) => format!("cipher:camellia-{}-cbc", length * 8),
            };
            let function = if matches!(row.function, MacFunction::Cmac) { "CMAC" } else { "HMAC" };
            let arguments = ["mac", "-binary", "-macopt", &key_option, "-macopt", &option, function];
            let theirs = openssl.done(&arguments, &data);
            let parameters =
                CryptographicParameters { cryptographic_algorithm: Some(row.algorithm), ..CryptographicParameters::default() };
            let mut mac = Mac::new(&parameters, &key).unwrap();
            mac.update(&data);
            assert!(mac.verify(&theirs), "{row:?} {length}");
        }
    }
}

/// The tag of GCM over additional data alone.
#[test]
fn galois_tags() {
    let openssl = OpenSsl::new();
    for bits in [128, 192, 256] {
        for nonce in [1, 8, 12, 16, 60] {
            let (key, nonce, aad) = (random(bits / 8), random(nonce), random(1000));
            let parameters = CryptographicParameters {
                cryptographic_algorithm: Some(CryptographicAlgorithm::AES),
                block_cipher_mode: Some(BlockCipherMode::GCM),
                ..CryptographicParameters::default()
            };
            let encryptor = Encryptor::new(&parameters, &key, Some(&nonce), Some(&aad), &SystemRandom::new()).unwrap();
            let (cipher, key, iv) =
                (format!("cipher:aes-{bits}-gcm"), format!("hexkey:{}", hex(&key)), format!("hexiv:{}", hex(&nonce)));
            let theirs = openssl.done(&["mac", "-binary", "-macopt", &cipher, "-macopt", &key, "-macopt", &iv, "GMAC"], &aad);
            assert_eq!(encryptor.finish().unwrap().1, Some(theirs), "{bits} {}", nonce.len());
        }
    }
}
