//! Filling the last block, and finding out how much was filled in.
//!
//! What fills is secret until it is known to be right: an answer that tells which byte was wrong, in words or in time, lets
//! who can ask often enough decrypt without the key. So every byte of the block is looked at, whatever the others are, and
//! the one decision is taken at the end.

use kmip::enumerations::PaddingMethod;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater};

use crate::error::CryptoError;

/// A way to fill blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Padding {
    /// Data must be whole blocks.
    None,
    /// As many bytes as are missing, each of which is that number (PKCS #5 and #7; RFC 8018, section 6.1.1).
    Pkcs5,
    /// As few zero bytes as make a whole block, none if it is one. Zero bytes at the end of the data are lost.
    Zeros,
    /// Zeros, and their number including itself at the end (ANSI X9.23).
    AnsiX923,
    /// Random bytes, and their number including itself at the end (ISO 10126-2).
    Iso10126,
}

impl Padding {
    /// What the standard's name says. The ones for RSA have no meaning here.
    pub(super) fn new(method: PaddingMethod) -> Result<Self, CryptoError> {
        match method {
            PaddingMethod::None => Ok(Self::None),
            PaddingMethod::PKCS5 => Ok(Self::Pkcs5),
            PaddingMethod::Zeros => Ok(Self::Zeros),
            PaddingMethod::ANSIX9_23 => Ok(Self::AnsiX923),
            PaddingMethod::ISO10126 => Ok(Self::Iso10126),
            other => Err(CryptoError::UnsupportedParameters(format!("the padding {other:?} is not offered for block ciphers"))),
        }
    }

    /// Whether the end of what is decrypted holds something to take off.
    pub(super) fn has_end(self) -> bool {
        self != Self::None
    }

    /// What to put behind `filled` bytes of a block of `size` (less than 256), of `random` at least as many bytes as are missing.
    pub(super) fn fill(self, filled: usize, size: usize, random: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let missing = size - filled;
        let number = u8::try_from(missing).map_err(|_| CryptoError::Failed("padding"))?;
        let mut fill = match self {
            Self::None if filled == 0 => return Ok(Vec::new()),
            Self::None => {
                return Err(CryptoError::BadParameters(format!("without padding, data must be a multiple of {size} bytes")));
            }
            Self::Zeros if filled == 0 => return Ok(Vec::new()),
            Self::Zeros => return Ok(vec![0; missing]),
            Self::Pkcs5 => return Ok(vec![number; missing]),
            Self::AnsiX923 => vec![0; missing],
            Self::Iso10126 => random.get(..missing).ok_or(CryptoError::NoRandomBytes)?.to_vec(),
        };
        if let Some(last) = fill.last_mut() {
            *last = number;
        }
        Ok(fill)
    }

    /// How many bytes of the last block are data.
    ///
    /// # Errors
    /// [`CryptoError::Refused`], after the same work as without it.
    pub(super) fn strip(self, block: &[u8]) -> Result<usize, CryptoError> {
        let size = u8::try_from(block.len()).map_err(|_| CryptoError::Failed("padding"))?;
        let (missing, right) = match self {
            Self::None => (0, Choice::from(1)),
            Self::Zeros => (trailing_zeros(block), Choice::from(1)),
            Self::Pkcs5 | Self::AnsiX923 | Self::Iso10126 => {
                let number = block.last().copied().unwrap_or_default();
                let mut right = number.ct_gt(&0) & !number.ct_gt(&size);
                for (position, byte) in (1..=size).rev().zip(block) {
                    // `position` counts from the end, which has 1: the byte fills if that is at most the number.
                    let fills = !position.ct_gt(&number);
                    let expected = match self {
                        Self::Pkcs5 => byte.ct_eq(&number),
                        Self::AnsiX923 => byte.ct_eq(&0) | position.ct_eq(&1),
                        _ => Choice::from(1),
                    };
                    right &= expected | !fills;
                }
                (number, right)
            }
        };
        // The one decision, which the answer tells anyway.
        if bool::from(right) { Ok(block.len() - usize::from(missing)) } else { Err(CryptoError::Refused) }
    }
}

/// How many bytes at the end are zero, at most all but one: a whole block is never filled in.
fn trailing_zeros(block: &[u8]) -> u8 {
    let mut count = 0_u8;
    let mut zeros = Choice::from(1);
    for byte in block.iter().skip(1).rev() {
        zeros &= byte.ct_eq(&0);
        count.conditional_assign(&count.wrapping_add(1), zeros);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Padding; 4] = [Padding::Pkcs5, Padding::Zeros, Padding::AnsiX923, Padding::Iso10126];

    #[test]
    fn what_is_filled_is_found() {
        for size in [8, 16] {
            for padding in ALL {
                for filled in 0..size {
                    let mut block = vec![0xFF; filled];
                    block.extend(padding.fill(filled, size, &[0xAA; 16]).unwrap());
                    if block.is_empty() {
                        assert_eq!(padding, Padding::Zeros);
                        continue;
                    }
                    assert_eq!(block.len(), size);
                    assert_eq!(padding.strip(&block), Ok(filled), "{padding:?} {size}");
                }
            }
            assert_eq!(Padding::None.strip(&vec![1; size]), Ok(size));
            assert_eq!(Padding::None.fill(0, size, &[]), Ok(Vec::new()));
            assert!(Padding::None.fill(1, size, &[]).is_err());
        }
    }

    /// Every last byte and, of those that could be right, every single wrong byte before it.
    #[test]
    fn what_is_wrong_is_refused() {
        for number in 0..=255_u8 {
            let legal = (1..=8).contains(&number);
            let filled = usize::from(number.clamp(1, 8));
            for padding in [Padding::Pkcs5, Padding::AnsiX923, Padding::Iso10126] {
                let inside = if padding == Padding::Pkcs5 { number } else { 0 };
                let mut block = [0x55; 8];
                block[8 - filled..].fill(inside);
                block[7] = number;
                let expected = if legal { Ok(8 - filled) } else { Err(CryptoError::Refused) };
                assert_eq!(padding.strip(&block), expected, "{padding:?} {number}");
                for position in (8 - filled)..7 {
                    let mut wrong = block;
                    wrong[position] ^= 0x40;
                    let expected = if legal && padding == Padding::Iso10126 { Ok(8 - filled) } else { Err(CryptoError::Refused) };
                    assert_eq!(padding.strip(&wrong), expected, "{padding:?} {number} {position}");
                }
            }
        }
    }

    #[test]
    fn zeros_are_taken_off_the_end_only() {
        assert_eq!(Padding::Zeros.strip(&[0, 1, 0, 2, 0, 0, 0, 0]), Ok(4));
        assert_eq!(Padding::Zeros.strip(&[0; 8]), Ok(1), "a whole block is never filled in");
        assert_eq!(Padding::Zeros.strip(&[0, 0, 0, 0, 0, 0, 0, 9]), Ok(8));
    }

    #[test]
    fn the_paddings_of_rsa_are_refused_by_name() {
        let refused = Padding::new(PaddingMethod::OAEP).unwrap_err();
        assert_eq!(refused.to_string(), "the padding OAEP is not offered for block ciphers");
        for method in [PaddingMethod::SSL3, PaddingMethod::PKCS1V1_5, PaddingMethod::X9_31, PaddingMethod::PSS] {
            assert!(Padding::new(method).is_err());
        }
    }
}
