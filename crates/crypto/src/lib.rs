//! Cryptography for the dispatcher: what is offered, and the calls behind it.
//!
//! [`ALGORITHMS`] is the one table of algorithms and key lengths; [`CIPHERS`], [`MACS`] and [`HASHES`] say what is computed with
//! symmetric keys and without any, and who does it. Random bytes and everything that touches a secret at a
//! client's request is done by aws-lc-rs, in constant time; the RustCrypto crates read and write encodings, and do what aws-lc-rs
//! lacks where a comment says why that is safe.
//! Nothing here panics on any input, and no error text holds key material.

mod agreement;
mod algorithm;
mod asymmetric;
mod asymmetric_encryption;
mod buffer;
mod certificate;
mod cipher;
mod curve;
mod derive;
mod digest;
mod error;
mod finite_field;
mod key;
mod key_pair;
mod mac;
mod name;
mod octet_key;
mod pkcs12;
mod private_key;
mod public_key;
mod random;
mod rsa_key;
mod rsa_operation;
mod rsa_padding;
mod signature;
mod split;
mod symmetric;
mod wrap;

pub use agreement::{agree, decapsulate, encapsulate};
pub use algorithm::{ALGORITHMS, AlgorithmRow, KeyClass, Lengths, Library, algorithm};
pub use asymmetric::{ASYMMETRIC, AsymmetricRow, AsymmetricUse};
pub use asymmetric_encryption::{decrypt, encrypt};
pub use certificate::{AlternativeName, CertificateFacts};
pub use cipher::{CIPHERS, CipherRow, Decryptor, Encryptor, Streaming, cipher, cipher_supported};
pub use curve::{CURVES, CurveRow, curve, curve_of_length};
pub use derive::{Iteration, PseudorandomFunction, aws_signature_version_4, hkdf, nist_800_108, pbkdf2};
pub use digest::{HASHES, HashRow, Hasher, digest, equal, hash_supported, sha256};
pub use error::CryptoError;
pub use finite_field::{FiniteFieldGroup, FiniteFieldPrivateKey, FiniteFieldPublicKey};
pub use key::{KeyFacts, default_format};
pub use key_pair::{KeyPair, generate_key_pair};
pub use mac::{MACS, Mac, MacFunction, MacRow, mac_supported};
pub use name::NameParts;
pub use pkcs12::{PKCS12_CHAIN_MAX, Pkcs12Contents, read_pkcs12, write_pkcs12};
pub use private_key::PrivateKey;
pub use public_key::PublicKey;
pub use random::{Random, SeededRandom, SystemRandom};
pub use rsa_key::{RsaPrivateComponents, RsaPublicComponents};
pub use signature::{Signer, Verifier, sign_digest, verify_digest};
pub use split::{SPLIT_KEY_PARTS_MAX, SplitScheme, default_prime};
pub use symmetric::{generate_symmetric, symmetric_bytes, symmetric_length};
pub use wrap::{Wrapped, unwrap, wrap};
