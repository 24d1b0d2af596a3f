//! One-time passwords by the time (RFC 6238): six digits that a telephone shows for thirty seconds.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

/// Seconds for which a code holds.
const STEP: u64 = 30;
/// Steps before and after the present one that are accepted: clocks differ, and people type slowly (RFC 6238, section 5.2).
const TOLERANCE: u64 = 1;
/// Digits of a code.
pub const DIGITS: usize = 6;
/// Bytes of a secret: as long as the hash (RFC 4226, section 4, R6).
const SECRET: usize = 20;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Draws a secret, in base 32 as authenticators take it.
///
/// # Errors
/// When there are no random bytes.
pub fn generate() -> Result<Zeroizing<String>, String> {
    let mut secret = Zeroizing::new([0; SECRET]);
    aws_lc_rs::rand::fill(&mut *secret).map_err(|_| "no random bytes for the secret".to_owned())?;
    // Five bytes are eight letters.
    let letters = secret.chunks(5).flat_map(|bytes| {
        let number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        (0..8).rev().map(move |at| char::from(ALPHABET[(number >> (5 * at)) as usize & 31]))
    });
    let mut text = Zeroizing::new(String::with_capacity(SECRET * 8 / 5));
    letters.for_each(|letter| text.push(letter));
    Ok(text)
}

/// A secret from base 32; `None`: it is none, or too short to be one.
pub fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let (mut number, mut bits) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = ALPHABET.iter().position(|of| *of == letter.to_ascii_uppercase())?;
        number = number << 5 | value as u32;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((number >> bits) as u8);
            number &= (1 << bits) - 1;
        }
    }
    (bytes.len() >= 16).then_some(bytes)
}

/// What an authenticator takes as a link or a picture of squares.
pub fn uri(name: &str, secret: &str) -> Zeroizing<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let name: String =
        name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect();
    Zeroizing::new(format!(
        "otpauth://totp/kmipd:{name}?secret={secret}&issuer=kmipd&algorithm=SHA1&digits={DIGITS}&period={STEP}"
    ))
}

/// The code of a step: a half minute, counted from 1970.
pub fn code(secret: &[u8], step: u64) -> [u8; DIGITS] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    // Dynamic truncation (RFC 4226, section 5.3).
    let offset = tag.last().map_or(0, |last| usize::from(last & 0x0F));
    let bytes = tag.get(offset..offset + 4).and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; 4]);
    let mut number = u32::from_be_bytes(bytes) & 0x7FFF_FFFF;
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    digits
}

/// The step of which something is the code, now or a little before or after.
pub fn step_of(secret: &[u8], given: &[u8], now_s: u64) -> Option<u64> {
    let now = now_s / STEP;
    let mut found = None;
    for step in now.saturating_sub(TOLERANCE)..=now + TOLERANCE {
        // All of them, whichever it is.
        if verify_slices_are_equal(&code(secret, step), given).is_ok() {
            found = Some(step);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, whose codes have eight digits: the last six.
    #[test]
    fn the_vectors_of_the_rfc() {
        for (time, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(b"12345678901234567890", time / STEP), expected.as_bytes(), "{time}");
        }
    }

    #[test]
    fn a_code_holds_for_its_step_and_the_ones_beside_it() {
        let secret = b"12345678901234567890";
        for (time, expected) in [(29, Some(1)), (0, Some(1)), (59, Some(1)), (89, Some(1)), (90, None), (1 << 40, None)] {
            assert_eq!(step_of(secret, b"287082", time), expected, "{time}");
        }
        assert_eq!(step_of(secret, b"28708", 59), None);
        assert_eq!(step_of(secret, b"0287082", 59), None);
    }

    #[test]
    fn secrets_are_of_twenty_bytes_and_come_back() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert!(one.len() == 32 && one != other);
        assert_eq!(decode(&one).unwrap().len(), SECRET);
        assert_eq!(&*decode("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap(), b"12345678901234567890");
        assert_eq!(decode("gezdgnbvgy3tqojqgezdgnbvgy3tqojq").unwrap().len(), 20);
        assert!(decode("GEZDGNBV").is_none() && decode("1EZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").is_none());
        assert!(uri("a b", "X").contains("kmipd:a%20b?secret=X&"));
    }
}
