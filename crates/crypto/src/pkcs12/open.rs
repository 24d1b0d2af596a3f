//! What is sealed in a PKCS#12 file: keys from a password, the authentication code of the file, and the encryption of its parts.
//!
//! Offered are the schemes that files are met with: PBES2 (RFC 8018) with AES or Triple DES and PBKDF2, and those of RFC 7292, appendix
//! C, with Triple DES and RC2 of 40 bits, which programs wrote by default for twenty years. Not offered is scrypt: the file says how
//! much memory it takes, up to gigabytes.

use std::num::NonZeroU32;

use aws_lc_rs::{digest, hmac, pbkdf2};
use cipher::block_padding::Pkcs7;
use cipher::{InnerIvInit as _, KeyIvInit as _};
use kmip::Secret;
use zeroize::Zeroizing;

use super::der::{Elements, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, malformed};
use crate::error::CryptoError;

/// Rounds of all key derivations of one file: some seconds of work. Programs write 2,048 to 600,000 for each of two or three parts.
const ROUNDS_MAX: u32 = 4_000_000;

// Contents of OBJECT IDENTIFIERs. 1.2.840.113549.1.12.1 with ...
const PBE_TRIPLE_DES: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x0C, 0x01, 0x03];
const PBE_RC2_40: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x0C, 0x01, 0x06];
// 1.2.840.113549.1.5.13 and .12
const PBES2: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x05, 0x0D];
const PBKDF2: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x05, 0x0C];
// 1.2.840.113549.2 with ...
const HMAC_SHA_1: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x02, 0x07];
const HMAC_SHA_256: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x02, 0x09];
const HMAC_SHA_384: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x02, 0x0A];
const HMAC_SHA_512: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x02, 0x0B];
// 1.2.840.113549.3.7, and 2.16.840.1.101.3.4.1 with ...
const TRIPLE_DES_CBC: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x03, 0x07];
const AES_128_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x02];
const AES_192_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x16];
const AES_256_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2A];
// 1.3.14.3.2.26, and 2.16.840.1.101.3.4.2 with ...
const SHA_1: &[u8] = &[0x2B, 0x0E, 0x03, 0x02, 0x1A];
const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const SHA_384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
const SHA_512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];

/// What a derived key is for (RFC 7292, appendix B.3).
#[derive(Clone, Copy)]
enum Purpose {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

/// Opens the parts of one file.
pub(super) struct Opener<'a> {
    password: &'a str,
    /// The password as a BMPString with its end, as RFC 7292 wants it.
    wide: Zeroizing<Vec<u8>>,
    rounds_left: u32,
}

impl<'a> Opener<'a> {
    pub(super) fn new(password: &'a str) -> Self {
        // The exact size, so that nothing is left behind by a growing vector.
        let mut wide = Zeroizing::new(Vec::with_capacity(2 * password.encode_utf16().count() + 2));
        password.encode_utf16().for_each(|unit| wide.extend_from_slice(&unit.to_be_bytes()));
        wide.extend_from_slice(&[0, 0]);
        Self { password, wide, rounds_left: ROUNDS_MAX }
    }

    /// Takes rounds of a key derivation from what one file may cost.
    fn rounds(&mut self, rounds: u32) -> Result<NonZeroU32, CryptoError> {
        self.rounds_left = self.rounds_left.checked_sub(rounds).ok_or_else(|| {
            CryptoError::UnsupportedParameters(format!("its key derivations take more than {ROUNDS_MAX} rounds"))
        })?;
        NonZeroU32::new(rounds).ok_or_else(|| malformed("a key derivation has no rounds"))
    }

    /// Compares the authentication code of a file: `mac_data` is its MacData.
    ///
    /// # Errors
    /// Refused, if it is another: another password, or other contents.
    pub(super) fn check_mac(&mut self, mut mac_data: Elements<'_>, contents: &[u8]) -> Result<(), CryptoError> {
        let mut digest_info = mac_data.enter(SEQUENCE)?;
        let mut algorithm = digest_info.enter(SEQUENCE)?;
        let expected = digest_info.expect(OCTET_STRING)?;
        let salt = mac_data.expect(OCTET_STRING)?;
        let rounds = if mac_data.is_empty() { 1 } else { mac_data.number()? };
        let (hash, mac) = match algorithm.expect(OBJECT_IDENTIFIER)? {
            SHA_1 => (&digest::SHA1_FOR_LEGACY_USE_ONLY, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            SHA_256 => (&digest::SHA256, hmac::HMAC_SHA256),
            SHA_384 => (&digest::SHA384, hmac::HMAC_SHA384),
            SHA_512 => (&digest::SHA512, hmac::HMAC_SHA512),
            other => return Err(unsupported("authentication", other)),
        };
        let key = self.derive(hash, Purpose::Mac, salt, rounds, hash.output_len())?;
        hmac::verify(&hmac::Key::new(mac, &key), contents, expected).map_err(|_| CryptoError::Refused)
    }

    /// Decrypts a part of a file: `algorithm` is its AlgorithmIdentifier.
    ///
    /// # Errors
    /// Refused, if nothing sensible comes of it.
    pub(super) fn decrypt(&mut self, mut algorithm: Elements<'_>, sealed: &[u8]) -> Result<Secret, CryptoError> {
        match algorithm.expect(OBJECT_IDENTIFIER)? {
            PBES2 => self.decrypt_pbes2(algorithm.enter(SEQUENCE)?, sealed),
            PBE_TRIPLE_DES => {
                let [key, iv] = self.derive_pbe(algorithm.enter(SEQUENCE)?, 24)?;
                cbc::<des::TdesEde3>(&key, &iv, sealed)
            }
            PBE_RC2_40 => {
                let [key, iv] = self.derive_pbe(algorithm.enter(SEQUENCE)?, 5)?;
                let iv = iv[..].try_into().map_err(|_| CryptoError::Refused)?;
                unpad(cbc::Decryptor::inner_iv_init(rc2::Rc2::new_with_eff_key_len(&key, 40), iv), sealed)
            }
            other => Err(unsupported("encryption", other)),
        }
    }

    /// Key and IV of a scheme of RFC 7292, appendix C.
    fn derive_pbe(&mut self, mut parameters: Elements<'_>, key_length: usize) -> Result<[Zeroizing<Vec<u8>>; 2], CryptoError> {
        let salt = parameters.expect(OCTET_STRING)?;
        let rounds = parameters.number()?;
        let hash = &digest::SHA1_FOR_LEGACY_USE_ONLY;
        let key = self.derive(hash, Purpose::Key, salt, rounds, key_length)?;
        Ok([key, self.derive(hash, Purpose::Iv, salt, rounds, 8)?])
    }

    fn decrypt_pbes2(&mut self, mut parameters: Elements<'_>, sealed: &[u8]) -> Result<Secret, CryptoError> {
        let mut derivation = parameters.enter(SEQUENCE)?;
        let mut scheme = parameters.enter(SEQUENCE)?;
        match derivation.expect(OBJECT_IDENTIFIER)? {
            PBKDF2 => {}
            other => return Err(unsupported("key derivation", other)),
        }
        let mut derivation = derivation.enter(SEQUENCE)?;
        let salt = derivation.expect(OCTET_STRING)?;
        let rounds = derivation.number()?;
        let mut stated_length = None;
        let mut function = pbkdf2::PBKDF2_HMAC_SHA1;
        while !derivation.is_empty() {
            let mut look_ahead = derivation;
            match look_ahead.next()? {
                (INTEGER, _) => stated_length = Some(derivation.number()?),
                _ => {
                    function = match derivation.enter(SEQUENCE)?.expect(OBJECT_IDENTIFIER)? {
                        HMAC_SHA_1 => pbkdf2::PBKDF2_HMAC_SHA1,
                        HMAC_SHA_256 => pbkdf2::PBKDF2_HMAC_SHA256,
                        HMAC_SHA_384 => pbkdf2::PBKDF2_HMAC_SHA384,
                        HMAC_SHA_512 => pbkdf2::PBKDF2_HMAC_SHA512,
                        other => return Err(unsupported("key derivation", other)),
                    }
                }
            }
        }
        let cipher = scheme.expect(OBJECT_IDENTIFIER)?;
        let iv = scheme.expect(OCTET_STRING)?;
        let length = match cipher {
            AES_128_CBC => 16,
            AES_192_CBC | TRIPLE_DES_CBC => 24,
            AES_256_CBC => 32,
            other => return Err(unsupported("encryption", other)),
        };
        if stated_length.is_some_and(|stated| stated != length) {
            return Err(malformed("the length of a key is not that of its cipher"));
        }
        let mut key = Zeroizing::new([0; 32]);
        let key = &mut key[..length as usize];
        pbkdf2::derive(function, self.rounds(rounds)?, salt, self.password.as_bytes(), key);
        match cipher {
            AES_128_CBC => cbc::<aes::Aes128>(key, iv, sealed),
            AES_192_CBC => cbc::<aes::Aes192>(key, iv, sealed),
            AES_256_CBC => cbc::<aes::Aes256>(key, iv, sealed),
            _ => cbc::<des::TdesEde3>(key, iv, sealed),
        }
    }

    /// The key derivation of RFC 7292, appendix B.2.
    fn derive(
        &mut self,
        hash: &'static digest::Algorithm,
        purpose: Purpose,
        salt: &[u8],
        rounds: u32,
        length: usize,
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let rounds = self.rounds(rounds)?.get();
        let block = hash.block_len();
        let filled = |bytes: &[u8]| bytes.len().div_ceil(block) * block;
        let (salt_length, password_length) = (filled(salt), filled(&self.wide));
        let mut input = Zeroizing::new(Vec::with_capacity(salt_length + password_length));
        input.extend(salt.iter().cycle().take(salt_length));
        input.extend(self.wide.iter().cycle().take(password_length));
        let diversifier = vec![purpose as u8; block];
        let mut derived = Zeroizing::new(Vec::with_capacity(length + hash.output_len()));
        loop {
            let mut context = digest::Context::new(hash);
            context.update(&diversifier);
            context.update(&input);
            let mut round = context.finish();
            for _ in 1..rounds {
                round = digest::digest(hash, round.as_ref());
            }
            derived.extend_from_slice(round.as_ref());
            if derived.len() >= length {
                derived.truncate(length);
                return Ok(derived);
            }
            let addend: Zeroizing<Vec<u8>> = Zeroizing::new(round.as_ref().iter().copied().cycle().take(block).collect());
            for part in input.chunks_exact_mut(block) {
                let mut carry = 1;
                for (digit, added) in part.iter_mut().zip(addend.iter()).rev() {
                    let sum = u16::from(*digit) + u16::from(*added) + carry;
                    *digit = sum.to_le_bytes()[0];
                    carry = sum >> 8;
                }
            }
        }
    }
}

fn unsupported(what: &str, oid: &[u8]) -> CryptoError {
    let digits: String = oid.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    CryptoError::UnsupportedParameters(format!("its {what} (object identifier {digits}) is not offered"))
}

fn cbc<C>(key: &[u8], iv: &[u8], sealed: &[u8]) -> Result<Secret, CryptoError>
where
    C: cipher::BlockCipherDecrypt + cipher::KeyInit,
{
    let decryptor = cbc::Decryptor::<C>::new_from_slices(key, iv).map_err(|_| malformed("an IV has the wrong length"))?;
    unpad(decryptor, sealed)
}

fn unpad(decryptor: impl cipher::BlockModeDecrypt, sealed: &[u8]) -> Result<Secret, CryptoError> {
    let mut opened = Zeroizing::new(sealed.to_vec());
    // Whoever has the file has the password: what is wrong with the padding tells him nothing.
    let opened = decryptor.decrypt_padded::<Pkcs7>(&mut opened).map_err(|_| CryptoError::Refused)?;
    Ok(Secret::from_slice(opened))
}
