//! Symmetric encryption and MACs: every row of the tables, in one call and in parts, right and wrong.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crypto::{CIPHERS, CipherRow, CryptoError, Decryptor, Encryptor, MACS, Mac, MacFunction, Random, SystemRandom};
use kmip::enumerations::{BlockCipherMode, CryptographicAlgorithm, PaddingMethod};
use kmip::structures::CryptographicParameters;
use proptest::prelude::*;

fn parameters(row: &CipherRow) -> CryptographicParameters {
    CryptographicParameters {
        cryptographic_algorithm: Some(row.algorithm),
        block_cipher_mode: row.mode,
        random_iv: Some(true),
        ..CryptographicParameters::default()
    }
}

fn parts(data: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let (mut rest, mut parts) = (data, Vec::new());
    for cut in cuts {
        let (part, later) = rest.split_at((*cut).min(rest.len()));
        parts.push(part.to_vec());
        rest = later;
    }
    parts.push(rest.to_vec());
    parts
}

struct Sealed {
    iv: Option<Vec<u8>>,
    data: Vec<u8>,
    tag: Option<Vec<u8>>,
}

fn encrypt(
    parameters: &CryptographicParameters,
    key: &[u8],
    iv: Option<&[u8]>,
    aad: Option<&[u8]>,
    parts: &[Vec<u8>],
) -> Result<Sealed, CryptoError> {
    let mut encryptor = Encryptor::new(parameters, key, iv, aad, &SystemRandom::new())?;
    let iv = encryptor.generated_iv().map(<[u8]>::to_vec).or(iv.map(<[u8]>::to_vec));
    let mut data = Vec::new();
    for part in parts {
        data.extend(encryptor.update(part)?);
    }
    let (rest, tag) = encryptor.finish()?;
    data.extend(rest);
    Ok(Sealed { iv, data, tag })
}

fn decrypt(
    parameters: &CryptographicParameters,
    key: &[u8],
    aad: Option<&[u8]>,
    sealed: &Sealed,
    cuts: &[usize],
) -> Result<Vec<u8>, CryptoError> {
    let mut decryptor = Decryptor::new(parameters, key, sealed.iv.as_deref(), aad, sealed.tag.as_deref())?;
    let mut data = Vec::new();
    for part in parts(&sealed.data, cuts) {
        data.extend_from_slice(decryptor.update(&part)?.expose());
        if sealed.tag.is_some() {
            assert!(data.is_empty(), "plaintext that was not authenticated");
        }
    }
    data.extend_from_slice(decryptor.finish()?.expose());
    Ok(data)
}

fn key(bytes: usize) -> Vec<u8> {
    let mut key = vec![0; bytes];
    SystemRandom::new().fill(&mut key).unwrap();
    key
}

/// The lengths of data a row takes with a padding.
fn fitted<'a>(row: &CipherRow, padding: Option<PaddingMethod>, data: &'a [u8]) -> Option<&'a [u8]> {
    let block = if row.algorithm == CryptographicAlgorithm::DES3 { 8 } else { 16 };
    match (row.mode, padding) {
        (Some(BlockCipherMode::ECB | BlockCipherMode::CBC), None | Some(PaddingMethod::None)) => {
            Some(&data[..data.len() / block * block])
        }
        // A zero byte at the end is lost by design.
        (_, Some(PaddingMethod::Zeros)) => data.last().is_some_and(|last| *last != 0).then_some(data),
        (Some(BlockCipherMode::XTS), _) => (data.len() >= 16).then_some(data),
        _ => Some(data),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// For every row, padding and length of key: any data, cut anyhow, is what it was, and cut anyhow it is the same.
    #[test]
    fn what_is_encrypted_is_decrypted(
        data in proptest::collection::vec(any::<u8>(), 0..200),
        cuts in proptest::collection::vec(0..40_usize, 0..8),
        aad in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        for row in CIPHERS {
            let paddings = row.paddings.iter().map(|padding| Some(*padding)).chain([None]);
            for (padding, bits) in paddings.flat_map(|padding| row.key_bits.iter().map(move |bits| (padding, bits))) {
                let Some(data) = fitted(row, padding, &data) else { continue };
                let parameters = CryptographicParameters { padding_method: padding, ..parameters(row) };
                let aad = row.authenticated.then_some(&aad[..]);
                let key = key(bits / 8);
                let sealed = encrypt(&parameters, &key, None, aad, &parts(data, &cuts)).unwrap();
                prop_assert_eq!(sealed.iv.is_some(), row.mode != Some(BlockCipherMode::ECB));
                prop_assert_eq!(sealed.tag.is_some(), row.authenticated);
                prop_assert_eq!(decrypt(&parameters, &key, aad, &sealed, &cuts).unwrap(), data, "{:?} {:?}", row, padding);
                if padding != Some(PaddingMethod::ISO10126) {
                    let whole = encrypt(&parameters, &key, sealed.iv.as_deref(), aad, &[data.to_vec()]).unwrap();
                    prop_assert_eq!(&whole.data, &sealed.data);
                    prop_assert_eq!(&whole.tag, &sealed.tag);
                }
            }
        }
    }

    /// One changed bit anywhere is refused where there is a tag, and the tag at the end of the data is as good as one by itself.
    #[test]
    fn a_changed_bit_is_refused(
        data in proptest::collection::vec(any::<u8>(), 0..100),
        aad in proptest::collection::vec(any::<u8>(), 1..40),
        bit in any::<prop::sample::Index>(),
    ) {
        for row in CIPHERS.iter().filter(|row| row.authenticated) {
            let parameters = parameters(row);
            let key = key(row.key_bits[0] / 8);
            let mut sealed = encrypt(&parameters, &key, None, Some(&aad), std::slice::from_ref(&data)).unwrap();
            let tag = sealed.tag.take().unwrap();
            sealed.data.extend(&tag);
            let mut decryptor = Decryptor::new(&parameters, &key, sealed.iv.as_deref(), Some(&aad), None).unwrap();
            decryptor.update(&sealed.data).unwrap();
            prop_assert_eq!(decryptor.held(), sealed.data.len());
            let opened = decryptor.finish().unwrap();
            prop_assert_eq!(opened.expose(), &data[..]);

            let flip = |bytes: &[u8]| {
                let bit = bit.index(bytes.len() * 8);
                let mut bytes = bytes.to_vec();
                bytes[bit / 8] ^= 1 << (bit % 8);
                bytes
            };
            let iv = sealed.iv.clone().unwrap();
            let tries = [
                (flip(&sealed.data), iv.clone(), aad.clone()),
                (sealed.data.clone(), flip(&iv), aad.clone()),
                (sealed.data.clone(), iv.clone(), flip(&aad)),
            ];
            for (data, iv, aad) in tries {
                let wrong = Sealed { iv: Some(iv), data, tag: None };
                prop_assert_eq!(decrypt(&parameters, &key, Some(&aad), &wrong, &[usize::MAX]).unwrap_err(), CryptoError::Refused);
            }
        }
    }

    /// Whatever a client sends, there is an answer.
    #[test]
    fn nothing_panics(
        row in 0..CIPHERS.len(),
        mode in proptest::option::of(0_u32..0x14),
        padding in proptest::option::of(0_u32..0x0C),
        numbers in proptest::collection::vec(proptest::option::of(prop_oneof![any::<i32>(), 0..200]), 6),
        key in proptest::collection::vec(any::<u8>(), 0..70),
        right_key in any::<bool>(),
        iv in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)),
        aad in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)),
        tag in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)),
        random in any::<bool>(),
        data in proptest::collection::vec(any::<u8>(), 0..100),
        cuts in proptest::collection::vec(0..40_usize, 0..4),
    ) {
        let row = &CIPHERS[row];
        let parameters = CryptographicParameters {
            cryptographic_algorithm: Some(row.algorithm),
            block_cipher_mode: mode.map(BlockCipherMode).or(row.mode),
            padding_method: padding.map(PaddingMethod),
            random_iv: Some(random),
            iv_length: numbers[0],
            tag_length: numbers[1],
            fixed_field_length: numbers[2],
            invocation_field_length: numbers[3],
            counter_length: numbers[4],
            initial_counter_value: numbers[5],
            ..CryptographicParameters::default()
        };
        let key = if right_key { vec![7; row.key_bits[0] / 8] } else { key };
        let _ = encrypt(&parameters, &key, iv.as_deref(), aad.as_deref(), &parts(&data, &cuts));
        if let Ok(mut decryptor) = Decryptor::new(&parameters, &key, iv.as_deref(), aad.as_deref(), tag.as_deref()) {
            for part in parts(&data, &cuts) {
                let _ = decryptor.update(&part);
            }
            let _ = decryptor.finish();
        }
    }

    #[test]
    fn macs_stream(
        data in proptest::collection::vec(any::<u8>(), 0..300),
        cuts in proptest::collection::vec(0..80_usize, 0..8),
        bit in any::<prop::sample::Index>(),
    ) {
        for row in MACS {
            let parameters = CryptographicParameters {
                cryptographic_algorithm: Some(row.algorithm),
                ..CryptographicParameters::default()
            };
            let key = key(16);
            let begun = || Mac::new(&parameters, &key).unwrap();
            let mut one = begun();
            one.update(&data);
            let expected = one.finish();
            let mut streamed = begun();
            parts(&data, &cuts).iter().for_each(|part| streamed.update(part));
            prop_assert!(streamed.verify(&expected), "{:?}", row);
            let mut wrong = expected.clone();
            let bit = bit.index(wrong.len() * 8);
            wrong[bit / 8] ^= 1 << (bit % 8);
            for refused in [&wrong[..], &expected[1..], &[]] {
                let mut mac = begun();
                mac.update(&data);
                prop_assert!(!mac.verify(refused));
            }
        }
    }
}

fn aes(mode: BlockCipherMode) -> CryptographicParameters {
    CryptographicParameters {
        cryptographic_algorithm: Some(CryptographicAlgorithm::AES),
        block_cipher_mode: Some(mode),
        ..CryptographicParameters::default()
    }
}

#[test]
fn an_iv_is_needed_or_made() {
    for row in CIPHERS.iter().filter(|row| row.mode != Some(BlockCipherMode::ECB)) {
        let key = key(row.key_bits[0] / 8);
        let asked = parameters(row);
        let not_asked = CryptographicParameters { random_iv: None, ..asked.clone() };
        for iv in [None, Some(&[][..])] {
            assert_eq!(encrypt(&not_asked, &key, iv, None, &[]).err(), Some(CryptoError::MissingIv), "{row:?}");
            assert_eq!(Decryptor::new(&asked, &key, iv, None, None).err(), Some(CryptoError::MissingIv), "{row:?}");
        }
        let (one, other) = (encrypt(&asked, &key, None, None, &[vec![0; 16]]), encrypt(&asked, &key, None, None, &[vec![0; 16]]));
        assert_ne!(one.unwrap().iv, other.unwrap().iv);
    }
    let given = Encryptor::new(
        &CryptographicParameters { random_iv: Some(true), ..aes(BlockCipherMode::CBC) },
        &[0; 16],
        Some(&[1; 16]),
        None,
        &SystemRandom::new(),
    );
    assert_eq!(given.unwrap().generated_iv(), None, "an IV that is given is used");
}

/// RFC 3686: a nonce and an IV of the client, and a counter that begins with 1.
#[test]
fn counters_begin_where_they_are_told() {
    let key = key(16);
    let run = |parameters: &CryptographicParameters, iv: &[u8]| {
        encrypt(parameters, &key, Some(iv), None, &[vec![0; 40]]).map(|sealed| sealed.data)
    };
    let whole = run(&aes(BlockCipherMode::CTR), &[[9; 12].to_vec(), vec![0, 0, 0, 1]].concat()).unwrap();
    let counted = CryptographicParameters {
        counter_length: Some(32),
        initial_counter_value: Some(1),
        iv_length: Some(96),
        fixed_field_length: Some(32),
        invocation_field_length: Some(64),
        ..aes(BlockCipherMode::CTR)
    };
    assert_eq!(run(&counted, &[9; 12]).unwrap(), whole);
    let open = CryptographicParameters { iv_length: None, fixed_field_length: None, ..counted.clone() };
    assert_eq!(run(&open, &[[9; 12].to_vec(), vec![0; 4]].concat()).unwrap(), whole);
    let contradiction = run(&open, &[[9; 12].to_vec(), vec![0, 0, 0, 2]].concat());
    assert_eq!(contradiction.unwrap_err().to_string(), "the counter in the IV is not the Initial Counter Value");
    let silent = CryptographicParameters { initial_counter_value: None, ..open.clone() };
    assert!(run(&silent, &[9; 12]).unwrap_err().to_string().contains("needs an Initial Counter Value"));
    let uneven = CryptographicParameters { fixed_field_length: Some(24), ..counted };
    assert!(run(&uneven, &[9; 12]).unwrap_err().to_string().contains("do not add up to the 128 bits"));

    // Half of a narrow block is too little for a nonce that is drawn: two of them would soon be the same, and with them the key stream.
    let des = CryptographicParameters {
        cryptographic_algorithm: Some(CryptographicAlgorithm::DES3),
        random_iv: Some(true),
        ..aes(BlockCipherMode::CTR)
    };
    let half = CryptographicParameters { counter_length: Some(32), ..des.clone() };
    let refused = encrypt(&half, &[7; 24], None, None, &[vec![0; 40]]).map(drop).unwrap_err();
    assert!(refused.to_string().contains("32 bits are left for it"), "{refused}");
    assert!(encrypt(&des, &[7; 24], None, None, &[vec![0; 40]]).is_ok());
    assert!(
        encrypt(&half, &[7; 24], Some(&[1; 8]), None, &[vec![0; 40]]).is_ok(),
        "the client's own IV is the client's business"
    );

    // A counter of 32 bits does not carry into what stands before it, and never comes round.
    let narrow = CryptographicParameters { counter_length: Some(32), ..aes(BlockCipherMode::CTR) };
    let wrapped = run(&narrow, &[[9; 12].to_vec(), vec![0xFF; 4]].concat()).unwrap();
    let zero = run(&narrow, &[[9; 12].to_vec(), vec![0; 4]].concat()).unwrap();
    assert_eq!(wrapped[16..32], zero[..16]);

    let chacha = CryptographicParameters {
        cryptographic_algorithm: Some(CryptographicAlgorithm::ChaCha20),
        ..CryptographicParameters::default()
    };
    let key = vec![5; 32];
    for nonce in [8, 12] {
        let from_zero = encrypt(&chacha, &key, Some(&vec![3; nonce]), None, &[vec![0; 128]]).unwrap().data;
        let from_one = CryptographicParameters { initial_counter_value: Some(1), ..chacha.clone() };
        assert_eq!(encrypt(&from_one, &key, Some(&vec![3; nonce]), None, &[vec![0; 64]]).unwrap().data, from_zero[64..]);
    }
    let last = CryptographicParameters { initial_counter_value: Some(i32::MAX), ..chacha };
    assert!(encrypt(&last, &key, Some(&[3; 12]), None, &[vec![0; 64]]).is_ok());
}

#[test]
fn contradictions_are_named() {
    let sixteen = Some(&[0; 16][..]);
    let text = |parameters: &CryptographicParameters, key: &[u8], iv, aad, data: &[u8]| {
        encrypt(parameters, key, iv, aad, &[data.to_vec()]).err().unwrap().to_string()
    };
    let (ecb, cbc, gcm) = (aes(BlockCipherMode::ECB), aes(BlockCipherMode::CBC), aes(BlockCipherMode::GCM));
    let none = CryptographicParameters { block_cipher_mode: None, ..ecb.clone() };
    assert_eq!(text(&none, &[0; 16], None, None, &[]), "AES needs a Block Cipher Mode");
    assert_eq!(text(&aes(BlockCipherMode::PCBC), &[0; 16], None, None, &[]), "AES in the mode PCBC is not offered");
    let blowfish = CryptographicParameters { cryptographic_algorithm: Some(CryptographicAlgorithm::Blowfish), ..ecb.clone() };
    assert_eq!(text(&blowfish, &[0; 16], None, None, &[]), "data cannot be encrypted with Blowfish here");
    assert_eq!(text(&ecb, &[0; 15], None, None, &[]), "a key of 120 bits cannot be used: AES-ECB has 128, 192, 256");
    assert_eq!(text(&ecb, &[0; 16], sixteen, None, &[]), "ECB has no IV");
    assert_eq!(text(&ecb, &[0; 16], None, None, &[0; 17]), "without padding, data must be a multiple of 16 bytes");
    assert_eq!(text(&cbc, &[0; 16], Some(&[0; 12]), None, &[]), "an IV of 12 bytes for AES-CBC, which has 16");
    assert_eq!(text(&cbc, &[0; 16], sixteen, Some(&[1]), &[]), "AES-CBC authenticates nothing: there can be no additional data");
    let padded = CryptographicParameters { padding_method: Some(PaddingMethod::PKCS5), ..gcm.clone() };
    assert_eq!(text(&padded, &[0; 16], sixteen, None, &[]), "AES-GCM takes data of any length, without padding");
    let oaep = CryptographicParameters { padding_method: Some(PaddingMethod::OAEP), ..cbc.clone() };
    assert_eq!(text(&oaep, &[0; 16], sixteen, None, &[]), "the padding OAEP is not offered for block ciphers");
    for length in [-1, 0, 1, 3, 11, 17, 32] {
        let parameters = CryptographicParameters { tag_length: Some(length), ..gcm.clone() };
        assert!(text(&parameters, &[0; 16], sixteen, None, &[]).starts_with("AES-GCM has no tags of"), "{length}");
    }
    let short = CryptographicParameters { iv_length: Some(64), random_iv: Some(true), ..gcm.clone() };
    assert_eq!(text(&short, &[0; 16], None, None, &[]), "an IV of 8 bytes cannot be made for AES-GCM");
    assert_eq!(text(&short, &[0; 16], sixteen, None, &[]), "an IV of 16 bytes for AES-GCM, which has 8 bytes (IV Length)");
    let same = [[1; 16], [1; 16]].concat();
    let xts = aes(BlockCipherMode::XTS);
    assert_eq!(text(&xts, &same, sixteen, None, &[0; 16]), "the two halves of a key for XTS must not be the same");
    let halves = [[1; 16], [2; 16]].concat();
    assert_eq!(text(&xts, &halves, sixteen, None, &[0; 15]), "a data unit of XTS has 16 bytes to 16 MiB, not 15 bytes");

    // A tag must have the length that was agreed upon: else who sends a short one would have to guess little.
    let sealed = encrypt(&gcm, &[0; 16], sixteen, None, &[b"data".to_vec()]).unwrap();
    let short = Sealed { tag: sealed.tag.map(|tag| tag[..12].to_vec()), ..sealed };
    let refused = decrypt(&gcm, &[0; 16], None, &short, &[]).unwrap_err();
    assert_eq!(refused.to_string(), "a tag of 12 bytes, where Tag Length says 16");
    let agreed = CryptographicParameters { tag_length: Some(12), ..gcm };
    assert_eq!(decrypt(&agreed, &[0; 16], None, &short, &[]).unwrap(), b"data");
    let untagged = Sealed { tag: None, data: vec![0; 15], iv: Some(vec![0; 16]) };
    assert_eq!(
        decrypt(&aes(BlockCipherMode::GCM), &[0; 16], None, &untagged, &[]).unwrap_err().to_string(),
        "data of 15 bytes cannot end with a tag of 16"
    );
    let tagged = Sealed { tag: Some(vec![0; 16]), data: vec![0; 16], iv: Some(vec![0; 16]) };
    assert_eq!(decrypt(&cbc, &[0; 16], None, &tagged, &[usize::MAX]).unwrap_err().to_string(), "AES-CBC has no tag");
    let uneven = Sealed { tag: None, data: vec![0; 17], iv: Some(vec![0; 16]) };
    assert_eq!(
        decrypt(&cbc, &[0; 16], None, &uneven, &[]).unwrap_err().to_string(),
        "ciphertext in AES-CBC is a multiple of 16 bytes"
    );
}

/// Every wrong padding is the one error, and no plaintext comes with it from the last block.
#[test]
fn wrong_paddings_are_all_the_same() {
    let key = key(16);
    let plain = aes(BlockCipherMode::CBC);
    for padding in [PaddingMethod::PKCS5, PaddingMethod::ANSIX9_23, PaddingMethod::ISO10126] {
        let padded = CryptographicParameters { padding_method: Some(padding), ..plain.clone() };
        for last in [0, 17, 0x80, 0xFF] {
            let mut data = vec![0xA5; 32];
            data[31] = last;
            let sealed = encrypt(&plain, &key, Some(&[0; 16]), None, &[data]).unwrap();
            assert_eq!(decrypt(&padded, &key, None, &sealed, &[]).unwrap_err(), CryptoError::Refused, "{padding:?} {last}");
        }
    }
}

#[test]
fn macs_are_named_by_the_algorithm() {
    let named = |algorithm| CryptographicParameters { cryptographic_algorithm: algorithm, ..CryptographicParameters::default() };
    let refused = |parameters: &CryptographicParameters| Mac::new(parameters, &[1; 16]).err().unwrap().to_string();
    assert_eq!(refused(&named(None)), "the Cryptographic Algorithm is missing");
    assert_eq!(refused(&named(Some(CryptographicAlgorithm::RSA))), "no MAC is computed with the algorithm RSA here");
    let contradiction = CryptographicParameters {
        hashing_algorithm: Some(kmip::enumerations::HashingAlgorithm::SHA_1),
        ..named(Some(CryptographicAlgorithm::HMAC_SHA256))
    };
    assert_eq!(refused(&contradiction), "HMAC_SHA256 cannot have the hash SHA_1");
    assert!(refused(&aes(BlockCipherMode::CBC_MAC)).contains("is no MAC here: CMAC is"));
    assert!(Mac::new(&named(Some(CryptographicAlgorithm::AES)), &[1; 15]).is_err());
    assert!(MACS.iter().any(|row| row.function == MacFunction::Cmac));
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|start| u8::from_str_radix(&text[start..start + 2], 16).unwrap()).collect()
}

/// Test cases 5 and 6 of the paper that GCM was submitted to NIST with: nonces of 8 and of 60 bytes.
#[test]
fn galois_counter_mode_with_odd_nonces() {
    let key = hex("feffe9928665731c6d6a8f9467308308");
    let aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let plain = hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    );
    let known = [
        ("cafebabefacedbad", "61353b4c2806934a777ff51fa22a4755", "3612d2e79e3b0785561be14aaca2fccb"),
        (
            "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b",
            "8ce24998625615b603a033aca13fb894",
            "619cc5aefffe0bfa462af43c1699d050",
        ),
    ];
    for (nonce, begin, tag) in known {
        let sealed = encrypt(&aes(BlockCipherMode::GCM), &key, Some(&hex(nonce)), Some(&aad), &parts(&plain, &[7, 33])).unwrap();
        assert_eq!(sealed.data[..16], hex(begin));
        assert_eq!(sealed.tag, Some(hex(tag)));
    }
}

/// Without random bytes there is no IV and no ISO 10126 padding: never zeros in their place.
#[test]
fn no_random_bytes_are_an_error() {
    struct Dry;
    impl Random for Dry {
        fn fill(&self, _: &mut [u8]) -> Result<(), CryptoError> {
            Err(CryptoError::NoRandomBytes)
        }
    }
    for row in CIPHERS.iter().filter(|row| row.mode != Some(BlockCipherMode::ECB)) {
        let begun = Encryptor::new(&parameters(row), &key(row.key_bits[0] / 8), None, None, &Dry);
        assert_eq!(begun.err(), Some(CryptoError::NoRandomBytes), "{row:?}");
    }
    let padded = CryptographicParameters { padding_method: Some(PaddingMethod::ISO10126), ..aes(BlockCipherMode::ECB) };
    assert_eq!(Encryptor::new(&padded, &[0; 16], None, None, &Dry).err(), Some(CryptoError::NoRandomBytes));
}

/// Neither OpenSSL's commands nor published vectors have 3DES in CTR and Camellia in GCM: both are what ECB makes of counters.
#[test]
fn counters_are_blocks_in_ecb() {
    let of = |algorithm, mode| CryptographicParameters { cryptographic_algorithm: Some(algorithm), ..aes(mode) };
    let ecb = |algorithm, key: &[u8], blocks: Vec<u8>| {
        encrypt(&of(algorithm, BlockCipherMode::ECB), key, None, None, &[blocks]).unwrap().data
    };
    for length in [16, 24] {
        let key = key(length);
        let counters: Vec<u8> = (0..4_u64).flat_map(|count| (0xFFFF_FFFE + count).to_be_bytes()).collect();
        let stream = of(CryptographicAlgorithm::DES3, BlockCipherMode::CTR);
        let sealed = encrypt(&stream, &key, Some(&counters[..8]), None, &[vec![0; 5], vec![0; 27]]).unwrap();
        assert_eq!(sealed.data, ecb(CryptographicAlgorithm::DES3, &key, counters));
    }
    for length in [16, 24, 32] {
        let (key, nonce) = (key(length), [0x33; 12]);
        let counters: Vec<u8> = (1..4_u32).flat_map(|count| [&nonce[..], &count.to_be_bytes()].concat()).collect();
        let expected = ecb(CryptographicAlgorithm::Camellia, &key, counters);
        let parameters = of(CryptographicAlgorithm::Camellia, BlockCipherMode::GCM);
        let sealed = encrypt(&parameters, &key, Some(&nonce), None, &[vec![0; 32]]).unwrap();
        assert_eq!(sealed.data, expected[16..]);
        // The hash of nothing is zero: the tag is what hides it.
        let nothing = encrypt(&parameters, &key, Some(&nonce), None, &[]).unwrap();
        assert_eq!((nothing.data, nothing.tag), (Vec::new(), Some(expected[..16].to_vec())));
    }
}
