//! RSA on bare numbers (RFC 8017, section 5): what the paddings that aws-lc-rs lacks are laid around.
//!
//! aws-lc-rs has no such operation; the one of the crate `rsa` is used, for which RUSTSEC-2023-0071 (its private-key operation
//! leaked through time) is not withdrawn. It is safe here, because
//! - the arithmetic of the release that is pinned is crypto-bigint's: exponentiation, reduction and multiplication whose time
//!   depends on the lengths of the numbers only; the leak was in its predecessor;
//! - the number that meets the private key is blinded with a fresh random number, so that nobody who chose what is signed or
//!   decrypted knows what the time could be correlated with;
//! - the result is checked with the public key before it leaves, so that a fault in one half of the computation gives away no prime;
//! - the padding is looked at by code of [`rsa_padding`](crate::rsa_padding) that takes one path.
//!
//! Callers come here for keys below 2,048 bits and for the hashes, salts and pairs of hashes that aws-lc-rs has not, and only then.

use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, hazmat};
use zeroize::{Zeroize, Zeroizing};

use crate::error::CryptoError;
use crate::random::{Expanded, Random};
use crate::rsa_key::{self, RsaPrivateComponents, RsaPublicComponents};

/// The number to the power of the private exponent: as many bytes as the modulus has.
///
/// # Errors
/// [`CryptoError::Refused`] for a number that is not smaller than the modulus; a key that is not used, or is none.
pub(crate) fn private(key: &RsaPrivateComponents, number: &[u8], random: &dyn Random) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    rsa_key::usable(&key.modulus, key.public_exponent.as_deref().unwrap_or_default())?;
    let length = rsa_key::bits(&key.modulus).div_ceil(8) as usize;
    let key = rsa_key::crate_private(key)?;
    let input = BoxedUint::from_be_slice(number, key.n().bits_precision()).map_err(|_| CryptoError::Refused)?;
    let mut blinding = Expanded::new(random)?;
    let mut output = hazmat::rsa_decrypt_and_check(&key, Some(&mut blinding), &input).map_err(|_| CryptoError::Refused)?;
    let bytes = fixed(&output, length);
    output.zeroize();
    Ok(bytes)
}

/// The number to the power of the public exponent: as many bytes as the modulus has.
///
/// # Errors
/// [`CryptoError::Refused`] for a number that is not smaller than the modulus; a key that is not used, or is none.
pub(crate) fn public(key: &RsaPublicComponents, number: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let length = rsa_key::bits(&key.modulus).div_ceil(8) as usize;
    let key = rsa_key::crate_public(key)?;
    let input = BoxedUint::from_be_slice(number, key.n().bits_precision()).map_err(|_| CryptoError::Refused)?;
    if input >= **key.n() {
        return Err(CryptoError::Refused);
    }
    let output = hazmat::rsa_encrypt(&key, &input).map_err(|_| CryptoError::Refused)?;
    Ok(fixed(&output, length))
}

/// The number in exactly so many bytes, in a time that does not depend on it.
fn fixed(number: &BoxedUint, length: usize) -> Zeroizing<Vec<u8>> {
    let bytes = Zeroizing::new(number.to_be_bytes().into_vec());
    // What is cut off are the zeros with which the modulus, too, was filled up to whole words.
    let cut = bytes.len().saturating_sub(length);
    let mut fixed = Zeroizing::new(vec![0; length]);
    let filled = length - (bytes.len() - cut);
    fixed[filled..].copy_from_slice(&bytes[cut..]);
    fixed
}
