//! Hexadecimal digits in identifiers. Formatting byte by byte is what a Create would otherwise spend a tenth of its time on.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends bytes as hexadecimal digits in lower case.
pub(crate) fn push(bytes: &[u8], text: &mut String) {
    text.reserve(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 0x0F)]));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_byte_has_two_digits() {
        let mut text = "x".to_owned();
        super::push(&[0x00, 0x09, 0x9a, 0xff], &mut text);
        assert_eq!(text, "x00099aff");
    }
}
