//! The examples that NIST, IEEE and the RFCs print, through what the operations call.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use BlockCipherMode as Mode;
use CryptographicAlgorithm as Algorithm;
use crypto::{Decryptor, Encryptor, HASHES, Mac, SystemRandom, digest};
use kmip::enumerations::{BlockCipherMode, CryptographicAlgorithm, HashingAlgorithm};
use kmip::structures::CryptographicParameters;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|start| u8::from_str_radix(&text[start..start + 2], 16).unwrap()).collect()
}

/// The bytes from the first to the last.
fn counting(range: std::ops::RangeInclusive<u8>) -> Vec<u8> {
    range.collect()
}

#[derive(Default)]
struct Example {
    algorithm: Option<Algorithm>,
    mode: Option<Mode>,
    tag_length: Option<i32>,
    initial_counter: Option<i32>,
    key: Vec<u8>,
    iv: Vec<u8>,
    aad: Vec<u8>,
    plain: Vec<u8>,
    sealed: Vec<u8>,
    tag: Option<Vec<u8>>,
}

impl Example {
    /// Encrypts and decrypts.
    fn check(self, name: &str) {
        let parameters = CryptographicParameters {
            cryptographic_algorithm: self.algorithm,
            block_cipher_mode: self.mode,
            tag_length: self.tag_length,
            initial_counter_value: self.initial_counter,
            ..CryptographicParameters::default()
        };
        let iv = (!self.iv.is_empty()).then_some(&self.iv[..]);
        let aad = (!self.aad.is_empty()).then_some(&self.aad[..]);
        let mut encryptor = Encryptor::new(&parameters, &self.key, iv, aad, &SystemRandom::new()).unwrap();
        let mut sealed = encryptor.update(&self.plain).unwrap();
        let (rest, tag) = encryptor.finish().unwrap();
        sealed.extend(rest);
        assert_eq!((sealed, &tag), (self.sealed.clone(), &self.tag), "{name}: encrypted");
        let mut decryptor = Decryptor::new(&parameters, &self.key, iv, aad, tag.as_deref()).unwrap();
        let mut plain = decryptor.update(&self.sealed).unwrap().expose().to_vec();
        plain.extend_from_slice(decryptor.finish().unwrap().expose());
        assert_eq!(plain, self.plain, "{name}: decrypted");
    }
}

/// The plaintext of SP 800-38A and SP 800-38B.
const FOUR_BLOCKS: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
const AES_KEYS: [&str; 3] = [
    "2b7e151628aed2a6abf7158809cf4f3c",
    "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
    "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
];

/// SP 800-38A, appendix F: the examples of 128, 192 and 256 bits of F.1 to F.5 (CFB with segments of a block).
#[test]
fn aes_modes() {
    let known = [
        (
            Mode::ECB,
            128,
            "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4",
        ),
        (
            Mode::ECB,
            192,
            "bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eefef7afd2270e2e60adce0ba2face6444e9a4b41ba738d6c72fb16691603c18e0e",
        ),
        (
            Mode::ECB,
            256,
            "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7",
        ),
        (
            Mode::CBC,
            128,
            "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
        ),
        (
            Mode::CBC,
            192,
            "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd",
        ),
        (
            Mode::CBC,
            256,
            "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
        ),
        (
            Mode::CFB,
            128,
            "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6",
        ),
        (
            Mode::CFB,
            192,
            "cdc80d6fddf18cab34c25909c99a417467ce7f7f81173621961a2b70171d3d7a2e1e8a1dd59b88b1c8e60fed1efac4c9c05f9f9ca9834fa042ae8fba584b09ff",
        ),
        (
            Mode::CFB,
            256,
            "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407bdf10132415e54b92a13ed0a8267ae2f975a385741ab9cef82031623d55b1e471",
        ),
        (
            Mode::OFB,
            128,
            "3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed8259740051e9c5fecf64344f7a82260edcc304c6528f659c77866a510d9c1d6ae5e",
        ),
        (
            Mode::OFB,
            192,
            "cdc80d6fddf18cab34c25909c99a4174fcc28b8d4c63837c09e81700c11004018d9a9aeac0f6596f559c6d4daf59a5f26d9f200857ca6c3e9cac524bd9acc92a",
        ),
        (
            Mode::OFB,
            256,
            "dc7e84bfda79164b7ecd8486985d38604febdc6740d20b3ac88f6ad82a4fb08d71ab47a086e86eedf39d1c5bba97c4080126141d67f37be8538f5a8be740e484",
        ),
        (
            Mode::CTR,
            128,
            "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee",
        ),
        (
            Mode::CTR,
            192,
            "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e941e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050",
        ),
        (
            Mode::CTR,
            256,
            "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
        ),
    ];
    for (mode, bits, sealed) in known {
        let iv = match mode {
            Mode::ECB => Vec::new(),
            Mode::CTR => counting(0xF0..=0xFF),
            _ => counting(0..=15),
        };
        let key = hex(AES_KEYS[bits / 64 - 2]);
        let (plain, sealed) = (hex(FOUR_BLOCKS), hex(sealed));
        Example { algorithm: Some(Algorithm::AES), mode: Some(mode), key, iv, plain, sealed, ..Example::default() }
            .check(&format!("{mode:?} {bits}"));
    }
}

/// SP 800-67, appendix B.1.
#[test]
fn triple_des() {
    Example {
        algorithm: Some(Algorithm::DES3),
        mode: Some(Mode::ECB),
        key: hex("0123456789abcdef23456789abcdef01456789abcdef0123"),
        plain: b"The qufck brown fox jump".to_vec(),
        sealed: hex("a826fd8ce53b855fcce21c8112256fe668d5c05dd9b6b900"),
        ..Example::default()
    }
    .check("3DES");
}

/// RFC 3713, appendix A.
#[test]
fn camellia() {
    let key = hex("0123456789abcdeffedcba987654321000112233445566778899aabbccddeeff");
    let known = [
        (16, "67673138549669730857065648eabe43"),
        (24, "b4993401b3e996f84ee5cee7d79b09b9"),
        (32, "9acc237dff16d76c20ef7c919e3a7509"),
    ];
    for (length, sealed) in known {
        Example {
            algorithm: Some(Algorithm::Camellia),
            mode: Some(Mode::ECB),
            key: key[..length].to_vec(),
            plain: key[..16].to_vec(),
            sealed: hex(sealed),
            ..Example::default()
        }
        .check(&format!("Camellia {length}"));
    }
}

/// Test cases 4, 10 and 16 of the paper that GCM was submitted to NIST with.
#[test]
fn galois_counter_mode() {
    let key = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    let known = [
        (
            16,
            "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
            "5bc94fbc3221a5db94fae95ae7121a47",
        ),
        (
            24,
            "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710",
            "2519498e80f1478f37ba55bd6d27618c",
        ),
        (
            32,
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
            "76fc6ece0f4e1768cddf8853bb2d551b",
        ),
    ];
    for (length, sealed, tag) in known {
        Example {
            algorithm: Some(Algorithm::AES),
            mode: Some(Mode::GCM),
            key: key[..length].to_vec(),
            iv: hex("cafebabefacedbaddecaf888"),
            aad: hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
            plain: hex(
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
            ),
            sealed: hex(sealed),
            tag: Some(hex(tag)),
            ..Example::default()
        }
        .check(&format!("GCM {length}"));
    }
}

/// SP 800-38C, appendix C, examples 1 to 4; the last has 64 KiB of additional data.
#[test]
fn counter_with_cbc_mac() {
    let long: Vec<u8> = counting(0..=255).repeat(256);
    let known = [
        (0x16, counting(0..=7), 0x23, "7162015b", "4dac255d"),
        (0x17, counting(0..=15), 0x2F, "d2a1f0e051ea5f62081a7792073d593d", "1fc64fbfaccd"),
        (0x1B, counting(0..=19), 0x37, "e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5", "484392fbc1b09951"),
        (0x1C, long, 0x3F, "69915dad1e84c6376a68c2967e4dab615ae0fd1faec44cc484828529463ccf72", "b4ac6bec93e8598e7f0dadbcea5b"),
    ];
    for (last_of_nonce, aad, last_of_data, sealed, tag) in known {
        Example {
            algorithm: Some(Algorithm::AES),
            mode: Some(Mode::CCM),
            tag_length: Some((tag.len() / 2) as i32),
            key: counting(0x40..=0x4F),
            iv: counting(0x10..=last_of_nonce),
            aad,
            plain: counting(0x20..=last_of_data),
            sealed: hex(sealed),
            tag: Some(hex(tag)),
            ..Example::default()
        }
        .check(&format!("CCM {last_of_nonce}"));
    }
}

/// IEEE 1619, annex B: vectors 2, 10 (its begin and end) and 15, which ends in a part of a block.
#[test]
fn xts() {
    let example = |key: &str, iv: &str, plain: Vec<u8>, sealed: &str| Example {
        algorithm: Some(Algorithm::AES),
        mode: Some(Mode::XTS),
        key: hex(key),
        iv: hex(iv),
        plain,
        sealed: hex(sealed),
        ..Example::default()
    };
    let two = [&"11".repeat(16)[..], &"22".repeat(16)].concat();
    let sealed = "c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0";
    example(&two, "3333333333", vec![0x44; 32], sealed).check("XTS 2");
    let descending = "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0bfbebdbcbbbab9b8b7b6b5b4b3b2b1b0";
    example(descending, "9a78563412", counting(0..=16), "6c1625db4671522d3d7599601de7ca09ed").check("XTS 15");

    let e_and_pi = [
        "2718281828459045235360287471352662497757247093699959574966967627",
        "3141592653589793238462643383279502884197169399375105820974944592",
    ];
    let parameters = CryptographicParameters {
        cryptographic_algorithm: Some(Algorithm::AES),
        block_cipher_mode: Some(Mode::XTS),
        ..CryptographicParameters::default()
    };
    let key = hex(&e_and_pi.concat());
    let mut encryptor = Encryptor::new(&parameters, &key, Some(&[0xFF]), None, &SystemRandom::new()).unwrap();
    encryptor.update(&counting(0..=255).repeat(2)).unwrap();
    let (sealed, _) = encryptor.finish().unwrap();
    assert_eq!(sealed[..32], hex("1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b"));
    assert_eq!(sealed[480..], hex("773dad38014bd2092fa755c824bb5e54c4f36ffda9fcea70b9c6e693e148c151"));
}

/// RFC 8439, section 2.4.2.
#[test]
fn chacha20() {
    Example {
        algorithm: Some(Algorithm::ChaCha20),
        initial_counter: Some(1),
        key: counting(0..=31),
        iv: hex("000000000000004a00000000"),
        plain: b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
            .to_vec(),
        sealed: hex(
            "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d807ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab77937365af90bbf74a35be6b40b8eedf2785e42874d",
        ),
        ..Example::default()
    }
    .check("ChaCha20");
}

/// SP 800-38B, appendix D: AES of all lengths, and 3DES with three keys.
#[test]
fn cipher_macs() {
    let known = [
        (Algorithm::AES, AES_KEYS[0], 0, "bb1d6929e95937287fa37d129b756746"),
        (Algorithm::AES, AES_KEYS[0], 16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (Algorithm::AES, AES_KEYS[0], 40, "dfa66747de9ae63030ca32611497c827"),
        (Algorithm::AES, AES_KEYS[0], 64, "51f0bebf7e3b9d92fc49741779363cfe"),
        (Algorithm::AES, AES_KEYS[1], 0, "d17ddf46adaacde531cac483de7a9367"),
        (Algorithm::AES, AES_KEYS[1], 16, "9e99a7bf31e710900662f65e617c5184"),
        (Algorithm::AES, AES_KEYS[1], 40, "8a1de5be2eb31aad089a82e6ee908b0e"),
        (Algorithm::AES, AES_KEYS[1], 64, "a1d5df0eed790f794d77589659f39a11"),
        (Algorithm::AES, AES_KEYS[2], 0, "028962f61b7bf89efc6b551f4667d983"),
        (Algorithm::AES, AES_KEYS[2], 16, "28a7023f452e8f82bd4bf28d8c37c35c"),
        (Algorithm::AES, AES_KEYS[2], 40, "aaf3d8f1de5640c232f5b169b9c911e6"),
        (Algorithm::AES, AES_KEYS[2], 64, "e1992190549f6ed5696a2c056c315410"),
        (Algorithm::DES3, "8aa83bf8cbda10620bc1bf19fbb6cd58bc313d4a371ca8b5", 0, "b7a688e122ffaf95"),
        (Algorithm::DES3, "8aa83bf8cbda10620bc1bf19fbb6cd58bc313d4a371ca8b5", 8, "8e8f293136283797"),
        (Algorithm::DES3, "8aa83bf8cbda10620bc1bf19fbb6cd58bc313d4a371ca8b5", 20, "743ddbe0ce2dc2ed"),
        (Algorithm::DES3, "8aa83bf8cbda10620bc1bf19fbb6cd58bc313d4a371ca8b5", 32, "33e6b1092400eae5"),
    ];
    for (algorithm, key, length, expected) in known {
        let parameters =
            CryptographicParameters { cryptographic_algorithm: Some(algorithm), ..CryptographicParameters::default() };
        let mut mac = Mac::new(&parameters, &hex(key)).unwrap();
        mac.update(&hex(FOUR_BLOCKS)[..length]);
        assert_eq!(mac.finish(), hex(expected), "{algorithm:?} {length}");
    }
}

/// FIPS 180-4 and FIPS 202, and MD5 beside them: nothing, and the message of 56 bytes that needs a second block.
#[test]
fn hashes() {
    let known = [
        (HashingAlgorithm::MD5, "8215ef0796a20bcaaae116d3876c664a", "d41d8cd98f00b204e9800998ecf8427e"),
        (HashingAlgorithm::SHA_1, "84983e441c3bd26ebaae4aa1f95129e5e54670f1", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (
            HashingAlgorithm::SHA_224,
            "75388b16512776cc5dba5da1fd890150b0c6455cb4f58b1952522525",
            "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f",
        ),
        (
            HashingAlgorithm::SHA_256,
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        (
            HashingAlgorithm::SHA_384,
            "3391fdddfc8dc7393707a65b1b4709397cf8b1d162af05abfe8f450de5f36bc6b0455a8520bc4e6f5fe95b1fe3c8452b",
            "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
        ),
        (
            HashingAlgorithm::SHA_512,
            "204a8fc6dda82f0a0ced7beb8e08a41657c16ef468b228a8279be331a703c33596fd15c13b1b07f9aa1d3bea57789ca031ad85c7a71dd70354ec631238ca3445",
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
        ),
        (
            HashingAlgorithm::SHA_512_224,
            "e5302d6d54bb242275d1e7622d68df6eb02dedd13f564c13dbda2174",
            "6ed0dd02806fa89e25de060c19d3ac86cabb87d6a0ddd05c333b84f4",
        ),
        (
            HashingAlgorithm::SHA_512_256,
            "bde8e1f9f19bb9fd3406c90ec6bc47bd36d8ada9f11880dbc8a22a7078b6a461",
            "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a",
        ),
        (
            HashingAlgorithm::SHA3_224,
            "8a24108b154ada21c9fd5574494479ba5c7e7ab76ef264ead0fcce33",
            "6b4e03423667dbb73b6e15454f0eb1abd4597f9a1b078e3f5b5a6bc7",
        ),
        (
            HashingAlgorithm::SHA3_256,
            "41c0dba2a9d6240849100376a8235e2c82e1b9998a999e21db32dd97496d3376",
            "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
        ),
        (
            HashingAlgorithm::SHA3_384,
            "991c665755eb3a4b6bbdfb75c78a492e8c56a22c5c4d7e429bfdbc32b9d4ad5aa04a1f076e62fea19eef51acd0657c22",
            "0c63a75b845e4f7d01107d852e4c2485c51a50aaaa94fc61995e71bbee983a2ac3713831264adb47fb6bd1e058d5f004",
        ),
        (
            HashingAlgorithm::SHA3_512,
            "04a371e84ecfb5b8b77cb48610fca8182dd457ce6f326a0fd3d7ec2f1e91636dee691fbe0c985302ba1b0d8dc78c086346b533b49c030d99a27daf1139d6e75e",
            "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a615b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26",
        ),
    ];
    assert_eq!(known.len(), HASHES.len());
    for (hash, long, empty) in known {
        let message = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(digest(hash, message), Ok(hex(long)), "{hash:?}");
        assert_eq!(digest(hash, b""), Ok(hex(empty)), "{hash:?} of nothing");
    }
}
