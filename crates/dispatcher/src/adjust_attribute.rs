//! Adjust Attribute: more, less, or the opposite of what an attribute is (2.1, section 6.1.3).

use kmip::attribute::{Attribute, AttributeReference, VendorAttribute};
use kmip::enumerations::AdjustmentType;
use kmip::identifier::UniqueIdentifier;
use kmip::payload::adjust_attribute::{AdjustAttributeRequest, AdjustAttributeResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::AdjustmentValue;
use kmip::{masks, tag};
use policy::Permission;
use ttlv_codec::{ItemType, Reader, TreeValue, Writer};

use crate::change;
use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::{Change, Context, Done, Loaded, Operation, Plan};

pub(crate) struct AdjustAttribute;

impl Operation for AdjustAttribute {
    type Request = AdjustAttributeRequest;
    type Response = AdjustAttributeResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::AdjustAttribute;

    fn plan(request: &AdjustAttributeRequest, context: &Context<'_>) -> Result<Plan> {
        let reference = &request.attribute_reference;
        if !reference.in_version(context.version) {
            let text = "Attribute Reference names no attribute of the version";
            return Err(Error::new(ResultReason::UnsupportedAttribute, text));
        }
        context.plan_one(request.unique_identifier.as_ref())
    }

    fn handle(
        request: &AdjustAttributeRequest,
        loaded: Loaded,
        (): &(),
        context: &Context<'_>,
    ) -> Result<Done<AdjustAttributeResponse>> {
        let mut object = loaded.one()?.into_inner();
        let reference = &request.attribute_reference;
        let rules = change::rules(reference)?;
        // What the server sets is not the client's to adjust, whatever its type.
        if rules.client_modifies == kmip::attribute::Permitted::No {
            return Err(change::as_read_only_attribute(change::read_only(reference)));
        }
        let old = current(&object, request, context)?;
        let new = adjusted(&old, request.adjustment_type, request.adjustment_value.as_ref())?;
        change::set(&mut object, attribute(reference, new, context)?, context)?;
        let identifier = object.identifier.clone();
        let response = AdjustAttributeResponse { unique_identifier: UniqueIdentifier(identifier.clone()) };
        Ok(Done::reply(response).with(Change::Write(Box::new(object))).about(&identifier))
    }
}

fn wrong_type() -> Error {
    Error::new(ResultReason::InvalidDataType, "The value of the attribute cannot be adjusted so")
}

/// The value of the attribute, or what stands for it where it has none: zero or False.
fn current(object: &StoredObject, request: &AdjustAttributeRequest, context: &Context<'_>) -> Result<TreeValue> {
    let reference = &request.attribute_reference;
    if let AttributeReference::Standard(tag) = reference
        && masks::of_tag(*tag).is_some()
    {
        // Integers only on the wire: the bits of a mask are no number.
        return Err(wrong_type());
    }
    let several = || Error::new(ResultReason::MultiValuedAttribute, format!("{reference} has several values"));
    if let Some(at) = change::only_value(object, reference).map_err(|()| several())? {
        return Ok(object.instances[at].attribute.to_tree(context.version)?);
    }
    let absent = || Error::new(ResultReason::ItemNotFound, format!("The object has no {reference}"));
    match reference {
        AttributeReference::Standard(tag) => match tag::by_tag(*tag).map_or(&[][..], |row| row.item_types) {
            [ItemType::Integer] => Ok(TreeValue::Integer(0)),
            [ItemType::LongInteger] => Ok(TreeValue::LongInteger(0)),
            [ItemType::Interval] => Ok(TreeValue::Interval(0)),
            [ItemType::Boolean] => Ok(TreeValue::Boolean(false)),
            _ => Err(absent()),
        },
        // The type of a vendor attribute is its value's; without one, the adjustment tells.
        _ => match &request.adjustment_value {
            Some(AdjustmentValue::Integer(_)) => Ok(TreeValue::Integer(0)),
            Some(AdjustmentValue::LongInteger(_)) => Ok(TreeValue::LongInteger(0)),
            Some(AdjustmentValue::Interval(_)) => Ok(TreeValue::Interval(0)),
            None => Err(absent()),
        },
    }
}

/// What becomes of a value (2.1, section 11.1).
///
/// # Errors
/// Invalid Data Type; Numeric Range for a result that the type does not hold.
fn adjusted(old: &TreeValue, adjustment: AdjustmentType, by: Option<&AdjustmentValue>) -> Result<TreeValue> {
    let out_of_range = || Error::new(ResultReason::NumericRange, "The adjusted value is out of range");
    let sign: i128 = match adjustment {
        AdjustmentType::Increment => 1,
        AdjustmentType::Decrement => -1,
        AdjustmentType::Negate => return negated(old).ok_or_else(wrong_type)?.ok_or_else(out_of_range),
        _ => return Err(Error::invalid_field("Adjustment Type has an unknown value")),
    };
    let by = sign * amount(old, by).ok_or_else(wrong_type)?;
    match old {
        TreeValue::Integer(old) => i32::try_from(i128::from(*old) + by).map(TreeValue::Integer),
        TreeValue::LongInteger(old) => i64::try_from(i128::from(*old) + by).map(TreeValue::LongInteger),
        TreeValue::Interval(old) => u32::try_from(i128::from(*old) + by).map(TreeValue::Interval),
        TreeValue::DateTime(old) => i64::try_from(i128::from(*old) + by).map(TreeValue::DateTime),
        TreeValue::DateTimeExtended(old) => i64::try_from(i128::from(*old) + by).map(TreeValue::DateTimeExtended),
        TreeValue::BigInteger(old) => return big_sum(old, by).ok_or_else(out_of_range),
        _ => return Err(wrong_type()),
    }
    .map_err(|_| out_of_range())
}

/// By how much a value is to change, in its own unit; `None`: not by this. Without a value it is 1.
fn amount(old: &TreeValue, by: Option<&AdjustmentValue>) -> Option<i128> {
    Some(match (old, by) {
        (_, None) => 1,
        // A small number is one of every type.
        (_, Some(AdjustmentValue::Integer(by))) => i128::from(*by),
        (TreeValue::Integer(_) | TreeValue::Interval(_), Some(AdjustmentValue::LongInteger(_))) => return None,
        (_, Some(AdjustmentValue::LongInteger(by))) => i128::from(*by),
        (TreeValue::Interval(_) | TreeValue::DateTime(_), Some(AdjustmentValue::Interval(seconds))) => i128::from(*seconds),
        (TreeValue::DateTimeExtended(_), Some(AdjustmentValue::Interval(seconds))) => i128::from(*seconds) * 1_000_000,
        (_, Some(AdjustmentValue::Interval(_))) => return None,
    })
}

/// The opposite of a value; `None`: its type has none; `Some(None)`: it is out of range.
fn negated(old: &TreeValue) -> Option<Option<TreeValue>> {
    Some(match old {
        TreeValue::Integer(old) => old.checked_neg().map(TreeValue::Integer),
        TreeValue::LongInteger(old) => old.checked_neg().map(TreeValue::LongInteger),
        TreeValue::Boolean(old) => Some(TreeValue::Boolean(!old)),
        // The complement and one more.
        TreeValue::BigInteger(old) => big_sum(&old.iter().map(|byte| !byte).collect::<Vec<_>>(), 1),
        _ => return None,
    })
}

/// The longest Big Integer that is calculated with, in bytes.
const BIG_INTEGER_MAX: usize = 1_024;

/// A sum in two's complement, in whole groups of eight bytes as on the wire; `None`: too long.
fn big_sum(old: &[u8], by: i128) -> Option<TreeValue> {
    if old.len() > BIG_INTEGER_MAX {
        return None;
    }
    let length = (old.len().max(16) + 1).next_multiple_of(8);
    let extended = |bytes: &[u8], sign: bool| {
        let mut all = vec![if sign { 0xFF } else { 0 }; length - bytes.len()];
        all.extend_from_slice(bytes);
        all
    };
    let mut sum = extended(old, old.first().is_some_and(|byte| byte & 0x80 != 0));
    let mut carry = 0;
    for (byte, other) in sum.iter_mut().zip(extended(&by.to_be_bytes(), by < 0)).rev() {
        let total = u16::from(*byte) + u16::from(other) + carry;
        *byte = total.to_be_bytes()[1];
        carry = total >> 8;
    }
    // Groups that only repeat the sign are not needed.
    while sum.len() > 8 && sum[..8].iter().all(|byte| *byte == if sum[8] & 0x80 != 0 { 0xFF } else { 0 }) {
        sum.drain(..8);
    }
    Some(TreeValue::BigInteger(sum))
}

/// The attribute of a value.
fn attribute(reference: &AttributeReference, value: TreeValue, context: &Context<'_>) -> Result<Attribute> {
    match reference {
        AttributeReference::Vendor { vendor_identification, attribute_name } => Ok(Attribute::Vendor(VendorAttribute {
            vendor_identification: vendor_identification.clone(),
            attribute_name: attribute_name.clone(),
            attribute_value: value,
        })),
        AttributeReference::Standard(tag) => {
            let mut writer = Writer::new();
            value.write(&mut writer, *tag);
            let item = Reader::new(writer.bytes()).next_item().ok().flatten().ok_or_else(wrong_type)?;
            Attribute::read_as(*tag, &item, context.version)?.ok_or_else(wrong_type)
        }
        AttributeReference::Unknown(_) => Err(wrong_type()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_big_integers_are_those_of_small_ones() {
        for old in [0, 1, -1, 127, 128, -128, -129, i64::MAX, i64::MIN] {
            for by in [0, 1, -1, 255, -256, i64::MAX, i64::MIN] {
                let sum = i128::from(old) + i128::from(by);
                let bytes = sum.to_be_bytes();
                let expected = if i64::try_from(sum).is_ok() { bytes[8..].to_vec() } else { bytes.to_vec() };
                let found = big_sum(&old.to_be_bytes(), i128::from(by));
                assert_eq!(found, Some(TreeValue::BigInteger(expected)), "{old} {by}");
            }
            let negated = negated(&TreeValue::BigInteger(old.to_be_bytes().to_vec()));
            assert_eq!(negated, Some(big_sum(&[0; 8], -i128::from(old))), "{old}");
        }
        assert_eq!(big_sum(&[0; BIG_INTEGER_MAX + 8], 1), None);
    }

    #[test]
    fn every_type_has_its_adjustments() {
        use AdjustmentType as A;
        use AdjustmentValue as V;
        use ResultReason as R;
        use TreeValue as T;
        for (old, adjustment, by, expected) in [
            (T::Integer(4), A::Increment, None, Ok(T::Integer(5))),
            (T::Integer(4), A::Decrement, Some(V::Integer(6)), Ok(T::Integer(-2))),
            (T::Integer(4), A::Increment, Some(V::LongInteger(1)), Err(R::InvalidDataType)),
            (T::Integer(4), A::Increment, Some(V::Interval(1)), Err(R::InvalidDataType)),
            (T::Integer(4), A::Negate, None, Ok(T::Integer(-4))),
            (T::Integer(i32::MIN), A::Negate, None, Err(R::NumericRange)),
            (T::Integer(i32::MAX), A::Increment, None, Err(R::NumericRange)),
            (T::LongInteger(4), A::Increment, Some(V::LongInteger(1 << 40)), Ok(T::LongInteger((1 << 40) + 4))),
            (T::LongInteger(4), A::Increment, Some(V::Integer(-4)), Ok(T::LongInteger(0))),
            (T::LongInteger(i64::MIN), A::Decrement, None, Err(R::NumericRange)),
            (T::Interval(4), A::Increment, Some(V::Interval(6)), Ok(T::Interval(10))),
            (T::Interval(4), A::Decrement, Some(V::Interval(5)), Err(R::NumericRange)),
            (T::Interval(4), A::Negate, None, Err(R::InvalidDataType)),
            (T::DateTime(4), A::Increment, Some(V::Interval(6)), Ok(T::DateTime(10))),
            (T::DateTime(4), A::Decrement, None, Ok(T::DateTime(3))),
            (T::DateTimeExtended(4), A::Increment, Some(V::Interval(1)), Ok(T::DateTimeExtended(1_000_004))),
            (T::DateTimeExtended(4), A::Increment, None, Ok(T::DateTimeExtended(5))),
            (T::Boolean(true), A::Negate, None, Ok(T::Boolean(false))),
            (T::Boolean(true), A::Increment, None, Err(R::InvalidDataType)),
            (T::TextString("4".to_owned()), A::Increment, None, Err(R::InvalidDataType)),
            (T::Integer(4), AdjustmentType(9), None, Err(R::InvalidField)),
        ] {
            let found = adjusted(&old, adjustment, by.as_ref()).map_err(|error| error.reason);
            assert_eq!(found, expected, "{old:?} {adjustment:?} {by:?}");
        }
    }
}
