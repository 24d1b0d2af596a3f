//! Bytes as hexadecimal digits.

/// The digits of bytes, in lower case.
pub(crate) fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of digits; `None`: they are none, or half a byte is left.
pub(crate) fn bytes(digits: &str) -> Option<Vec<u8>> {
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::try_from(value(pair.first()?)? << 4 | value(pair.get(1)?)?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_bytes() {
        assert_eq!(digits(&[0, 0x1A, 0xFF]), "001aff");
        assert_eq!(bytes("001AfF"), Some(vec![0, 0x1A, 0xFF]));
        assert_eq!(bytes(""), Some(Vec::new()));
        for wrong in ["0", "0g", "+1", "1a2", " 1", "ä"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
