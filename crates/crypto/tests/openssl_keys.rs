//! Keys that are wrapped and derived here and by OpenSSL are the same, and so are the formats of DSA and Diffie-Hellman keys.

#![allow(clippy::unwrap_used)] // A failed unwrap is a failed test.

mod openssl;

use crypto::{FiniteFieldPrivateKey, FiniteFieldPublicKey, Iteration, PseudorandomFunction, SystemRandom};
use kmip::enumerations::{BlockCipherMode, CryptographicAlgorithm, HashingAlgorithm};
use kmip::structures::CryptographicParameters;
use openssl::{OpenSsl, hex};

const HASHES: [(HashingAlgorithm, &str); 8] = [
    (HashingAlgorithm::SHA_1, "SHA1"),
    (HashingAlgorithm::SHA_224, "SHA224"),
    (HashingAlgorithm::SHA_256, "SHA256"),
    (HashingAlgorithm::SHA_384, "SHA384"),
    (HashingAlgorithm::SHA_512, "SHA512"),
    (HashingAlgorithm::SHA3_256, "SHA3-256"),
    (HashingAlgorithm::SHA3_384, "SHA3-384"),
    (HashingAlgorithm::SHA3_512, "SHA3-512"),
];

#[test]
fn wrapped_keys() {
    let openssl = OpenSsl::new();
    let mut agreed = 0;
    for (mode, suffix, iv, lengths) in [
        (BlockCipherMode::NISTKeyWrap, "wrap", "A6A6A6A6A6A6A6A6", &[16, 24, 40, 1_024][..]),
        (BlockCipherMode::AESKeyWrapPadding, "wrap-pad", "A65959A6", &[1, 7, 8, 9, 16, 31, 1_000]),
    ] {
        let parameters = CryptographicParameters { block_cipher_mode: Some(mode), ..CryptographicParameters::default() };
        for bits in [128_usize, 192, 256] {
            let key: Vec<u8> = (1..=(bits / 8) as u8).collect();
            for length in lengths {
                let data: Vec<u8> = (0..*length).map(|byte| byte as u8).collect();
                let wrapped = crypto::wrap(&parameters, &key, &data, &SystemRandom::new()).unwrap().bytes;
                let (cipher, key_hex) = (format!("-id-aes{bits}-{suffix}"), hex(&key));
                let arguments = ["enc", &cipher, "-K", &key_hex, "-iv", iv];
                assert_eq!(openssl.done(&arguments, &data), wrapped, "{cipher} {length}");
                let arguments = ["enc", "-d", &cipher, "-K", &key_hex, "-iv", iv];
                assert_eq!(openssl.done(&arguments, &wrapped), data, "{cipher} {length}");
                agreed += 1;
            }
        }
    }
    println!("OpenSSL: {agreed} wrapped keys both ways");
}

fn kdf(openssl: &OpenSsl, name: &str, length: usize, options: &[String]) -> Vec<u8> {
    let length = length.to_string();
    let mut arguments = vec!["kdf", "-keylen", &length, "-binary"];
    for option in options {
        arguments.extend(["-kdfopt", option]);
    }
    arguments.push(name);
    openssl.done(&arguments, &[])
}

#[test]
fn derived_keys() {
    let openssl = OpenSsl::new();
    let (key, salt, info) = (b"a key of some bytes", b"a salt of some bytes", b"information");
    let mut agreed = 0;
    for (hash, name) in HASHES {
        for length in [16, 100] {
            let options = [
                format!("digest:{name}"),
                format!("hexkey:{}", hex(key)),
                format!("hexsalt:{}", hex(salt)),
                format!("hexinfo:{}", hex(info)),
            ];
            let derived = crypto::hkdf(hash, key, salt, info, length).unwrap();
            assert_eq!(kdf(&openssl, "HKDF", length, &options), derived.expose(), "HKDF {name}");
            let options = [
                format!("digest:{name}"),
                format!("hexpass:{}", hex(key)),
                format!("hexsalt:{}", hex(salt)),
                "iter:1500".to_owned(),
            ];
            let derived = crypto::pbkdf2(hash, key, salt, 1_500, length).unwrap();
            assert_eq!(kdf(&openssl, "PBKDF2", length, &options), derived.expose(), "PBKDF2 {name}");
            agreed += 2;
        }
    }
    // SP 800-108 with all that the standard appends: label, zero byte, context, length.
    let fixed = |length: usize| [&salt[..], &[0], &info[..], &(length as u32 * 8).to_be_bytes()].concat();
    let functions = HASHES.map(|(hash, name)| (PseudorandomFunction::Hmac(hash), format!("mac:HMAC digest:{name}"), &key[..]));
    let cmac = (PseudorandomFunction::Cmac(CryptographicAlgorithm::AES), "mac:CMAC cipher:AES-128-CBC".to_owned(), &key[..16]);
    for (function, words, key) in functions.into_iter().chain([cmac]) {
        for (mode, iteration, seed) in [
            ("counter", Iteration::Counter, None),
            ("feedback", Iteration::Feedback { iv: &[] }, None),
            ("feedback", Iteration::Feedback { iv: &[7; 16] }, Some([7; 16])),
        ] {
            // OpenSSL takes an IV as long as a block of the function alone.
            let whole = matches!(function, PseudorandomFunction::Cmac(_));
            if seed.is_some() && !whole {
                continue;
            }
            let mut options: Vec<String> = words.split(' ').map(str::to_owned).collect();
            options.extend([
                format!("mode:{mode}"),
                format!("hexkey:{}", hex(key)),
                format!("hexsalt:{}", hex(salt)),
                format!("hexinfo:{}", hex(info)),
            ]);
            options.extend(seed.map(|seed| format!("hexseed:{}", hex(&seed))));
            for length in [16, 100] {
                let derived = crypto::nist_800_108(iteration, function, key, &fixed(length), Some(32), length).unwrap();
                assert_eq!(kdf(&openssl, "KBKDF", length, &options), derived.expose(), "{words} {mode} {length}");
                agreed += 1;
            }
        }
    }
    println!("OpenSSL: {agreed} derived keys");
}

/// The value of a number in what OpenSSL prints of a key: its lines of hexadecimal digits, or a small number in decimal.
fn printed(text: &str, name: &str) -> Vec<u8> {
    let mut lines = text.lines().skip_while(|line| !line.trim_start().starts_with(&format!("{name}:")));
    let first = lines.next().unwrap_or_else(|| panic!("no {name} in {text}"));
    if let Some((_, small)) = first.split_once(" (0x") {
        let digits = small.trim_end_matches(')');
        return (u64::from_str_radix(digits, 16).unwrap().to_be_bytes()).into_iter().skip_while(|byte| *byte == 0).collect();
    }
    let digits = lines.take_while(|line| line.starts_with("    ")).flat_map(|line| line.trim().split(':'));
    let bytes = digits.filter(|digits| !digits.is_empty()).map(|digits| u8::from_str_radix(digits, 16).unwrap());
    bytes.skip_while(|byte| *byte == 0).collect()
}

#[test]
fn keys_of_dsa_and_diffie_hellman() {
    let openssl = OpenSsl::new();
    let dsa = ["genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024", "-out", "dsa.pem"];
    openssl.done(&dsa, &[]);
    let x9_42 = ["genpkey", "-genparam", "-algorithm", "DHX", "-pkeyopt", "dh_rfc5114:2", "-out", "dhx.pem"];
    openssl.done(&x9_42, &[]);
    let pkcs_3 = ["genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "dh_paramgen_prime_len:512", "-out", "dh.pem"];
    openssl.done(&pkcs_3, &[]);
    for (parameters, algorithm, has_order) in [
        ("dsa.pem", CryptographicAlgorithm::DSA, true),
        ("dhx.pem", CryptographicAlgorithm::DH, true),
        ("dh.pem", CryptographicAlgorithm::DH, false),
    ] {
        let made = openssl.done(&["genpkey", "-paramfile", parameters], &[]);
        let pkcs8 = openssl.done(&["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], &made);
        let private = FiniteFieldPrivateKey::from_pkcs8(&pkcs8).unwrap();
        let text = String::from_utf8(openssl.done(&["pkey", "-inform", "DER", "-text", "-noout"], &pkcs8)).unwrap();
        let name = |dsa: &'static str, dh: &'static str| if algorithm == CryptographicAlgorithm::DSA { dsa } else { dh };
        assert_eq!(private.group.algorithm, algorithm);
        assert_eq!(private.group.q.is_some(), has_order);
        assert_eq!(printed(&text, name("priv", "private-key")), private.x.expose());
        // Of a group that it knows, OpenSSL prints the name, in the comparison below, too.
        if !text.contains("GROUP:") {
            assert_eq!(printed(&text, "P"), private.group.p);
            assert_eq!(printed(&text, "G"), private.group.g);
            private.group.q.iter().for_each(|q| assert_eq!(printed(&text, "Q"), *q));
        }

        // OpenSSL reads what is written here, as the same key.
        let written = private.to_pkcs8().unwrap();
        let again = openssl.done(&["pkey", "-inform", "DER", "-text", "-noout"], written.expose());
        assert_eq!(String::from_utf8(again).unwrap(), text, "{parameters}");
        let spki = openssl.done(&["pkey", "-inform", "DER", "-pubout", "-outform", "DER"], &pkcs8);
        let public = FiniteFieldPublicKey::from_spki(&spki).unwrap();
        assert_eq!(public.group, private.group);
        assert_eq!(printed(&text, name("pub", "public-key")), public.y);
        let arguments = ["pkey", "-pubin", "-inform", "DER", "-text", "-noout"];
        let (written, original) = (public.to_spki().unwrap(), openssl.done(&arguments, &spki));
        assert_eq!(openssl.done(&arguments, &written), original, "{parameters}");
    }
}
