//! Values of any attribute, made from nothing but its row. The tests beside the search use them, too.

use kmip::ProtocolVersion;
use kmip::attribute::Attribute;
use kmip::codec::DecodeErrorKind;
use ttlv_codec::{Reader, Tag, Tree, TreeValue, Writer};

/// The moment the dates are after.
pub(crate) const NOW: i64 = 1_790_000_000;

/// Values of every type that a field may have; of two numbers, the values differ.
pub(crate) fn scalars(number: u8) -> Vec<TreeValue> {
    vec![
        TreeValue::TextString(format!("text {number}")),
        TreeValue::Integer(number.into()),
        TreeValue::LongInteger(number.into()),
        TreeValue::Enumeration(number.into()),
        TreeValue::Boolean(number == 1),
        TreeValue::DateTime(NOW + i64::from(number)),
        TreeValue::Interval(number.into()),
        TreeValue::ByteString(vec![number; 100]),
    ]
}

/// An attribute of a value, if it is one.
pub(crate) fn read(tag: Tag, value: &TreeValue, version: ProtocolVersion) -> Result<Attribute, DecodeErrorKind> {
    let mut writer = Writer::new();
    value.write(&mut writer, tag);
    let item = Reader::new(writer.bytes()).next_item().unwrap().unwrap();
    Attribute::read_as(tag, &item, version).map(Option::unwrap).map_err(|error| error.kind)
}

/// Gives a structure what the reader misses, until it is one.
pub(crate) fn completed(tag: Tag, mut fields: Vec<Tree>, version: ProtocolVersion, number: u8) -> Option<Attribute> {
    let scalars = scalars(number);
    loop {
        match read(tag, &TreeValue::Structure(fields.clone()), version) {
            Ok(attribute) => return Some(attribute),
            Err(DecodeErrorKind::Missing(missing)) => fields.push(Tree { tag: missing, value: scalars[0].clone() }),
            Err(DecodeErrorKind::WrongType { tag, .. }) => {
                let field = fields.iter_mut().find(|field| field.tag == tag)?;
                let next = scalars.iter().position(|scalar| *scalar == field.value)? + 1;
                field.value = scalars.get(next)?.clone();
            }
            Err(_) => return None,
        }
    }
}
