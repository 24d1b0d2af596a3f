//! What we sign, encrypt and agree on, OpenSSL verifies, opens and agrees on, and the reverse: every algorithm its commands have.
//!
//! The keys go both ways, too: each kind is made here and read there, and made there and read here. ML-DSA and ML-KEM are newer
//! than the commands of most systems: the vectors of Wycheproof stand for these.

#![allow(clippy::unwrap_used)]

mod openssl;

use crypto::{
    HASHES, KeyPair, PrivateKey, Signer, SystemRandom, Verifier, agree, decrypt, encrypt, generate_key_pair, sign_digest,
    verify_digest,
};
use kmip::ByteString;
use kmip::enumerations::{
    CryptographicAlgorithm as Algorithm, HashingAlgorithm as Hash, KeyFormatType as Format, PaddingMethod, RecommendedCurve,
};
use kmip::structures::CryptographicParameters;
use openssl::{OpenSsl, hex};

const MESSAGE: &[u8] = b"what is signed and encrypted";

/// One pair, made on one side and known to both.
struct Both {
    openssl: OpenSsl,
    pair: KeyPair,
    private: String,
    public: String,
}

impl Both {
    fn new(openssl: OpenSsl, pair: KeyPair) -> Self {
        let private = openssl.file("private.der", pair.private.encode(Format::PKCS_8).unwrap().expose());
        let public = openssl.file("public.der", &pair.public.encode(Format::X_509).unwrap());
        Self { openssl, pair, private, public }
    }

    fn made_here(algorithm: Algorithm, length: Option<i32>, curve: Option<RecommendedCurve>) -> Self {
        Self::new(OpenSsl::new(), generate_key_pair(&SystemRandom::new(), algorithm, length, curve).unwrap())
    }

    /// `options` are those of genpkey.
    fn made_there(options: &[&str]) -> Self {
        let openssl = OpenSsl::new();
        // The command itself writes RSA and EC keys in their older forms.
        let made = openssl.done(&[&["genpkey"], options].concat(), &[]);
        let der = openssl.done(&["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], &made);
        let private = PrivateKey::parse(Format::PKCS_8, &der).unwrap();
        let public = private.public_key().unwrap();
        // The public key as the command writes it is the one that we compute.
        let written = openssl.done(&["pkey", "-inform", "DER", "-pubout", "-outform", "DER"], &der);
        assert_eq!(public.encode(Format::X_509).unwrap(), written, "{options:?}");
        Self::new(openssl, KeyPair { private, public })
    }

    fn sign(&self, parameters: &CryptographicParameters) -> Vec<u8> {
        let mut signer = Signer::new(parameters, &self.pair.private).unwrap();
        signer.update(MESSAGE).unwrap();
        signer.finish(&SystemRandom::new()).unwrap()
    }

    fn verifies(&self, parameters: &CryptographicParameters, signature: &[u8]) -> bool {
        let mut verifier = Verifier::new(parameters, &self.pair.public).unwrap();
        verifier.update(MESSAGE).unwrap();
        verifier.verify(signature)
    }

    /// Both directions of a signature over a digest; `options` are those of dgst.
    fn signatures(&self, parameters: &CryptographicParameters, hash: Hash, options: &[&str]) {
        let digest = format!("-{}", hash_name(hash));
        let theirs =
            self.openssl.done(&[&["dgst", &digest, "-keyform", "DER", "-sign", &self.private], options].concat(), MESSAGE);
        assert!(self.verifies(parameters, &theirs), "{parameters:?}: not what OpenSSL signed");
        if hash == Hash::MD5 {
            // Nothing new is signed with it.
            return;
        }
        let ours = self.openssl.file("signature", &self.sign(parameters));
        let arguments = ["dgst", &digest, "-keyform", "DER", "-verify", &self.public, "-signature", &ours];
        self.openssl.done(&[&arguments, options].concat(), MESSAGE);
    }
}

fn hash_name(hash: Hash) -> &'static str {
    match hash {
        Hash::MD5 => "md5",
        Hash::SHA_1 => "sha1",
        Hash::SHA_224 => "sha224",
        Hash::SHA_256 => "sha256",
        Hash::SHA_384 => "sha384",
        Hash::SHA_512 => "sha512",
        Hash::SHA_512_224 => "sha512-224",
        Hash::SHA_512_256 => "sha512-256",
        Hash::SHA3_224 => "sha3-224",
        Hash::SHA3_256 => "sha3-256",
        Hash::SHA3_384 => "sha3-384",
        Hash::SHA3_512 => "sha3-512",
        other => panic!("{other:?} has no name here"),
    }
}

fn rsa_pairs() -> [Both; 3] {
    [
        Both::made_here(Algorithm::RSA, Some(1024), None),
        Both::made_here(Algorithm::RSA, Some(2048), None),
        Both::made_there(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"]),
    ]
}

#[test]
fn rsa_signatures() {
    for both in rsa_pairs() {
        for row in HASHES {
            let pkcs1 = CryptographicParameters {
                padding_method: Some(PaddingMethod::PKCS1V1_5),
                hashing_algorithm: Some(row.hash),
                ..Default::default()
            };
            both.signatures(&pkcs1, row.hash, &[]);
            for (mask, salt) in [(row.hash, 0), (row.hash, 16), (Hash::SHA_1, 20), (Hash::SHA_256, 32)] {
                let pss = CryptographicParameters {
                    padding_method: Some(PaddingMethod::PSS),
                    salt_length: Some(salt),
                    mask_generator_hashing_algorithm: Some(mask),
                    ..pkcs1.clone()
                };
                let (mask, salt) = (format!("rsa_mgf1_md:{}", hash_name(mask)), format!("rsa_pss_saltlen:{salt}"));
                let options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", &salt, "-sigopt", &mask];
                both.signatures(&pss, row.hash, &options);
            }
        }
        // Bytes that are signed as they are.
        let bytes = [7; 50];
        let nothing = CryptographicParameters::default();
        let ours = sign_digest(&nothing, &both.pair.private, &bytes, &SystemRandom::new()).unwrap();
        let arguments = ["pkeyutl", "-verifyrecover", "-pubin", "-keyform", "DER", "-inkey", &both.public];
        assert_eq!(both.openssl.done(&arguments, &ours), bytes);
        let theirs = both.openssl.done(&["pkeyutl", "-sign", "-keyform", "DER", "-inkey", &both.private], &bytes);
        assert!(verify_digest(&nothing, &both.pair.public, &bytes, &theirs).unwrap());
    }
}

#[test]
fn ecdsa_signatures() {
    let curves = [
        (RecommendedCurve::P_256, "ec_paramgen_curve:P-256"),
        (RecommendedCurve::P_384, "ec_paramgen_curve:P-384"),
        (RecommendedCurve::P_521, "ec_paramgen_curve:P-521"),
        (RecommendedCurve::SECP256K1, "ec_paramgen_curve:secp256k1"),
    ];
    for (curve, option) in curves {
        for both in
            [Both::made_here(Algorithm::EC, None, Some(curve)), Both::made_there(&["-algorithm", "EC", "-pkeyopt", option])]
        {
            assert_eq!(both.pair.private.facts().curve, Some(curve));
            for row in HASHES {
                let parameters = CryptographicParameters { hashing_algorithm: Some(row.hash), ..Default::default() };
                both.signatures(&parameters, row.hash, &[]);
            }
        }
    }
}

#[test]
fn ed25519_signatures() {
    for both in [Both::made_here(Algorithm::Ed25519, None, None), Both::made_there(&["-algorithm", "ED25519"])] {
        let nothing = CryptographicParameters::default();
        let message = both.openssl.file("message", MESSAGE);
        let arguments = ["pkeyutl", "-sign", "-rawin", "-in", &message, "-keyform", "DER", "-inkey", &both.private];
        assert!(both.verifies(&nothing, &both.openssl.done(&arguments, &[])));
        let signature = both.openssl.file("signature", &both.sign(&nothing));
        let arguments = ["pkeyutl", "-verify", "-rawin", "-in", &message, "-sigfile", &signature];
        both.openssl.done(&[&arguments[..], &["-pubin", "-keyform", "DER", "-inkey", &both.public]].concat(), &[]);
    }
}

#[test]
fn secrets_agreed_on() {
    let kinds: [(RecommendedCurve, &[&str]); 5] = [
        (RecommendedCurve::P_256, &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
        (RecommendedCurve::P_384, &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
        (RecommendedCurve::P_521, &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"]),
        (RecommendedCurve::SECP256K1, &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"]),
        (RecommendedCurve::CURVE25519, &["-algorithm", "X25519"]),
    ];
    for (curve, options) in kinds {
        let ours = Both::made_here(Algorithm::EC, None, Some(curve));
        let theirs = Both::made_there(options);
        let secret = agree(&ours.pair.private, &theirs.pair.public).unwrap();
        // They have the other private key.
        let arguments = ["pkeyutl", "-derive", "-keyform", "DER", "-inkey", &theirs.private, "-peerform", "DER"];
        let derived = theirs.openssl.done(&[&arguments[..], &["-peerkey", &ours.public]].concat(), &[]);
        assert_eq!(secret.expose(), derived, "{curve:?}");
    }
}

#[test]
fn rsa_encryption() {
    for both in rsa_pairs() {
        let mut checked = 0;
        for row in HASHES {
            for mask in [row.hash, Hash::SHA_1, Hash::SHA_256] {
                for label in [None, Some(&b"a label"[..])] {
                    let oaep = CryptographicParameters {
                        padding_method: Some(PaddingMethod::OAEP),
                        hashing_algorithm: Some(row.hash),
                        mask_generator_hashing_algorithm: Some(mask),
                        p_source: label.map(|label| ByteString(label.to_vec())),
                        ..Default::default()
                    };
                    let mut options = vec![
                        "rsa_padding_mode:oaep".to_owned(),
                        format!("rsa_oaep_md:{}", hash_name(row.hash)),
                        format!("rsa_mgf1_md:{}", hash_name(mask)),
                    ];
                    options.extend(label.map(|label| format!("rsa_oaep_label:{}", hex(label))));
                    checked += usize::from(there_and_back(&both, &oaep, &options));
                }
            }
        }
        // A hash of 64 bytes leaves no room in 128.
        assert_eq!(checked, if both.pair.public.facts().length == 1024 { 60 } else { 72 });
        let pkcs1 = CryptographicParameters { padding_method: Some(PaddingMethod::PKCS1V1_5), ..Default::default() };
        assert!(there_and_back(&both, &pkcs1, &["rsa_padding_mode:pkcs1".to_owned()]));
    }
}

/// Whether there is room for the message.
fn there_and_back(both: &Both, parameters: &CryptographicParameters, options: &[String]) -> bool {
    let options: Vec<&str> = options.iter().flat_map(|option| ["-pkeyopt", option]).collect();
    let Ok(ours) = encrypt(parameters, &both.pair.public, MESSAGE, &SystemRandom::new()) else { return false };
    let arguments = ["pkeyutl", "-decrypt", "-keyform", "DER", "-inkey", &both.private];
    assert_eq!(both.openssl.done(&[&arguments[..], &options].concat(), &ours), MESSAGE, "{parameters:?}: not what we encrypted");
    let arguments = ["pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", &both.public];
    let theirs = both.openssl.done(&[&arguments[..], &options].concat(), MESSAGE);
    let opened = decrypt(parameters, &both.pair.private, &theirs, true).unwrap();
    assert_eq!(opened.expose(), MESSAGE, "{parameters:?}: not what OpenSSL encrypted");
    true
}
