//! From an algorithm and a key to the type that is its block cipher.

use cipher::KeyInit;
use zeroize::Zeroizing;

use crate::error::CryptoError;

/// Does something with the block cipher that an algorithm and the length of a key stand for: `wide` where its blocks have
/// 128 bits, `narrow` where they have 64. Both are of the type `Result<_, CryptoError>`.
macro_rules! with_block_cipher {
    ($algorithm:expr, $key:expr, |$cipher:ident| wide => $wide:expr, narrow => $narrow:expr) => {{
        use kmip::enumerations::CryptographicAlgorithm as Algorithm;
        use $crate::cipher::block::{keyed, triple_key};
        let (algorithm, key): (Algorithm, &[u8]) = ($algorithm, $key);
        match (algorithm, key.len()) {
            (Algorithm::AES, 16) => keyed(key).and_then(|$cipher: aes::Aes128| $wide),
            (Algorithm::AES, 24) => keyed(key).and_then(|$cipher: aes::Aes192| $wide),
            (Algorithm::AES, 32) => keyed(key).and_then(|$cipher: aes::Aes256| $wide),
            (Algorithm::Camellia, 16) => keyed(key).and_then(|$cipher: camellia::Camellia128| $wide),
            (Algorithm::Camellia, 24) => keyed(key).and_then(|$cipher: camellia::Camellia192| $wide),
            (Algorithm::Camellia, 32) => keyed(key).and_then(|$cipher: camellia::Camellia256| $wide),
            (Algorithm::DES3, 16 | 24) => {
                triple_key(key).and_then(|key| keyed(&key[..])).and_then(|$cipher: des::TdesEde3| $narrow)
            }
            _ => Err($crate::error::CryptoError::BadParameters(format!(
                "a key of {} bits cannot be used with {algorithm:?}",
                key.len() * 8
            ))),
        }
    }};
}
pub(crate) use with_block_cipher;

/// The cipher with its key, which has the right length.
pub(crate) fn keyed<C: KeyInit>(key: &[u8]) -> Result<C, CryptoError> {
    C::new_from_slice(key).map_err(|_| CryptoError::Failed("the key schedule"))
}

/// The three keys of 3DES: with two, the first is the third as well (SP 800-67, keying option 2).
pub(crate) fn triple_key(key: &[u8]) -> Result<Zeroizing<[u8; 24]>, CryptoError> {
    let mut keys = Zeroizing::new([0; 24]);
    for (byte, from) in keys.iter_mut().zip(key.iter().cycle()) {
        *byte = *from;
    }
    Ok(keys)
}
