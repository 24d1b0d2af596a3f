//! Bytes from the command line, from files and from standard input.

use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use crate::output::Failure;

/// Bytes taken from a file or from standard input: 64 MiB, far more than any message or key, and less than hurts.
const LENGTH_MAX: u64 = 64 << 20;

/// The bytes of a file, or of standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let what = if is_standard_input(path) { "standard input".to_owned() } else { path.display().to_string() };
    let mut bytes = Zeroizing::new(Vec::new());
    let result = if is_standard_input(path) {
        std::io::stdin().lock().take(LENGTH_MAX + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(LENGTH_MAX + 1).read_to_end(&mut bytes))
    };
    result.map_err(|error| Failure::other(format!("cannot read {what}: {error}")))?;
    if bytes.len() as u64 > LENGTH_MAX {
        return Err(Failure::other(format!("{what} is longer than {LENGTH_MAX} bytes")));
    }
    Ok(bytes)
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// A TTLV message given as hexadecimal digits, as a file, or as `-` for standard input. A file holds the message itself or its
/// hexadecimal digits.
pub(crate) fn message(input: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let path = Path::new(input);
    if !is_standard_input(path) && !path.exists() {
        return from_hex(input)
            .ok_or_else(|| Failure::usage(format!("`{}` is neither a file nor hexadecimal digits", shorten(input))));
    }
    let bytes = read(path)?;
    let digits = std::str::from_utf8(&bytes).ok().and_then(from_hex);
    Ok(digits.unwrap_or(bytes))
}

fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// The bytes that hexadecimal digits stand for. White space, `0x`, and the `:`, `,` and `|` that dumps and the standard's own examples
/// put between them are passed over.
pub(crate) fn from_hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    let mut high = None;
    for part in text.split(|c: char| c.is_ascii_whitespace() || [':', ',', '|'].contains(&c)) {
        for digit in part.strip_prefix("0x").unwrap_or(part).chars() {
            let digit = u8::try_from(digit.to_digit(16)?).ok()?;
            match high.take() {
                None => high = Some(digit),
                Some(high) => bytes.push(high << 4 | digit),
            }
        }
    }
    (high.is_none() && !bytes.is_empty()).then_some(bytes)
}

/// Bytes as hexadecimal digits.
pub(crate) fn to_hex(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('?'));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits() {
        for (text, bytes) in [
            ("00ff", Some(&[0, 0xff][..])),
            ("42 00 7B | 01\n0x20:1,F", Some(&[0x42, 0, 0x7b, 1, 0x20, 0x1f][..])),
            ("0", None),
            ("", None),
            ("no", None),
        ] {
            assert_eq!(from_hex(text).as_ref().map(|bytes| bytes.as_slice()), bytes, "{text}");
        }
        assert_eq!(to_hex(&[0, 0x1f]).as_str(), "001f");
    }
}
