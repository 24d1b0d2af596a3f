//! The paddings of RSA (RFC 8017): PKCS#1 v1.5 and PSS for signatures, OAEP and PKCS#1 v1.5 for encryption.
//!
//! What is taken off after decryption takes one path for every content: what is wrong with it, if anything, shows in one bit at
//! the end.

use kmip::enumerations::HashingAlgorithm;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeLess};
use zeroize::Zeroizing;

use crate::digest::digest;
use crate::error::CryptoError;
use crate::random::Random;

/// A hash as signatures name it.
struct HashName {
    hash: HashingAlgorithm,
    /// The length of a digest, in bytes.
    length: usize,
    /// The contents of its object identifier in DER.
    oid: &'static [u8],
}

macro_rules! hash_names {
    ($($hash:ident, $length:literal, $oid:literal;)*) => {
        const HASH_NAMES: &[HashName] = &[$(HashName { hash: HashingAlgorithm::$hash, length: $length, oid: $oid }),*];
    };
}

// RFC 8017, appendix B.1, and NIST's register of algorithms for SHA-3.
hash_names! {
    MD5, 16, b"\x2A\x86\x48\x86\xF7\x0D\x02\x05";
    SHA_1, 20, b"\x2B\x0E\x03\x02\x1A";
    SHA_224, 28, b"\x60\x86\x48\x01\x65\x03\x04\x02\x04";
    SHA_256, 32, b"\x60\x86\x48\x01\x65\x03\x04\x02\x01";
    SHA_384, 48, b"\x60\x86\x48\x01\x65\x03\x04\x02\x02";
    SHA_512, 64, b"\x60\x86\x48\x01\x65\x03\x04\x02\x03";
    SHA_512_224, 28, b"\x60\x86\x48\x01\x65\x03\x04\x02\x05";
    SHA_512_256, 32, b"\x60\x86\x48\x01\x65\x03\x04\x02\x06";
    SHA3_224, 28, b"\x60\x86\x48\x01\x65\x03\x04\x02\x07";
    SHA3_256, 32, b"\x60\x86\x48\x01\x65\x03\x04\x02\x08";
    SHA3_384, 48, b"\x60\x86\x48\x01\x65\x03\x04\x02\x09";
    SHA3_512, 64, b"\x60\x86\x48\x01\x65\x03\x04\x02\x0A";
}

fn hash_name(hash: HashingAlgorithm) -> Result<&'static HashName, CryptoError> {
    HASH_NAMES.iter().find(|row| row.hash == hash).ok_or(CryptoError::UnsupportedHash(hash))
}

/// The length of a digest, in bytes.
///
/// # Errors
/// [`CryptoError::UnsupportedHash`].
pub(crate) fn hash_length(hash: HashingAlgorithm) -> Result<usize, CryptoError> {
    hash_name(hash).map(|row| row.length)
}

/// A digest with the name of its hash before it: DigestInfo (section 9.2).
pub(crate) fn digest_info(hash: HashingAlgorithm, digest: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let row = hash_name(hash)?;
    // All lengths are below 128: one byte each.
    let algorithm = row.oid.len() as u8 + 4;
    let mut info = vec![0x30, algorithm + 4 + digest.len() as u8, 0x30, algorithm, 0x06, row.oid.len() as u8];
    info.extend_from_slice(row.oid);
    info.extend_from_slice(&[0x05, 0x00, 0x04, digest.len() as u8]);
    info.extend_from_slice(digest);
    Ok(info)
}

/// What is signed by PKCS#1 v1.5: the bytes after ones (section 9.2), as many as the modulus has.
///
/// # Errors
/// [`CryptoError::BadParameters`] if they are too many.
pub(crate) fn pkcs1_signature(bytes: &[u8], length: usize) -> Result<Vec<u8>, CryptoError> {
    // At least eight bytes of padding.
    let padding = length.checked_sub(bytes.len() + 3).filter(|padding| *padding >= 8).ok_or_else(|| too_long(length, 11))?;
    let mut padded = vec![0xFF; length];
    padded[..2].copy_from_slice(&[0, 1]);
    padded[2 + padding] = 0;
    padded[3 + padding..].copy_from_slice(bytes);
    Ok(padded)
}

/// Lays or takes off the mask that MGF1 makes of the seed (appendix B.2.1).
pub(crate) fn mask(hash: HashingAlgorithm, seed: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
    let length = hash_length(hash)?;
    let mut input = Zeroizing::new([seed, &[0; 4]].concat());
    for (counter, block) in data.chunks_mut(length).enumerate() {
        let counter = u32::try_from(counter).map_err(|_| CryptoError::Failed("MGF1"))?;
        input[seed.len()..].copy_from_slice(&counter.to_be_bytes());
        let mask = Zeroizing::new(digest(hash, &input)?);
        block.iter_mut().zip(mask.iter()).for_each(|(byte, mask)| *byte ^= mask);
    }
    Ok(())
}

/// The hash of the message and the salt as PSS has it: after eight zeros.
fn salted(hash: HashingAlgorithm, digest_of_message: &[u8], salt: &[u8]) -> Result<Vec<u8>, CryptoError> {
    digest(hash, &[&[0; 8], digest_of_message, salt].concat())
}

/// The number of whole bytes, and the bits to be cleared in the first of them, of what PSS signs: a bit less than the modulus.
fn pss_size(modulus_bits: u32) -> (usize, u8) {
    let bits = modulus_bits.saturating_sub(1);
    let length = bits.div_ceil(8);
    (length as usize, 0xFF >> (length * 8 - bits))
}

/// What is signed by PSS (section 9.1.1), as many bytes as the modulus has.
///
/// # Errors
/// [`CryptoError::BadParameters`] if the salt and the hash do not fit the key.
pub(crate) fn pss_signature(
    (hash, mask_hash): (HashingAlgorithm, HashingAlgorithm),
    digest_of_message: &[u8],
    salt: &[u8],
    modulus_bits: u32,
) -> Result<Vec<u8>, CryptoError> {
    let (length, first) = pss_size(modulus_bits);
    let hashed = salted(hash, digest_of_message, salt)?;
    let zeros = length
        .checked_sub(hashed.len() + salt.len() + 2)
        .ok_or_else(|| CryptoError::BadParameters(format!("a salt of {} bytes does not fit the key and the hash", salt.len())))?;
    let mut block = vec![0; zeros];
    block.push(1);
    block.extend_from_slice(salt);
    mask(mask_hash, &hashed, &mut block)?;
    block[0] &= first;
    let whole = modulus_bits.div_ceil(8) as usize - length;
    Ok([&vec![0; whole], &block[..], &hashed, &[0xBC]].concat())
}

/// Whether the bytes, as many as the modulus has, are what PSS signs (section 9.1.2). Without a length, the salt may be of any.
pub(crate) fn pss_verify(
    (hash, mask_hash): (HashingAlgorithm, HashingAlgorithm),
    digest_of_message: &[u8],
    salt_length: Option<usize>,
    modulus_bits: u32,
    signed: &[u8],
) -> Result<bool, CryptoError> {
    let (length, first) = pss_size(modulus_bits);
    let hash_length = hash_length(hash)?;
    let Some((whole, signed)) = signed.len().checked_sub(length).map(|whole| signed.split_at(whole)) else { return Ok(false) };
    let Some(block_length) = length.checked_sub(hash_length + 1).filter(|length| *length > 0) else { return Ok(false) };
    let (block, rest) = signed.split_at(block_length);
    let (hashed, trailer) = rest.split_at(hash_length);
    if whole.iter().any(|byte| *byte != 0) || trailer != [0xBC] || block[0] & !first != 0 {
        return Ok(false);
    }
    // Nothing of this is secret.
    let mut block = block.to_vec();
    mask(mask_hash, hashed, &mut block)?;
    block[0] &= first;
    let zeros = block.iter().take_while(|byte| **byte == 0).count();
    let Some((1, salt)) = block[zeros..].split_first() else { return Ok(false) };
    Ok(salt_length.is_none_or(|length| length == salt.len()) && salted(hash, digest_of_message, salt)? == hashed)
}

/// # Errors
/// [`CryptoError::BadParameters`] if a message is too long for OAEP with a key.
pub(crate) fn oaep_fits(hash: HashingAlgorithm, message: usize, length: usize) -> Result<(), CryptoError> {
    let taken = 2 * hash_length(hash)? + 2;
    if length < taken.saturating_add(message) { Err(too_long(length, taken)) } else { Ok(()) }
}

/// What is encrypted by OAEP (section 7.1.1), as many bytes as the modulus has.
///
/// # Errors
/// [`CryptoError::BadParameters`] if the message is too long for the key and the hash.
pub(crate) fn oaep(
    (hash, mask_hash): (HashingAlgorithm, HashingAlgorithm),
    label: &[u8],
    message: &[u8],
    length: usize,
    random: &dyn Random,
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    oaep_fits(hash, message.len(), length)?;
    let hash_length = hash_length(hash)?;
    let mut padded = Zeroizing::new(vec![0; length]);
    let (seed, block) = padded[1..].split_at_mut(hash_length);
    random.fill(seed)?;
    block[..hash_length].copy_from_slice(&digest(hash, label)?);
    let start = block.len() - message.len();
    block[start - 1] = 1;
    block[start..].copy_from_slice(message);
    mask(mask_hash, seed, block)?;
    mask(mask_hash, block, seed)?;
    Ok(padded)
}

/// Takes off what [`oaep`] laid around a message (section 7.1.2).
///
/// # Errors
/// [`CryptoError::Refused`], after the same work for everything that can be wrong with it.
pub(crate) fn oaep_open(
    (hash, mask_hash): (HashingAlgorithm, HashingAlgorithm),
    label: &[u8],
    mut padded: Zeroizing<Vec<u8>>,
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let hash_length = hash_length(hash)?;
    // The length is the key's, which is no secret.
    if padded.len() < 2 * hash_length + 2 {
        return Err(CryptoError::BadParameters("the key is too short for the hash".to_owned()));
    }
    let label = digest(hash, label)?;
    let (first, rest) = padded.split_at_mut(1);
    let (seed, block) = rest.split_at_mut(hash_length);
    mask(mask_hash, block, seed)?;
    mask(mask_hash, seed, block)?;
    let mut good = first[0].ct_eq(&0) & block[..hash_length].ct_eq(&label);
    // Zeros, then a one: where it is, and whether anything else came before it.
    let (start, found) = after_separator(&block[hash_length..], 1, Some(0));
    good &= found;
    finish(&block[hash_length..], start, good)
}

/// What is encrypted by PKCS#1 v1.5 (section 7.2.1), as many bytes as the modulus has.
///
/// # Errors
/// [`CryptoError::BadParameters`] if the message is too long for the key.
pub(crate) fn pkcs1(message: &[u8], length: usize, random: &dyn Random) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let padding = length.checked_sub(message.len() + 3).filter(|padding| *padding >= 8).ok_or_else(|| too_long(length, 11))?;
    let mut padded = Zeroizing::new(vec![0; length]);
    padded[1] = 2;
    for byte in &mut padded[2..2 + padding] {
        // None of them may be zero: one draw in 256 is drawn anew, and one in 2^64 makes the server give up.
        for _ in 0..8 {
            if *byte == 0 {
                random.fill(std::slice::from_mut(byte))?;
            }
        }
        if *byte == 0 {
            return Err(CryptoError::NoRandomBytes);
        }
    }
    padded[3 + padding..].copy_from_slice(message);
    Ok(padded)
}

/// Takes off what [`pkcs1`] laid around a message (section 7.2.2).
///
/// # Errors
/// [`CryptoError::Refused`], after the same work for everything that can be wrong with it.
pub(crate) fn pkcs1_open(padded: &Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let Some((first, rest)) = padded.split_at_checked(2) else { return Err(CryptoError::Refused) };
    let (start, found) = after_separator(rest, 0, None);
    // At least eight bytes of padding, and the separator.
    let good = first.ct_eq(&[0, 2]) & found & !(start as u64).ct_lt(&9);
    finish(rest, start, good)
}

/// Where the first separator ends, and whether there is one with nothing but the filler before it (None: anything may be).
fn after_separator(bytes: &[u8], separator: u8, filler: Option<u8>) -> (usize, Choice) {
    let (mut start, mut found, mut good) = (0_u64, Choice::from(0), Choice::from(1));
    for (position, byte) in bytes.iter().enumerate() {
        let here = byte.ct_eq(&separator) & !found;
        start.conditional_assign(&(position as u64 + 1), here);
        found |= here;
        if let Some(filler) = filler {
            good &= found | byte.ct_eq(&filler);
        }
    }
    // Not longer than the bytes.
    (start as usize, good & found)
}

fn finish(bytes: &[u8], start: usize, good: Choice) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    // The one branch on what was found; that the padding is right, and then how long the message is, is what the caller is told.
    if bool::from(good) { Ok(Zeroizing::new(bytes[start..].to_vec())) } else { Err(CryptoError::Refused) }
}

fn too_long(length: usize, taken: usize) -> CryptoError {
    CryptoError::BadParameters(format!(
        "the data is longer than the {} bytes that the key and the padding leave",
        length.saturating_sub(taken)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::hash_supported;
    use crate::random::tests::{Dry, Still};

    const PAIR: (HashingAlgorithm, HashingAlgorithm) = (HashingAlgorithm::SHA_256, HashingAlgorithm::SHA_1);

    #[test]
    fn lengths_are_those_of_the_hashes() {
        for row in HASH_NAMES.iter().filter(|row| hash_supported(row.hash)) {
            assert_eq!(digest(row.hash, b"").unwrap().len(), row.length, "{:?}", row.hash);
        }
    }

    #[test]
    fn what_is_put_in_comes_out_and_nothing_else_does() {
        let random = Still::default();
        for message in [&b""[..], b"m", &[0; 62], &[1; 62]] {
            let padded = oaep(PAIR, b"label", message, 128, &random).unwrap();
            assert_eq!(*oaep_open(PAIR, b"label", padded.clone()).unwrap(), message);
            assert_eq!(oaep_open(PAIR, b"lable", padded.clone()).unwrap_err(), CryptoError::Refused);
            for position in 0..padded.len() {
                let mut changed = padded.clone();
                changed[position] ^= 0x80;
                assert_eq!(oaep_open(PAIR, b"label", changed).unwrap_err(), CryptoError::Refused, "{position}");
            }
            let padded = pkcs1(message, 128, &random).unwrap();
            assert_eq!(*pkcs1_open(&padded).unwrap(), message);
        }
        assert!(oaep(PAIR, b"", &[1; 63], 128, &random).is_err());
        assert!(pkcs1(&[1; 118], 128, &random).is_err());
        assert_eq!(oaep(PAIR, b"", b"m", 128, &Dry).unwrap_err(), CryptoError::NoRandomBytes);
        assert_eq!(pkcs1(b"m", 128, &Dry).unwrap_err(), CryptoError::NoRandomBytes);
    }

    #[test]
    fn a_padding_of_fewer_than_eight_bytes_is_refused() {
        let padded = |zero: usize| {
            let mut padded = Zeroizing::new(vec![0xAA; 64]);
            padded[..2].copy_from_slice(&[0, 2]);
            padded[2 + zero] = 0;
            padded
        };
        assert!(pkcs1_open(&padded(7)).is_err());
        assert_eq!(pkcs1_open(&padded(8)).unwrap().len(), 53);
        assert_eq!(pkcs1_open(&padded(61)).unwrap().len(), 0);
        let mut none = padded(8);
        none[10] = 1;
        assert!(pkcs1_open(&none).is_err(), "no separator");
    }
}
