//! The point of a public key as a client wants it encoded (2.1, sections 3.1 and 11.24; SEC 1, section 2.3.3).
//!
//! A point that is given whole is compressed by leaving out a coordinate. The other way takes the arithmetic of the curve, which is not here:
//! a key that was registered with a compressed point is available so alone.

use crypto::PublicKey;
use kmip::enumerations::{KeyCompressionType as Compression, ObjectType};
use kmip::object::{KeyValue, ManagedObject};
use kmip::result_reason::ResultReason;

use super::{curve, plain_material, public, write_public};
use crate::error::{Error, Result};

/// Encodes the point of a public key on a curve in another way, in the format that the key has.
///
/// # Errors
/// Key Compression Type Not Supported.
pub(crate) fn compress(object: &mut ManagedObject, wanted: Compression) -> Result<()> {
    let text = "The object is not available in this Key Compression Type";
    let unsupported = || Error::new(ResultReason::KeyCompressionTypeNotSupported, text);
    let is_public = object.object_type() == ObjectType::PublicKey;
    let block = object.key_block_mut().filter(|_| is_public).ok_or_else(unsupported)?;
    let material = plain_material(block).ok_or_else(unsupported)?;
    let key = public(block, material).map_err(|cause| unsupported().because(cause))?;
    let (Some(point), Some(of)) = (key.point(), key.facts().curve) else { return Err(unsupported()) };
    let encoded = encoded(point, wanted).ok_or_else(unsupported)?;
    let converted = curve(of)
        .and_then(|row| PublicKey::from_point(row, &encoded))
        .and_then(|key| write_public(&key, block.key_format_type))
        .map_err(|cause| unsupported().because(cause))?;
    if let Some(KeyValue::Plain(plain)) = &mut block.key_value {
        plain.key_material = converted;
    }
    block.key_compression_type = Some(wanted);
    Ok(())
}

/// A point over a prime field in another encoding; `None`: it has not both coordinates, or there is no such encoding of it.
fn encoded(point: &[u8], wanted: Compression) -> Option<Vec<u8>> {
    let first = *point.first()?;
    let is_compressed = matches!(first, 2 | 3);
    if is_compressed {
        return (wanted == Compression::ECPublicKeyTypeX9_62CompressedPrime).then(|| point.to_vec());
    }
    let coordinates = point.get(1..)?;
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    let is_odd = y.last()? & 1;
    Some(match wanted {
        Compression::ECPublicKeyTypeUncompressed => [&[4], coordinates].concat(),
        Compression::ECPublicKeyTypeX9_62CompressedPrime => [&[2 | is_odd], x].concat(),
        Compression::ECPublicKeyTypeX9_62Hybrid => [&[6 | is_odd], coordinates].concat(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_compressed_and_not_made_up() {
        let whole = [&[4][..], &[1; 4], &[2, 2, 2, 3]].concat();
        let as_wanted = |point: &[u8], wanted| encoded(point, wanted);
        let compressed = [&[3][..], &[1; 4]].concat();
        assert_eq!(as_wanted(&whole, Compression::ECPublicKeyTypeX9_62CompressedPrime), Some(compressed.clone()));
        let hybrid = [&[7][..], &[1; 4], &[2, 2, 2, 3]].concat();
        assert_eq!(as_wanted(&whole, Compression::ECPublicKeyTypeX9_62Hybrid), Some(hybrid.clone()));
        assert_eq!(as_wanted(&hybrid, Compression::ECPublicKeyTypeUncompressed), Some(whole.clone()));
        assert_eq!(as_wanted(&whole, Compression::ECPublicKeyTypeUncompressed), Some(whole.clone()));
        assert_eq!(as_wanted(&compressed, Compression::ECPublicKeyTypeX9_62CompressedPrime), Some(compressed.clone()));
        assert_eq!(as_wanted(&compressed, Compression::ECPublicKeyTypeUncompressed), None);
        assert_eq!(as_wanted(&whole, Compression::ECPublicKeyTypeX9_62CompressedChar2), None);
        assert_eq!(as_wanted(&[], Compression::ECPublicKeyTypeUncompressed), None);
    }
}
