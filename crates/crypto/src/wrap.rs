//! Wrapping of keys by keys (2.1, section 3.3): the NIST key wraps, the block cipher modes, and RSA.
//!
//! A mode of the request or of the wrapping key decides. Where neither names one, an AES key wraps as of RFC 3394: the standard names
//! no default, and every client knows this one.

use aes_kw::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, BlockSizeUser, consts::U16};
use aes_kw::{AesKw, AesKwp, InnerInit as _, KeyInit, aes};
use kmip::Secret;
use kmip::enumerations::{BlockCipherMode, CryptographicAlgorithm};
use kmip::structures::CryptographicParameters;
use zeroize::Zeroizing;

use crate::cipher::{Decryptor, Encryptor};
use crate::error::CryptoError;
use crate::random::Random;

/// Bytes of the block that both key wraps add at most, beside the padding.
const SEMIBLOCK: usize = 8;

/// The shortest input of the wrap without padding: two semiblocks (RFC 3394, section 2).
const KEY_WRAP_MIN: usize = 2 * SEMIBLOCK;

/// Which of the two key wraps parameters ask for. `None`: another mode.
fn key_wrap(parameters: &CryptographicParameters) -> Option<Padded> {
    let aes = parameters.cryptographic_algorithm.is_none_or(|algorithm| algorithm == CryptographicAlgorithm::AES);
    match parameters.block_cipher_mode {
        Some(BlockCipherMode::NISTKeyWrap) => Some(Padded::No),
        Some(BlockCipherMode::AESKeyWrapPadding) => Some(Padded::Yes),
        None if aes => Some(Padded::No),
        _ => None,
    }
}

/// Whether the wrapped key may have any length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Padded {
    /// RFC 3394.
    No,
    /// RFC 5649.
    Yes,
}

/// What a symmetric key made of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// The wrapped bytes; a tag stands at their end.
    pub bytes: Vec<u8>,
    /// The IV, counter or nonce that unwrapping needs.
    pub iv: Option<Vec<u8>>,
}

/// Wraps bytes under a symmetric key.
///
/// # Errors
/// Parameters that are not offered, or do not fit the key or the number of bytes; no random bytes.
pub fn wrap(parameters: &CryptographicParameters, key: &[u8], data: &[u8], random: &dyn Random) -> Result<Wrapped, CryptoError> {
    let Some(padded) = key_wrap(parameters) else {
        // The IV is made here: one that a client chose could be one that it has used before.
        let parameters = CryptographicParameters { random_iv: Some(true), ..parameters.clone() };
        let mut encryptor = Encryptor::new(&parameters, key, None, None, random)?;
        let iv = encryptor.generated_iv().map(<[u8]>::to_vec);
        let mut bytes = encryptor.update(data)?;
        let (rest, tag) = encryptor.finish()?;
        bytes.extend(rest.into_iter().chain(tag.unwrap_or_default()));
        return Ok(Wrapped { bytes, iv });
    };
    check_algorithm(parameters)?;
    if padded == Padded::No && (data.len() < KEY_WRAP_MIN || !data.len().is_multiple_of(SEMIBLOCK)) {
        let text = format!(
            "NISTKeyWrap takes a multiple of {SEMIBLOCK} bytes, at least {KEY_WRAP_MIN}, not {}; AESKeyWrapPadding takes any number",
            data.len()
        );
        return Err(CryptoError::BadParameters(text));
    }
    if data.is_empty() {
        return Err(CryptoError::BadParameters("there is nothing to wrap".to_owned()));
    }
    let bytes = match key.len() {
        16 => wrap_with::<aes::Aes128>(padded, key, data),
        24 => wrap_with::<aes::Aes192>(padded, key, data),
        32 => wrap_with::<aes::Aes256>(padded, key, data),
        bytes => Err(CryptoError::InvalidSize { algorithm: CryptographicAlgorithm::AES, bytes }),
    }?;
    Ok(Wrapped { bytes, iv: None })
}

/// Unwraps bytes under a symmetric key.
///
/// # Errors
/// Parameters that are not offered or do not fit the key; [`CryptoError::Refused`] for anything that is wrong with the bytes.
pub fn unwrap(parameters: &CryptographicParameters, key: &[u8], data: &[u8], iv: Option<&[u8]>) -> Result<Secret, CryptoError> {
    let Some(padded) = key_wrap(parameters) else {
        let mut decryptor = Decryptor::new(parameters, key, iv, None, None)?;
        let first = decryptor.update(data)?;
        let rest = decryptor.finish()?;
        let mut bytes = Vec::with_capacity(first.len() + rest.len());
        bytes.extend_from_slice(first.expose());
        bytes.extend_from_slice(rest.expose());
        return Ok(Secret::new(bytes));
    };
    check_algorithm(parameters)?;
    match key.len() {
        16 => unwrap_with::<aes::Aes128>(padded, key, data),
        24 => unwrap_with::<aes::Aes192>(padded, key, data),
        32 => unwrap_with::<aes::Aes256>(padded, key, data),
        bytes => Err(CryptoError::InvalidSize { algorithm: CryptographicAlgorithm::AES, bytes }),
    }
}

fn check_algorithm(parameters: &CryptographicParameters) -> Result<(), CryptoError> {
    match parameters.cryptographic_algorithm {
        None | Some(CryptographicAlgorithm::AES) => Ok(()),
        Some(_) => Err(CryptoError::UnsupportedParameters("NISTKeyWrap and AESKeyWrapPadding are for AES keys".to_owned())),
    }
}

fn wrap_with<C>(padded: Padded, key: &[u8], data: &[u8]) -> Result<Vec<u8>, CryptoError>
where
    C: KeyInit + BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt,
{
    let failed = |_| CryptoError::Failed("key wrap");
    let mut wrapped = vec![0; data.len().div_ceil(SEMIBLOCK) * SEMIBLOCK + SEMIBLOCK];
    let cipher = C::new_from_slice(key).map_err(|_| CryptoError::Failed("key wrap"))?;
    match padded {
        Padded::No => AesKw::inner_init(cipher).wrap_key(data, &mut wrapped).map_err(failed)?.len(),
        Padded::Yes => AesKwp::inner_init(cipher).wrap_key(data, &mut wrapped).map_err(failed)?.len(),
    };
    Ok(wrapped)
}

fn unwrap_with<C>(padded: Padded, key: &[u8], data: &[u8]) -> Result<Secret, CryptoError>
where
    C: KeyInit + BlockSizeUser<BlockSize = U16> + BlockCipherDecrypt,
{
    let least = match padded {
        Padded::No => KEY_WRAP_MIN + SEMIBLOCK,
        Padded::Yes => 2 * SEMIBLOCK,
    };
    if data.len() < least {
        return Err(CryptoError::Refused);
    }
    let mut unwrapped = Zeroizing::new(vec![0; data.len()]);
    let cipher = C::new_from_slice(key).map_err(|_| CryptoError::Failed("key wrap"))?;
    let result = match padded {
        Padded::No => AesKw::inner_init(cipher).unwrap_key(data, &mut unwrapped),
        Padded::Yes => AesKwp::inner_init(cipher).unwrap_key(data, &mut unwrapped),
    };
    match result {
        Ok(bytes) if !bytes.is_empty() => Ok(Secret::from_slice(bytes)),
        _ => Err(CryptoError::Refused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    fn wrap(parameters: &CryptographicParameters, key: &[u8], data: &[u8]) -> Result<Wrapped, CryptoError> {
        super::wrap(parameters, key, data, &SystemRandom::new())
    }

    fn unwrap(parameters: &CryptographicParameters, key: &[u8], data: &[u8]) -> Result<Secret, CryptoError> {
        super::unwrap(parameters, key, data, None)
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn mode(mode: Option<BlockCipherMode>) -> CryptographicParameters {
        CryptographicParameters { block_cipher_mode: mode, ..CryptographicParameters::default() }
    }

    #[test]
    fn known_answers() {
        let kek: Vec<u8> = (0..32).collect();
        let data = bytes("00112233445566778899aabbccddeeff0001020304050607");
        // RFC 3394, sections 4.1, 4.2, 4.3, 4.4, 4.5: the length of the key, the length of the data, the answer.
        for (key, length, answer) in [
            (16, 16, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"),
            (24, 16, "96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d"),
            (32, 16, "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"),
            (24, 24, "031d33264e15d33268f24ec260743edce1c6c7ddee725a936ba814915c6762d2"),
            (32, 24, "a8f9bc1612c68b3ff6e6f4fbe30e71e4769c8b80a32cb8958cd5d17d6b254da1"),
        ] {
            for mode in [mode(Some(BlockCipherMode::NISTKeyWrap)), mode(None)] {
                let wrapped = wrap(&mode, &kek[..key], &data[..length]).unwrap();
                assert_eq!(wrapped, Wrapped { bytes: bytes(answer), iv: None });
                assert_eq!(unwrap(&mode, &kek[..key], &wrapped.bytes).unwrap().expose(), &data[..length]);
            }
        }
        // RFC 5649, section 6.
        let kek = bytes("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8");
        let padded = mode(Some(BlockCipherMode::AESKeyWrapPadding));
        for (data, answer) in [
            ("c37b7e6492584340bed12207808941155068f738", "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"),
            ("466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"),
        ] {
            assert_eq!(wrap(&padded, &kek, &bytes(data)).unwrap().bytes, bytes(answer));
            assert_eq!(unwrap(&padded, &kek, &bytes(answer)).unwrap().expose(), bytes(data));
        }
    }

    #[test]
    fn block_cipher_modes() {
        use kmip::enumerations::PaddingMethod;
        for (algorithm, size, block_cipher_mode, padding_method, overhead) in [
            (CryptographicAlgorithm::AES, 32, BlockCipherMode::CBC, Some(PaddingMethod::PKCS5), 8),
            (CryptographicAlgorithm::AES, 16, BlockCipherMode::CTR, None, 0),
            (CryptographicAlgorithm::AES, 24, BlockCipherMode::GCM, None, 16),
            (CryptographicAlgorithm::DES3, 24, BlockCipherMode::CBC, None, 0),
        ] {
            let parameters = CryptographicParameters {
                cryptographic_algorithm: Some(algorithm),
                block_cipher_mode: Some(block_cipher_mode),
                padding_method,
                ..CryptographicParameters::default()
            };
            let key: Vec<u8> = (1..=size).collect();
            let one = wrap(&parameters, &key, &[7; 24]).unwrap();
            let two = wrap(&parameters, &key, &[7; 24]).unwrap();
            assert!(one.iv.is_some() && one.iv != two.iv && one.bytes != two.bytes, "{block_cipher_mode:?}");
            assert_eq!(one.bytes.len(), 24 + overhead);
            let unwrapped = super::unwrap(&parameters, &key, &one.bytes, one.iv.as_deref()).unwrap();
            assert_eq!(unwrapped.expose(), [7; 24], "{block_cipher_mode:?}");
            assert_eq!(super::unwrap(&parameters, &key, &one.bytes, None), Err(CryptoError::MissingIv));
            let changed = [&one.bytes[..23], &[one.bytes[23] ^ 1]].concat();
            if block_cipher_mode == BlockCipherMode::GCM {
                assert_eq!(super::unwrap(&parameters, &key, &changed, one.iv.as_deref()), Err(CryptoError::Refused));
            }
        }
    }

    #[test]
    fn one_failure_for_all_that_is_wrong() {
        for padded in [BlockCipherMode::NISTKeyWrap, BlockCipherMode::AESKeyWrapPadding] {
            let mode = mode(Some(padded));
            let wrapped = wrap(&mode, &[1; 16], &[7; 24]).unwrap().bytes;
            for at in 0..wrapped.len() {
                let mut changed = wrapped.clone();
                changed[at] ^= 0x10;
                assert_eq!(unwrap(&mode, &[1; 16], &changed), Err(CryptoError::Refused), "{padded:?} byte {at}");
            }
            for length in 0..wrapped.len() {
                assert_eq!(unwrap(&mode, &[1; 16], &wrapped[..length]), Err(CryptoError::Refused), "{padded:?} {length} bytes");
            }
            assert_eq!(unwrap(&mode, &[2; 16], &wrapped), Err(CryptoError::Refused));
        }
    }

    #[test]
    fn what_is_not_offered() {
        let kw = mode(Some(BlockCipherMode::NISTKeyWrap));
        for length in [0, 7, 8, 17] {
            assert!(matches!(wrap(&kw, &[1; 16], &vec![0; length]), Err(CryptoError::BadParameters(_))), "{length}");
        }
        assert!(matches!(wrap(&kw, &[1; 17], &[0; 16]), Err(CryptoError::InvalidSize { bytes: 17, .. })));
        let foreign = CryptographicParameters { cryptographic_algorithm: Some(CryptographicAlgorithm::DES3), ..kw };
        assert!(matches!(wrap(&foreign, &[1; 24], &[0; 16]), Err(CryptoError::UnsupportedParameters(_))));
        let padded = mode(Some(BlockCipherMode::AESKeyWrapPadding));
        assert!(wrap(&padded, &[1; 16], &[]).is_err());
    }
}
