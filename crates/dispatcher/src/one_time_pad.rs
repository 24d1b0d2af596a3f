//! One-time pads (Cryptographic Algorithm One Time Pad, 2.1, section 11.12): the data and the pad, byte by byte, one exclusive-or the other.
//!
//! A pad begins at its first byte with each Encrypt and each Decrypt, because a ciphertext has no place to say where else it did
//! (TC-OTP-1, -2 and -5). Whoever encrypts twice with one pad gives away both messages: that it is used once is for its owner to say, with
//! Usage Limits of one object or of as many bytes as it has.

use kmip::Secret;
use kmip::result_reason::ResultReason;

use crate::error::{Error, Result};

/// A pad, as far as it is used.
pub(crate) struct OneTimePad {
    pad: Secret,
    used: usize,
}

impl OneTimePad {
    /// A pad that is not used yet.
    pub(crate) const fn new(pad: Secret) -> Self {
        Self { pad, used: 0 }
    }

    /// Encrypts or decrypts: it is the same.
    ///
    /// # Errors
    /// Bad Cryptographic Parameters, if the pad is shorter than the data.
    pub(crate) fn apply(&mut self, data: &[u8]) -> Result<Secret> {
        let rest = self.pad.expose().get(self.used..).unwrap_or_default();
        if data.len() > rest.len() {
            return Err(Error::new(ResultReason::BadCryptographicParameters, "The one-time pad is shorter than the data"));
        }
        self.used += data.len();
        Ok(Secret::new(data.iter().zip(rest).map(|(data, pad)| data ^ pad).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pad_is_used_up() {
        let mut pad = OneTimePad::new(Secret::from_slice(&[0xF0, 0x0F, 0xAA]));
        assert_eq!(pad.apply(&[0xFF]).unwrap().expose(), [0x0F]);
        assert!(pad.apply(&[1, 2, 3]).is_err());
        assert_eq!(pad.apply(&[0xFF, 0xFF]).unwrap().expose(), [0xF0, 0x55]);
        assert!(pad.apply(&[]).unwrap().expose().is_empty());
        assert!(pad.apply(&[0]).is_err());
    }
}
