//! The table of symmetric ciphers.
//!
//! Who does the work, and why its time tells nothing of keys or data:
//!
//! - AES is the crate `aes`: the processor's instructions where it has them, else bit slicing; neither looks anything up at
//!   an address that depends on a secret. aws-lc-rs has no CBC without padding that streams, no CCM, no XTS, no CTR with a
//!   counter of 32 bits, and GCM with nonces of 96 bits and tags of 128 only, so that one implementation does all modes here.
//! - GCM is put together from `ghash` (carry-less multiplication, in hardware or in software of constant time) and `ctr`, as
//!   SP 800-38D describes it: the crate `aes-gcm` has the lengths of nonces and tags as types, and neither streams.
//!   CCM from `aes` and `ctr` (SP 800-38C) for the same reason. XTS is the crate `xts-mode`.
//! - ChaCha20 is the crate `chacha20` (additions, rotations and exclusive-ors only); ChaCha20-Poly1305 is aws-lc-rs.
//! - 3DES and Camellia are the crates `des` and `camellia`, which look up S-boxes at addresses that depend on key and data.
//!   The tables of `des` have 64 bytes each, those of `camellia` 256. Who runs code on the same processor may learn
//!   something from the cache, a client across the network sees no difference: they are here for old data.
//!
//! Not offered, though the standard has a number and a crate exists: DES (a key is found in a day), Blowfish, CAST5, IDEA,
//! RC2, RC4, RC5, SKIPJACK (superseded, of 64-bit blocks or broken), PCBC and CBC-MAC (no specification that two
//! implementations agree on, or forgeable), MARS and GOST 28147-89 (no crate that is maintained), Twofish, ARIA, SEED and SM4
//! (they look up tables as Camellia does, and no client of the standard's profiles asks for them), and ChaCha20 with keys of
//! 128 bits, which RFC 8439 does not know.

use kmip::enumerations::{BlockCipherMode, CryptographicAlgorithm, PaddingMethod};

/// How a cipher takes data that comes in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streaming {
    /// What comes in goes out at once, or with the rest of its block.
    Both,
    /// Encryption goes on at once; decryption holds everything back until the tag is seen to be right.
    Encryption,
    /// Everything is held until the end.
    Neither,
}

/// One cipher in one mode.
#[derive(Debug, PartialEq, Eq)]
pub struct CipherRow {
    /// Which cipher.
    pub algorithm: CryptographicAlgorithm,
    /// In which mode. None: a stream cipher.
    pub mode: Option<BlockCipherMode>,
    /// The lengths of keys in bits, as many as are stored: XTS has two keys in one, 3DES counts parity bits.
    pub key_bits: &'static [usize],
    /// What fills the last block. Empty: the mode takes data of any length as it is.
    pub paddings: &'static [PaddingMethod],
    /// Whether there is a tag that authenticates.
    pub authenticated: bool,
    /// How data in parts is taken.
    pub streaming: Streaming,
    /// The crates that do the work.
    pub library: &'static str,
    /// Whether NIST approves of it for encryption today (FIPS 140-3; the crates here are not validated modules).
    pub approved: bool,
}

const BLOCK_PADDINGS: &[PaddingMethod] =
    &[PaddingMethod::None, PaddingMethod::PKCS5, PaddingMethod::Zeros, PaddingMethod::ANSIX9_23, PaddingMethod::ISO10126];

macro_rules! ciphers {
    ($($algorithm:ident, $mode:ident, [$($bits:literal),*], $paddings:expr, $authenticated:literal, $streaming:ident, $library:literal, $approved:literal;)*) => {
        /// Every cipher and mode that Encrypt and Decrypt offer.
        pub const CIPHERS: &[CipherRow] = &[$(CipherRow {
            algorithm: CryptographicAlgorithm::$algorithm,
            mode: ciphers!(@ $mode),
            key_bits: &[$($bits),*],
            paddings: $paddings,
            authenticated: $authenticated,
            streaming: Streaming::$streaming,
            library: $library,
            approved: $approved,
        }),*];
    };
    (@ Stream) => { None };
    (@ $mode:ident) => { Some(BlockCipherMode::$mode) };
}

// NIST withdrew 3DES for encryption at the end of 2023 (SP 800-131A revision 2).
ciphers! {
    AES, ECB, [128, 192, 256], BLOCK_PADDINGS, false, Both, "aes", true;
    AES, CBC, [128, 192, 256], BLOCK_PADDINGS, false, Both, "aes, cbc", true;
    AES, CFB, [128, 192, 256], &[], false, Both, "aes, cfb-mode", true;
    AES, OFB, [128, 192, 256], &[], false, Both, "aes, ofb", true;
    AES, CTR, [128, 192, 256], &[], false, Both, "aes, ctr", true;
    AES, GCM, [128, 192, 256], &[], true, Encryption, "aes, ctr, ghash", true;
    AES, CCM, [128, 192, 256], &[], true, Neither, "aes, ctr", true;
    AES, XTS, [256, 512], &[], false, Neither, "aes, xts-mode", true;
    DES3, ECB, [128, 192], BLOCK_PADDINGS, false, Both, "des", false;
    DES3, CBC, [128, 192], BLOCK_PADDINGS, false, Both, "des, cbc", false;
    DES3, CFB, [128, 192], &[], false, Both, "des, cfb-mode", false;
    DES3, OFB, [128, 192], &[], false, Both, "des, ofb", false;
    DES3, CTR, [128, 192], &[], false, Both, "des, ctr", false;
    Camellia, ECB, [128, 192, 256], BLOCK_PADDINGS, false, Both, "camellia", false;
    Camellia, CBC, [128, 192, 256], BLOCK_PADDINGS, false, Both, "camellia, cbc", false;
    Camellia, CFB, [128, 192, 256], &[], false, Both, "camellia, cfb-mode", false;
    Camellia, OFB, [128, 192, 256], &[], false, Both, "camellia, ofb", false;
    Camellia, CTR, [128, 192, 256], &[], false, Both, "camellia, ctr", false;
    Camellia, GCM, [128, 192, 256], &[], true, Encryption, "camellia, ctr, ghash", false;
    Camellia, CCM, [128, 192, 256], &[], true, Neither, "camellia, ctr", false;
    ChaCha20, Stream, [256], &[], false, Both, "chacha20", false;
    ChaCha20Poly1305, AEAD, [256], &[], true, Neither, "aws-lc-rs", false;
}

/// The row of an algorithm in a mode. None: not offered.
#[must_use]
pub fn cipher(algorithm: CryptographicAlgorithm, mode: Option<BlockCipherMode>) -> Option<&'static CipherRow> {
    CIPHERS.iter().find(|row| row.algorithm == algorithm && row.mode == mode)
}

/// Whether Encrypt and Decrypt offer the algorithm in any mode.
#[must_use]
pub fn cipher_supported(algorithm: CryptographicAlgorithm) -> bool {
    CIPHERS.iter().any(|row| row.algorithm == algorithm)
}
