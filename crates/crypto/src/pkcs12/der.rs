//! DER, as far as a PKCS#12 file needs it: elements one after the other, borrowed, with lengths that are there.

use crate::error::CryptoError;

/// Tags of the elements.
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const BMP_STRING: u8 = 0x1E;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// `[0]`, explicit, and implicit over a string.
pub(super) const CONTEXT_0: u8 = 0xA0;
pub(super) const CONTEXT_0_STRING: u8 = 0x80;

/// The elements of a constructed one.
#[derive(Clone, Copy)]
pub(super) struct Elements<'a>(pub(super) &'a [u8]);

impl<'a> Elements<'a> {
    /// Whether there are no more.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next one: its tag and its contents.
    pub(super) fn next(&mut self) -> Result<(u8, &'a [u8]), CryptoError> {
        let (tag, length, rest) = match *self.0 {
            [tag, length @ 0..=0x7F, ref rest @ ..] => (tag, usize::from(length), rest),
            [tag, 0x81, length, ref rest @ ..] => (tag, usize::from(length), rest),
            [tag, 0x82, a, b, ref rest @ ..] => (tag, usize::from(u16::from_be_bytes([a, b])), rest),
            [tag, 0x83, a, b, c, ref rest @ ..] => {
                (tag, usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX), rest)
            }
            _ => return Err(malformed("an element is cut off, or of indefinite length")),
        };
        let (contents, rest) = rest.split_at_checked(length).ok_or_else(|| malformed("an element is cut off"))?;
        self.0 = rest;
        Ok((tag, contents))
    }

    /// The contents of the next one, which must have a tag.
    pub(super) fn expect(&mut self, wanted: u8) -> Result<&'a [u8], CryptoError> {
        match self.next()? {
            (tag, contents) if tag == wanted => Ok(contents),
            (tag, _) => Err(malformed(&format!("tag {tag:02X} stands where {wanted:02X} belongs"))),
        }
    }

    /// The elements inside the next one.
    pub(super) fn enter(&mut self, wanted: u8) -> Result<Self, CryptoError> {
        self.expect(wanted).map(Self)
    }

    /// A number that is not negative.
    pub(super) fn number(&mut self) -> Result<u32, CryptoError> {
        let digits = self.expect(INTEGER)?;
        let fold = |value: u32, digit: &u8| value.checked_mul(0x100)?.checked_add(u32::from(*digit));
        match digits {
            [] | [0x80..=0xFF, ..] => Err(malformed("a number is negative")),
            _ => digits.iter().try_fold(0, fold).ok_or_else(|| malformed("a number is too large")),
        }
    }
}

/// What is wrong with a file.
pub(super) fn malformed(cause: &str) -> CryptoError {
    CryptoError::InvalidKey { format: "PKCS#12 file", cause: cause.to_owned() }
}
